"""Window accumulator, a few bits a cycle: scale applier and accumulator of units whose blocks take many beats."""

from functools import partial

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...formats import SCALE_WIDTH
from ...primitives.bits import delay, delay_valid, exceeds, funnel_up, register
from ...primitives.description import Description
from ...stages.layouts import SPECIALS, block_layout, result_layout, scale_sum_layout
from ...stages.scale_sum import specials_of_block
from ..plan import Kind, Plan
from ..serial_rounder import SerialRounder, chunk_count
from .serial_sizes import ADDEND_CLOCKS, block_clocks, serial_window_chunk_bits, serial_window_latency
from .sizes import window_exp_min, window_limits, window_note, window_range

__all__ = ["SCALE_CLOCKS", "SerialWindow", "serial_window_plan"]

#: Cycles in which a scale becomes a place in the window.
SCALE_CLOCKS = 3
#: Index of the highest bit that differs from the sign, in a sum of -1: each bit is compared with the one below.
_MSB_MIN = -1


class _Sweep:
    """Where in the window the chunk is whose addend comes now: what the index said ``ADDEND_CLOCKS`` ago."""

    def __init__(self, m: Module, *, chunks: int, index, **signals):
        def late(value, name):
            return delay(m, value, ADDEND_CLOCKS, name=f"sweep_{name}")

        self.running, self.begins, self.ends, self.dot_last = (
            delay_valid(m, signals[name], ADDEND_CLOCKS, name=f"sweep_{name}")
            for name in ("running", "begins", "ends", "dot_last")
        )
        above, below = exceeds(index, chunks - 1), index[-1]
        self.below, self.above = late(below, "below"), late(above, "above")
        self.bottom, self.top = late(index == 0, "bottom"), late(index == chunks - 1, "top")
        inside = ~(above | below)
        self.in_window, self.kept = late(inside, "in_window"), late(inside & ~signals["fresh"], "kept")
        self.index = late(index[: (chunks - 1).bit_length()], "index")


