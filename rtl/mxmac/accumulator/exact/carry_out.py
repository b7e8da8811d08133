"""Carry propagation of an exact sum, down to the few bits that a result is rounded from."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...primitives.bits import add_unsigned_with_carry, any_later, delay, delay_valid, register, sign_extend
from ...primitives.description import Description
from ...stages.layouts import SPECIALS
from .highest_word import HIGHEST_WORD_CLOCKS, HighestWord
from .words import GROWTH, Words

__all__ = ["CARRY_OUT_CLOCKS", "CarryOut"]

#: Cycles until a word has its carry.
_CARRY_CLOCKS = 3
#: Cycles from the last word to the sum.
CARRY_OUT_CLOCKS = _CARRY_CLOCKS + HIGHEST_WORD_CLOCKS


class CarryOut(wiring.Component):
    """Carry propagation through the words of a sum, to the highest word that is not all sign.

    Latency ``CARRY_OUT_CLOCKS`` cycles from the last word, throughput one word per cycle.

    Parameters
    ----------
    words : Words

    Members
    -------
    valid : In(1)
        Whether a word comes. The words of a sum follow each other without a pause, lowest first.
    last : In(1)
        Whether it is the last word: the one above the highest word in use, for the carry out of that.
    index : In(range(words.count + 1))
        Index of the word.
    content : In(words.bits + GROWTH)
        The word in two's complement.
    specials : In(SPECIALS.size)
        ``SPECIALS`` of the sum, with its last word.
    o : Out(stream.Signature(words.total_layout, always_ready=True))
        The sum.
    """

    def __init__(self, words: Words):
        self.words = words
        super().__init__(
            {
                "valid": In(1),
                "last": In(1),
                "index": In(range(words.count + 1)),
                "content": In(words.bits + GROWTH),
                "specials": In(SPECIALS.size),
                "o": Out(stream.Signature(words.total_layout, always_ready=True)),
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
        bits = self.words.bits
        m.submodules.highest_word = highest_word = HighestWord(self.words)
        # Clock 1: the word. Its lowest bits with the growth of the word before, without the carry that is still to come.
        low_bits = min(bits, GROWTH + 1)
        middle = self.content[low_bits:bits]
        grown = Signal(signed(GROWTH))
        low = register(m, self.content[:low_bits] + grown, name="word_low")
        no_ones = ~any_later(m, middle, name="ones")
        # What decides whether a carry goes on, in two bits each: the carry comes late.
        half = len(middle) // 2
        halves = [middle[:half], middle[half:]] if half else [middle]
        stops_up = register(m, Cat(~part.all() for part in halves) | self.last, name="stops_up")
        stops_down = register(m, Cat(part.any() for part in halves) | self.last, name="stops_down")
        middle = register(m, middle, name="word_middle")
        with m.If(self.valid):
            m.d.sync += grown.eq(Mux(self.last, 0, self.content[bits:].as_signed()))
        valid = delay_valid(m, self.valid, 1, name="word_valid")
        last = register(m, self.last, name="word_last")
        # Clock 2: with its carry. No more than one up or down leaves the lowest bits, and seldom all of them.
        up = Signal()
        down = Signal()
        width = low_bits + 2
        extended = sign_extend(low, width).as_unsigned()
        lowest = add_unsigned_with_carry(m, extended, down.replicate(width), up, width, name="lowest")
        less, more = lowest[-1], lowest[low_bits] & ~lowest[-1]
        with m.If(valid):
            m.d.sync += [up.eq(more & ~stops_up.any()), down.eq(less & ~stops_down.any())]
        lowest = register(m, lowest[:low_bits], name="carried_low")
        step_down = register(m, less, name="step_down")
        step = Cat(register(m, less | more, name="step"), step_down).as_signed()
        middle = register(m, middle, name="carried_middle")
        # Clock 3: the bits above.
        m.d.comb += [
            highest_word.content.eq(register(m, Cat(lowest, (middle + step)[: len(middle)]), name="out")),
            highest_word.neg.eq(register(m, step_down & register(m, no_ones, name="no_ones"), name="out_neg")),
            highest_word.last.eq(delay(m, last, 2, name="out_last")),
            highest_word.index.eq(delay(m, self.index, _CARRY_CLOCKS, name="out_index")),
            highest_word.valid.eq(delay_valid(m, valid, 2, name="out_valid")),
            highest_word.specials.eq(delay(m, self.specials, _CARRY_CLOCKS, name="seen")),
        ]
        wiring.connect(m, highest_word.o, wiring.flipped(self.o))
        return m
