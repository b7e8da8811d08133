"""From the words of an exact sum to the few bits of it that a result is rounded from."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...primitives.bits import any_later, delay, delay_valid, register
from ...stages.layouts import SPECIALS
from .words import GROWTH, below_bits, exact_total_layout, exact_words, word_bits

__all__ = ["CARRY_OUT_CLOCKS", "CarryOut"]

#: Clocks from the last word to the sum.
CARRY_OUT_CLOCKS = 7


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
        # Clock 1: the word. Its lowest bits with what grew out of the word before, but for what that is still to be carried.
        low_bits = min(bits, GROWTH + 1)
        middle = self.content[low_bits:bits]
        grown = Signal(signed(GROWTH))
        low = register(m, self.content[:low_bits] + grown, name="word_low")
        no_ones = ~any_later(m, middle, name="ones")
        no_zeros = ~any_later(m, ~middle, name="zeros")
        middle = register(m, middle, name="word_middle")
        with m.If(self.valid):
            m.d.sync += grown.eq(Mux(self.last, 0, self.content[bits:].as_signed()))
        valid = delay_valid(m, self.valid, 1, name="word_valid")
        last = register(m, self.last, name="word_last")
        index = register(m, self.index, name="word_index")
        # Clock 2: with its carry, of which no more than one up or down leaves the lowest bits, and seldom all of them.
        up = Signal()
        down = Signal()
        lowest = Signal(signed(low_bits + 2))
        m.d.comb += lowest.eq(low + Mux(down, -1, up))
        less, more = lowest[-1], lowest[low_bits] & ~lowest[-1]
        neg = register(m, less & no_ones, name="word_neg")
        with m.If(valid):
            m.d.sync += [up.eq(~last & more & no_zeros), down.eq(~last & less & no_ones)]
        lowest = register(m, lowest[:low_bits], name="carried_low")
        step = Cat(register(m, less | more, name="step"), register(m, less, name="step_down")).as_signed()
        middle = register(m, middle, name="carried_middle")
        last = register(m, last, name="carried_last")
        index = register(m, index, name="carried_index")
        valid = delay_valid(m, valid, 1, name="carried_valid")
        # Clock 3: and so the bits above.
        out = register(m, Cat(lowest, (middle + step)[: len(middle)]), name="out")
        neg = register(m, neg, name="out_neg")
        last = register(m, last, name="out_last")
        index = register(m, index, name="out_index")
        valid = delay_valid(m, valid, 1, name="out_valid")
        # Clock 4: what it is made of: nothing but sign, for either sign, above and in what leaves ``below`` at the bottom.
        cut = max(0, bits - width)
        low, high, ones = (
            any_later(m, part, name=name) for part, name in ((out[:cut], "low"), (out[cut:], "high"), (~out, "ones"))
        )
        out = register(m, out, name="looked_out")
        neg = register(m, neg, name="looked_neg")
        last = register(m, last, name="looked_last")
        index = register(m, index, name="looked_index")
        valid = delay_valid(m, valid, 1, name="looked_valid")
        # Clock 5: whether it is the highest so far that counts.
        fresh = Signal(init=1)
        below = Signal(width)
        sticky = Signal()
        counts = [
            register(m, valid & (fresh | differs), name=f"{name}_counts")
            for name, differs in (("positive", low | high), ("negative", ones))
        ]
        with m.If(valid):
            m.d.sync += fresh.eq(last)
        if bits >= width:
            high_below = Signal()
            lost = register(m, low | high_below, name="lost")
            with m.If(valid):
                m.d.sync += high_below.eq(~last & high)
        else:
            lost = below[:bits].any()
        out = register(m, out, name="seen_out")
        neg = register(m, neg, name="seen_neg")
        last = register(m, last, name="seen_last")
        index = register(m, index, name="seen_index")
        valid = delay_valid(m, valid, 1, name="seen_valid")
        # Clock 6: what is there if all higher words are sign, one candidate for each sign.
        candidates = []
        for name, takes in zip(("positive", "negative"), counts, strict=True):
            candidate = Signal(data.StructLayout({"sticky": 1, "below": width, "word": bits, "index": len(index)}), name=name)
            with m.If(takes):
                m.d.sync += candidate.eq(Cat(sticky, below, out, index))
            candidates.append(candidate)
        with m.If(valid):
            m.d.sync += [
                below.eq(Mux(last, 0, Cat(below, out)[bits:])),
                sticky.eq(~last & (sticky | lost)),
            ]
        neg = register(m, neg, name="sum_neg")
        done = delay_valid(m, valid & last, 1, name="sum_valid")
        # Clock 7: choose.
        chosen = Signal.like(candidates[0], name="chosen")
        m.d.comb += chosen.eq(Mux(neg, candidates[1].as_value(), candidates[0].as_value()))
        total = self.o.payload
        specials = delay(m, self.specials, CARRY_OUT_CLOCKS - 1, name="specials_seen")
        m.d.sync += [
            self.o.valid.eq(done),
            total.value.eq(Cat(chosen.sticky, chosen.below, chosen.word, neg).as_signed()),
            total.exp.eq(Cat(Const(0, bits.bit_length() - 1), chosen.index)),
            total.specials.as_value().eq(specials),
        ]
        return m
