"""Order in which terms are added to the words of exact sums, a word per cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...primitives.bits import delay_valid, register
from ...primitives.description import Description
from .words import Words

__all__ = ["VISIT_CLOCKS", "WordVisits"]

#: Latency from a term that waits to its first visit, in cycles.
VISIT_CLOCKS = 2


class WordVisits(wiring.Component):
    """Sequence of the words that a term is added to, lowest first.

    A term is added to ``words.span`` words, in as many cycles. The last term of a sum goes through all words from the lowest to
    the highest that any of its terms falls into, at least up to ``words.floor``.
    Latency ``VISIT_CLOCKS`` cycles, throughput one word per cycle, without a pause between terms.

    Parameters
    ----------
    words : Words

    Members
    -------
    waits : In(1)
        Whether there is a term.
    first_word : In(range(words.count))
        The lowest word that it falls into.
    last : In(1)
        Whether it is the last one of its sum.
    taken : Out(1)
        The term is taken; the next one may wait from the next cycle on.
    valid : Out(1)
        Whether a word is visited.
    index : Out(range(words.count))
        Index of that word.
    adds, more, upper, top : Out(1)
        Whether a chunk is added; one that is not the highest; one that is not the lowest; the highest. Registers of their
        own, since they control wide ones.
    sweeps : Out(1)
        Whether the term is the last one of its sum.
    done : Out(1)
        Whether the visit is the last one of the term.
    """

    def __init__(self, words: Words):
        self.words = words
        super().__init__(
            {
                "waits": In(1),
                "first_word": In(range(words.count)),
                "last": In(1),
                "taken": Out(1),
                "valid": Out(1),
                "index": Out(range(words.count)),
                **dict.fromkeys(("adds", "more", "upper", "top"), Out(1)),
                "sweeps": Out(1),
                "done": Out(1),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Words that terms are added to, one after the other: {self.words.span}, or all in use for the last of a sum.",
            VISIT_CLOCKS,
            "from a term that waits to its first word",
        )

    def elaborate(self, platform):
        m = Module()
        words, span = self.words, self.words.span
        first_word = self.first_word
        # Of the terms so far: the lowest first word, unless there is none, and the highest, or one that leads to the floor.
        floor = max(0, words.floor - span + 1)
        empty = Signal(init=1)
        lowest = Signal(range(words.count), reset_less=True)
        highest = Signal(range(words.count), init=floor)
        # Clock 1: compare the term with them. Each term has two cycles or more, so they are those of the terms before.
        below = self.last & ~empty & (first_word > lowest)
        ready = delay_valid(m, self.waits & ~self.taken, 1, name="ready")
        starts_below = register(m, below, name="starts_below")
        starts_next_below = register(m, below & ((lowest + 1)[: len(first_word)] == first_word), name="starts_next_below")
        ends_above = register(m, self.last & (first_word < highest), name="ends_above")
        before_first = register(m, (first_word - 2)[: len(first_word)], name="two_before_first")
        before_last = register(m, (highest + (span - 2))[: len(highest)], name="before_last")
        lower = register(m, empty | (first_word < lowest), name="lower")
        higher = register(m, first_word > highest, name="higher")
        with m.If(self.taken):
            m.d.sync += empty.eq(self.last)
            with m.If(lower):
                m.d.sync += lowest.eq(first_word)
            with m.If(self.last):
                m.d.sync += highest.eq(floor)
            with m.Elif(higher):
                m.d.sync += highest.eq(first_word)

        # Clock 2: go through its words.
        waiting = Signal(name="below_first")
        above = Signal(name="above_first", reset_less=True)
        turn = Signal.like(before_first, name="turn", reset_less=True)
        end = Signal.like(before_last, name="before_end", reset_less=True)
        # Whether the next visit is that of the first word.
        arrives = Signal(name="arrives")
        ends = Signal(name="ends")
        # Whether no word is visited, or the last one of a term: from a register, as others wait for ``taken``.
        free = Signal(init=1)
        # Which chunk of the term is added: a bit for each but the highest, from the lowest on.
        chunk = Signal(span - 1)
        begins = Signal()
        next_chunk = Cat(begins, chunk)
        m.d.comb += [
            self.taken.eq(ready & free),
            ends.eq(Mux(above, self.index == end, chunk[-1])),
            begins.eq(Mux(self.taken, ~starts_below, arrives)),
        ]
        m.d.sync += [
            free.eq(~self.taken & (free | ends)),
            self.valid.eq(self.taken | ~free),
            self.index.eq(self.index + 1),
            self.done.eq(ends),
            chunk.eq(next_chunk[:-1]),
            self.top.eq(next_chunk[-1]),
            self.adds.eq(next_chunk.any()),
            self.more.eq(next_chunk[:-1].any()),
            self.upper.eq(next_chunk[1:].any()),
            waiting.eq(waiting & ~arrives),
            arrives.eq(waiting & (self.index == turn)),
        ]
        with m.If(self.taken):
            m.d.sync += [
                self.index.eq(Mux(starts_below, lowest, first_word)),
                self.sweeps.eq(self.last),
                self.done.eq(0),
                waiting.eq(starts_below),
                arrives.eq(starts_next_below),
                above.eq(ends_above),
                turn.eq(before_first),
                end.eq(before_last),
            ]
        return m
