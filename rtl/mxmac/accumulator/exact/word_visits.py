"""Order in which terms are added to the words of exact sums, a word per cycle."""

from amaranth.hdl import Module, Mux, Signal
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
    chunk : Out(range(words.span + 1))
        Number of the chunk of the term that is added, if it ``adds``.
    adds : Out(1)
        Whether a chunk is added.
    top : Out(1)
        Whether that is the highest chunk.
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
                "chunk": Out(range(words.span + 1)),
                "adds": Out(1),
                "top": Out(1),
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
        start = register(m, Mux(below, lowest, first_word), name="start")
        starts_below = register(m, below, name="starts_below")
        ends_above = register(m, self.last & (first_word < highest), name="ends_above")
        before_first = register(m, (first_word - 1)[: len(first_word)], name="before_first")
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
        waiting = Signal(name="below_first", reset_less=True)
        above = Signal(name="above_first", reset_less=True)
        turn = Signal.like(before_first, name="turn", reset_less=True)
        end = Signal.like(before_last, name="before_end", reset_less=True)
        m.d.comb += [
            self.taken.eq(ready & (~self.valid | self.done)),
            self.adds.eq(~waiting & (self.chunk != span)),
            self.top.eq(~waiting & (self.chunk == span - 1)),
        ]
        m.d.sync += [
            self.valid.eq(self.taken | (self.valid & ~self.done)),
            self.index.eq(self.index + 1),
            self.done.eq(Mux(above, self.index == end, ~waiting & (self.chunk == span - 2))),
        ]
        with m.If(waiting):
            m.d.sync += waiting.eq(self.index != turn)
        with m.Elif(self.chunk != span):
            m.d.sync += self.chunk.eq(self.chunk + 1)
        with m.If(self.taken):
            m.d.sync += [
                self.index.eq(start),
                self.chunk.eq(0),
                self.sweeps.eq(self.last),
                self.done.eq(0),
                waiting.eq(starts_below),
                above.eq(ends_above),
                turn.eq(before_first),
                end.eq(before_last),
            ]
        return m
