"""Accumulator over the full range of scales, a word a cycle: for units whose blocks take a few beats.

A block is added to its words one after the other, lowest first, and each passes its carry on to the next, up to the highest of
the block. That one keeps its own carry, so a block takes the same cycles in any case. The last block of a dot product is added
in a sweep over all words in use, which takes the sum out.
"""

from dataclasses import dataclass
from functools import partial

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Out

from ...config import MacConfig
from ...primitives.bits import add_unsigned_with_carry, delay, delay_valid, register
from ...primitives.carry_chain import add_to_choice
from ...primitives.credit_queue import QUEUE_CLOCKS, CreditQueue
from ...primitives.description import Description
from ...stages.layouts import SPECIALS, scaled_block_layout
from ...stages.rounder import rounder_of
from ..addend import Term, block_ports, next_term, renamed_ports
from ..plan import Kind, Plan, block_queue_depth
from .highest_word import HIGHEST_WORD_CLOCKS, HighestWord
from .word_visits import VISIT_CLOCKS, WordVisits
from .words import GROWTH, Words, exact_limits, exact_range

__all__ = ["ChunkedExact", "chunked_exact_latency", "chunked_exact_plan", "chunked_words"]

#: Bits that a word may have.
_WORD_BITS = (16, 32, 64, 128)
#: Most blocks whose free cycles make up for the longest sweep.
_BLOCKS_FOR_SWEEP = 16


