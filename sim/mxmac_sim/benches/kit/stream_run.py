"""Dot products streamed through the unit, with everything about them checked that the port contract says."""

import itertools
from bisect import bisect_left
from collections.abc import Callable

from ...stimulus.addends import with_addends
from ...stimulus.dots import Dot, beat_fields, beats_of, expected_results
from .annotations import beat_texts, result_texts
from .report import shown_result
from .streams import Pause, never
from .testbench import Agent, Testbench

__all__ = ["StreamRun"]


class StreamRun:
    """Dot products streamed through the unit, each result compared with the golden model.

    Parameters
    ----------
    bench : Testbench
        Its parameters give ``latency_min`` and ``latency`` in cycles.
    dots : list of Dot
    idle, stall : Pause
        How the two sides pause.
    alone : bool
        Whether there is just one dot product, for which nothing has to wait.
    addends : bool
        Whether dot products get addends, if the unit has any; otherwise zeros.

    Members
    -------
    source : Source
    sink : Sink
    expected : list of (int, int)
        Code and status flags of each dot product, by the golden model.
    latencies : list of int
        Of each result so far, in cycles.
    """

    def __init__(
        self,
        bench: Testbench,
        dots: list[Dot],
        *,
        idle: Pause = never,
        stall: Pause = never,
        alone: bool = False,
        addends: bool = True,
    ):
        if addends:
            dots = with_addends(dots, bench.config, bench.numpy_rng)
        self.bench, self.dots = bench, dots
        self.expected = expected_results(dots, bench.config)
        #: Number of the last beat of each dot product.
        self.last_beats = list(itertools.accumulate((dot.beats(bench.config) for dot in dots), initial=-1))[1:]
        self.source = bench.source("in", beat_fields(bench.config), idle=idle)
        for dot in dots:
            self.source.queue(beats_of(dot, bench.config, bench.numpy_rng))
        self.sink = bench.sink("out", ("data", "status"), self.on_result, stall=stall)
        least, most = (bench.settings.parameters[name] for name in ("latency_min", "latency"))
        self.latencies: list[int] = []
        # A result waits for the one before it, if that is not taken at once.
        self._latency = range(least, most + 1 if alone or (least == most and stall is never) else 1 << 62)
        if bench.annotator is not None:
            bench.annotator.follow(self._texts)

    def agents(self) -> list[Agent]:
        """Return who takes part in every cycle, in order."""
        return [self.source, self.sink]

    async def run(self, *, clocks: int | None = None, until: Callable[[], bool] | None = None):
        """Let all of them pass and the pipeline drain; or only ``clocks`` cycles, or ``until`` something is reached."""
        bench, total = self.bench, len(self.source) + len(self.dots)
        agents, start = self.agents(), bench.clock
        beats, results = len(self.source.taken), len(self.sink.taken)
        partly = clocks is not None or until is not None

        def taken() -> int:
            return len(self.source.taken) + len(self.sink.taken)

        def done() -> bool:
            over = clocks is not None and bench.clock - start == clocks
            return over or taken() == total or (until is not None and until())

        patience = 1000 + 4 * self._latency.start + (clocks or 0)
        await bench.run(agents, done, progress=lambda: taken() / total, patience=patience)
        if not partly:
            for _ in range(bench.settings.parameters["latency"] + 4):
                await bench.step(agents)
        beats = len(self.source.taken) - beats
        bench.report.beats += beats
        bench.report.macs += beats * bench.config.lanes
        bench.report.dots += len(self.sink.taken) - results

    def check_taken(self, most: int):
        """Check the number of beats taken so far."""
        taken = len(self.source.taken)
        self.bench.check(
            most,
            taken,
            lambda: (
                {"dot products": f"{len(self.dots)}", "results taken": f"{len(self.sink.taken)}"},
                {"beats taken": f"{most}"},
                {"beats taken": f"{taken}"},
            ),
        )

    def check_clocks(self, most: int):
        """Check that the first beat and the last are not further apart: a queue may take the first blocks sooner."""
        taken = self.source.taken[-1] - self.source.taken[0]
        self.bench.check(
            True,
            len(self.source) - 1 <= taken <= most,
            lambda: (
                {"dot products": f"{len(self.dots)}", "beats": f"{len(self.source)}"},
                {"cycles from the first beat to the last": f"{len(self.source) - 1} to {most}"},
                {"cycles from the first beat to the last": f"{taken}"},
            ),
        )

    def on_result(self, index: int, result: tuple[int, ...], clock: int):
        """Compare a result, offered first in this cycle, with what it should be, and its latency with what is stated."""
        bench, output = self.bench, self.bench.config.output
        code, status = result
        if index >= len(self.dots):
            bench.miss({}, {"results": f"{len(self.dots)}"}, {"one more": ""} | shown_result(code, status, output))
            return
        dot, expected = self.dots[index], self.expected[index]

        def operands() -> dict[str, str]:
            return {"dot product": f"{index}"} | dot.operands(bench.config)

        bench.check(
            expected,
            result,
            lambda: (operands(), shown_result(*expected, output), shown_result(code, status, output)),
        )
        last_beat = self.last_beats[index]
        early = last_beat >= len(self.source.taken)
        latency = -1 if early else clock - self.source.taken[last_beat]
        self.latencies.append(latency)
        bench.check(
            True,
            latency in self._latency,
            lambda: (
                operands(),
                {"latency": f"{bench.settings.parameters['latency_min']} to {bench.settings.parameters['latency']} cycles"},
                {"latency": "before its last beat" if early else f"{latency} cycles"},
            ),
        )

    def _texts(self) -> dict[str, str]:
        """Annotate the beat and the result that are offered in this cycle."""
        texts: dict[str, str] = {}
        config, fed, given = self.bench.config, len(self.source.taken), len(self.sink.taken)
        if self.source.waiting:
            index = bisect_left(self.last_beats, fed)
            first = self.last_beats[index - 1] + 1 if index else 0
            texts |= {"fed_dot": f"{index}"} | beat_texts(self.dots[index], fed - first, config)
        result = self.sink.offered()
        if result is not None and given < len(self.dots):
            texts |= {"result_dot": f"{given}"} | result_texts(self.expected[given], result, config.output)
        return texts
