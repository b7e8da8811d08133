"""Accumulator over the full range of scales, a word a clock: for units whose blocks take many beats.

The sum is kept in the words of one small memory, of which only those between the lowest and the highest that was ever written
count: below are zeros, and above is the sign. A block is added from its lowest word on, and the carry goes on for as long as
it changes anything, so no word has bits to spare and nothing ever has to be cleared.
"""

from enum import Enum

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..bits import funnel_up
from ..config import EXACT_BLOCKS, MacConfig
from ..credit_queue import QUEUE_CLOCKS, CreditQueue
from ..product import SPECIALS
from ..result import result_layout
from ..scale_applier import scaled_block_layout, specials_of_block
from ..serial_rounder import SerialRounder, serial_rounder_clocks

__all__ = ["SERIAL_WORD_BITS", "SerialExact", "serial_exact_clocks", "serial_exact_latency"]

#: Bits of a word of the memory.
SERIAL_WORD_BITS = 16


class _State(Enum):
    IDLE = 0
    #: Add a block, upwards from its lowest word.
    ADD = 1
    #: Look downwards for the highest word that is not all sign.
    FIND = 2
    #: See whether there is anything in the words below those that rounding needs.
    BELOW = 3
    #: Hand out these, upwards.
    EMIT = 4


def _words(config: MacConfig) -> int:
    """Words that hold the sum, sign included."""
    largest = EXACT_BLOCKS * (1 << (config.block_sum_bits - 1 + config.scale_sum_max))
    return -(-(largest.bit_length() + 1) // SERIAL_WORD_BITS)


def _block_words(config: MacConfig) -> int:
    """Words that a block falls into, wherever it lies."""
    return -(-(config.block_sum_bits + SERIAL_WORD_BITS - 1) // SERIAL_WORD_BITS)


def _result_words(config: MacConfig) -> int:
    """Words that may hold bits of the result, or the two below it."""
    return -(-(config.output.man_bits + 3 + SERIAL_WORD_BITS - 1) // SERIAL_WORD_BITS)


def serial_exact_clocks(config: MacConfig) -> tuple[int, int]:
    """Most clocks that adding a block takes, and that handing out a dot product takes after its last block."""
    words = _words(config)
    return 1 + words, 1 + words + _result_words(config) * config.chunks(SERIAL_WORD_BITS)


def serial_exact_latency(config: MacConfig, *, queue: int) -> tuple[int, int]:
    """Least and largest number of clocks from the last block of a dot product to its rounded sum."""
    block, dot = serial_exact_clocks(config)
    rounding = serial_rounder_clocks(config)
    least = QUEUE_CLOCKS + 1 + _block_words(config) + 1 + config.chunks(SERIAL_WORD_BITS)
    return least + rounding, QUEUE_CLOCKS + queue * block + dot + rounding


class SerialExact(wiring.Component):
    """Adds blocks up exactly, whatever their scales and order, one 16-bit word a clock.

    A block takes a clock more than the words it changes: usually those that it falls into. Then a dot product takes a clock for
    every word between the lowest and the highest that it has written, and config.chunk_bits a clock for the few that the
    result is made of. All of it is done within the beats of a block, unless scales lie far apart; then blocks wait in a queue.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``output``. ``config.chunk_bits`` must not be 0.
    queue : int
        Blocks that may wait.

    Members
    -------
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
                "i": In(stream.Signature(scaled_block_layout(config), always_ready=True)),
                "taken": Out(1),
                "o": Out(stream.Signature(result_layout(config.output), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        """Build the accumulator."""
        m = Module()
        config, layout = self.config, scaled_block_layout(self.config)
        m.submodules.queue = queue = CreditQueue(width=layout.size, depth=self.queue)
        scaled = data.View(layout, queue.o.payload)
        m.d.comb += [
            queue.i.valid.eq(self.i.valid),
            queue.i.payload.eq(self.i.payload.as_value()),
            self.taken.eq(queue.o.ready),
        ]
        words = _words(config)
        m.submodules.rounder = rounder = SerialRounder(
            config,
            msb_bits=(SERIAL_WORD_BITS * _result_words(config) - 1).bit_length(),
            exp_bits=(SERIAL_WORD_BITS * (words - 1)).bit_length(),
            exp_min=config.block_exp_min,
        )
        wiring.connect(m, rounder.o, wiring.flipped(self.o))
        m.submodules.words = memory = Memory(shape=SERIAL_WORD_BITS, depth=words, init=[])
        read, write = memory.read_port(domain="comb"), memory.write_port()
        state = Signal(_State)
        index, lowest, highest = (Signal(range(words), name=name) for name in ("index", "lowest", "highest"))
        empty, neg = Signal(init=1), Signal()
        m.d.comb += [read.addr.eq(index), write.addr.eq(index)]

        first_word = scaled.scale.exp >> (SERIAL_WORD_BITS.bit_length() - 1)
        specials = Signal(SPECIALS)
        total, done = self._add(m, scaled, state, read.data, index, first_word, lowest, highest, empty, neg)
        m.d.comb += [write.data.eq(total[:SERIAL_WORD_BITS]), write.en.eq(state == _State.ADD), queue.o.ready.eq(done)]
        of_block = specials_of_block(scaled.block.specials, scaled.scale.nan)
        with m.If(done):
            m.d.sync += specials.eq((specials.as_value() & (~empty).replicate(SPECIALS.size)) | of_block.as_value())

        with m.Switch(state):
            with m.Case(_State.IDLE):
                # A block far above what is there already: the words between have to be written, too.
                m.d.sync += index.eq(Mux(~empty & (first_word > highest), highest, first_word))
                with m.If(queue.o.valid):
                    m.d.sync += state.eq(_State.ADD)
            with m.Case(_State.ADD):
                with m.If(~done):
                    m.d.sync += index.eq(index + 1)
                with m.Else():
                    m.d.sync += [state.eq(Mux(scaled.block.dot_last, _State.FIND, _State.IDLE)), empty.eq(0)]
                    with m.If(empty | (index > highest)):
                        m.d.sync += highest.eq(index)
                    with m.Else():
                        m.d.sync += index.eq(highest)
                    with m.If(empty | (first_word < lowest)):
                        m.d.sync += lowest.eq(first_word)
        self._hand_out(m, rounder, state, read.data, index, lowest, neg, empty, specials)
        return m

    def _add(self, m: Module, scaled, state, old, index, first_word, lowest, highest, empty, neg):
        """Sum of a word with its carry, and whether nothing changes any more above it."""
        value, sign = scaled.block.sum, scaled.block.sum[-1]
        chunks = _block_words(self.config)
        number, below = Signal(range(chunks + 1)), Signal(SERIAL_WORD_BITS - 1)
        carry, total = Signal(), Signal(SERIAL_WORD_BITS + 1)
        places = 1 << (chunks - 1).bit_length()
        padded = Cat(value, sign.replicate(places * SERIAL_WORD_BITS - len(value)))
        chunk = Signal(SERIAL_WORD_BITS, name="block_word")
        begun, exhausted = Signal(), Signal()
        m.d.comb += [
            exhausted.eq(number >= chunks - 1),
            begun.eq(index >= first_word),
        ]
        with m.If(number >= chunks):
            m.d.comb += chunk.eq(sign.replicate(SERIAL_WORD_BITS))
        with m.Elif(begun):
            m.d.comb += chunk.eq(padded.word_select(number[: (places - 1).bit_length()], SERIAL_WORD_BITS))
        with m.If(state == _State.IDLE):
            m.d.sync += [number.eq(0), below.eq(0), carry.eq(0)]
        with m.Elif(state == _State.ADD):
            m.d.sync += [below.eq(chunk[1:]), carry.eq(total[-1])]
            with m.If(begun & (number < chunks)):
                m.d.sync += number.eq(number + 1)
        addend = Signal(SERIAL_WORD_BITS)
        m.d.comb += addend.eq(funnel_up(below, chunk, scaled.scale.exp[: SERIAL_WORD_BITS.bit_length() - 1]))

        above = Signal()
        kept = Signal(SERIAL_WORD_BITS)
        m.d.comb += above.eq(empty | (index >= highest))
        with m.If(empty | (index < lowest)):
            m.d.comb += kept.eq(0)
        with m.Elif(index > highest):
            m.d.comb += kept.eq(neg.replicate(SERIAL_WORD_BITS))
        with m.Else():
            m.d.comb += kept.eq(old)
        m.d.comb += total.eq(kept + addend + carry)

        old_neg, out = Signal(), total[-1]
        m.d.comb += old_neg.eq(neg & ~empty)
        done = Signal()
        with m.If((state == _State.ADD) & exhausted):
            with m.If(above):
                # Above is the sign, so what is added there leaves all of it alike, or one more word has to be written.
                m.d.comb += done.eq((old_neg != sign) | (out == sign))
                with m.If(done):
                    m.d.sync += neg.eq(old_neg ^ sign ^ out)
            with m.Else():
                m.d.comb += done.eq((out == sign) & (index + 1 >= lowest))
        return total, done

    def _hand_out(self, m: Module, rounder, state, word, index, lowest, neg, empty, specials):
        """From the highest word that is not all sign down to those that only matter as a whole; then upwards from there."""
        config, width, total = self.config, self.config.chunk_bits, rounder.total
        top, start = Signal.like(index, name="top"), Signal.like(index, name="start")
        part = Signal(range(SERIAL_WORD_BITS // width))
        differing = Signal(SERIAL_WORD_BITS)
        lead = Signal(range(SERIAL_WORD_BITS))
        m.d.comb += differing.eq(word ^ neg.replicate(SERIAL_WORD_BITS))
        for bit in range(SERIAL_WORD_BITS):
            with m.If(differing[bit]):
                m.d.comb += lead.eq(bit)
        msb, zero, below, first = Signal(range(SERIAL_WORD_BITS)), Signal(), Signal(), Signal()
        most = _result_words(config) - 1
        with m.Switch(state):
            with m.Case(_State.FIND):
                m.d.sync += [
                    msb.eq(lead),
                    top.eq(index),
                    zero.eq(~neg & ~differing.any()),
                    below.eq(0),
                    first.eq(1),
                    part.eq(0),
                ]
                with m.If(differing.any() | (index == lowest)):
                    # No subtraction goes below zero: there are not as many words below.
                    m.d.sync += [
                        state.eq(_State.BELOW),
                        start.eq(Mux(index - lowest >= most, index - most, lowest)),
                        index.eq(lowest),
                    ]
                with m.Else():
                    m.d.sync += index.eq(index - 1)
            with m.Case(_State.BELOW):
                with m.If(index != start):
                    m.d.sync += [below.eq(below | word.any()), index.eq(index + 1)]
                with m.Elif(rounder.ready):
                    m.d.sync += state.eq(_State.EMIT)
            with m.Case(_State.EMIT):
                m.d.sync += [first.eq(0), part.eq(part + 1)]
                with m.If(part == SERIAL_WORD_BITS // width - 1):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == top):
                        m.d.sync += [state.eq(_State.IDLE), empty.eq(1)]
        words_below_top = Signal(len(total.msb) - len(msb))
        m.d.comb += [
            words_below_top.eq(top - start),
            total.msb.eq(Cat(msb, words_below_top)),
            total.neg.eq(neg),
            total.zero.eq(zero),
            total.below.eq(below),
            total.exp.eq(Cat(Const(0, SERIAL_WORD_BITS.bit_length() - 1), start)),
            total.specials.eq(specials),
            rounder.i.valid.eq(state == _State.EMIT),
            rounder.i.payload.bits.eq(word.word_select(part, width)),
            rounder.i.payload.first.eq(first),
            rounder.i.payload.last.eq((index == top) & (part == SERIAL_WORD_BITS // width - 1)),
        ]
