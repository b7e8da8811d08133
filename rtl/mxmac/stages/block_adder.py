"""Exact sum of the beats of a block."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig, Target
from ..primitives.bits import add_by_choice, add_carry_ahead, add_with_carry, sign_extend
from ..primitives.carry_chain import CarryFunction, chained
from ..primitives.description import Description
from .beat_sum import beat_sum_layout
from .layouts import SPECIALS, block_layout

__all__ = ["BlockAdder", "beat_layout"]


def beat_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a beat on its way into the block adder.

    Members
    -------
    beat : beat_sum_layout(config)
    specials : SPECIALS
        Of any lane.
    block_first : 1
        Whether the beat is the first of its block; there only if a block can have more than one.
    dot_last : 1
        Whether the block that ends now is the last of its dot product.
    """
    first = {"block_first": 1} if config.beats > 1 else {}
    return data.StructLayout({"beat": beat_sum_layout(config), "specials": SPECIALS, **first, "dot_last": 1})


class BlockAdder(wiring.Component):
    """Accumulator for the beats of one block. Latency one cycle after the end of the block, throughput one beat per cycle.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``lanes``.

    Members
    -------
    i : In(stream.Signature(beat_layout(config), always_ready=True))
    block_end : In(1)
        The block ends: with the beat that comes now, or with the one before if none comes and a block can have several.
    o : Out(stream.Signature(block_layout(config), always_ready=True))
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(beat_layout(config), always_ready=True)),
                "block_end": In(1),
                "o": Out(stream.Signature(block_layout(config), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description("Exact sum of the beats of a block.", 1, "from the end of the block")

    def elaborate(self, platform):
        m = Module()
        config, beat, block = self.config, self.i.payload, self.o.payload
        total = Signal(signed(config.block_sum_bits), reset_less=True)
        specials = Signal(SPECIALS, reset_less=True)
        width = config.block_sum_bits
        if config.beats == 1:
            added, seen = self._completed(sign_extend(beat.beat.sum.as_signed(), width)), Const(0)
        else:
            added, seen = self._added(m, total), Mux(beat.block_first, 0, specials.as_value())
        with m.If(self.i.valid):
            m.d.sync += [total.eq(added), specials.as_value().eq(seen | beat.specials.as_value())]
        dot_last = Signal(reset_less=True)
        m.d.sync += [self.o.valid.eq(self.block_end), dot_last.eq(beat.dot_last)]
        m.d.comb += [block.sum.eq(total), block.specials.eq(specials), block.dot_last.eq(dot_last)]
        return m

    def _completed(self, beat_sum: Value) -> Value:
        """Sum of a block of one beat: it may lack its carry."""
        if "carry" not in beat_sum_layout(self.config).members:
            return beat_sum
        carry = self.i.payload.beat.carry
        if self.config.target is Target.ASIC:
            return add_carry_ahead(beat_sum.as_unsigned(), carry)
        return beat_sum + carry

    def _added(self, m: Module, total: Signal) -> Value:
        """Sum of the beats before this one and this one. A carry cell gates the former."""
        beat, width = self.i.payload, len(total)
        beat_sum = beat.beat.sum.as_signed()
        carry = beat.beat.carry if "carry" in beat_sum_layout(self.config).members else None
        if self.config.target is not Target.ECP5:
            before = Mux(beat.block_first, 0, total)
            if self.config.target is Target.ASIC:
                extended = sign_extend(beat_sum, width).as_unsigned()
                return add_by_choice(m, before.as_unsigned(), extended, carry, width, name="added")
            return before + beat_sum if carry is None else add_with_carry(before, beat_sum, carry, width)
        operands = (sign_extend(beat_sum, width), Const(-1, width), total, beat.block_first.replicate(width))
        return chained(m, "adder", CarryFunction.GATED_UNLESS, width, *operands, carry=carry)
