"""What all benches share: a clock, a reset, one loop over time, and a report."""

import sys
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Protocol
from zlib import crc32

import numpy as np
from cocotb.clock import Clock
from cocotb.simtime import get_sim_time
from cocotb.triggers import FallingEdge, RisingEdge

from mxmac.config import MacConfig

from .annotator import Annotator
from .ports import Part, TopPorts, payload_widths
from .report import Miss, Report, Test, progress_file
from .settings import ANNOTATED, Settings, settings_of
from .streams import Pause, Sink, Source, never

__all__ = ["PERIOD", "Agent", "Testbench"]

#: Period of the clock, in nanoseconds.
PERIOD = 10
#: Seconds between two notes of progress.
_PROGRESS_INTERVAL = 0.2
#: Cycles that an aborted run still takes, for the waveform to show them.
_AFTERMATH = 8

#: Reports of the benches of this process, each over all its tests.
_reports: dict[str, Report] = {}


class Agent(Protocol):
    """Something that takes part in every cycle."""

    def drive(self, clock: int):
        """Drive ports, just after the rising edge that starts a cycle."""

    def sample(self, clock: int):
        """Look at ports in the middle of a cycle, when all is settled."""


class _TooManyMissesError(AssertionError):
    pass


def _settings() -> Settings:
    """Return the settings of the bench whose test is running: a test is a coroutine of a module of its bench."""
    frame, settings = sys._getframe(), None
    while settings is None:
        assert frame.f_back is not None, "this is no test of a bench"
        frame = frame.f_back
        settings = settings_of(frame.f_globals["__name__"])
    return settings


