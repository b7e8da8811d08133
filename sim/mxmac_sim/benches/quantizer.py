"""Bench of the quantizer, which knows of it what the port contract says."""

import itertools

import cocotb

from mxmac.quantizer.config import QuantizerConfig

from ..stimulus.quantizer_beats import QuantizerBeats
from .kit.annotations import block_texts, value_texts
from .kit.report import shown_beat
from .kit.streams import IDLE, STALL
from .kit.testbench import Agent, Testbench

__all__ = ["QuantizerRun"]

#: Beats of a normal run with one way of pausing.
_BEATS = 1500
#: Times that a quantizer is reset at work.
_RESETS = 8


@cocotb.test()
@cocotb.parametrize(idle=list(IDLE), stall=list(STALL))
async def blocks(dut, idle, stall):
    """Blocks of all kinds, back to back but for the pauses of either side."""
    async with Testbench(dut, f"blocks, idle {idle}, stall {stall}") as bench:
        await QuantizerRun(bench, bench.settings.effort.scaled(_BEATS), idle=idle, stall=stall).run()


@cocotb.test()
async def one_beat_a_clock(dut):
    """The rate that the manifest states, across blocks."""
    async with Testbench(dut, "one_beat_a_clock") as bench:
        quantizer = QuantizerRun(bench, bench.settings.effort.scaled(_BEATS) // 4)
        await quantizer.run()
        quantizer.check_clocks()


@cocotb.test()
async def alone(dut):
    """Blocks that nothing comes before or after: none waits for another to push it on."""
    async with Testbench(dut, "alone") as bench:
        for _ in range(bench.settings.effort.scaled(20)):
            await QuantizerRun(bench, 1, blocks=1, idle=bench.rng.choice(list(IDLE))).run()


@cocotb.test()
async def reset_at_work(dut):
    """A reset in the middle of blocks, with results under way and waiting: nothing is left of what came before."""
    async with Testbench(dut, "reset_at_work") as bench:
        beats = bench.settings.effort.scaled(_BEATS) // (2 * _RESETS)
        for stall in itertools.islice(itertools.cycle(STALL), _RESETS):
            await QuantizerRun(bench, beats, stall=stall).run(clocks=bench.rng.randint(1, beats))
            await bench.reset(1)
            await QuantizerRun(bench, beats, stall=stall).run()


class QuantizerRun:
    """Some blocks, on their way through the quantizer.

    Parameters
    ----------
    bench : Testbench
    beats : int
        How many, at least.
    blocks : int, optional
        How many blocks, exactly.
    idle, stall : str
        How the two sides pause.
    """

    def __init__(self, bench: Testbench, beats: int, *, blocks: int | None = None, idle: str = "none", stall: str = "none"):
        self.bench = bench
        config = bench.settings.config
        assert isinstance(config, QuantizerConfig)
        self._config = config
        self._latency = bench.settings.parameters["latency"]
        self._stalls = stall != "none"
        self._blocks = QuantizerBeats.random(config, bench.numpy_rng, -(-beats // config.beats), blocks)
        self._results = self._blocks.results()
        self._source = bench.source("in", self._blocks.fields, idle=IDLE[idle](bench.rng))
        self._source.queue(self._blocks.beats(bench.rng))
        self._sink = bench.sink("out", QuantizerBeats.RESULT, self._on_result, stall=STALL[stall](bench.rng))
        if bench.annotator is not None:
            bench.annotator.follow(self._texts)

    async def run(self, *, clocks: int | None = None):
        """Let all of them pass, and a while longer; or only some cycles."""
        bench, total = self.bench, 2 * len(self._source)
        agents: list[Agent] = [self._source, self._sink]
        start = bench.clock

        def done() -> int:
            return len(self._source.taken) + len(self._sink.taken)

        await bench.run(
            agents,
            lambda: done() == total or (clocks is not None and bench.clock - start == clocks),
            progress=lambda: done() / total,
            patience=1000 + 4 * self._latency,
        )
        if clocks is None:
            for _ in range(self._latency + self._config.beats + 4):
                await bench.step(agents)
        bench.report.beats += len(self._source.taken)
        bench.report.vectors += len(self._source.taken) // self._config.beats

    def check_clocks(self):
        """See whether there was a beat in every cycle from the first to the last, on either side."""
        beats = len(self._source)
        clocks = [taken[-1] - taken[0] + 1 for taken in (self._source.taken, self._sink.taken)]
        self.bench.check(
            [beats, beats],
            clocks,
            lambda: (
                {"beats": f"{beats}"},
                {"clocks": f"{beats}"},
                {"cycles in": f"{clocks[0]}", "cycles out": f"{clocks[1]}"},
            ),
        )

    def _on_result(self, index: int, result: tuple[int, ...], clock: int):
        bench, config = self.bench, self._config
        block, beat = divmod(index, config.beats)
        if index >= len(self._results):
            bench.miss({}, {"beats": f"{len(self._results)}"}, shown_beat(config, result))
            return
        expected = self._results[index]

        def operands() -> dict[str, str]:
            return self._blocks.operands(index)

        bench.check(expected, result, lambda: (operands(), shown_beat(config, expected), shown_beat(config, result)))
        last_beat = (block + 1) * config.beats - 1
        early = last_beat >= len(self._source.taken)
        # From here on it can be taken, unless others wait before it.
        latency = -1 if early else clock - beat - self._source.taken[last_beat]
        bench.check(
            True,
            latency >= self._latency if self._stalls else latency == self._latency,
            lambda: (
                operands(),
                {"latency": f"{self._latency} cycles"},
                {"latency": "before the end of its block" if early else f"{latency} cycles"},
            ),
        )

    def _texts(self) -> dict[str, str]:
        """Annotate the beats that are offered on both sides in this cycle."""
        texts: dict[str, str] = {}
        fed, given = len(self._source.taken), len(self._sink.taken)
        if self._source.waiting:
            texts |= value_texts(self._blocks, fed)
        result = self._sink.offered()
        if result is not None and given < len(self._results):
            texts |= block_texts(given, self._results[given], result, self._config)
        return texts
