"""Barrel shift of block sums by their shared scales."""

from typing import NamedTuple

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...formats import SCALE_WIDTH
from ...primitives.bits import any_later, any_of_each, any_unlike, delay, delay_valid, exceeds, register, shift_left_stage
from ...primitives.description import Description
from ...stages.layouts import SPECIALS, scaled_block_layout
from ...stages.scale_sum import specials_of_block

__all__ = ["ScaleApplier", "aligned_layout", "anchor_clocks", "scale_applier_latency"]


class _Registers(NamedTuple):
    """Registers of a depth of the pipeline, besides those of the anchor, of the distance and of the value.

    Members
    -------
    to_anchor, to_limits, to_choice : int
        In front of the anchor, of the comparison of a distance with the limits, and of the choice between both. Each also
        holds the sum of the block.
    shift_levels : int
        Levels of the shifter between two registers.
    """

    to_anchor: int
    to_limits: int
    to_choice: int
    shift_levels: int


#: By pipeline depth. The least one has about as many levels of logic as its rounder.
_REGISTERS = {1: _Registers(0, 0, 0, 8), 2: _Registers(0, 1, 0, 2), 3: _Registers(1, 1, 1, 1)}


def aligned_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a block's sum, moved to its place in the window.

    Members
    -------
    value : signed(config.window_bits + 1)
        The block in units of the window's least significant bit, floored; one bit wider than the window, for the sum of a
        block that just exceeds it and what is there already may fit.
    lost : 1
        Whether flooring took anything off.
    beyond : 1
        Whether the block did not even fit into ``value``, which then means nothing.
    neg : 1
        Sign of the block.
    anchor : 9
        Scale sum of the block that anchors the window, as of this block; 0 if config.window_lsb fixes it. Its least
        significant bit weighs 2^(window_exp_min(config) + anchor).
    specials : SPECIALS
    dot_last : 1
    """
    return data.StructLayout(
        {
            "value": signed(config.window_bits + 1),
            "lost": 1,
            "beyond": 1,
            "neg": 1,
            "anchor": SCALE_WIDTH + 1,
            "specials": SPECIALS,
            "dot_last": 1,
        }
    )


def _shift_bits(config: MacConfig) -> int:
    return (config.block_sum_bits + config.window_bits + 1).bit_length()


def anchor_clocks(config: MacConfig) -> int:
    """Cycles from a block to the anchor that takes it into account; 0 if the window has a fixed place."""
    return 0 if config.window_lsb is not None else _REGISTERS[config.pipeline].to_anchor + 1


def _distance_clocks(config: MacConfig) -> int:
    clocks = _REGISTERS[config.pipeline]
    return anchor_clocks(config) + clocks.to_limits + clocks.to_choice + 1


def scale_applier_latency(config: MacConfig) -> int:
    """Cycles from a block's sum to its value in the window: anchor, distance, its limits, and the shifter."""
    return _distance_clocks(config) + -(-_shift_bits(config) // _REGISTERS[config.pipeline].shift_levels)


class ScaleApplier(wiring.Component):
    """Barrel shifter of block sums by their scales, into the window. Throughput one block per cycle.

    The window's least significant bit weighs 2^config.window_lsb, or is set by the first block of the dot product whose sum
    is not zero: config.window_guard_bits bits below that block's own.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and the window.

    Members
    -------
    i : In(stream.Signature(scaled_block_layout(config), always_ready=True))
    o : Out(stream.Signature(aligned_layout(config), always_ready=True))
        ``scale_applier_latency(config)`` cycles later.
    idle : Out(1)
        The complement of ``o.valid``, in a register of its own, since it clears all bits of a value.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(scaled_block_layout(config), always_ready=True)),
                "o": Out(stream.Signature(aligned_layout(config), always_ready=True)),
                "idle": Out(1, init=1),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            "Barrel shifter: sum of a block to its place in the window, by its scale.", scale_applier_latency(self.config)
        )

    def elaborate(self, platform):
        m = Module()
        config, block = self.config, self.i.payload.block
        latency = scale_applier_latency(config)
        specials = Signal(SPECIALS)
        m.d.comb += specials.eq(specials_of_block(block.specials, self.i.payload.scale.nan))
        shifted = delay_valid(m, self.i.valid, latency - 1, name="shifted")
        m.d.sync += self.idle.eq(~shifted)
        m.d.comb += [
            self.o.valid.eq(delay_valid(m, shifted, 1, name="valid")),
            self.o.payload.specials.as_value().eq(delay(m, specials.as_value(), latency, name="specials")),
            self.o.payload.dot_last.eq(delay(m, block.dot_last, latency, name="dot_last")),
        ]
        self._shift(m, delay(m, block.sum, _distance_clocks(config), name="sum"), self._distance(m))
        return m

    def _distance(self, m: Module):
        """Distance to move up, some cycles later: 0 puts the block's top just below the window, so all of it is lost."""
        config, below = self.config, self.config.block_sum_bits
        clocks = _REGISTERS[config.pipeline]
        own: Value
        held: Value
        if config.window_lsb is None:
            offset = config.window_guard_bits + below
            own, held = self._anchor(m, offset)
            least = offset - config.scale_sum_max
            anchor = delay(m, held, scale_applier_latency(config) - anchor_clocks(config), name="anchor")
        else:
            least = offset = config.block_exp_min - config.window_lsb + below
            own, held = self.i.payload.scale.exp + offset, Const(0)
            anchor = Const(0, SCALE_WIDTH + 1)
        m.d.comb += self.o.payload.anchor.eq(anchor)
        difference = Signal(range(min(0, least), max(0, offset + config.scale_sum_max) + 1))
        m.d.comb += difference.eq(own - held)
        distance = delay(m, difference, clocks.to_limits, name="distance")
        # Beyond its limits nothing changes any more.
        most = below + config.window_bits + 1
        shamt = Signal(_shift_bits(config), reset_less=True)
        too_far = delay(m, exceeds(distance, most), clocks.to_choice, name="too_far")
        # A fixed window may lie so low that no block falls below it.
        short = delay(m, distance < 0, clocks.to_choice, name="short") if distance.shape().signed else Const(0)
        near = delay(m, distance.as_unsigned()[: len(shamt)], clocks.to_choice, name="near")
        m.d.sync += shamt.eq(Mux(short, 0, Mux(too_far, most, near)))
        return shamt

    def _anchor(self, m: Module, offset: int) -> tuple[Signal, Signal]:
        """Scale of this block, with ``offset`` added, and of the anchor, ``anchor_clocks(config)`` cycles later.

        The anchor is that of the dot product so far, or this block.
        """
        block, scale = self.i.payload.block, self.i.payload.scale
        clocks = _REGISTERS[self.config.pipeline].to_anchor
        valid = delay_valid(m, self.i.valid, clocks, name="anchor_valid")
        dot_last = delay(m, block.dot_last, clocks, name="anchor_last")
        any_set = delay(m, any_of_each(block.sum.as_unsigned()), min(1, clocks), name="sum_any")
        nonzero = delay(m, any_set.any(), clocks - min(1, clocks), name="nonzero")
        exp = delay(m, scale.exp, clocks, name="exp")
        anchored = Signal()
        held = Signal(SCALE_WIDTH + 1, reset_less=True)
        now = Mux(anchored, held, exp)
        with m.If(valid):
            m.d.sync += [held.eq(now), anchored.eq((anchored | nonzero) & ~dot_last)]
        return register(m, exp + offset, name="own"), held

    def _shift(self, m: Module, value, shamt):
        """Move up by ``shamt`` from just below the window to beyond its top, and see what is lost on either side.
        What the last level moves out of the window on either side is only looked at, and not moved.
        """
        config, below = self.config, self.config.block_sum_bits
        levels = _REGISTERS[config.pipeline].shift_levels
        value, sign = value[:-1].as_unsigned(), value[-1]
        top, last = below + config.window_bits, len(shamt) - 1
        for level in range(last):
            value = shift_left_stage(value, 1 << level, shamt[0], len(value) + (1 << level), fill=sign)
            shamt = shamt[1:]
            if level % levels == levels - 1:
                value = register(m, value, name=f"moved{level}")
                sign = register(m, sign, name=f"sign{level}")
                shamt = register(m, shamt, name=f"shamt{level}")
        amount, moves = 1 << last, shamt[0]
        moved = shift_left_stage(value, amount, moves, top + 1, fill=sign)
        lost = beyond = Const(0)
        for name, condition, shift in (("still", ~moves, 0), ("moved", moves, amount)):
            counts = register(m, condition, name=f"{name}_counts")
            lost = lost | (counts & any_later(m, value[: max(0, below - shift)], name=f"{name}_below"))
            above = value[max(0, top - shift) :]
            beyond = beyond | (counts & register(m, any_unlike(above, sign), name=f"{name}_above_any").any())
        m.d.comb += [
            self.o.payload.value.eq(register(m, moved[below:], name="moved").as_signed()),
            self.o.payload.lost.eq(lost),
            self.o.payload.beyond.eq(beyond),
            self.o.payload.neg.eq(register(m, sign, name="sign")),
        ]
