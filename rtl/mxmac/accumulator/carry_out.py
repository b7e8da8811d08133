"""From the words of an exact sum to the few bits of it that a result is rounded from."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..bits import delay, delay_valid, register
from ..config import MacConfig
from ..product import SPECIALS
from .exact_sizes import GROWTH, below_bits, exact_total_layout, exact_words, word_bits

__all__ = ["CARRY_OUT_CLOCKS", "CarryOut"]

#: Clocks from the last word to the sum.
CARRY_OUT_CLOCKS = 4


class CarryOut(wiring.Component):
    """Passes carries on from word to word, and keeps the highest one that is not all sign. One word a clock.

    The sign is not known before the last word, so for either sign one is kept, with what the rounding needs of those below.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``output``.

    Members
    -------
    valid : In(1)
        A word comes: those of a sum follow each other, lowest first.
    last : In(1)
        It is the one above the highest that holds anything, for what is carried out of that.
    index : In(range(exact_words(config) + 1))
        Its number.
    content : In(word_bits(config) + GROWTH)
        Two's complement.
    specials : In(SPECIALS.size)
        ``SPECIALS`` of the sum, with its last word.
    o : Out(stream.Signature(exact_total_layout(config), always_ready=True))
        The sum, ``CARRY_OUT_CLOCKS`` after its last word.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "valid": In(1),
                "last": In(1),
                "index": In(range(exact_words(config) + 1)),
                "content": In(word_bits(config) + GROWTH),
                "specials": In(SPECIALS.size),
                "o": Out(stream.Signature(exact_total_layout(config), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        """Build it."""
        m = Module()
        bits, width = word_bits(self.config), below_bits(self.config)
        # Clock 1: the word. Clock 2: with its carry.
        valid = delay_valid(m, self.valid, 1, name="word_valid")
        last, index = register(m, self.last, name="word_last"), register(m, self.index, name="word_index")
        content = register(m, self.content.as_signed(), name="word_content")
        carry, carried = Signal(signed(GROWTH + 1)), Signal(signed(bits + GROWTH + 1))
        out = Signal(bits, reset_less=True)
        m.d.comb += carried.eq(content + carry)
        with m.If(valid):
            m.d.sync += [out.eq(carried[:bits]), carry.eq(Mux(last, 0, carried[bits:].as_signed()))]
        neg = register(m, carried[-1], name="out_neg")
        last, index = register(m, last, name="out_last"), register(m, index, name="out_index")
        valid = delay_valid(m, valid, 1, name="out_valid")
        # Clock 3: what is there if all higher words are sign, one candidate for each sign.
        fresh = Signal(init=1)
        below, sticky = Signal(width), Signal()
        candidates = []
        for name, fill in (("positive", 0), ("negative", (1 << bits) - 1)):
            candidate = Signal(data.StructLayout({"sticky": 1, "below": width, "word": bits, "index": len(index)}), name=name)
            with m.If(valid & (fresh | (out != Const(fill, bits)))):
                m.d.sync += candidate.eq(Cat(sticky, below, out, index))
            candidates.append(candidate)
        with m.If(valid):
            m.d.sync += [
                fresh.eq(last),
                below.eq(Mux(last, 0, out[bits - width :] if bits >= width else Cat(below, out)[bits:])),
                sticky.eq(~last & (sticky | self._lost(below, out))),
            ]
        neg, done = register(m, neg, name="sum_neg"), delay_valid(m, valid & last, 1, name="sum_valid")
        # Clock 4: choose.
        chosen = Signal.like(candidates[0], name="chosen")
        m.d.comb += chosen.eq(Mux(neg, candidates[1].as_value(), candidates[0].as_value()))
        total = self.o.payload
        specials = delay(m, self.specials, CARRY_OUT_CLOCKS - 1, name="seen")
        m.d.sync += [
            self.o.valid.eq(done),
            total.value.eq(Cat(chosen.sticky, chosen.below, chosen.word, neg).as_signed()),
            total.exp.eq(Cat(Const(0, bits.bit_length() - 1), chosen.index)),
            total.specials.as_value().eq(specials),
        ]
        return m

    @staticmethod
    def _lost(below, out):
        """Whether bits that fall out at the bottom are set, now that ``out`` moves into the place of ``below``."""
        if len(out) >= len(below):
            return below.any() | out[: len(out) - len(below)].any()
        return below[: len(out)].any()
