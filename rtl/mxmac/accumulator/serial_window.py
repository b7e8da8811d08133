"""Window accumulator, a few bits a clock: scale applier and accumulator of units whose blocks take many beats."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..bits import delay, funnel_up
from ..block import block_layout
from ..config import MacConfig
from ..formats import SCALE_WIDTH
from ..product import SPECIALS
from ..result import result_layout
from ..scale_applier import scale_sum_layout, specials_of_block
from ..serial_rounder import SerialRounder, serial_rounder_clocks

__all__ = ["SCALE_CLOCKS", "SerialWindow", "serial_window_latency"]

#: Clocks in which a scale becomes a place in the window.
SCALE_CLOCKS = 2


def serial_window_latency(config: MacConfig) -> int:
    """Clocks from the last block of a dot product to its rounded sum: its turn, another to read it, and rounding."""
    return config.serial_block_clocks + config.chunks(config.window) + serial_rounder_clocks(config)


class SerialWindow(wiring.Component):
    """Adds blocks up in a two's complement window, config.chunk_bits a clock; a sum beyond its limits stays at the limit.

    The window turns through a narrow adder once for each block, lowest chunk first. The block's chunks come in step with
    those of the window at its place; what lies below the window goes by before, and what lies above it after.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and the window. ``config.chunk_bits`` must not be 0.

    Members
    -------
    scale : In(scale_sum_layout())
        Scale of the block whose sum comes ``SCALE_CLOCKS`` later.
    i : In(stream.Signature(block_layout(config), always_ready=True))
        One block in ``config.serial_block_clocks`` clocks at the most.
    o : Out(stream.Signature(result_layout(config.output), always_ready=True))
        The rounded sum of the dot product, ``serial_window_latency(config)`` clocks after its last block.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "scale": In(scale_sum_layout()),
                "i": In(stream.Signature(block_layout(config), always_ready=True)),
                "o": Out(stream.Signature(result_layout(config.output), always_ready=True)),
            }
        )
        self._width = config.chunk_bits
        self._window_chunks = config.chunks(config.window)
        self._block_chunks = config.chunks(config.block_sum_bits)

    def elaborate(self, platform):
        """Build the accumulator."""
        m = Module()
        config, width = self.config, self._width
        window_chunks, block_chunks = self._window_chunks, self._block_chunks
        msb_bits = (width * window_chunks - 1).bit_length()
        m.submodules.rounder = rounder = SerialRounder(
            config, msb_bits=msb_bits, exp_bits=SCALE_WIDTH + 1, exp_min=config.window_exp_min
        )
        wiring.connect(m, rounder.o, wiring.flipped(self.o))
        anchor = Signal(SCALE_WIDTH + 1, reset_less=True)
        place = self._place(m, anchor)
        coarse, fine = place >> (width.bit_length() - 1), place[: width.bit_length() - 1]
        below = Signal()
        m.d.comb += below.eq(place < 0)

        # A sweep: the index of the chunk in the window, and that of the block's chunk that goes with it.
        running, ends = Signal(), Signal()
        steps_left = Signal(range(config.serial_block_clocks))
        chunk = Signal(range(-block_chunks, window_chunks + block_chunks + 1), reset_less=True)
        block_chunk = Signal(range(-window_chunks - block_chunks, window_chunks + block_chunks + 1), reset_less=True)
        m.d.comb += ends.eq(running & (steps_left == 0))
        with m.If(self.i.valid):
            m.d.sync += [
                running.eq(1),
                steps_left.eq(config.serial_block_clocks - 1),
                chunk.eq(Mux(below, -block_chunks, 0)),
                block_chunk.eq(Mux(below, -block_chunks, 0) - coarse),
            ]
        with m.Elif(running):
            m.d.sync += [
                running.eq(~ends),
                steps_left.eq(steps_left - 1),
                chunk.eq(chunk + 1),
                block_chunk.eq(block_chunk + 1),
            ]
        in_window = Signal()
        m.d.comb += in_window.eq((chunk >= 0) & (chunk < window_chunks))

        dot_last, fresh = Signal(init=1), Signal()
        with m.If(self.i.valid):
            m.d.sync += [dot_last.eq(self.i.payload.dot_last), fresh.eq(dot_last)]
        addend = self._addend(m, running, block_chunk, fine)
        self._sum(m, rounder, running, ends, chunk, in_window, addend, fresh, dot_last, anchor)
        return m

    def _place(self, m: Module, anchor):
        """Index of the window's bit that the block's lowest bit falls on, limited to where more makes no difference."""
        config, width = self.config, self._width
        exp = self.scale.exp
        if config.window_lsb is not None:
            offset = config.block_exp_min - config.window_lsb
            distance = Signal(range(min(0, offset), max(1, config.scale_sum_max + offset + 1)), reset_less=True)
            m.d.sync += distance.eq(exp + offset)
            m.d.comb += anchor.eq(0)
        else:
            anchored = Signal()
            most = config.scale_sum_max
            distance = Signal(range(config.window_guard - most, config.window_guard + most + 1), reset_less=True)
            m.d.sync += distance.eq(Mux(anchored, exp - anchor, 0) + config.window_guard)
            own = delay(m, exp, SCALE_CLOCKS, name="own")
            with m.If(self.i.valid):
                m.d.sync += anchored.eq((anchored | self.i.payload.sum.any()) & ~self.i.payload.dot_last)
                with m.If(~anchored):
                    m.d.sync += anchor.eq(own)
        low, high = -width * self._block_chunks, width * self._window_chunks
        place = Signal(range(low, high + 1), reset_less=True)
        m.d.sync += place.eq(Mux(distance < low, low, Mux(distance > high, high, distance)))
        return place

    def _addend(self, m: Module, running, index, fine):
        """The block's chunk of that index: zeros below the block, its sign above."""
        width, chunks = self._width, self._block_chunks
        block = Signal(self.i.payload.sum.shape(), reset_less=True)
        shamt = Signal(len(fine), reset_less=True)
        lower = Signal(width - 1, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += [block.eq(self.i.payload.sum), shamt.eq(fine), lower.eq(0)]
        sign = block[-1]
        places = 1 << (chunks - 1).bit_length()
        padded = Cat(block, sign.replicate(width * places - len(block)))
        index_in_block = index[: (places - 1).bit_length()]
        above = sign.replicate(width)
        chunk = Signal(width, name="block_bits")
        m.d.comb += chunk.eq(Mux(index < 0, 0, Mux(index < places, padded.word_select(index_in_block, width), above)))
        with m.If(running & ~self.i.valid):
            m.d.sync += lower.eq(chunk[1:])
        addend = Signal(width)
        m.d.comb += addend.eq(funnel_up(lower, chunk, shamt))
        return addend

    def _limit(self, index, neg):
        """Chunk of the window's largest or smallest number."""
        width, sign_from = self._width, (self.config.window - 1) % self._width
        top = Cat((~neg).replicate(sign_from), neg.replicate(width - sign_from))
        return Mux(index == self._window_chunks - 1, top, (~neg).replicate(width))

    def _sum(self, m: Module, rounder, running, ends, chunk, in_window, addend, fresh, dot_last, anchor):
        config, width, chunks = self.config, self._width, self._window_chunks
        window = Signal(width * chunks)
        limited, limited_neg = Signal(), Signal()
        sign, carry = Signal(), Signal()
        old, total = Signal(width), Signal(width + 1)
        above = chunk >= chunks
        with m.If(in_window & ~fresh):
            m.d.comb += old.eq(Mux(limited, self._limit(chunk, limited_neg), window[:width]))
        with m.Elif(above):
            m.d.comb += old.eq(sign.replicate(width))
        m.d.comb += total.eq(old + addend + carry)
        shift = Signal()
        m.d.comb += shift.eq(running & in_window)
        with m.If(running):
            m.d.sync += carry.eq(total[-1] & ~ends)
        with m.If(shift):
            m.d.sync += [window.eq(Cat(window[width:], total[:width])), sign.eq(old[-1])]

        # What lies above the window has to be all sign.
        sum_chunk, neg = total[:width], total[width - 1]
        no_ones, no_zeros = Signal(reset_less=True), Signal(reset_less=True)
        outside = Signal()
        m.d.comb += outside.eq((~no_ones | sum_chunk.any()) & (~no_zeros | ~sum_chunk.all()))
        top = sum_chunk[(config.window - 1) % width :]
        with m.If(chunk == chunks - 1):
            m.d.sync += [no_ones.eq(~top.any()), no_zeros.eq(top.all())]
        with m.Elif(above):
            m.d.sync += [no_ones.eq(no_ones & ~sum_chunk.any()), no_zeros.eq(no_zeros & sum_chunk.all())]
        with m.If(ends):
            m.d.sync += [limited.eq(outside), limited_neg.eq(neg)]

        lost, overflow, specials = Signal(), Signal(), Signal(SPECIALS)
        still, still_overflow = ~dot_last, overflow | (ends & outside)
        nan = delay(m, self.scale.nan, SCALE_CLOCKS, name="scale_nan")
        of_block = specials_of_block(self.i.payload.specials, nan)
        with m.If(self.i.valid):
            m.d.sync += [
                lost.eq(lost & still),
                overflow.eq(still_overflow & still),
                specials.eq((specials.as_value() & still.replicate(SPECIALS.size)) | of_block.as_value()),
            ]
        with m.Elif(running):
            m.d.sync += [lost.eq(lost | ((chunk < 0) & addend.any())), overflow.eq(still_overflow)]

        done = Signal()
        m.d.comb += done.eq(ends & dot_last)
        msb, nonzero = self._msb(m, shift, chunk, sum_chunk, neg)
        held = Signal.like(rounder.total, name="sum", reset_less=True)
        cut_off = Signal(reset_less=True)
        with m.If(done):
            m.d.sync += [
                held.msb.eq(Mux(outside, config.window - 2, msb)),
                held.neg.eq(neg),
                held.zero.eq(~(neg | nonzero | outside)),
                held.exp.eq(anchor),
                held.inexact.eq(lost | still_overflow),
                held.overflow.eq(still_overflow),
                held.specials.eq(specials),
                cut_off.eq(outside),
            ]
        m.d.comb += [rounder.total.eq(held), rounder.total.below.eq(0)]
        self._read(m, rounder.i, done, shift & dot_last, sum_chunk, cut_off, held.neg)

    def _msb(self, m: Module, shift, chunk, sum_chunk, neg):
        """Index of the highest bit that differs from the sign, for either sign, and whether any is set."""
        width = self._width
        found = []
        for name, bits in (("positive", sum_chunk), ("negative", ~sum_chunk)):
            msb, any_found, inside = (
                Signal((width * self._window_chunks - 1).bit_length(), name=f"msb_{name}"),
                Signal(name=f"any_{name}"),
                Signal(range(width)),
            )
            for index in range(width):
                with m.If(bits[index]):
                    m.d.comb += inside.eq(index)
            here = bits.any()
            with m.If(shift & ((chunk == 0) | here)):
                m.d.sync += [msb.eq(Cat(inside, chunk)), any_found.eq(here | (chunk != 0))]
            found.append((msb, any_found))
        return Mux(neg, found[1][0], found[0][0]), found[0][1]

    def _read(self, m: Module, chunks_out, done, written, sum_chunk, cut_off, neg):
        """Hand out the finished sum while the next dot product may already fill its place."""
        width, chunks = self._width, self._window_chunks
        finished = Signal(width * chunks, reset_less=True)
        reading, index, last = Signal(), Signal(range(chunks)), Signal()
        m.d.comb += last.eq(index == chunks - 1)
        with m.If(done):
            m.d.sync += [reading.eq(1), index.eq(0)]
        with m.Elif(reading):
            m.d.sync += [reading.eq(~last), index.eq(index + 1)]
        with m.If(reading | written):
            m.d.sync += finished.eq(Cat(finished[width:], sum_chunk))
        m.d.comb += [
            chunks_out.valid.eq(reading),
            chunks_out.payload.bits.eq(Mux(cut_off, self._limit(index, neg), finished[:width])),
            chunks_out.payload.first.eq(index == 0),
            chunks_out.payload.last.eq(last),
        ]
