"""The design as it is flashed: accelerator, PLL, reset, and the pins of a board."""

from amaranth.build import Platform, Subsignal
from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Module, ResetSignal, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out

from ..gateware.accelerator import Accelerator
from .table import BoardType

__all__ = ["BoardTop", "ResetAfterLock"]

#: Seconds that the reset is held after the PLL has locked. An iCE40 needs 3 µs after its configuration before its block
#: memories can be read.
_RESET_SECONDS = 20e-6


class ResetAfterLock(wiring.Component):
    """Holds a reset until a PLL has been locked for some time, and again whenever it loses its lock.

    Parameters
    ----------
    clocks : int
        How long, after the lock.

    Members
    -------
    clock : In(1)
        What the PLL makes.
    locked : In(1)
        Asynchronous.
    reset : Out(1)
        Begins with the loss of the lock at once, and ends with the clock.
    """

    clock: In(1)
    locked: In(1)
    reset: Out(1, init=1)

    def __init__(self, clocks: int):
        self.clocks = clocks
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.domains.start = ClockDomain(local=True, async_reset=True)
        m.d.comb += ClockSignal("start").eq(self.clock)
        m.submodules.synchronizer = ResetSynchronizer(~self.locked, domain="start")
        waited = Signal(range(self.clocks + 1))
        m.d.start += self.reset.eq(waited != self.clocks)
        with m.If(waited != self.clocks):
            m.d.start += waited.eq(waited + 1)
        return m


class BoardTop(Elaboratable):
    """Accelerator of a board, connected to its pins.

    Parameters
    ----------
    board : BoardType
    baud : int, optional
        Rate of the serial line, if not the one of the board.

    Members
    -------
    accelerator : Accelerator
    clock_hz : int
        Of the unit, to the nearest hertz.

    Raises
    ------
    UserError
        If the clock does not give the rate.
    """

    def __init__(self, board: BoardType, baud: int | None = None):
        self.board = board
        self.pll = board.pll
        self.clock_hz = round(self.pll.output_hz)
        self.accelerator = Accelerator(board.config, self.clock_hz, board.baud if baud is None else baud)

    def elaborate(self, platform: Platform):
        m = Module()
        m.submodules.accelerator = accelerator = self.accelerator
        self._clock(m, platform)
        self._serial(m, platform, accelerator)
        self._leds(m, platform, accelerator)
        return m

    def _clock(self, m: Module, platform: Platform):
        port = platform.request(platform.default_clk, dir="-")
        clock = Signal(name="unit_clock")
        locked = Signal(name="pll_locked")
        if self.board.family == "ice40":
            reference = port.io
        else:
            m.submodules.clock_buffer = buffer = io.Buffer("i", port)
            reference = buffer.i
        m.submodules.pll = self.pll.instance(reference, clock, locked)
        platform.add_clock_constraint(clock, float(self.pll.output_hz))

        m.submodules.start = start = ResetAfterLock(round(_RESET_SECONDS * self.clock_hz))
        m.domains.sync = ClockDomain()
        m.d.comb += [
            start.clock.eq(clock),
            start.locked.eq(locked),
            ClockSignal("sync").eq(clock),
            ResetSignal("sync").eq(start.reset),
        ]

    def _serial(self, m: Module, platform: Platform, accelerator: Accelerator):
        uart = platform.request("uart", 0, dir={"rx": "-", "tx": "-", **_unused(platform)})
        m.submodules.rx_buffer = rx = io.Buffer("i", uart.rx)
        m.submodules.tx_buffer = tx = io.Buffer("o", uart.tx)
        m.d.comb += [accelerator.rx.eq(rx.i), tx.o.eq(accelerator.tx)]

    def _leds(self, m: Module, platform: Platform, accelerator: Accelerator):
        lights: dict[tuple, list] = {}
        for shown, (name, number, *part) in self.board.leds.items():
            lights.setdefault((name, number), []).append((shown, *part))
        for (name, number), parts in lights.items():
            resource = platform.lookup(name, number)
            lines = {line.name: "-" for line in resource.ios} if isinstance(resource.ios[0], Subsignal) else "-"
            led = platform.request(name, number, dir=lines)
            for shown, *part in parts:
                m.submodules[f"{shown}_buffer"] = buffer = io.Buffer("o", getattr(led, part[0]) if part else led)
                m.d.comb += buffer.o.eq(accelerator.leds[shown])


def _unused(platform: Platform) -> dict[str, str]:
    """Lines of the serial port other than the two: nothing drives them."""
    return {part.name: "-" for part in platform.lookup("uart").ios if part.name not in ("rx", "tx")}