class SerialWindow(wiring.Component):
    """Saturating accumulator in a two's complement window that adds a few bits per cycle.

    The window turns through a narrow adder once for each block, lowest chunk first. The block's chunks come in step with
    those of the window at its place; what lies below the window goes by before, and what lies above it after.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block``, ``output`` and the window.
    chunk_bits : int
        Bits per cycle: those of ``serial_window_chunk_bits(config)``.

    Members
    -------
    scale : In(scale_sum_layout())
        Scale of the block whose sum comes ``SCALE_CLOCKS`` later.
    i : In(stream.Signature(block_layout(config), always_ready=True))
        One block in ``config.beats`` cycles at the most.
    o : Out(stream.Signature(result_layout(config.output), always_ready=True))
        The rounded sum of the dot product, ``serial_window_latency(config, chunk_bits)`` cycles after its last block.
    """

    def __init__(self, config: MacConfig, *, chunk_bits: int):
        self.config = config
        super().__init__(
            {
                "scale": In(scale_sum_layout()),
                "i": In(stream.Signature(block_layout(config), always_ready=True)),
                "o": Out(stream.Signature(result_layout(config.output), always_ready=True)),
            }
        )
        self._width = chunk_bits
        self._window_chunks = chunk_count(config.window_bits, chunk_bits)
        self._block_chunks = chunk_count(config.block_sum_bits, chunk_bits)

    @property
    def description(self) -> Description:
        return Description(
            f"Saturating accumulator in a window of {self.config.window_bits} bits, in two's complement, "
            f"{self._width} bits a cycle.",
            serial_window_latency(self.config, self._width),
            "from the last block of a dot product",
        )

    def elaborate(self, platform):
        m = Module()
        config, width = self.config, self._width
        window_chunks, block_chunks = self._window_chunks, self._block_chunks
        msb_bits = (width * window_chunks - 1).bit_length()
        m.submodules.rounder = rounder = SerialRounder(
            config.output,
            chunk_bits=width,
            msb_bits=msb_bits,
            msb_min=_MSB_MIN,
            exp_bits=SCALE_WIDTH + 1,
            exp_min=window_exp_min(config),
        )
        wiring.connect(m, rounder.o, wiring.flipped(self.o))
        anchor = Signal(SCALE_WIDTH + 1, reset_less=True)
        place = self._place(m, anchor)
        below = Signal()
        m.d.comb += below.eq(place < 0)

        # A sweep: the index of the chunk in the window, and a count, which does not depend on where it begins.
        running = Signal()
        ends = Signal()
        turn = block_clocks(config, width)
        step = Signal(range(turn))
        chunk = Signal(range(-block_chunks, window_chunks + block_chunks + 1), reset_less=True)
        m.d.comb += ends.eq(running & (step == turn - 1))
        m.d.sync += [chunk.eq(chunk + 1), step.eq(step + 1)]
        with m.If(self.i.valid):
            m.d.sync += [running.eq(1), step.eq(0), chunk.eq(Mux(below, -block_chunks, 0))]
        with m.Elif(ends):
            m.d.sync += running.eq(0)

        dot_last = Signal(init=1)
        fresh = Signal()
        with m.If(self.i.valid):
            m.d.sync += [dot_last.eq(self.i.payload.dot_last), fresh.eq(dot_last)]
        sweep = _Sweep(
            m,
            chunks=window_chunks,
            index=chunk,
            running=running,
            begins=self.i.valid,
            ends=ends,
            dot_last=dot_last,
            fresh=fresh,
        )
        self._sum(m, rounder, sweep, self._addend(m, chunk, place), anchor)
        return m

    def _place(self, m: Module, anchor):
        """Index of the window's bit that the block's lowest bit falls on, limited to where more makes no difference."""
        config, width = self.config, self._width
        exp = self.scale.exp
        if config.window_lsb is not None:
            offset = config.block_exp_min - config.window_lsb
            distance = Signal(range(min(0, offset), max(1, config.scale_sum_max + offset + 1)), reset_less=True)
            m.d.sync += distance.eq(register(m, exp, name="scale") + offset)
            m.d.comb += anchor.eq(0)
        else:
            anchored = Signal()
            most = config.scale_sum_max
            above_anchor = Signal(range(-most, most + 1), reset_less=True)
            m.d.sync += above_anchor.eq(exp - anchor)
            with m.If(~anchored):
                m.d.sync += above_anchor.eq(0)
            distance = Signal(range(config.window_guard_bits - most, config.window_guard_bits + most + 1), reset_less=True)
            m.d.sync += distance.eq(above_anchor + config.window_guard_bits)
            own = delay(m, exp, SCALE_CLOCKS, name="own")
            with m.If(self.i.valid):
                m.d.sync += anchored.eq((anchored | self.i.payload.sum.any()) & ~self.i.payload.dot_last)
                with m.If(~anchored):
                    m.d.sync += anchor.eq(own)
        low, high = -width * self._block_chunks, width * self._window_chunks
        place = Signal(range(low, high + 1), reset_less=True)
        m.d.sync += place.eq(Mux(~exceeds(distance, low - 1), low, Mux(exceeds(distance, high), high, distance)))
        return place

    def _addend(self, m: Module, window_chunk, place):
        """The block's chunk at that of the window, ``ADDEND_CLOCKS`` later: zeros below the block, its sign above."""
        width, chunks = self._width, self._block_chunks
        held_sum = Signal.like(self.i.payload.sum, reset_less=True)
        held_place = Signal.like(place, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += [held_sum.eq(self.i.payload.sum), held_place.eq(place)]
        block = register(m, held_sum, name="block")
        fine_bits = width.bit_length() - 1
        index = Signal(
            range(-self._window_chunks - chunks, self._window_chunks + chunks + 1), name="block_chunk", reset_less=True
        )
        m.d.sync += index.eq(window_chunk - (held_place >> fine_bits))
        shamt = delay(m, held_place[:fine_bits], 2, name="shamt")
        sign = block[-1]
        places = 1 << (chunks - 1).bit_length()
        padded = Cat(block, sign.replicate(width * places - len(block)))
        index_in_block = index[: (places - 1).bit_length()]
        above = sign.replicate(width)
        chunk = Signal(width, name="block_bits", reset_less=True)
        m.d.sync += chunk.eq(
            Mux(index < 0, 0, Mux(~exceeds(index, places - 1), padded.word_select(index_in_block, width), above))
        )
        lower = Signal(width - 1, name="block_bits_below", reset_less=True)
        m.d.sync += lower.eq(chunk[1:])
        with m.If(delay_valid(m, self.i.valid, 2, name="block_begins")):
            m.d.sync += lower.eq(0)
        return register(m, funnel_up(lower, chunk, shamt), name="addend")

    def _limit(self, top, neg):
        """Chunk of the window's largest or smallest number; ``top`` says whether it is the highest one."""
        width, sign_from = self._width, (self.config.window_bits - 1) % self._width
        return Mux(top, Cat((~neg).replicate(sign_from), neg.replicate(width - sign_from)), (~neg).replicate(width))

    def _sum(self, m: Module, rounder, sweep, addend, anchor):
        """Add the block's chunks to those of the window, and hand the sum of a dot product to the rounder."""
        # Whether the last sweep came to a limit, and to the lower one.
        limited = Signal()
        limited_neg = Signal()
        shift, total = self._add(m, sweep, addend, limited, limited_neg)
        sum_chunk = total[: self._width]
        self._check_limits(m, sweep, sum_chunk, total[self._width - 1], limited, limited_neg)
        done = Signal()
        m.d.comb += done.eq(sweep.ends & sweep.dot_last)
        forgets = sweep.begins & sweep.dot_last
        lost, specials = self._track_losses(m, sweep, addend, forgets)
        # A clock after its end it is known whether a sweep came to a limit.
        swept = delay_valid(m, sweep.ends, 1, name="swept")
        settled = delay_valid(m, done, 1, name="settled")
        overflow = Signal()
        m.d.sync += overflow.eq((overflow & ~forgets) | (swept & ~settled & limited))

        exp = delay(m, anchor, ADDEND_CLOCKS, name="anchor")
        msb, nonzero = self._msb(m, shift, sweep, sum_chunk)
        held = Signal.like(rounder.total, name="sum", reset_less=True)
        cut_off = Signal(reset_less=True)
        with m.If(done):
            m.d.sync += [
                held.exp.eq(exp),
                held.inexact.eq(lost | overflow),
                held.overflow.eq(overflow),
                held.specials.eq(specials),
            ]
        with m.If(settled):
            m.d.sync += [
                held.msb.eq(Mux(limited, self.config.window_bits - 2 - _MSB_MIN, msb)),
                held.neg.eq(limited_neg),
                held.zero.eq(~(nonzero | limited)),
                held.inexact.eq(held.inexact | limited),
                held.overflow.eq(held.overflow | limited),
                cut_off.eq(limited),
            ]
        m.d.comb += [rounder.total.eq(held), rounder.total.below.eq(0)]
        self._read(m, rounder.i, done, shift & sweep.dot_last, sum_chunk, cut_off, held.neg)

    def _add(self, m: Module, sweep, addend, limited, limited_neg):
        """Add a chunk to that of the window; return whether it belongs to the window, and the sum with its carry."""
        width = self._width
        window = Signal(width * self._window_chunks)
        sign = Signal()
        carry = Signal()
        old = Signal(width)
        total = Signal(width + 1)
        with m.If(sweep.kept):
            m.d.comb += old.eq(Mux(limited, self._limit(sweep.top, limited_neg), window[:width]))
        with m.Elif(sweep.above):
            m.d.comb += old.eq(sign.replicate(width))
        m.d.comb += total.eq(old + addend + carry)
        shift = Signal()
        m.d.comb += shift.eq(sweep.running & sweep.in_window)
        m.d.sync += carry.eq(total[-1] & sweep.running & ~sweep.ends)
        with m.If(shift):
            m.d.sync += [window.eq(Cat(window[width:], total[:width])), sign.eq(old[-1])]
        return shift, total

    def _check_limits(self, m: Module, sweep, sum_chunk, neg, limited, limited_neg):
        """Check that all bits above the window equal its sign."""
        no_ones = Signal(reset_less=True)
        no_zeros = Signal(reset_less=True)
        outside = Signal()
        m.d.comb += outside.eq((~no_ones | sum_chunk.any()) & (~no_zeros | ~sum_chunk.all()))
        top = sum_chunk[(self.config.window_bits - 1) % self._width :]
        with m.If(sweep.top):
            m.d.sync += [no_ones.eq(~top.any()), no_zeros.eq(top.all())]
        with m.Else():
            m.d.sync += [no_ones.eq(no_ones & ~sum_chunk.any()), no_zeros.eq(no_zeros & sum_chunk.all())]
        with m.If(sweep.ends):
            m.d.sync += [limited.eq(outside), limited_neg.eq(neg)]

    def _track_losses(self, m: Module, sweep, addend, forgets) -> tuple[Signal, data.View]:
        """Whether bits of the dot product were lost below the window, and its specials."""
        lost = Signal()
        specials = Signal(SPECIALS)
        nan = delay(m, self.scale.nan, SCALE_CLOCKS, name="scale_nan")
        of_block = specials_of_block(self.i.payload.specials, nan).as_value()
        of_block = delay(m, of_block, ADDEND_CLOCKS, name="block_specials")
        m.d.sync += lost.eq(Mux(forgets, 0, lost | (sweep.running & sweep.below & addend.any())))
        with m.If(sweep.begins):
            m.d.sync += specials.as_value().eq((specials.as_value() & (~forgets).replicate(SPECIALS.size)) | of_block)
        return lost, specials

    def _msb(self, m: Module, shift, sweep, sum_chunk):
        """Index of the highest bit that is not as the one above it, counted from ``_MSB_MIN``, and whether there is one.

        Below the lowest bit there are zeros. Two cycles after the top chunk.
        """
        width = self._width
        chunk = register(m, sum_chunk, name="sum_chunk")
        valid = delay_valid(m, shift, 1, name="sum_valid")
        index = register(m, sweep.index, name="sum_index")
        bottom = register(m, sweep.bottom, name="sum_bottom")
        before = Signal(reset_less=True)
        edges = Signal(width)
        m.d.comb += edges.eq(chunk ^ Cat(before & ~bottom, chunk[:-1]))
        inside = Signal(range(width))
        for bit in range(width):
            with m.If(edges[bit]):
                m.d.comb += inside.eq(bit)
        msb = Signal((width * self._window_chunks - 1).bit_length())
        found = Signal()
        with m.If(valid):
            m.d.sync += before.eq(chunk[-1])
            with m.If(bottom | edges.any()):
                m.d.sync += [msb.eq(Cat(inside, index)), found.eq(edges.any())]
        return msb, found

    def _read(self, m: Module, chunks_out, done, written, sum_chunk, cut_off, neg):
        """Hand out the finished sum while the next dot product may already fill its place."""
        width, chunks = self._width, self._window_chunks
        finished = Signal(width * chunks, reset_less=True)
        reading = Signal()
        index = Signal(range(chunks))
        last = Signal()
        m.d.comb += last.eq(index == chunks - 1)
        with m.If(done):
            m.d.sync += [reading.eq(1), index.eq(0)]
        with m.Elif(reading):
            m.d.sync += [reading.eq(~last), index.eq(index + 1)]
        with m.If(reading | written):
            m.d.sync += finished.eq(Cat(finished[width:], sum_chunk))
        # A clock later, for by then it is known whether the sum has been cut off.
        out = chunks_out.payload
        m.d.comb += [
            chunks_out.valid.eq(delay_valid(m, reading, 1, name="read")),
            out.bits.eq(Mux(cut_off, self._limit(out.last, neg), register(m, finished[:width], name="read_bits"))),
            out.first.eq(register(m, index == 0, name="read_first")),
            out.last.eq(register(m, last, name="read_last")),
        ]


def serial_window_plan(config: MacConfig, _queue: int | None = None) -> Plan | None:
    """Return the plan of a window that works on a few bits per cycle; None if blocks have too few beats. Blocks never wait."""
    chunk_bits = serial_window_chunk_bits(config)
    if chunk_bits is None:
        return None
    latency = serial_window_latency(config, chunk_bits)
    return Plan(
        kind=Kind.SERIAL_WINDOW,
        stages={"accumulator": partial(SerialWindow, config, chunk_bits=chunk_bits)},
        # A block that ends early has its result as late as a whole one.
        latency=(latency, latency + config.beats - 1),
        block_interval=config.beats,
        dot_interval=config.beats,
        result_interval=config.beats,
        scale_lead=SCALE_CLOCKS,
        whole_blocks=True,
        rate=(f"One beat a cycle, sustained, for whole blocks. One that ends early takes {config.beats} cycles all the same.",),
        range=window_range(config),
        limits=window_limits(config),
        note=window_note(config),
    )
