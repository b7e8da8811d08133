"""Barrel shift of block sums by their shared scales."""

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...formats import SCALE_WIDTH
from ...primitives.bits import any_later, delay, delay_valid, exceeds, register, shift_left_stage
from ...primitives.description import Description
from ...stages.layouts import SPECIALS, scaled_block_layout
from ...stages.scale_sum import specials_of_block

__all__ = ["ScaleApplier", "aligned_layout", "scale_applier_latency"]


#: Cycles from a block's sum and scale to how far it is to be moved.
_DISTANCE_CLOCKS = 5


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


def scale_applier_latency(config: MacConfig) -> int:
    """Cycles from a block's sum to its value in the window: anchor, distance, its limits, and the shifter."""
    return _DISTANCE_CLOCKS + -(-_shift_bits(config) // config.shift_levels)


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
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(scaled_block_layout(config), always_ready=True)),
                "o": Out(stream.Signature(aligned_layout(config), always_ready=True)),
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
        m.d.comb += [
            self.o.valid.eq(delay_valid(m, self.i.valid, latency, name="valid")),
            self.o.payload.specials.as_value().eq(delay(m, specials.as_value(), latency, name="specials")),
            self.o.payload.dot_last.eq(delay(m, block.dot_last, latency, name="dot_last")),
        ]
        self._shift(m, delay(m, block.sum, _DISTANCE_CLOCKS, name="sum"), self._distance(m))
        return m

    def _distance(self, m: Module):
        """Distance to move up, some cycles later: 0 puts the block's top just below the window, so all of it is lost."""
        config, block, scale = self.config, self.i.payload.block, self.i.payload.scale
        # Clock 1: what the anchor needs to know.
        valid = delay_valid(m, self.i.valid, 1, name="anchor_valid")
        dot_last = register(m, block.dot_last, name="anchor_last")
        nonzero = register(m, block.sum.any(), name="nonzero")
        exp = register(m, scale.exp, name="exp")
        below = config.block_sum_bits
        if config.window_lsb is not None:
            own = register(m, exp, name="own")
            offset = config.block_exp_min - config.window_lsb + below
            distance = Signal(range(min(0, offset), max(1, config.scale_sum_max + offset + 1)), reset_less=True)
            m.d.sync += distance.eq(own + offset)
            anchor = Const(0, SCALE_WIDTH + 1)
        else:
            # Clock 2: the anchor is that of the dot product so far, or this block.
            anchored = Signal()
            held = Signal(SCALE_WIDTH + 1, reset_less=True)
            now = Mux(anchored, held, exp)
            with m.If(valid):
                m.d.sync += [held.eq(now), anchored.eq((anchored | nonzero) & ~dot_last)]
            own = register(m, exp, name="own")
            anchor = held
            # Clock 3: the distance.
            offset, most = config.window_guard_bits + below, config.scale_sum_max
            distance = Signal(range(min(0, offset - most), offset + most + 1), reset_less=True)
            m.d.sync += distance.eq(own - anchor + offset)
            anchor = delay(m, anchor, scale_applier_latency(config) - 2, name="anchor")
        m.d.comb += self.o.payload.anchor.eq(anchor)
        # Cycles 4 and 5: beyond its limits nothing changes any more.
        most = below + config.window_bits + 1
        shamt = Signal(_shift_bits(config), reset_less=True)
        too_far = register(m, exceeds(distance, most), name="too_far")
        # A fixed window may lie so low that no block falls below it.
        short = register(m, distance < 0, name="short") if distance.shape().signed else Const(0)
        near = register(m, distance.as_unsigned()[: len(shamt)], name="near")
        m.d.sync += shamt.eq(Mux(short, 0, Mux(too_far, most, near)))
        return shamt

    def _shift(self, m: Module, value, shamt):
        """Move up by ``shamt`` from just below the window to beyond its top, and see what is lost on either side.

        What the last level moves out of the window on either side is only looked at, and not moved.
        """
        config, below = self.config, self.config.block_sum_bits
        value, sign = value[:-1].as_unsigned(), value[-1]
        top, last = below + config.window_bits, len(shamt) - 1
        for level in range(last):
            value = shift_left_stage(value, 1 << level, shamt[0], len(value) + (1 << level), fill=sign)
            shamt = shamt[1:]
            if level % config.shift_levels == config.shift_levels - 1:
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
            beyond = beyond | (counts & any_later(m, above ^ sign.replicate(len(above)), name=f"{name}_above"))
        m.d.comb += [
            self.o.payload.value.eq(register(m, moved[below:], name="moved").as_signed()),
            self.o.payload.lost.eq(lost),
            self.o.payload.beyond.eq(beyond),
            self.o.payload.neg.eq(register(m, sign, name="sign")),
        ]
