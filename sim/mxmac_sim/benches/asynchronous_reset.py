"""Bench of an asynchronous reset: at once without a clock, however short, and released at a known edge."""

import cocotb
from cocotb.triggers import Timer

from mxmac.config import MacConfig

from ..stimulus.random_dots import random_dot
from .kit.stream_run import StreamRun
from .kit.streams import STALL
from .kit.testbench import PERIOD, Testbench
from .quantizer import QuantizerRun

#: Resets of a normal run.
_RESETS = 24
#: Beats before a reset, and blocks or dot products after it.
_BEATS, _AFTER = 60, 3
#: Rising edges after the end of a reset with streams at rest: two until it is released inside, and one of the unit itself.
_RESTING = 3
#: Longest reset, in nanoseconds; the shortest takes one.
_LONGEST = 3 * PERIOD


@cocotb.test()
async def pulses(dut):
    """Resets of any length at any time: both streams rest at once, until a known edge, and nothing is left of earlier beats."""
    async with Testbench(dut, "pulses") as bench:
        for _ in range(bench.settings.effort.scaled(_RESETS)):
            await _traffic(bench, bench.rng.randint(1, _BEATS))
            await _pulse(bench)
            await _traffic(bench)


async def _traffic(bench: Testbench, clocks: int | None = None):
    """Let something pass and compare it; or break off after some cycles."""
    stall = bench.rng.choice(list(STALL))
    if isinstance(bench.settings.config, MacConfig):
        count = _AFTER if clocks is None else clocks
        dots = [random_dot(bench.config, bench.numpy_rng, blocks=bench.rng.randint(1, 2)) for _ in range(count)]
        await StreamRun(bench, dots, stall=STALL[stall](bench.rng)).run(clocks=clocks)
    else:
        beats = _AFTER * bench.settings.config.beats if clocks is None else clocks
        await QuantizerRun(bench, beats, stall=stall).run(clocks=clocks)


async def _pulse(bench: Testbench):
    """Assert the reset somewhere in a cycle, for some time that need not contain an edge of the clock."""
    rng, ports = bench.rng, bench.ports
    # Edges rise at multiples of the period: neither change of the reset comes at one.
    start = rng.randrange(1, PERIOD)
    length = rng.randrange(1, _LONGEST)
    if (start + length) % PERIOD == 0:
        length += 1
    # In this cycle no agent takes part.
    bench.annotate_nothing()
    await Timer(start, "ns")
    ports.reset(True)
    await Timer(100, "ps")
    _check(bench, False, "at once")
    await Timer(length - 0.1, "ns")
    ports.reset(False)
    await Timer(100, "ps")
    _check(bench, False, "when it ends, before an edge")
    # Until now it may have been high: a beat that was offered before.
    ports.stream("in", ()).valid.value = 0
    for edge in range(1, _RESTING + 1):
        await bench.rising()
        await bench.falling()
        _check(bench, edge == _RESTING, f"after {edge} edges from its end")
    await bench.rising()


def _check(bench: Testbench, ready: bool, when: str):
    """Compare both handshakes with what they must be while the unit is at rest."""
    streams = bench.ports
    names = ("in_ready", "out_valid")
    got = [int(port.value) for port in (streams.stream("in", ()).ready, streams.stream("out", ()).valid)]
    expected = [int(ready), 0]
    bench.check(
        expected,
        got,
        lambda: (
            {"reset": when},
            {name: str(value) for name, value in zip(names, expected, strict=True)},
            {name: str(value) for name, value in zip(names, got, strict=True)},
        ),
    )
