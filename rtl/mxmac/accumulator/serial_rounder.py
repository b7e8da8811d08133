"""Exact value to floating point, a few bits a cycle: the small rounder of units that have the time for it."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..formats import Format
from ..primitives.bits import delay, delay_valid, exceeds, register
from ..primitives.description import Description
from ..stages.layouts import SPECIALS, result_layout
from ..stages.result import Rounded, classify, pack_result

__all__ = ["SerialRounder", "chunk_count", "chunk_layout", "serial_rounder_clocks", "serial_total_layout"]

#: Latency from the last chunk to the result, besides the cycles in which the result is shifted into place.
_ROUND_CLOCKS = 7
#: Cycles in which it becomes known where in the value the result starts.
_START_CLOCKS = 3


def chunk_count(bits: int, chunk_bits: int) -> int:
    """Return the number of chunks that a value of ``bits`` fills."""
    return -(-bits // chunk_bits)


def chunk_layout(chunk_bits: int) -> data.StructLayout:
    """Layout of a chunk of a value: its ``bits``, and whether it is the ``first`` or the ``last``."""
    return data.StructLayout({"bits": chunk_bits, "first": 1, "last": 1})


def serial_total_layout(msb_bits: int, exp_bits: int) -> data.StructLayout:
    """Layout of what is known of a value before its chunks come: it is ``chunks * 2^(exp + exp_min)``.

    Members
    -------
    msb : msb_bits
        Index of the highest bit that differs from the sign, 0 if there is none; what it starts from is the rounder's
        parameter ``msb_min``.
    neg, zero : 1
    below : 1
        Whether anything below the first chunk is not zero.
    exp : exp_bits
        Unsigned; what it starts from is the rounder's parameter ``exp_min``.
    inexact, overflow : 1
        Whether the value is no longer exact, and whether it was cut off at a limit.
    specials : SPECIALS
    """
    return data.StructLayout(
        {"msb": msb_bits, "neg": 1, "zero": 1, "below": 1, "exp": exp_bits, "inexact": 1, "overflow": 1, "specials": SPECIALS}
    )


def _result_chunks(output: Format, chunk_bits: int) -> int:
    """Return the chunks of a result: two bits below its significand, and one above for the carry of its rounding."""
    return chunk_count(output.man_bits + 4, chunk_bits)


def serial_rounder_clocks(output: Format, chunk_bits: int) -> int:
    """Return the latency from the last chunk to the result: start, negation, shifting into place, exponent, and packing."""
    return _ROUND_CLOCKS + _result_chunks(output, chunk_bits)


class SerialRounder(wiring.Component):
    """Serial rounder to nearest, ties to even (IEEE 754, 4.3.1), subnormals included. The value comes lowest chunk first.

    The index of the highest bit determines where the result starts. All chunks below are sticky. The chunks from there on are
    rounded as they shift into place, because all the bits that the rounding depends on have come by then.

    Parameters
    ----------
    output : Format
        A format with Inf and NaN.
    chunk_bits : int
        Bits of a chunk, one of which is taken per cycle: a power of two.
    msb_bits, exp_bits, exp_min, msb_min : int
        Of the total: see ``serial_total_layout``.

    Members
    -------
    total : In(serial_total_layout(msb_bits, exp_bits))
        Read with the first chunk.
    i : In(stream.Signature(chunk_layout(chunk_bits), always_ready=True))
        Chunks of the value in two's complement, without a pause between them.
    ready : Out(1)
        The next value may begin. One that begins as the result of this one comes need not look.
    o : Out(stream.Signature(result_layout(output), always_ready=True))
        ``serial_rounder_clocks(output, chunk_bits)`` after the last chunk.
    """

    def __init__(self, output: Format, *, chunk_bits: int, msb_bits: int, exp_bits: int, exp_min: int, msb_min: int = 0):
        self.output, self.chunk, self.exp_min = output, chunk_bits, exp_min
        self._result_chunks = _result_chunks(output, chunk_bits)
        # How far the bits, counted by their exponents, lie above those of subnormal results.
        self._least = msb_min + exp_min - output.emin
        self._most_above_min = max(1, self._least + (1 << msb_bits) + (1 << exp_bits) - 2)
        # Bits of the result's exponent, which rounding may increase by two.
        self._exp_bits = (self._most_above_min + 2).bit_length()
        self._start_min = msb_min - (output.man_bits + 2)
        self._start_max = self._start_min + max((1 << msb_bits) - 1, -self._least)
        super().__init__(
            {
                "total": In(serial_total_layout(msb_bits, exp_bits)),
                "i": In(stream.Signature(chunk_layout(chunk_bits), always_ready=True)),
                "ready": Out(1),
                "o": Out(stream.Signature(result_layout(output), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Exact value to {self.output.name}, {self.chunk} bits a cycle, lowest first: rounds to nearest, ties to even.",
            serial_rounder_clocks(self.output, self.chunk),
            "from the last chunk",
        )

    def elaborate(self, platform):
        m = Module()
        total = Signal.like(self.total, name="held", reset_less=True)
        first = Signal()
        m.d.comb += first.eq(self.i.valid & self.i.payload.first)
        with m.If(first):
            m.d.sync += total.eq(self.total)
        busy = Signal()
        m.d.sync += busy.eq((busy | first) & ~self.o.valid)
        m.d.comb += self.ready.eq(~busy)
        magnitude, begins, valid, last = self._magnitude(m, total, first)
        start, above_min, subnormal = self._start(m, total)
        chunks = self._aligned(m, start, begins, magnitude, valid, last)
        self._collect(m, total, above_min, subnormal, chunks, begins)
        return m

    def _magnitude(self, m: Module, total, first):
        """Negate negative values, from the lowest chunk on; zeros follow the last chunk."""
        chunk, width = self.i.payload, self.chunk
        begins = delay_valid(m, first, _START_CLOCKS - 1, name="begins")
        valid = delay_valid(m, self.i.valid, _START_CLOCKS, name="chunk_valid")
        last = delay_valid(m, self.i.valid & chunk.last, _START_CLOCKS, name="chunk_last")
        bits = delay(m, chunk.bits, _START_CLOCKS, name="chunk")
        carry = Signal()
        negated = Signal(width + 1)
        m.d.comb += negated.eq(((bits ^ total.neg.replicate(width)) & valid.replicate(width)) + carry)
        with m.If(begins):
            m.d.sync += carry.eq(total.neg & ~total.below)
        with m.Else():
            # Past the last chunk, too: above a negative power of two there may be nothing but the carry.
            m.d.sync += carry.eq(negated[-1])
        return (
            register(m, negated[:width], name="magnitude"),
            delay_valid(m, begins, 1, name="magnitude_begins"),
            delay_valid(m, valid, 1, name="magnitude_valid"),
            delay_valid(m, last, 1, name="magnitude_last"),
        )

    def _start(self, m: Module, total):
        """Index of the bit two below the result's significand; exponent above that of subnormals; whether it is one."""
        above_min = Signal(range(min(0, self._least), self._most_above_min + 1), reset_less=True)
        exp = total.msb + total.exp + self._least
        # Far below the normal results, more bits than their exponents have would only ever repeat that it is negative.
        if len(above_min) > 1 + self._exp_bits:
            above_min = Signal(signed(1 + self._exp_bits), name="above_min", reset_less=True)
            exp = Cat(exp[: self._exp_bits], exp[-1])
        m.d.sync += above_min.eq(exp)
        start = Signal(range(self._start_min, self._start_max + 1), reset_less=True)
        # A subnormal result starts where all of them do: total.msb - above_min leaves nothing but the exponent, negated.
        of_subnormals = self._start_min - self._least + 1
        subnormal = above_min[-1] if above_min.shape().signed else Const(0)
        negated_exp = ~Cat(total.exp, Const(0, 1)).as_signed()
        m.d.sync += start.eq(Mux(subnormal, negated_exp, total.msb) + Mux(subnormal, of_subnormals, self._start_min))
        return start, above_min, subnormal

    def _aligned(self, m: Module, start, begins, magnitude, valid, last):
        """Chunks aligned with the result, and their index in it: negative while all of a chunk is below the result."""
        chunk, chunks = self.chunk, self._result_chunks
        fine_bits = chunk.bit_length() - 1
        most_steps = (1 << len(self.total.msb)) // chunk + chunks
        index = Signal(range(~(self._start_max >> fine_bits), most_steps - (self._start_min >> fine_bits)), reset_less=True)
        below = Signal(chunk, reset_less=True)
        fine = Signal(fine_bits, reset_less=True)
        left = Signal(range(chunks + 1))
        step = Signal()
        m.d.comb += step.eq(valid | (left != 0))
        with m.If(begins):
            m.d.sync += [index.eq(~(start >> fine_bits)), fine.eq(start[:fine_bits]), below.eq(0)]
        with m.Elif(step):
            m.d.sync += [index.eq(index + 1), below.eq(magnitude)]
        with m.If(last):
            m.d.sync += left.eq(chunks)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        value = Cat(below, magnitude)
        for level in reversed(range(fine_bits)):
            value = Mux(fine[level], value[1 << level :], value)[: chunk + (1 << level) - 1]
        aligned = Signal(chunk)
        m.d.comb += aligned.eq(value)
        return step, index, aligned, delay_valid(m, left == 1, 1, name="done")

    def _collect(self, m: Module, total, above_min, subnormal, chunks, begins):
        output, width = self.output, self.chunk
        step, index, aligned, done = chunks
        quarter, half, odd = aligned[0], aligned[1], aligned[2]
        sticky = Signal()
        inexact = Signal(name="below_inexact")
        just_half = Signal()
        carry = Signal(name="round_carry")
        lowest = Signal()
        up = Signal()
        rounded = Signal(width + 1)
        m.d.comb += [
            lowest.eq(index == 0),
            up.eq(lowest & half & (quarter | sticky | odd)),
            rounded.eq(Cat(aligned[:2] & ~lowest.replicate(2), aligned[2:]) + Cat(carry, Const(0, 1), up)),
        ]
        result = Signal(self._result_chunks * width)
        with m.If(begins):
            m.d.sync += sticky.eq(total.below)
            m.d.sync += [signal.eq(0) for signal in (inexact, just_half, carry, result)]
        with m.Elif(step):
            with m.If(index < 0):
                m.d.sync += sticky.eq(sticky | aligned.any())
            with m.Elif(~exceeds(index, self._result_chunks - 1)):
                m.d.sync += [result.eq(Cat(result[width:], rounded[:width])), carry.eq(rounded[-1])]
            with m.If(lowest):
                m.d.sync += [inexact.eq(half | quarter), just_half.eq(half & ~quarter)]

        hidden = result[2 + output.man_bits :][:2]
        exp_below = Signal(self._exp_bits, reset_less=True)
        top = Signal(self._exp_bits, name="exp_field", reset_less=True)
        m.d.sync += [exp_below.eq(above_min), top.eq(exp_below + hidden)]
        with m.If(subnormal | total.zero):
            m.d.sync += exp_below.eq(0)
        any_inexact = total.inexact | inexact | sticky
        # What rounding has made the smallest normal number is tiny all the same, if with one bit more it had not become so.
        tiny = subnormal & ~total.zero & ((hidden == 0) | just_half)
        final = Rounded(
            code=Cat(register(m, result[2 : 2 + output.man_bits], name="fraction"), top),
            neg=total.neg,
            inexact=register(m, any_inexact, name="inexact"),
            overflow=total.overflow,
            underflow=register(m, any_inexact & tiny, name="underflow"),
        )
        packed, status = pack_result(m, output, classify(output, final, total.specials))
        m.d.sync += [
            self.o.valid.eq(delay_valid(m, done, 1, name="packed")),
            self.o.payload.data.eq(packed),
            self.o.payload.status.eq(status),
        ]