def _narrowest_words(config: MacConfig) -> Words | None:
    """Return the words of a sum; None if blocks have too few beats.

    The highest word of a term has room for what 2^16 terms carry into it. Words are the narrowest of which a term falls into
    fewer than a block has beats, so that the other cycles of some blocks make up for a sweep.
    """
    for bits in _WORD_BITS:
        span = 1 - -(config.term_bits + GROWTH - 1) // bits
        words = Words(config, bits, config.scale_sum_max // bits + span)
        if words.count - span <= _BLOCKS_FOR_SWEEP * (config.beats - span):
            return words
    return None


def chunked_words(config: MacConfig) -> Words:
    """Return the words of a sum of a unit that has a :class:`ChunkedExact`."""
    words = _narrowest_words(config)
    assert words is not None, "blocks have too few beats"
    return words


def _funnel_clocks(config: MacConfig, words: Words) -> int:
    """Return the cycles of the funnel shifter, in two of which a word is looked up, too."""
    return max(2, -(-words.shamt_bits // config.shift_levels))


def chunked_exact_latency(config: MacConfig) -> tuple[int, int]:
    """Return the least and the largest latency from the last block of a dot product to its sum, if none waits.

    It depends on the number of words that the blocks fall into.
    """
    words = chunked_words(config)
    # To add the term, and to propagate carries.
    fixed = QUEUE_CLOCKS + VISIT_CLOCKS + _funnel_clocks(config, words) + 3 + HIGHEST_WORD_CLOCKS
    # A block that is cut short may follow too soon upon the one before.
    return fixed + words.span, fixed + words.count + words.span - 1


@dataclass(frozen=True)
class _Visit:
    """A word to which a chunk is added, or nothing on the way there and beyond.

    Members
    -------
    valid : 1
    index : range(words.count)
    final : 1
        Whether the word is taken out, and counts as empty afterwards.
    last : 1
        Whether it is the last word that is taken out.
    cuts : 1
        Whether its carry stays in it, or there is none: of the highest chunk, and of the last word.
    kind : 2
        1, or for the highest chunk of a term 2, or 3 if it is negative.
    """

    valid: Value
    index: Value
    final: Value
    last: Value
    cuts: Value
    kind: Value

    def later(self, m: Module, clocks: int, name: str) -> "_Visit":
        """Return the visit some cycles later; the names of its signals start with ``name``."""
        rest = {
            field: delay(m, getattr(self, field), clocks, name=f"{name}_{field}")
            for field in ("index", "final", "last", "cuts", "kind")
        }
        return _Visit(valid=delay_valid(m, self.valid, clocks, name=f"{name}_valid"), **rest)


class ChunkedExact(wiring.Component):
    """Exact accumulator over the full range of scales that adds one word per cycle. Latency as in ``chunked_exact_latency``.

    A term takes a cycle for each of its chunks, always the same number. The last one of a dot product takes a cycle for each
    word from the lowest to the highest that any of its terms falls into. Meanwhile blocks wait in a queue.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block``, ``lanes`` and ``output``.
    queue : int
        Blocks that may wait.

    Members
    -------
    addend : In(stream.Signature(config.addend.width, always_ready=True))
        The addend of a dot product, before its first block; absent if there are none.
    i : In(stream.Signature(scaled_block_layout(config), always_ready=True))
        No more than ``queue`` blocks may be on their way for which ``taken`` has not been seen.
    taken : Out(1)
        A block has left the queue.
    o : Out(stream.Signature(words.total_layout, always_ready=True))
    """

    def __init__(self, config: MacConfig, *, queue: int):
        self.config, self.queue = config, queue
        self._words = chunked_words(config)
        super().__init__(
            {
                **block_ports(config),
                "o": Out(stream.Signature(self._words.total_layout, always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Exact accumulator over the full range of scales. A block is added to {self._words.span} words of its sum.",
            chunked_exact_latency(self.config),
            "from the last block of a dot product if none waits",
            renamed_ports(self.config),
        )

    def elaborate(self, platform):
        m = Module()
        config, words = self.config, self._words
        m.submodules.queue = queue = CreditQueue(shape=scaled_block_layout(config), depth=self.queue)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        taken = Signal(name="term_taken")
        addend = None if config.addend is None else self.addend
        term, waits = next_term(m, config, queue.o, addend, taken=taken, places=self.queue)
        m.d.comb += self.taken.eq(queue.o.valid & queue.o.ready)
        visit, chunk, specials = self._visit(m, term, waits, taken)
        clocks = _funnel_clocks(config, words)
        # With time to spare, it is known a cycle ahead which word that is.
        ahead = min(1, clocks - 2)
        before = visit.later(m, clocks - 2 - ahead, "before")
        looked = before.later(m, ahead, "looked")
        place = Signal(words.count)
        of_index = Cat(before.valid & (before.index == word) for word in range(words.count))
        m.d["sync" if ahead else "comb"] += place.eq(of_index)
        read = looked.later(m, 1, "read")
        added = read.later(m, 1, "added")
        word = self._add(m, looked, place, read, added, chunk)
        self._propagate(m, added, word, delay(m, specials, clocks + 3, name="specials_seen"))
        return m

    def _visit(self, m: Module, term: Term, waits: Value, taken: Signal) -> tuple[_Visit, Value, Value]:
        """Go through the words of the terms.

        Parameters
        ----------
        m : Module
        term : Term
            The next one.
        waits : 1
            Whether there is one.
        taken : 1
            Driven: whether it is taken now.

        Returns
        -------
        visit : _Visit
            Of each cycle.
        chunk : words.bits
            What is added to the word that is visited, ``_funnel_clocks`` later.
        specials : SPECIALS.size
            Of the dot product so far, with the visit.
        """
        words = self._words
        m.submodules.visits = visits = WordVisits(words)
        m.d.comb += [
            visits.waits.eq(waits),
            visits.first_word.eq(term.exp[words.shamt_bits :]),
            visits.last.eq(term.last),
            taken.eq(visits.taken),
        ]
        first = Signal(init=1)
        shamt = Signal(words.shamt_bits, name="term_shamt", reset_less=True)
        specials = Signal(SPECIALS.size, name="specials", reset_less=True)
        with m.If(taken):
            m.d.sync += [
                first.eq(term.last),
                shamt.eq(term.exp),
                specials.eq(Mux(first, 0, specials) | term.specials.as_value()),
            ]
        value = self._next_chunks(m, term.sum, taken, visits.more)
        visit = _Visit(
            valid=delay_valid(m, visits.valid, 1, name="visit_valid"),
            index=register(m, visits.index, name="visit_index"),
            final=register(m, visits.sweeps, name="visit_final"),
            last=register(m, visits.sweeps & visits.done, name="visit_last"),
            cuts=register(m, visits.top | visits.done, name="visit_cuts"),
            kind=register(m, Cat(~visits.top | value[-1], visits.top), name="visit_kind"),
        )
        chunk = self._shifted_chunk(m, value[: words.bits], shamt, visits)
        return visit, chunk, register(m, specials, name="visit_specials")

    def _next_chunks(self, m: Module, term: Value, taken: Value, more: Value) -> Value:
        """Return the chunks of the term that are yet to come, the next one lowest, and its sign above them."""
        bits = self._words.bits
        value = Signal(max(len(term), bits + 1), name="term", reset_less=True)
        padded = Cat(term, term[-1].replicate(len(value) - len(term)))
        with m.If(more):
            m.d.sync += value.eq(Cat(value[bits:], value[-1].replicate(bits)))
        with m.Elif(taken):
            m.d.sync += value.eq(padded)
        return value

    def _shifted_chunk(self, m: Module, next_chunk: Value, exp: Value, visits: WordVisits) -> Value:
        """Return a word's worth of the term, shifted left; zero unless the visit ``adds`` one."""
        config, words = self.config, self._words
        chunk = Signal(words.bits, reset_less=True)
        below = Signal(words.bits - 1, name="chunk_below", reset_less=True)
        m.d.sync += [chunk.eq(Mux(visits.adds, next_chunk, 0)), below.eq(Mux(visits.upper, chunk[1:], 0))]
        value = Cat(below, chunk)
        shamt = register(m, exp, name="shamt")
        # One level after the other, each with its bit of the shift; spread over the cycles.
        clocks = _funnel_clocks(config, words)
        for level in range(words.shamt_bits):
            amount = 1 << (words.shamt_bits - 1 - level)
            kept = words.bits + amount - 1
            value = Mux(shamt[-1], value[:kept], value[amount : amount + kept])
            shamt = shamt[:-1]
            if (level + 1) * clocks // words.shamt_bits > level * clocks // words.shamt_bits:
                value = register(m, value, name=f"funnel{level}")
                shamt = register(m, shamt, name=f"shamt{level}") if len(shamt) else shamt
        return value

    def _add(self, m: Module, looked: _Visit, place: Value, read: _Visit, added: _Visit, chunk: Value) -> Value:
        """Look up the word that is visited, and add the chunk and the carry of the word below. Return it a cycle later.

        A word has two bits more, whose sum less one is what it exceeds its place by: -1, 0 or 1. That has to leave it with
        the next sum. Added up with the carry out of the bits below, the two bits are the carry that leaves, and again two
        such bits. Of them it is stored how they came about: see ``_excess``.
        """
        words = self._words
        bits = words.bits
        memory = Memory(shape=bits + 4, depth=words.count, init=[])
        m.submodules.words = memory
        write = memory.write_port()
        port = memory.read_port(domain="comb")
        # Clock 1: whether there is something in the word, and whether it is the one that is visited before.
        in_use = Signal(words.count, name="in_use")
        m.d.sync += in_use.eq(Mux(looked.final, in_use & ~place, in_use | place))
        kept = register(m, (in_use & place).any(), name="kept")
        again = register(m, read.valid & (looked.index == read.index), name="again")
        # The word visited two cycles ago is only now written.
        being_written = register(m, added.valid & (looked.index == added.index), name="being_written")
        # Clock 2: read it. Clock 3: add to it, or to the sum of the cycle before. Clock 4: write it.
        stored = Signal(bits + 4, reset_less=True)
        last_word = Signal(bits + 4, name="out_word", reset_less=True)
        follows = register(m, again & kept, name="follows")
        # The carry out of the word before, unless that was the last one to be added to.
        into = register(m, added.valid & ~added.cuts, name="carries"), last_word[bits + 1], Const(0)
        last_one, stored_one, other = (Signal(name=name) for name in ("last_one", "stored_one", "other_kept"))
        last_excess, stored_excess = self._excess(last_word), self._excess(stored)
        m.d.comb += [
            last_one.eq(last_excess[0]),
            stored_one.eq(stored_excess[0]),
            other.eq(Mux(follows, last_excess[1], stored_excess[1])),
        ]
        choice = follows, Cat(last_word[:bits], last_one), Cat(stored[:bits], stored_one)
        total = add_to_choice(m, self.config.target, choice, Cat(chunk, other), into, bits + 2, name="total")
        m.d.sync += [
            stored.eq(Mux(kept & ~again, Mux(being_written, last_word, port.data), 0)),
            last_word.eq(Cat(total, added.kind)),
        ]
        m.d.comb += [
            port.addr.eq(read.index),
            write.addr.eq(register(m, added.index, name="written_index")),
            write.data.eq(last_word),
            write.en.eq(delay_valid(m, added.valid & ~added.final, 1, name="written")),
        ]
        return last_word

    def _excess(self, word: Value) -> tuple[Value, Value]:
        """Return the two bits whose sum less one is what a word exceeds its place by.

        The highest chunk of a term keeps the carry of its addition, and adds its sign. An empty word is all zeros.
        """
        total, carry, *kind = word[self._words.bits :]
        empty = ~kind[0] & ~kind[1]
        up, down = kind[1] & ~kind[0], kind[1] & kind[0]
        return empty | ((total | (carry & up)) & (carry | ~down)), carry

    def _propagate(self, m: Module, added: _Visit, word: Value, specials: Value):
        """Add what each word that is taken out exceeds its place by to the next word, and hand on the highest.

        This carry is that of an addition, less one if ``less``. Where a carry that is not yet known makes no difference, or
        cannot be, because no more than -1, 0 or 1 are ever left over, the highest bits of the addition say so.
        """
        words = self._words
        bits = words.bits
        m.submodules.highest_word = highest_word = HighestWord(words)
        wiring.connect(m, highest_word.o, wiring.flipped(self.o))
        out = added.later(m, 2, "out")
        valid = delay_valid(m, added.valid & added.final, 2, name="out_taken")
        one, other = (register(m, bit, name=name) for bit, name in zip(self._excess(word), ("one", "other"), strict=True))
        word = register(m, word[:bits], name="digit_word")
        less = Signal(reset_less=True)
        more = Signal(reset_less=True)
        next_less = (~one & ~other) | (less & ~(one & other))
        total = add_unsigned_with_carry(
            m,
            Cat(word, one | other | ~less),
            Cat(less.replicate(bits), one & other & ~less),
            more,
            bits + 2,
            name="digit",
        )
        goes_on = valid & ~out.last
        m.d.sync += [less.eq(goes_on & next_less), more.eq(Mux(goes_on, total[-1], 0))]
        neg = register(m, next_less, name="last_less") & ~register(m, total[-1], name="last_more")
        m.d.comb += [
            highest_word.valid.eq(delay_valid(m, valid, 1, name="digit_valid")),
            highest_word.last.eq(register(m, out.last, name="digit_last")),
            highest_word.index.eq(register(m, out.index, name="digit_index")),
            highest_word.content.eq(register(m, total[:bits], name="digit_content")),
            highest_word.neg.eq(neg),
            highest_word.specials.eq(specials),
        ]


def _dot_clocks(config: MacConfig) -> int:
    """Return the beats from which on a dot product takes a cycle for each, with any scales; shorter ones take no more."""
    words = chunked_words(config)
    terms = int(config.addend is not None)
    beats = longest = 0
    # As blocks leave cycles free, no dot product takes longer than its beats once one has ended with the beat of a new block.
    while True:
        beats += 1
        needed = words.span * (terms + -(-beats // config.beats) - 1) + words.count
        if needed > beats:
            longest = max(longest, needed)
        elif beats % config.beats == 1:
            return longest


def chunked_exact_plan(config: MacConfig, queue: int | None = None) -> Plan | None:
    """Return the plan of an exact accumulator that adds a word per cycle; None if blocks have too few beats."""
    words = _narrowest_words(config)
    if words is None:
        return None
    # Blocks wait during a sweep, which takes longer than a block.
    sweep = words.count + (0 if config.addend is None else words.span) - words.span
    places = queue or block_queue_depth(config, config.beats) - -sweep // config.beats
    rounder = rounder_of(config, words.total_layout, words.total_exp_min)
    rounding = rounder.keywords["clocks"]
    least, most = chunked_exact_latency(config)
    most_dot = _dot_clocks(config)
    return Plan(
        kind=Kind.CHUNKED_EXACT,
        stages={"accumulator": partial(ChunkedExact, config, queue=places), "rounder": rounder},
        latency=(least + rounding, most + rounding),
        block_interval=config.beats,
        dot_interval=most_dot,
        result_interval=config.beats,
        queue=places,
        rate=(
            f"One beat a cycle, sustained, if dot products have {most_dot} beats or more. A shorter one may take longer than",
            f"its beats: {words.span} cycles for each block but the last, and {words.span} to {words.count} for the last; the",
            "fewer the closer its scales lie.",
            *(() if config.addend is None else (f"An addend other than zero takes {words.span} cycles more.",)),
        ),
        range=exact_range(config),
        limits=exact_limits(config),
    )