class Testbench:
    """One test: an asynchronous context whose end writes the report, and fails if there was a mismatch.

    Inputs change just after rising edges of the clock, and everything is read at its falling edges: that is the same to
    simulators that run a bench before and after the registers of an edge change.

    Parameters
    ----------
    dut : cocotb handle
        Top module, with the bench's own module or those of several benches in it. That of a bench has neither clock nor reset
        if it is combinational.
    test : str
        Name of the test: with it, each draws random numbers of its own from the same seed.

    Members
    -------
    settings : Settings
    dut : cocotb handle or Part
        The bench's own module, by the names of its ports.
    report : Report
    ports : TopPorts
    rng : random.Random
    numpy_rng : numpy.random.Generator
    clock : int
        Number of the current clock, from 0 at the end of the first reset.
    """

    def __init__(self, dut: Any, test: str):
        self.test, self.settings = test, _settings()
        dut = self.dut = Part(dut, self.settings.prefix) if self.settings.prefix else dut
        self.report = _reports.setdefault(self.settings.bench, Report())
        self._misses_before = self.report.misses
        entropy = [self.settings.seed, crc32(f"{self.settings.bench}/{test}".encode())]
        self.numpy_rng = np.random.default_rng(entropy)
        self.rng = Random(int(self.numpy_rng.integers(1 << 62)))
        self.clock = 0
        self._noted = self._started = time.perf_counter()
        self.ports = TopPorts(dut, payload_widths(self.settings.config))
        self._clocked = self.ports.clock is not None
        if self._clocked:
            self._rising, self._falling = RisingEdge(self.ports.clock), FallingEdge(self.ports.clock)
        #: None unless a waveform with annotations is written.
        self.annotator = Annotator(dut, self.settings.config, test) if self.settings.parameters.get(ANNOTATED) else None

    @property
    def config(self) -> MacConfig:
        """The unit's configuration; a bench of something else finds its own in the settings."""
        config = self.settings.config
        assert isinstance(config, MacConfig)
        return config

    async def __aenter__(self) -> "Testbench":
        if self._clocked:
            Clock(self.ports.clock, PERIOD, "ns").start()
            await self.reset()
        return self

    async def __aexit__(self, kind, error, traceback) -> bool:
        if isinstance(error, _TooManyMissesError) and self._clocked:
            for _ in range(_AFTERMATH):
                await self._rising
                self.annotate_nothing()
        self.report.clocks += self.clock
        seconds, misses = time.perf_counter() - self._started, self.report.misses - self._misses_before
        self.report.seconds += seconds
        ended_by = "" if kind is None or kind is _TooManyMissesError else f"{kind.__name__}: {error}"
        self.report.tests.append(Test(self.test, seconds, misses, ended_by))
        self.report.write(self.settings.folder)
        if not ended_by:
            assert not misses, f"{misses} mismatches"
        return False

    async def reset(self, clocks: int = 2):
        """Hold the reset for that many rising edges."""
        self.annotate_nothing()
        self.ports.reset(True)
        for _ in range(clocks):
            await self._rising
        self.ports.reset(False)

    def annotate_nothing(self):
        """Leave signals of annotations without texts until the next cycle with agents: streams are reset, or not checked."""
        if self.annotator is not None:
            self.annotator.clear()

    async def falling(self):
        """Wait for the middle of a cycle."""
        await self._falling

    async def rising(self):
        """Wait for the end of a cycle in which no agent takes part."""
        await self._rising
        self.clock += 1

    async def step(self, agents: Sequence[Agent]):
        """Let one cycle pass."""
        clock = self.clock
        for agent in agents:
            agent.drive(clock)
        if self.annotator is not None:
            await self.annotator.show()
        await self._falling
        for agent in agents:
            agent.sample(clock)
        await self._rising
        self.clock += 1

    async def sleep(self, port: Any):
        """Let cycles pass until a port falls, without a look at any other."""
        started = get_sim_time("ns")
        await FallingEdge(port)
        self.clock += round((get_sim_time("ns") - started) / PERIOD)

    async def run(
        self,
        agents: Sequence[Agent],
        done: Callable[[], bool],
        *,
        progress: Callable[[], float],
        patience: int,
        asleep: Any = None,
    ):
        """Let cycles pass until it is done.

        Parameters
        ----------
        agents : sequence of Agent
        done : callable
        progress : callable
            How much has been done, from 0 to 1.
        patience : int
            Cycles to wait for progress.
        asleep : cocotb handle, optional
            Port that is high while nothing happens at the ports of the agents: they sleep.

        Raises
        ------
        AssertionError
            If there is none for so long.
        """
        before, since = -1.0, self.clock
        while not done():
            await self.step(agents)
            if asleep is not None and int(asleep.value):
                await self.sleep(asleep)
                since = self.clock
            if self.clock & 0xFF == 0:
                now = progress()
                self.note(now)
                if now != before:
                    before, since = now, self.clock
                assert self.clock - since <= patience, f"nothing has happened for {self.clock - since} cycles"

    def check(self, expected: Any, got: Any, describe: Callable[[], tuple[dict[str, str], dict[str, str], dict[str, str]]]):
        """Compare one result with what it should be.

        Parameters
        ----------
        expected, got : object
        describe : callable
            Gives operands, the expected and the actual result in words; called if they differ.
        """
        self.report.checks += 1
        if expected != got:
            self.miss(*describe())

    def miss(self, operands: dict[str, str], expected: dict[str, str], got: dict[str, str]):
        """Count a mismatch.

        Raises
        ------
        AssertionError
            If there are too many to go on.
        """
        self.report.add(Miss(self.test, f"{get_sim_time('ns'):.0f} ns", operands, expected, got))
        if self.report.misses - self._misses_before >= self.settings.stop_after:
            raise _TooManyMissesError(f"{self.report.misses} mismatches, giving up")

    def note(self, done: float):
        """Report the progress of the test, from 0 to 1."""
        now = time.perf_counter()
        if now - self._noted > _PROGRESS_INTERVAL:
            self._noted = now
            file = progress_file(self.settings.folder)
            # A reader never finds half of it.
            whole = file.with_suffix(".whole")
            whole.write_text(f"{self.test} {done:.3f}")
            whole.replace(file)

    def source(self, prefix: str, fields: Sequence[str], *, idle: Pause = never, interval: int = 1) -> Source:
        """Make a source of a stream of the top module."""
        return Source(self.ports.stream(prefix, fields), self.rng, idle=idle, interval=interval)

    def sink(self, prefix: str, fields: Sequence[str], on_item, *, stall: Pause = never) -> Sink:
        """Make a sink of a stream of the top module."""
        return Sink(self.ports.stream(prefix, fields), on_item, stall=stall)
