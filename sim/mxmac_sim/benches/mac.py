"""Bench of the whole unit, which knows of it what the port contract says."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import cocotb

from ..stimulus.directed_dots import directed_dots
from ..stimulus.dots import Dot
from ..stimulus.random_dots import random_dot
from .kit.stream_run import StreamRun
from .kit.streams import IDLE, STALL
from .kit.testbench import Testbench

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
        await StreamRun(bench, dots, idle=IDLE[idle](bench.rng), stall=STALL[stall](bench.rng)).run()


@cocotb.test()
async def one_beat_a_clock(dut):
    """The rate that the manifest states, across blocks and dot products."""
    async with Testbench(dut, "one_beat_a_clock") as bench:
        config, budget = bench.config, bench.settings.effort.scaled(_BEATS) // 4
        rate = bench.settings.parameters
        enough = -(-rate["dot_interval"] // config.beats)
        for blocks in ((1,), (1, 2, 3), (enough,), (max(8, enough),)):
            if min(blocks) * rate["block_interval"] < rate["dot_interval"]:
                continue  # short dot products may have to wait for each other
            unit = StreamRun(bench, list(_within(budget, _random(bench, blocks=blocks), bench)))
            await unit.run()
            count = sum(len(dot.a) for dot in unit.dots)
            waits = (len(unit.dots) - 1) * rate["addend_interval"]
            unit.check_clocks((count - 1) * rate["block_interval"] + config.beats - 1 + waits)
        if not rate["blocks_queued"]:
            unit = StreamRun(bench, list(_within(budget, _random(bench, blocks=(1,), last_beats=1), bench)))
            await unit.run()
            unit.check_clocks((len(unit.dots) - 1) * rate["dot_interval"])


@cocotb.test()
async def alone(dut):
    """Dot products that nothing comes before or after: their latency is always within its limits."""
    async with Testbench(dut, "alone") as bench:
        for dot in _within(bench.settings.effort.scaled(_BEATS) // 8, _random(bench), bench):
            await StreamRun(bench, [dot], alone=True).run()


@cocotb.test()
async def reset_at_work(dut):
    """A reset in the middle of blocks, with results under way and waiting: nothing is left of what came before."""
    async with Testbench(dut, "reset_at_work") as bench:
        budget = bench.settings.effort.scaled(_BEATS) // (2 * _RESETS)
        for stall in itertools.islice(itertools.cycle(STALL), _RESETS):
            pause = STALL[stall](bench.rng)
            unit = StreamRun(bench, list(_within(budget, _random(bench), bench)), stall=pause)
            await unit.run(clocks=bench.rng.randint(1, budget))
            await bench.reset(1)
            await StreamRun(bench, list(_within(budget, _random(bench), bench)), stall=pause).run()


def _random(bench: Testbench, *, blocks: Sequence[int] | None = None, last_beats: int | None = None) -> Iterator[Dot]:
    while True:
        count = bench.rng.choice(blocks) if blocks else None
        yield random_dot(bench.config, bench.numpy_rng, blocks=count, last_beats=last_beats)


def _within(budget: int, dots: Iterable[Dot], bench: Testbench) -> Iterator[Dot]:
    """Dot products until they have taken ``budget`` beats."""
    for dot in dots:
        yield dot
        budget -= dot.beats(bench.config)
        if budget <= 0:
            return
