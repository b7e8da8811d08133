"""Carry propagation of an exact sum, down to the few bits that a result is rounded from."""

from dataclasses import dataclass
from typing import Self

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...primitives.bits import any_later, delay, delay_valid, register
from ...primitives.description import Description
from ...stages.layouts import SPECIALS
from .words import GROWTH, below_bits, exact_total_layout, exact_words, word_bits

__all__ = ["CARRY_OUT_CLOCKS", "CarryOut"]

#: Cycles from the last word to the sum.
CARRY_OUT_CLOCKS = 7


@dataclass(frozen=True)
class _Word:
    """A word of a sum with its carry added.

    Members
    -------
    content : word_bits(config)
    neg : 1
        Whether a borrow leaves the word; in the last one, whether the sum is negative.
    last, index, valid
        As of the members of :class:`CarryOut`.
    """

    content: Value
    neg: Value
    last: Value
    index: Value
    valid: Value

    def later(self, m: Module, name: str) -> Self:
        """Return the word a cycle later; the names of its signals start with ``name``."""
        return type(self)(
            content=register(m, self.content, name=f"{name}_out"),
            neg=register(m, self.neg, name=f"{name}_neg"),
            last=register(m, self.last, name=f"{name}_last"),
            index=register(m, self.index, name=f"{name}_index"),
            valid=delay_valid(m, self.valid, 1, name=f"{name}_valid"),
        )


class CarryOut(wiring.Component):
    """Carry propagation through the words of a sum, and a search for the highest word that is not all sign.

    The sign is known with the last word only. So a candidate is kept for either sign, with the bits below that rounding needs.
    Latency ``CARRY_OUT_CLOCKS`` cycles from the last word, throughput one word per cycle.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``output``.

    Members
    -------
    valid : In(1)
        Whether a word comes. The words of a sum follow each other without a pause, lowest first.
    last : In(1)
        Whether it is the last word: the one above the highest word in use, for the carry out of that.
    index : In(range(exact_words(config) + 1))
        Index of the word.
    content : In(word_bits(config) + GROWTH)
        The word in two's complement.
    specials : In(SPECIALS.size)
        ``SPECIALS`` of the sum, with its last word.
    o : Out(stream.Signature(exact_total_layout(config), always_ready=True))
        The sum.
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

    @property
    def description(self) -> Description:
        return Description(
            "Carry propagation through the words of a sum, lowest first, to the highest that is not all sign.",
            CARRY_OUT_CLOCKS,
            "from the last word",
        )

    def elaborate(self, platform):
        m = Module()
        word = self._add_carry(m)
        # Clock 4: whether it is all sign, for either sign: its bits above those that ``below`` keeps, these, and all of it.
        cut = max(0, len(word.content) - below_bits(self.config))
        low = any_later(m, word.content[:cut], name="low")
        high = any_later(m, word.content[cut:], name="high")
        ones = any_later(m, ~word.content, name="ones")
        word = word.later(m, "looked")
        positive, negative, word = self._keep_highest(m, word, low=low, high=high, ones=ones)
        self._choose(m, positive, negative, word)
        return m

    def _add_carry(self, m: Module) -> _Word:
        """Add the carry of the word before to the word that comes: cycles 1 to 3."""
        bits = word_bits(self.config)
        # Clock 1: the word. Its lowest bits with the growth of the word before, without the carry that is still to come.
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
        # Clock 2: with its carry. No more than one up or down leaves the lowest bits, and seldom all of them.
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
        # Clock 3: the bits above.
        return _Word(
            content=register(m, Cat(lowest, (middle + step)[: len(middle)]), name="out"),
            neg=register(m, neg, name="out_neg"),
            last=register(m, last, name="out_last"),
            index=register(m, index, name="out_index"),
            valid=delay_valid(m, valid, 1, name="out_valid"),
        )

    def _keep_highest(self, m: Module, word: _Word, *, low: Value, high: Value, ones: Value):
        """Keep the highest word that is not all sign, for a positive and for a negative sum: cycles 5 and 6.

        Parameters
        ----------
        m : Module
        word : _Word
        low, high : 1
            Whether a bit is set among those below the ones that ``below`` keeps, and among these.
        ones : 1
            Whether a bit is not set.

        Returns
        -------
        positive, negative : data.View
            The word, its index, and the bits below it: ``below``, and ``sticky`` for the rest.
        word : _Word
            The word that comes, then.
        """
        bits, width = word_bits(self.config), below_bits(self.config)
        # Clock 5: whether it is the highest so far that counts.
        fresh = Signal(init=1)
        below = Signal(width)
        sticky = Signal()
        counts = [
            register(m, word.valid & (fresh | differs), name=f"{name}_counts")
            for name, differs in (("positive", low | high), ("negative", ones))
        ]
        with m.If(word.valid):
            m.d.sync += fresh.eq(word.last)
        if bits >= width:
            high_below = Signal()
            lost = register(m, low | high_below, name="lost")
            with m.If(word.valid):
                m.d.sync += high_below.eq(~word.last & high)
        else:
            lost = below[:bits].any()
        word = word.later(m, "seen")
        # Clock 6: the candidate for either sign, should all higher words be sign.
        layout = data.StructLayout({"sticky": 1, "below": width, "word": bits, "index": len(word.index)})
        candidates = []
        for name, takes in zip(("positive", "negative"), counts, strict=True):
            candidate = Signal(layout, name=name)
            with m.If(takes):
                m.d.sync += candidate.eq(Cat(sticky, below, word.content, word.index))
            candidates.append(candidate)
        with m.If(word.valid):
            m.d.sync += [
                below.eq(Mux(word.last, 0, Cat(below, word.content)[bits:])),
                sticky.eq(~word.last & (sticky | lost)),
            ]
        return *candidates, word

    def _choose(self, m: Module, positive: data.View, negative: data.View, word: _Word):
        """Hand out the candidate of the sign that the last word has: clock 7."""
        neg = register(m, word.neg, name="sum_neg")
        done = delay_valid(m, word.valid & word.last, 1, name="sum_valid")
        chosen = Signal.like(positive, name="chosen")
        m.d.comb += chosen.eq(Mux(neg, negative.as_value(), positive.as_value()))
        total = self.o.payload
        specials = delay(m, self.specials, CARRY_OUT_CLOCKS - 1, name="specials_seen")
        m.d.sync += [
            self.o.valid.eq(done),
            total.value.eq(Cat(chosen.sticky, chosen.below, chosen.word, neg).as_signed()),
            total.exp.eq(Cat(Const(0, word_bits(self.config).bit_length() - 1), chosen.index)),
            total.specials.as_value().eq(specials),
        ]
