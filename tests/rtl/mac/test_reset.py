"""Reset as docs/integration.md promises it, cycle by cycle, with the ports alone."""

import pytest
from amaranth.hdl import ClockDomain, Module, ResetSignal, Signal
from amaranth.sim import Simulator

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac.top import MacTop

E2M1 = ELEMENT_FORMATS["E2M1"]
UNITS = {
    "exact, parallel": MacConfig(a=[E2M1], b=[E2M1], block=4, lanes=4),
    "exact, serial": MacConfig(a=[E2M1], b=[E2M1], block=32, lanes=1),
    "window, parallel": MacConfig(a=[E2M1], b=[E2M1], block=4, lanes=4, accumulator=Accumulator.WINDOW),
    "window, serial": MacConfig(a=[E2M1], b=[E2M1], block=32, lanes=1, accumulator=Accumulator.WINDOW),
    "fp32": MacConfig(a=[E2M1], b=[E2M1], block=4, lanes=4, accumulator=Accumulator.FP32),
}


def simulate(config, bench):
    """Run a bench on a unit. It is given a function that drives ports for a cycle and returns ready and valid in it."""
    m, rst = Module(), Signal()
    m.domains.sync = ClockDomain()
    m.d.comb += ResetSignal("sync").eq(rst)
    m.submodules.top = top = MacTop(config)
    simulator = Simulator(m)
    simulator.add_clock(1e-6)

    async def testbench(ctx):
        async def cycle(reset, valid=0, ready=0):
            ctx.set(rst, reset)
            ctx.set(top.in_valid, valid)
            ctx.set(top.in_last, 1)
            ctx.set(top.out_ready, ready)
            seen = ctx.get(top.in_ready), ctx.get(top.out_valid)
            await ctx.tick()
            return seen

        await bench(cycle)

    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("name", UNITS)
def test_ready_and_valid_are_low_from_the_cycle_after_the_first_edge_of_a_reset(name):
    async def bench(cycle):
        await cycle(1)
        # Two dot products, then wait until a result is offered that nobody takes, and the unit would take another beat.
        for index in range(1000):
            seen = await cycle(0, valid=index in (1, 2))
            if seen == (1, 1):
                break
        assert seen == (1, 1)
        # In the first cycle of the reset no edge has been yet, so nothing has changed.
        assert await cycle(1, valid=1, ready=1) == (1, 1)
        for _ in range(5):
            assert await cycle(1, valid=1, ready=1) == (0, 0)
        # The first edge with rst low makes the unit ready.
        assert await cycle(0) == (0, 0)
        # And no result of before the reset comes, nor of the beat that was offered in it.
        for _ in range(150):
            assert await cycle(0, ready=1) == (1, 0)

    simulate(UNITS[name], bench)


@pytest.mark.parametrize("name", UNITS)
def test_a_reset_of_one_cycle_is_enough(name):
    async def bench(cycle):
        await cycle(1)
        for _ in range(100):
            await cycle(0, valid=1)
        await cycle(1, valid=1)
        assert await cycle(0) == (0, 0)
        for _ in range(150):
            assert await cycle(0) == (1, 0)

    simulate(UNITS[name], bench)
