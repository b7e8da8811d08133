"""Bytes to checked frames and back."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..protocol import CRC_POLYNOMIAL, CRC_RESIDUE, END, ESC, ESC_END, ESC_ESC, FRAME_BYTES_MIN, ErrorCode

__all__ = ["TOKEN", "FrameReceiver", "FrameTransmitter", "SerialCrc"]

#: A byte of a frame, or its end. The byte of an end is 0, or says as an ErrorCode why there is no frame.
TOKEN = data.StructLayout({"byte": 8, "end": 1})


class SerialCrc(wiring.Component):
    """CRC-32 of bytes, a bit a cycle.

    Members
    -------
    clear : In(1)
        Begin anew.
    step : In(1)
        Take ``data``, or, with ``emit``, go on to the next byte of the CRC. Only while not ``busy``.
    data : In(8)
    emit : In(1)
        Read with ``step``.
    busy : Out(1)
        For the 8 cycles after a step.
    register : Out(32)
        The inverse of its lowest byte is the next of the CRC.
    """

    clear: In(1)
    step: In(1)
    data: In(8)
    emit: In(1)
    busy: Out(1)
    register: Out(32, init=(1 << 32) - 1)

    def elaborate(self, platform):
        m = Module()
        bits = Signal(8)
        left = Signal(4)
        emitting = Signal()
        feedback = (self.register[0] ^ bits[0]) & ~emitting
        m.d.comb += self.busy.eq(left != 0)
        with m.If(self.busy):
            m.d.sync += [
                self.register.eq((self.register >> 1) ^ Mux(feedback, CRC_POLYNOMIAL, 0)),
                bits.eq(bits >> 1),
                left.eq(left - 1),
            ]
        with m.If(self.step):
            m.d.sync += [bits.eq(self.data), left.eq(8), emitting.eq(self.emit)]
        with m.If(self.clear):
            m.d.sync += self.register.eq(self.register.init)
        return m


class FrameReceiver(wiring.Component):
    """Stores frames and hands out those whose CRC is right, without it.

    Bytes are written to a ring as they come, and only count once the frame has ended well; otherwise the place is used again
    for a single end that says what was wrong. If there is not even room for that, nothing is said. What has been handed out
    keeps its place until it is released, so that it can be read again.

    Parameters
    ----------
    depth : int
        Places of the ring, a power of two. One of them is always left free.

    Members
    -------
    i : In(stream.Signature(8, always_ready=True))
        Bytes, at least 12 cycles apart.
    line_error : In(1)
        A byte was lost.
    tick : In(1)
        A frame of which nothing came between two of these has stopped half-way.
    o : Out(stream.Signature(TOKEN))
        Frames, each with an end.
    free : In(1)
        Give back the places of everything taken so far, what is taken now included.
    rewind : In(1)
        Hand out again what was taken since places were last given back.
    receiving : Out(1)
        A frame has begun.
    """

    def __init__(self, depth: int):
        self.depth = depth
        super().__init__(
            {
                "i": In(stream.Signature(8, always_ready=True)),
                "line_error": In(1),
                "tick": In(1),
                "o": Out(stream.Signature(TOKEN)),
                "free": In(1),
                "rewind": In(1),
                "receiving": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        ring = Memory(shape=TOKEN, depth=self.depth, init=[])
        m.submodules.ring = ring
        place = range(self.depth)
        # Next to be written; where the frame that comes begins; next to be handed out; oldest that may be asked for again.
        write_at = Signal(place)
        frame_at = Signal(place)
        read_at = Signal(place)
        oldest = Signal(place)
        write = ring.write_port()
        self._write(m, write, write_at, frame_at, oldest)

        read = ring.read_port()
        read_next = Signal(place)
        m.d.comb += [
            read_next.eq(Mux(self.rewind, oldest, read_at + (self.o.valid & self.o.ready))),
            read.addr.eq(read_next),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += [read_at.eq(read_next), self.o.valid.eq(read_next != frame_at)]
        with m.If(self.free):
            m.d.sync += oldest.eq(read_next)
        return m

    def _write(self, m: Module, write, write_at, frame_at, oldest):
        m.submodules.crc = crc = SerialCrc()
        byte = self.i.payload
        escaped = Signal()
        quiet = Signal()
        # Bytes of the frame, as far as it matters.
        count = Signal(range(FRAME_BYTES_MIN + 1))
        verdict = Signal(ErrorCode.LINE.bit_length())
        put = Signal()
        ends = Signal()
        ending = Signal()
        value = Signal(8)
        write_next = Signal.like(write_at)
        room = Signal()
        m.d.comb += [
            write_next.eq(write_at + 1),
            room.eq(write_next != oldest),
            value.eq(byte),
            ends.eq(self.i.valid & (byte == END) | self.tick & quiet & ~self.i.valid),
            crc.step.eq(put),
            crc.data.eq(value),
            crc.clear.eq(ending),
            write.addr.eq(write_at),
            write.data.byte.eq(Mux(ending, verdict, value)),
            write.data.end.eq(ending),
            write.en.eq((put | ending) & room),
        ]
        self._unescape(m, escaped, put, value, verdict)
        with m.If(put):
            m.d.sync += [write_at.eq(write_next), count.eq(count + (count != FRAME_BYTES_MIN))]
            with m.If(~room):
                m.d.sync += [write_at.eq(write_at), verdict.eq(ErrorCode.OVERRUN)]
        with m.If(self.line_error):
            m.d.sync += [self.receiving.eq(1), verdict.eq(ErrorCode.LINE)]
        m.d.sync += quiet.eq(self.receiving & ~self.i.valid & (quiet | self.tick))

        complete = Signal()
        m.d.comb += complete.eq((count == FRAME_BYTES_MIN) & ~escaped & (crc.register == CRC_RESIDUE))
        m.d.sync += ending.eq(ends & self.receiving)
        with m.If(ends & self.receiving):
            with m.If(~self.i.valid):
                m.d.sync += [verdict.eq(ErrorCode.TIMEOUT), write_at.eq(frame_at)]
            with m.Elif((verdict == 0) & complete):
                # The end takes the place of the first byte of the CRC.
                m.d.sync += write_at.eq(write_at - 4)
            with m.Else():
                m.d.sync += [verdict.eq(Mux(verdict == 0, ErrorCode.CORRUPT, verdict)), write_at.eq(frame_at)]
        with m.If(ending):
            with m.If(room):
                m.d.sync += [write_at.eq(write_next), frame_at.eq(write_next)]
            with m.Else():
                m.d.sync += write_at.eq(frame_at)
            m.d.sync += [self.receiving.eq(0), verdict.eq(0), count.eq(0), escaped.eq(0)]

    def _unescape(self, m: Module, escaped: Signal, put: Signal, value: Signal, verdict: Signal):
        """Take a byte of a frame; two bytes that stand for one are put as that one."""
        byte = self.i.payload
        with m.If(self.i.valid & (byte != END)):
            m.d.sync += self.receiving.eq(1)
            with m.If(escaped):
                m.d.comb += [put.eq(1), value.eq(Mux(byte == ESC_END, END, ESC))]
                m.d.sync += escaped.eq(0)
                with m.If((byte != ESC_END) & (byte != ESC_ESC) & (verdict == 0)):
                    m.d.sync += verdict.eq(ErrorCode.CORRUPT)
            with m.Else():
                m.d.comb += put.eq(byte != ESC)
                m.d.sync += escaped.eq(byte == ESC)


class FrameTransmitter(wiring.Component):
    """Puts frames on the wire: between two ``END``, escaped, with their CRC.

    Members
    -------
    i : In(stream.Signature(TOKEN))
        Bytes of a frame, then an end, whose own byte does not count.
    o : Out(stream.Signature(8))
    """

    i: In(stream.Signature(TOKEN))
    o: Out(stream.Signature(8))

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = SerialCrc()
        token = self.i.payload
        escaped = Signal()
        index = Signal(2)
        checking = Signal()
        value = Signal(8)
        special = Signal()
        sent = Signal()
        m.d.comb += [
            value.eq(Mux(checking, ~crc.register[:8], token.byte)),
            special.eq((value == END) | (value == ESC)),
            crc.data.eq(token.byte),
            crc.emit.eq(checking),
        ]

        def send():
            """Offer the value or what is escaped for it; it is out once ``sent`` is high."""
            m.d.comb += [
                self.o.payload.eq(Mux(escaped, Mux(value == END, ESC_END, ESC_ESC), Mux(special, ESC, value))),
                sent.eq(self.o.valid & self.o.ready & (escaped | ~special)),
                crc.step.eq(sent),
            ]
            with m.If(self.o.valid & self.o.ready):
                m.d.sync += escaped.eq(special & ~escaped)

        with m.FSM(name="state"):
            with m.State("BEGIN"):
                m.d.comb += [self.o.payload.eq(END), self.o.valid.eq(self.i.valid & ~crc.busy), crc.clear.eq(1)]
                with m.If(self.o.valid & self.o.ready):
                    m.next = "BODY"
            with m.State("BODY"):
                m.d.comb += [self.o.valid.eq(self.i.valid & ~token.end & ~crc.busy), self.i.ready.eq(sent)]
                send()
                with m.If(self.i.valid & token.end & ~crc.busy):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.comb += [self.o.valid.eq(~crc.busy), checking.eq(1)]
                send()
                with m.If(sent):
                    m.d.sync += index.eq(index + 1)
                    with m.If(index == 3):
                        m.next = "END"
            with m.State("END"):
                m.d.comb += [self.o.payload.eq(END), self.o.valid.eq(1), self.i.ready.eq(self.o.ready)]
                with m.If(self.o.ready):
                    m.next = "BEGIN"
        return m
