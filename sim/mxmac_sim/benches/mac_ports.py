"""Bench of the whole unit where states are rare: full of results, reset at every place, first and last in its latency."""

from collections.abc import Iterator
from itertools import islice

import cocotb

from ..stimulus.dots import Dot
from ..stimulus.latency_dots import latency_dots
from ..stimulus.random_dots import random_dot
from .kit.stream_run import StreamRun
from .kit.testbench import Testbench

#: Cycles in which a credit comes back, and some more.
_SLACK = 8


@cocotb.test()
async def full_of_results(dut):
    """As many dot products are taken in as there is room for results; one more for each that is taken; then at full rate."""
    async with Testbench(dut, "full_of_results") as bench:
        run = await _fill(bench)
        room, since, start = len(run.source.taken), len(run.sink.taken), bench.clock
        run.allowed = len(run.dots)
        await run.run()
        clocks = run.source.taken[-1] - start
        most = (len(run.dots) - room) * bench.settings.parameters["dot_interval"] + _SLACK
        bench.check(
            True,
            clocks <= most,
            lambda: (
                {"dot products": f"{len(run.dots) - room} of one beat, with {room - since} before them"},
                {"cycles": f"{most} or less"},
                {"cycles": f"{clocks}"},
            ),
        )


@cocotb.test()
async def reset_when_full(dut):
    """A reset of a unit full of results: there is as much room after it as before."""
    async with Testbench(dut, "reset_when_full") as bench:
        await _fill(bench)
        await bench.reset(1)
        run = await _fill(bench)
        run.allowed = len(run.dots)
        await run.run()


@cocotb.test()
async def reset_at_every_place(dut):
    """A reset inside a block, between blocks, and after one that ended early, at once and some cycles later."""
    async with Testbench(dut, "reset_at_every_place") as bench:
        config, rng = bench.config, bench.rng
        beats, latency = config.beats, bench.settings.parameters["latency"]
        # Beats of a dot product, and how many of them are taken before the reset.
        places = [(1, 1), (beats, 1), (beats + 1, beats + 1), *((2 * beats, taken) for taken in (beats - 1, beats, beats + 1))]
        for length, taken in sorted(place for place in set(places) if place[1]):
            for wait in (0, rng.randint(1, max(1, beats - 1)), rng.randint(1, latency)):
                blocks = -(-length // beats)
                dot = random_dot(config, bench.numpy_rng, blocks=blocks, last_beats=length - (blocks - 1) * beats)
                await _reset_after(bench, dot, taken, wait)


@cocotb.test()
async def ends_of_the_latency(dut):
    """The stated limits of the latency are reached, but for a largest one that is stated as a bound."""
    async with Testbench(dut, "ends_of_the_latency") as bench:
        parameters = bench.settings.parameters
        latencies: dict[int, str] = {}
        for dot in latency_dots(bench.config, bench.numpy_rng):
            run = StreamRun(bench, [dot], alone=True, addends=False)
            await run.run()
            latencies |= dict.fromkeys(run.latencies, dot.kind)
        limits = {"latency_min": min(latencies)} | ({"latency": max(latencies)} if parameters["latency_reached"] else {})
        for name, reached in limits.items():
            _check_limit(bench, name, reached, latencies[reached])


def _check_limit(bench: Testbench, name: str, reached: int, kind: str):
    stated = bench.settings.parameters[name]
    bench.check(stated, reached, lambda: ({"dot product": kind}, {name: f"{stated} cycles"}, {name: f"{reached} cycles"}))


async def _reset_after(bench: Testbench, dot: Dot, beats: int, wait: int):
    """Reset the unit some cycles after it has taken ``beats`` beats of a dot product, and check that nothing of it is left."""
    run = _Cut(bench, [dot], beats)
    await run.run(until=lambda: len(run.source.taken) == beats)
    for _ in range(wait):
        await bench.step(run.agents())
    await bench.reset(1)
    await StreamRun(bench, [_whole(bench), _whole(bench)]).run()


class _Cut(StreamRun):
    """Dot products that break off after a number of beats."""

    def __init__(self, bench: Testbench, dots: list[Dot], beats: int):
        super().__init__(bench, dots, idle=lambda _waiting: len(self.source.taken) >= beats)


class _Held(StreamRun):
    """Dot products of which only some results are taken: as many as are ``allowed``."""

    def __init__(self, bench: Testbench, dots: list[Dot]):
        self.allowed = 0
        super().__init__(bench, dots, stall=lambda _waiting: len(self.sink.taken) >= self.allowed)


async def _fill(bench: Testbench) -> _Held:
    """Offer dot products of one beat and take hardly a result: check that there is room for exactly as many as stated."""
    parameters = bench.settings.parameters
    room, interval = parameters["results_queued"], max(parameters["dot_interval"], parameters["block_interval"])
    run = _Held(bench, list(islice(_shortest(bench), 2 * room + 4)))
    await run.run(clocks=(room + 2) * interval + parameters["latency"] + _SLACK)
    run.check_taken(room)
    for run.allowed in (1, 2, 5):
        await run.run(clocks=5 * interval + _SLACK)
        run.check_taken(room + run.allowed)
    return run


def _shortest(bench: Testbench) -> Iterator[Dot]:
    while True:
        yield random_dot(bench.config, bench.numpy_rng, blocks=1, last_beats=1)


def _whole(bench: Testbench) -> Dot:
    """Two whole blocks, whose scales lie close together."""
    return random_dot(bench.config, bench.numpy_rng, blocks=2)
