"""Bench of the whole unit, which knows of it what the port contract says."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import cocotb

from mxmac.config import Accumulator

from .directed_dots import directed_dots
from .dots import Dot, beat_fields, beats_of, expected_results
from .random_dots import random_dot
from .report import shown_result
from .streams import IDLE, STALL
from .testbench import Agent, Testbench

#: Beats of a normal run with one way of pausing.
_BEATS = 3000
#: Times that a unit is reset at work.
_RESETS = 8


@cocotb.test()
@cocotb.parametrize(idle=list(IDLE), stall=list(STALL))
async def dot_products(dut, idle, stall):
    """Directed and random dot products, back to back but for the pauses of either side."""
    async with Testbench(dut, f"dot_products, idle {idle}, stall {stall}") as bench:
        budget = bench.settings.effort.scaled(_BEATS)
        dots = directed_dots(bench.config, bench.numpy_rng)
        bench.rng.shuffle(dots)
        if (idle, stall) != ("none", "none"):
            # All of them are tried once, without a pause.
            dots = list(_within(budget // 2, dots, bench))
        dots += _within(budget // 2, _random(bench), bench)
        bench.rng.shuffle(dots)
        await _Unit(bench, dots, idle=idle, stall=stall).run()


@cocotb.test()
async def one_beat_a_clock(dut):
    """The rate that the manifest states, across blocks and dot products."""
    async with Testbench(dut, "one_beat_a_clock") as bench:
        config, budget = bench.config, bench.settings.effort.scaled(_BEATS) // 4
        for blocks in ((1,), (1, 2, 3), (8,)):
            if config.accumulator is Accumulator.EXACT and 1 in blocks:
                continue  # short dot products may have to wait for each other
            unit = _Unit(bench, list(_within(budget, _random(bench, blocks=blocks), bench)))
            await unit.run()
            count = sum(len(dot.a) for dot in unit.dots)
            unit.check_clocks((count - 1) * config.block_interval + config.beats - 1)
        if config.accumulator is Accumulator.WINDOW:
            unit = _Unit(bench, list(_within(budget, _random(bench, blocks=(1,), last_beats=1), bench)))
            await unit.run()
            unit.check_clocks((len(unit.dots) - 1) * (config.beats if config.takes_whole_blocks else 1))


@cocotb.test()
async def alone(dut):
    """Dot products that nothing comes before or after: their latency is in its limits whatever they are."""
    async with Testbench(dut, "alone") as bench:
        for dot in _within(bench.settings.effort.scaled(_BEATS) // 8, _random(bench), bench):
            await _Unit(bench, [dot], alone=True).run()


@cocotb.test()
async def reset_at_work(dut):
    """A reset in the middle of blocks, with results under way and waiting: nothing is left of what came before."""
    async with Testbench(dut, "reset_at_work") as bench:
        budget = bench.settings.effort.scaled(_BEATS) // (2 * _RESETS)
        for stall in itertools.islice(itertools.cycle(STALL), _RESETS):
            unit = _Unit(bench, list(_within(budget, _random(bench), bench)), stall=stall)
            await unit.run(clocks=bench.rng.randint(1, budget))
            await bench.reset(1)
            await _Unit(bench, list(_within(budget, _random(bench), bench)), stall=stall).run()


def _random(bench: Testbench, *, blocks: Sequence[int] | None = None, last_beats: int | None = None) -> Iterator[Dot]:
    while True:
        count = bench.rng.choice(blocks) if blocks else None
        yield random_dot(bench.config, bench.numpy_rng, blocks=count, last_beats=last_beats)


def _within(budget: int, dots: Iterable[Dot], bench: Testbench) -> Iterator[Dot]:
    """Dot products until they have taken so many beats."""
    for dot in dots:
        yield dot
        budget -= dot.beats(bench.config)
        if budget <= 0:
            return


class _Unit:
    """Some dot products, on their way through the unit.

    Parameters
    ----------
    bench : Testbench
    dots : list of Dot
    idle, stall : str
        How the two sides pause.
    alone : bool
        Whether there is just one dot product, for which nothing has to wait.
    """

    def __init__(self, bench: Testbench, dots: list[Dot], *, idle: str = "none", stall: str = "none", alone: bool = False):
        self.bench, self.dots = bench, dots
        self._expected = expected_results(dots, bench.config)
        self._last_beats = list(itertools.accumulate((dot.beats(bench.config) for dot in dots), initial=-1))[1:]
        self._source = bench.source("in", beat_fields(bench.config), idle=IDLE[idle](bench.rng))
        for dot in dots:
            self._source.queue(beats_of(dot, bench.config, bench.numpy_rng))
        self._sink = bench.sink("out", ("data", "status"), self._on_result, stall=STALL[stall](bench.rng))
        least, most = (bench.settings.parameters[name] for name in ("latency_min", "latency"))
        # A result waits for the one before it, if that is not taken at once.
        self._latency = range(least, most + 1 if alone or (least == most and stall == "none") else 1 << 62)

    async def run(self, *, clocks: int | None = None):
        """Let all of them pass, and a while longer; or only some clocks."""
        bench, total = self.bench, len(self._source) + len(self.dots)
        agents: list[Agent] = [self._source, self._sink]
        start = bench.clock

        def done() -> int:
            return len(self._source.taken) + len(self._sink.taken)

        await bench.run(
            agents,
            lambda: done() == total or (clocks is not None and bench.clock - start == clocks),
            progress=lambda: done() / total,
            patience=1000 + 4 * self._latency.start,
        )
        if clocks is None:
            for _ in range(bench.settings.parameters["latency"] + 4):
                await bench.step(agents)
        beats = len(self._source.taken)
        bench.report.beats += beats
        bench.report.macs += beats * bench.config.lanes
        bench.report.dots += len(self._sink.taken)

    def check_clocks(self, most: int):
        """See whether no more clocks lie between the first and the last beat: a queue may take the first blocks sooner."""
        taken = self._source.taken[-1] - self._source.taken[0]
        self.bench.check(
            True,
            len(self._source) - 1 <= taken <= most,
            lambda: (
                {"dot products": f"{len(self.dots)}", "beats": f"{len(self._source)}"},
                {"clocks from the first beat to the last": f"{len(self._source) - 1} to {most}"},
                {"clocks from the first beat to the last": f"{taken}"},
            ),
        )

    def _on_result(self, index: int, result: tuple[int, ...], clock: int):
        bench, output = self.bench, self.bench.config.output
        code, status = result
        if index >= len(self.dots):
            bench.miss({}, {"results": f"{len(self.dots)}"}, {"one more": ""} | shown_result(code, status, output))
            return
        dot, expected = self.dots[index], self._expected[index]

        def operands() -> dict[str, str]:
            return {"dot product": f"{index}"} | dot.operands(bench.config)

        bench.check(
            expected,
            result,
            lambda: (operands(), shown_result(*expected, output), shown_result(code, status, output)),
        )
        last_beat = self._last_beats[index]
        early = last_beat >= len(self._source.taken)
        latency = -1 if early else clock - self._source.taken[last_beat]
        bench.check(
            True,
            latency in self._latency,
            lambda: (
                operands(),
                {"latency": f"{bench.settings.parameters['latency_min']} to {bench.settings.parameters['latency']} clocks"},
                {"latency": "before its last beat" if early else f"{latency} clocks"},
            ),
        )
