"""Accumulator over the full range of scales, a word a cycle: for units whose blocks take many beats.

The sum is kept in the words of one small memory, of which only those between the lowest and the highest that was ever written
count: below are zeros, and above is the sign. A block is added from its lowest word on, and the carry goes on for as long as
it changes anything, so no word has bits to spare and nothing ever has to be cleared.
"""

from enum import Enum
from functools import partial

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import Out

from ...config import EXACT_BLOCKS, MacConfig
from ...primitives.bits import add_unsigned_with_carry, delay, delay_valid, funnel_up, register
from ...primitives.credit_queue import QUEUE_CLOCKS, CreditQueue
from ...primitives.description import Description
from ...stages.layouts import SPECIALS, result_layout, scaled_block_layout
from ..addend import Term, block_ports, next_term, renamed_ports
from ..plan import Kind, Plan, block_queue_depth
from ..serial_rounder import SerialRounder, serial_rounder_clocks
from .words import exact_limits, exact_range

__all__ = ["SERIAL_WORD_BITS", "SerialExact", "serial_exact_latency", "serial_exact_plan"]

#: Beats of a block from which on it can be added up exactly a word per cycle.
_LEAST_BEATS = 32
#: Bits of a word that are rounded per cycle.
_CHUNK_BITS = 4
#: Bits of a word of the memory.
SERIAL_WORD_BITS = 16
#: Cycles of a block besides one for each word: to start, two until the sum of its first word, and to take it from the queue.
_BLOCK_CLOCKS = 4
#: Cycles of a dot product besides one for each word and chunk: to turn at the lowest word, and to read again.
_DOT_CLOCKS = 2


class _State(Enum):
    IDLE = 0
    #: Add a block, upwards from its lowest word.
    ADD = 1
    #: Take it from the queue.
    TAKE = 2
    #: Look downwards for the highest word that is not all sign.
    FIND = 3
    #: Then to the lowest that rounding needs, and whether there is anything in those below.
    BELOW = 4
    #: Wait for the rounder.
    WAIT = 5
    #: Hand out what rounding needs, upwards.
    EMIT = 6


class _Written:
    """What there is of a sum: the words from ``lowest`` to ``highest``, unless it is ``empty``, and its sign above."""

    def __init__(self, words: int):
        self.lowest = Signal(range(words), name="lowest")
        self.highest = Signal(range(words), name="highest")
        self.empty = Signal(init=1, name="empty")
        self.neg = Signal(name="neg")


