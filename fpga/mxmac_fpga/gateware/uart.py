"""Receiver and transmitter of a UART: 8 data bits, no parity, 1 stop bit."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from mxmac.errors import UserError

__all__ = ["UartReceiver", "UartTransmitter", "bit_clocks"]

#: A start bit has to be told from a glitch, and a bit to be sampled in its middle.
_CLOCKS_MIN = 4
#: Percent. Sender and receiver may differ by about 5 % over the ten bits of a byte, both ends together.
_ERROR_MAX = 2.0


def bit_clocks(clock_hz: int, baud: int) -> int:
    """Cycles of a bit.

    Raises
    ------
    UserError
        If the rate is too high for the clock, or cannot be met within 2 %.
    """
    if not 0 < baud <= clock_hz // _CLOCKS_MIN:
        raise UserError("baud", f"A clock of {clock_hz:,} Hz takes 1 to {clock_hz // _CLOCKS_MIN:,} baud, not {baud:,}")
    clocks = round(clock_hz / baud)
    error = abs(clock_hz / clocks / baud - 1) * 100
    if error > _ERROR_MAX:
        raise UserError(
            "baud",
            f"{clock_hz:,} Hz gives {clock_hz / clocks:,.0f} baud, {error:.1f} % off {baud:,}; "
            f"at most {_ERROR_MAX:.0f} % are accepted",
        )
    return clocks


class UartReceiver(wiring.Component):
    """Bytes from a line that is high at rest.

    Bits are sampled once, in their middle. A start bit that is over by then is taken for a glitch. After a byte without a
    stop bit, the line has to be high before another one may start, so that a line held low gives one error.

    Parameters
    ----------
    clocks : int
        Cycles of a bit, at least 4.

    Members
    -------
    rx : In(1)
        The pin; nothing is assumed of when it changes.
    o : Out(stream.Signature(8, always_ready=True))
        A byte, for one cycle.
    error : Out(1)
        There was no stop bit, for one cycle.
    """

    def __init__(self, clocks: int):
        self.clocks = clocks
        super().__init__(
            {
                "rx": In(1, init=1),
                "o": Out(stream.Signature(8, always_ready=True)),
                "error": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.rx, line, init=1)
        timer = Signal(range(self.clocks))
        index = Signal(range(10))
        receiving = Signal()
        resting = Signal()
        byte = self.o.payload
        m.d.sync += [self.o.valid.eq(0), self.error.eq(0)]
        with m.If(~receiving):
            m.d.sync += [
                timer.eq(self.clocks // 2 - 1),
                index.eq(0),
                receiving.eq(resting & ~line),
                resting.eq(resting | line),
            ]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self.clocks - 1), index.eq(index + 1)]
            with m.If(index == 0):
                m.d.sync += receiving.eq(~line)
            with m.Elif(index != 9):
                m.d.sync += byte.eq(Cat(byte[1:], line))
            with m.Else():
                m.d.sync += [receiving.eq(0), resting.eq(line), self.o.valid.eq(line), self.error.eq(~line)]
        return m


class UartTransmitter(wiring.Component):
    """Bytes to a line that is high at rest.

    Parameters
    ----------
    clocks : int
        Cycles of a bit.

    Members
    -------
    i : In(stream.Signature(8))
        Taken as a byte begins to be sent.
    tx : Out(1)
        The pin, out of a register.
    """

    def __init__(self, clocks: int):
        self.clocks = clocks
        super().__init__({"i": In(stream.Signature(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.clocks))
        left = Signal(range(11))
        bits = Signal(10, init=(1 << 10) - 1)
        m.d.comb += [self.tx.eq(bits[0]), self.i.ready.eq(left == 0)]
        with m.If(left == 0):
            m.d.sync += timer.eq(self.clocks - 1)
            with m.If(self.i.valid):
                m.d.sync += [bits.eq(Cat(0, self.i.payload, 1)), left.eq(10)]
        with m.Else():
            m.d.sync += timer.eq(Mux(timer == 0, self.clocks - 1, timer - 1))
            with m.If(timer == 0):
                m.d.sync += [bits.eq(Cat(bits[1:], 1)), left.eq(left - 1)]
        return m
