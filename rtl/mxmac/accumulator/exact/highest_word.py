"""Search for the highest word of an exact sum that is not all sign, and the few bits that a result is rounded from."""

from dataclasses import dataclass, replace
from typing import Self

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...primitives.bits import any_later, delay, delay_valid, register
from ...primitives.description import Description
from ...stages.layouts import SPECIALS
from .words import Words

__all__ = ["HIGHEST_WORD_CLOCKS", "HighestWord"]

#: Cycles from the last word to the sum.
HIGHEST_WORD_CLOCKS = 4


@dataclass(frozen=True)
class _Word:
    """A word on its way.

    Members
    -------
    valid, last, index, content
        As of the members of :class:`HighestWord`.
    zeros, ones : 1
        Whether all of its bits are zeros, or ones.
    """

    valid: Value
    last: Value
    index: Value
    content: Value
    zeros: Value
    ones: Value

    def later(self, m: Module, name: str) -> Self:
        """Return the word a cycle later; the names of its signals start with ``name``."""
        rest = {
            field: register(m, getattr(self, field), name=f"{name}_{field}")
            for field in ("last", "index", "content", "zeros", "ones")
        }
        return type(self)(valid=delay_valid(m, self.valid, 1, name=f"{name}_valid"), **rest)


class HighestWord(wiring.Component):
    """Search for the highest word of a sum that is not all sign, with the bits below that rounding needs.

    The sign is known with the last word only. A word is kept unless the next higher one repeats it, all zeros or all ones.
    Above the last word there is the sign. The word ``words.floor`` is kept in any case, and none below it.
    Latency ``HIGHEST_WORD_CLOCKS`` cycles from the last word, throughput one word per cycle.

    Parameters
    ----------
    words : Words

    Members
    -------
    valid : In(1)
        Whether a word comes. The words of a sum follow each other without a pause, lowest first.
    last : In(1)
        Whether it is the last word, which is ``words.floor`` or a higher one.
    index : In(range(words.count + 1))
        Index of the word.
    content : In(words.bits)
    neg : In(1)
        Whether the sum is negative, with its last word.
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
                "content": In(words.bits),
                "neg": In(1),
                "specials": In(SPECIALS.size),
                "o": Out(stream.Signature(words.total_layout, always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            "Search through the words of a sum, lowest first, for the highest that is not all sign.",
            HIGHEST_WORD_CLOCKS,
            "from the last word",
        )

    def elaborate(self, platform):
        m = Module()
        bits, width = self.words.bits, self.words.below_bits
        # Clock 1: whether a bit is set: below those that ``below`` keeps of the word, among them; and whether one is not.
        cut = max(0, bits - width)
        low = any_later(m, self.content[:cut], name="low")
        high = any_later(m, self.content[cut:], name="high")
        gaps = any_later(m, ~self.content, name="gaps")
        word = _Word(
            valid=delay_valid(m, self.valid, 1, name="looked_valid"),
            last=register(m, self.last, name="looked_last"),
            index=register(m, self.index, name="looked_index"),
            content=register(m, self.content, name="looked_content"),
            zeros=~(low | high),
            ones=~gaps,
        )
        below, sticky = self._track_below(m, word, low=low, high=high)
        self._keep(m, word, below, sticky)
        return m

    def _track_below(self, m: Module, word: _Word, *, low: Value, high: Value) -> tuple[Value, Value]:
        """Return the bits below the word before, and whether there is anything below these.

        Parameters
        ----------
        m : Module
        word : _Word
        low, high : 1
            Whether a bit is set among those below the ones that ``below`` keeps, and among these.
        """
        bits, width = self.words.bits, self.words.below_bits
        next_below = Signal(width, reset_less=True)
        next_sticky = Signal(reset_less=True)
        goes_on = word.valid & ~word.last
        if bits >= width:
            high_below = Signal(reset_less=True)
            lost = low | high_below
            m.d.sync += high_below.eq(goes_on & high)
        else:
            lost = next_below[:bits].any()
        m.d.sync += [
            next_below.eq(Mux(goes_on, Cat(next_below, word.content)[bits:], 0)),
            next_sticky.eq(goes_on & (next_sticky | lost)),
        ]
        return register(m, next_below, name="below"), register(m, next_sticky, name="sticky")

    def _keep(self, m: Module, above: _Word, below: Value, sticky: Value):
        """Keep the word before ``above`` unless that repeats it, and hand out the last one kept: cycles 2 to 4."""
        total, floor = self.o.payload, self.words.floor
        # From here on, words are counted from the floor.
        place = (above.index - floor)[: len(total.exp) - self.words.shamt_bits]
        word = replace(above, index=place).later(m, "word")
        first = Signal(init=1)
        at_floor = register(m, above.index == floor, name="at_floor")
        neg = delay(m, self.neg, 2, name="word_neg")
        zeros = Mux(word.last, ~neg, above.zeros)
        ones = Mux(word.last, neg, above.ones)
        with m.If(word.valid):
            m.d.sync += first.eq(word.last)
        # Clock 3: the word, and whether to keep it.
        counts = register(m, word.valid & (first | at_floor), name="counts")
        differs = register(m, word.valid & ~(word.zeros & zeros), name="not_zeros_again")
        keeps = counts | (differs & register(m, ~(word.ones & ones), name="not_ones_again"))
        layout = data.StructLayout({"sticky": 1, "below": len(below), "word": len(word.content), "index": len(word.index)})
        candidate = register(m, Cat(sticky, below, word.content, word.index), name="candidate")
        # Clock 4: the last one kept.
        kept = Signal(layout, reset_less=True)
        with m.If(keeps):
            m.d.sync += kept.eq(candidate)
        m.d.comb += [
            self.o.valid.eq(delay_valid(m, word.valid & word.last, 2, name="sum_valid")),
            total.value.eq(Cat(kept.sticky, kept.below, kept.word, delay(m, neg, 2, name="sum_neg")).as_signed()),
            total.exp.eq(Cat(Const(0, self.words.shamt_bits), kept.index)),
            total.specials.as_value().eq(delay(m, self.specials, HIGHEST_WORD_CLOCKS, name="specials_seen")),
        ]