def _words(config: MacConfig) -> int:
    """Words that hold the sum, sign included."""
    largest = EXACT_BLOCKS * (1 << (config.term_bits - 1 + config.scale_sum_max))
    return -(-(largest.bit_length() + 1) // SERIAL_WORD_BITS)


def _block_words(config: MacConfig) -> int:
    """Words that a block falls into, wherever it lies."""
    return -(-(config.term_bits + SERIAL_WORD_BITS - 1) // SERIAL_WORD_BITS)


def _result_words(config: MacConfig) -> int:
    """Words that may hold bits of the result, or the two below it."""
    return -(-(config.output.man_bits + 3 + SERIAL_WORD_BITS - 1) // SERIAL_WORD_BITS)


def _clocks(config: MacConfig) -> tuple[int, int]:
    """Most cycles that adding a block takes, and that handing out a dot product takes after its last block."""
    words = _words(config)
    return _BLOCK_CLOCKS + words, _DOT_CLOCKS + words + _result_words(config) * (SERIAL_WORD_BITS // _CHUNK_BITS)


def serial_exact_latency(config: MacConfig, *, queue: int) -> tuple[int, int]:
    """Least and largest number of cycles from the last block of a dot product to its rounded sum."""
    block, dot = _clocks(config)
    rounding = serial_rounder_clocks(config.output, _CHUNK_BITS)
    least = _BLOCK_CLOCKS + _DOT_CLOCKS + 2 * _block_words(config) + SERIAL_WORD_BITS // _CHUNK_BITS
    terms = queue + (config.addend is not None)
    return QUEUE_CLOCKS + least + rounding, QUEUE_CLOCKS + terms * block + dot + rounding


class SerialExact(wiring.Component):
    """Exact accumulator over the full range of scales that adds one 16-bit word per cycle.

    A block takes four cycles more than the words it changes: usually those that it falls into. Then a dot product takes a cycle
    for every word from the lowest to the highest that it has written, and one for every four bits of the few that the result
    is made of. All of it is done within the beats of a block, unless scales lie far apart; then blocks wait in a queue.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``output``.
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
    o : Out(stream.Signature(result_layout(config.output), always_ready=True))
        The rounded sum of the dot product.
    """

    def __init__(self, config: MacConfig, *, queue: int):
        self.config, self.queue = config, queue
        super().__init__(
            {
                **block_ports(config),
                "o": Out(stream.Signature(result_layout(config.output), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Exact accumulator over the full range of scales, one word of {SERIAL_WORD_BITS} bits a cycle.",
            serial_exact_latency(self.config, queue=self.queue),
            "from the last block of a dot product",
            renamed_ports(self.config),
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.queue = queue = CreditQueue(shape=scaled_block_layout(config), depth=self.queue)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        m.d.comb += self.taken.eq(queue.o.valid & queue.o.ready)
        words, result_words = _words(config), _result_words(config)
        m.submodules.rounder = rounder = SerialRounder(
            config.output,
            chunk_bits=_CHUNK_BITS,
            msb_bits=(SERIAL_WORD_BITS * result_words - 1).bit_length(),
            exp_bits=(SERIAL_WORD_BITS * (words - 1)).bit_length(),
            exp_min=config.block_exp_min,
        )
        wiring.connect(m, rounder.o, wiring.flipped(self.o))
        memory = Memory(shape=SERIAL_WORD_BITS, depth=words, init=[])
        m.submodules.words = memory
        read = memory.read_port(domain="comb")
        write = memory.write_port()
        state = Signal(_State)
        # A sum is known two cycles after its word is looked up; by then two more have been.
        index = Signal(range(words + 2))
        word = Signal(SERIAL_WORD_BITS, reset_less=True)
        word_index = Signal.like(index, reset_less=True)
        m.d.comb += read.addr.eq(index)
        m.d.sync += [word.eq(read.data), word_index.eq(index)]

        written = _Written(words)
        addend = None if config.addend is None else self.addend
        term, waits = next_term(m, config, queue.o, addend, taken=state == _State.TAKE, places=self.queue)
        first_word = term.exp >> (SERIAL_WORD_BITS.bit_length() - 1)
        done = self._add(m, term, state, index, word, word_index, first_word, written, write)
        specials = Signal(SPECIALS)
        down = (state == _State.FIND) | (state == _State.BELOW)
        m.d.sync += index.eq(index + Mux(down, -1, 1))
        with m.Switch(state):
            with m.Case(_State.IDLE):
                # A block far above what is there already: the words between have to be written, too.
                apart = ~written.empty & (first_word > written.highest)
                m.d.sync += index.eq(Mux(apart, written.highest, first_word))
                with m.If(waits):
                    m.d.sync += state.eq(_State.ADD)
                with m.If(written.empty):
                    m.d.sync += specials.eq(0)
            with m.Case(_State.ADD), m.If(done):
                m.d.sync += state.eq(_State.TAKE)
            with m.Case(_State.TAKE):
                m.d.sync += [
                    index.eq(written.highest),
                    specials.eq(specials.as_value() | term.specials.as_value()),
                    state.eq(Mux(term.last, _State.FIND, _State.IDLE)),
                ]
        self._hand_out(m, rounder, state, index, word, word_index, written, specials)
        return m

    def _add(self, m: Module, term: Term, state, index, word, word_index, first_word, written, write) -> Value:
        """Add the block in ``ADD``; whether nothing changes any more above the word that is written now."""
        done = Signal()
        adding = delay_valid(m, (state == _State.ADD) & ~done, 1, name="adding")
        # First the word, and the block's word that goes with it.
        below = Signal(reset_less=True)
        above = Signal(reset_less=True)
        m.d.sync += [below.eq(index < written.lowest), above.eq(written.empty | (index > written.highest))]
        chunk, exhausted = self._block_word(m, term.sum, state, index == first_word)
        # Then both as they are to be added.
        lower = register(m, chunk[1:], name="block_word_below")
        shamt = term.exp[: SERIAL_WORD_BITS.bit_length() - 1]
        kept = Mux(above, written.neg.replicate(SERIAL_WORD_BITS), Mux(below, 0, word))
        kept = register(m, kept, name="kept")
        addend = register(m, funnel_up(lower, chunk, shamt), name="addend")
        summing = delay_valid(m, adding & ~done, 1, name="summing")
        sum_index = register(m, word_index, name="sum_index")
        was_above = register(m, above, name="sum_above")
        extends_below = Signal()
        # Then the sum; the flags are those of the next word meanwhile.
        carry = Signal()
        total = add_unsigned_with_carry(m, kept, addend, carry, SERIAL_WORD_BITS + 1, name="sum")
        m.d.comb += [
            write.addr.eq(sum_index),
            write.data.eq(total[:SERIAL_WORD_BITS]),
            write.en.eq(summing),
        ]
        m.d.sync += [carry.eq(total[-1] & summing), extends_below.eq(adding & (extends_below | below))]

        sign, out, neg = term.sum[-1], total[-1], written.neg
        with m.If(summing & delay(m, exhausted, 1, name="exhausted")):
            # Above is the sign, so what is added there leaves all of it alike, or one more word has to be written.
            m.d.comb += done.eq(Mux(above, (neg != sign) | (out == sign), (out == sign) & ~below))
        with m.If(done):
            m.d.sync += written.empty.eq(0)
            with m.If(above):
                m.d.sync += neg.eq(neg ^ sign ^ out)
            with m.If(was_above):
                m.d.sync += written.highest.eq(sum_index)
            with m.If(written.empty | extends_below):
                m.d.sync += written.lowest.eq(first_word)
        return done

    def _block_word(self, m: Module, value, state, at_first):
        """The block's word that goes with each word, a cycle later, and whether it is the last or there are no more.

        There are zeros before the first word, and the block's sign after the last.
        """
        last = _block_words(self.config) - 1
        number = Signal(range(last + 1))
        begun = Signal()
        word = Signal(SERIAL_WORD_BITS, name="block_word", reset_less=True)
        exhausted = Signal(reset_less=True)
        sign, places = value[-1], 1 << last.bit_length()
        # Wherever the block lies, no more than its sign is in the last.
        padded = Cat(value, sign.replicate(places * SERIAL_WORD_BITS - len(value)))
        with m.If(state == _State.IDLE):
            m.d.sync += [number.eq(0), begun.eq(0), word.eq(0)]
        with m.Elif(begun | at_first):
            m.d.sync += [begun.eq(1), word.eq(padded.word_select(number, SERIAL_WORD_BITS))]
            with m.If(number != last):
                m.d.sync += number.eq(number + 1)
        m.d.sync += exhausted.eq(number == last)
        return word, exhausted

    def _hand_out(self, m: Module, rounder, state, index, word, word_index, written, specials):
        """From the highest word down to the lowest, past those that rounding needs; then upwards through these."""
        width, total, neg = _CHUNK_BITS, rounder.total, written.neg
        differing = Signal(SERIAL_WORD_BITS)
        lead = Signal(range(SERIAL_WORD_BITS))
        m.d.comb += differing.eq(word ^ neg.replicate(SERIAL_WORD_BITS))
        for bit in range(SERIAL_WORD_BITS):
            with m.If(differing[bit]):
                m.d.comb += lead.eq(bit)
        at_lowest = Signal()
        looking = Signal()
        m.d.comb += at_lowest.eq(looking & (word_index == written.lowest))
        m.d.sync += looking.eq(((state == _State.FIND) | (state == _State.BELOW)) & ~at_lowest)

        most, parts = _result_words(self.config) - 1, SERIAL_WORD_BITS // width
        msb = Signal(range(SERIAL_WORD_BITS))
        zero = Signal()
        below = Signal()
        # How many words there are below the highest that rounding needs, or that are still to be handed out after this one.
        start = Signal.like(written.lowest, name="start")
        more = Signal(range(most + 1))
        part = Signal(range(parts))
        part_last = part == parts - 1
        with m.Switch(state):
            with m.Case(_State.FIND):
                m.d.sync += [msb.eq(lead), zero.eq(~neg & ~differing.any()), start.eq(word_index), more.eq(0), below.eq(0)]
                with m.If(looking & differing.any()):
                    m.d.sync += state.eq(_State.BELOW)
            with m.Case(_State.BELOW):
                with m.If(more != most):
                    m.d.sync += [start.eq(word_index), more.eq(more + 1)]
                with m.Else():
                    m.d.sync += below.eq(below | word.any())
            with m.Case(_State.WAIT):
                m.d.sync += [index.eq(start), part.eq(0)]
                with m.If(rounder.ready):
                    m.d.sync += state.eq(_State.EMIT)
            with m.Case(_State.EMIT):
                m.d.sync += part.eq(part + 1)
                with m.If(~part_last):
                    m.d.sync += index.eq(index)
                with m.Elif(more == 0):
                    m.d.sync += [state.eq(_State.IDLE), written.empty.eq(1), neg.eq(0)]
                with m.Else():
                    m.d.sync += more.eq(more - 1)
        with m.If(at_lowest):
            m.d.sync += state.eq(_State.WAIT)
        emitted = delay_valid(m, state == _State.EMIT, 1, name="emitted")
        m.d.comb += [
            total.msb.eq(Cat(msb, more)),
            total.neg.eq(neg),
            total.zero.eq(zero),
            total.below.eq(below),
            total.exp.eq(Cat(Const(0, SERIAL_WORD_BITS.bit_length() - 1), start)),
            total.specials.eq(specials),
            rounder.i.valid.eq(emitted),
            rounder.i.payload.bits.eq(word.word_select(register(m, part, name="word_part"), width)),
            rounder.i.payload.first.eq(emitted & ~delay_valid(m, emitted, 1, name="emitted_before")),
            rounder.i.payload.last.eq(register(m, part_last & (more == 0), name="word_last")),
        ]


def serial_exact_plan(config: MacConfig, queue: int | None = None) -> Plan | None:
    """Return the plan of an exact accumulator that works on a word per cycle; None if blocks have too few beats."""
    if config.beats < _LEAST_BEATS:
        return None
    places = queue or block_queue_depth(config, config.beats)
    block, dot = _clocks(config)
    return Plan(
        kind=Kind.SERIAL_EXACT,
        stages={"accumulator": partial(SerialExact, config, queue=places)},
        latency=serial_exact_latency(config, queue=places),
        latency_reached=False,
        block_interval=config.beats,
        dot_interval=block * (1 if config.addend is None else 2) + dot,
        result_interval=config.beats,
        queue=places,
        rate=(
            "One beat a cycle, sustained, if scales lie close together. Otherwise a block may take longer than its beats,",
            f"but {block} cycles at most, and the last one of a dot product {dot} more.",
            *(
                []
                if config.addend is None
                else ["An addend other than zero takes as long as a block, beside the beats of the first one."]
            ),
        ),
        range=exact_range(config),
        limits=exact_limits(config),
    )
