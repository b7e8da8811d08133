"""Order in which terms are added to the words of exact sums, a word per cycle."""

from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...primitives.bits import delay_valid, register
from ...primitives.description import Description
from .words import Words

__all__ = ["VISIT_CLOCKS", "WordVisits"]

#: Latency from a term that waits to its first visit, in cycles.
VISIT_CLOCKS = 2


class _Ahead(NamedTuple):
    """What is known of the term that waits.

    Members
    -------
    ready : 1
        Whether it may be taken.
    start : range(words.count)
        The word to begin with.
    starts_below, starts_next_below : 1
        Whether that is below its first word, and next to it.
    ends_above : 1
        Whether the sweep goes on above its highest word.
    two_before_first, before_last : range(words.count)
        Words before its first one, and before the last one of the sweep.
    """

    ready: Value
    start: Value
    starts_below: Value
    starts_next_below: Value
    ends_above: Value
    two_before_first: Value
    before_last: Value


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
        self._visit(m, self._compare(m))
        return m

    def _compare(self, m: Module) -> _Ahead:
        """Compare the term that waits with those of its sum so far: cycle 1.

        Each term has two cycles or more, so those are the terms before it.
        """
        words, span, first_word = self.words, self.words.span, self.first_word
        # The lowest first word, unless there is none, and the highest, or one that leads to the floor.
        floor = max(0, words.floor - span + 1)
        empty = Signal(init=1)
        lowest = Signal(range(words.count), reset_less=True)
        above_lowest = Signal.like(first_word, name="above_lowest", reset_less=True)
        highest = Signal(range(words.count), init=floor)
        below = self.last & ~empty & (first_word > lowest)
        starts_below = register(m, below, name="starts_below")
        next_below = self.last & ~empty & (first_word == above_lowest)
        lower = register(m, empty | (first_word < lowest), name="lower")
        higher = register(m, first_word > highest, name="higher")
        with m.If(self.taken):
            m.d.sync += empty.eq(self.last)
            with m.If(lower):
                m.d.sync += [lowest.eq(first_word), above_lowest.eq(first_word + 1)]
            with m.If(self.last):
                m.d.sync += highest.eq(floor)
            with m.Elif(higher):
                m.d.sync += highest.eq(first_word)
        return _Ahead(
            ready=delay_valid(m, self.waits & ~self.taken, 1, name="ready"),
            start=Mux(starts_below, lowest, first_word),
            starts_below=starts_below,
            starts_next_below=register(m, next_below, name="starts_next_below"),
            ends_above=register(m, self.last & (first_word < highest), name="ends_above"),
            two_before_first=register(m, (first_word - 2)[: len(first_word)], name="two_before_first"),
            before_last=register(m, (highest + (span - 2))[: len(highest)], name="before_last"),
        )

    def _visit(self, m: Module, ahead: _Ahead):
        """Go through the words of the term: cycle 2, and those after it."""
        waiting = Signal(name="below_first")
        above = Signal(name="above_first", reset_less=True)
        turn = Signal.like(ahead.two_before_first, name="turn", reset_less=True)
        end = Signal.like(ahead.before_last, name="before_end", reset_less=True)
        # Whether the next visit is that of the first word.
        arrives = Signal(name="arrives")
        ends = Signal(name="ends")
        # Whether no word is visited, or the last one of a term: from a register, as others wait for ``taken``.
        free = Signal(init=1)
        # Which chunk of the term is added: a bit for each but the highest, from the lowest on.
        chunk = Signal(self.words.span - 1)
        begins = Signal()
        next_chunk = Cat(begins, chunk)
        m.d.comb += [
            self.taken.eq(ahead.ready & free),
            ends.eq(Mux(above, self.index == end, chunk[-1])),
            begins.eq(Mux(self.taken, ~ahead.starts_below, arrives)),
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
                self.index.eq(ahead.start),
                self.sweeps.eq(self.last),
                self.done.eq(0),
                waiting.eq(ahead.starts_below),
                arrives.eq(ahead.starts_next_below),
                above.eq(ahead.ends_above),
                turn.eq(ahead.two_before_first),
                end.eq(ahead.before_last),
            ]
