"""What is flashed on every board: a MAC unit that is spoken to through a UART."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from mxmac.config import MacConfig
from mxmac.mac.unit import MacUnit

from ..protocol import Facts, buffer_bytes
from .framing import FrameReceiver, FrameTransmitter
from .sequencer import Sequencer
from .uart import UartReceiver, UartTransmitter, bit_clocks

__all__ = ["LEDS", "Accelerator"]

#: What there is to see; a board with fewer LEDs shows the first ones. Each is on for one tick at least.
LEDS = data.StructLayout(
    {
        "busy": 1,  # a request comes in or is being answered
        "error": 1,  # a request was answered with an error
        "result": 1,  # a result was sent
        "alive": 1,  # blinks
    }
)


class Accelerator(wiring.Component):
    """A MAC unit behind frames, as the protocol describes them.

    Parameters
    ----------
    config : MacConfig
    clock_hz : int
        Of the clock of the ``sync`` domain.
    baud : int
    tick_clocks : int, optional
        A request that stops half-way is dropped after one to two times this number of cycles. By default it is the largest
        power of two within about 70 ms.

    Members
    -------
    rx, tx : In(1), Out(1)
        Pins of the UART, as the board sees them.
    leds : Out(LEDS)
    facts : Facts
        What the board says of itself.

    Raises
    ------
    UserError
        If the clock does not give the rate.
    """

    def __init__(self, config: MacConfig, clock_hz: int, baud: int, *, tick_clocks: int | None = None):
        self.config, self.clock_hz, self.baud = config, clock_hz, baud
        self.bit_clocks = bit_clocks(clock_hz, baud)
        self.tick_clocks = tick_clocks or 1 << max(10, (clock_hz // 15).bit_length() - 1)
        self.facts = Facts(config, buffer=buffer_bytes(config), clock_hz=clock_hz, baud=baud)
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "leds": Out(LEDS)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart_receiver = uart_receiver = UartReceiver(self.bit_clocks)
        m.submodules.frame_receiver = frame_receiver = FrameReceiver(self.facts.buffer)
        m.submodules.sequencer = sequencer = Sequencer(self.config, self.facts.to_bytes())
        m.submodules.frame_transmitter = frame_transmitter = FrameTransmitter()
        m.submodules.uart_transmitter = uart_transmitter = UartTransmitter(self.bit_clocks)
        unit = MacUnit(self.config)
        m.submodules.unit = ResetInserter(sequencer.mac_reset)(unit)

        wiring.connect(m, uart_receiver.o, frame_receiver.i)
        wiring.connect(m, frame_receiver.o, sequencer.i)
        wiring.connect(m, sequencer.beats, unit.i)
        wiring.connect(m, unit.o, sequencer.results)
        wiring.connect(m, sequencer.o, frame_transmitter.i)
        wiring.connect(m, frame_transmitter.o, uart_transmitter.i)

        tick = Signal()
        clocks = Signal(range(self.tick_clocks))
        m.d.sync += [clocks.eq(clocks + 1), tick.eq(clocks == self.tick_clocks - 1)]
        with m.If(clocks == self.tick_clocks - 1):
            m.d.sync += clocks.eq(0)
        m.d.comb += [
            uart_receiver.rx.eq(self.rx),
            self.tx.eq(uart_transmitter.tx),
            frame_receiver.line_error.eq(uart_receiver.error),
            frame_receiver.tick.eq(tick),
            frame_receiver.free.eq(sequencer.free),
            frame_receiver.rewind.eq(sequencer.rewind),
        ]
        self._leds(m, tick, frame_receiver.receiving | sequencer.busy, sequencer.failed, sequencer.delivered)
        return m

    def _leds(self, m: Module, tick, *events):
        for name, event in zip(("busy", "error", "result"), events, strict=True):
            seen = Signal(name=f"{name}_seen")
            led = self.leds[name]
            # On with the event, and off at the second tick after the last one.
            m.d.sync += [seen.eq(event | (seen & ~tick)), led.eq(event | (led & (seen | ~tick)))]
        divider = Signal(3)
        m.d.sync += divider.eq(divider + tick)
        m.d.comb += self.leds.alive.eq(divider[-1])
