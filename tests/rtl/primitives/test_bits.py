"""The few gates that several modules need, where no module's own tests would tell them apart from what is next to them."""

import pytest
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from mxmac.primitives.bits import exceeds


@pytest.mark.parametrize("shape", [signed(1), signed(4), signed(6), unsigned(1), unsigned(4), unsigned(5)], ids=repr)
def test_exceeds_is_a_comparison_with_every_constant_in_reach_and_beyond(shape):
    value = Signal(shape)
    least, most = (-(1 << shape.width - 1), (1 << shape.width - 1) - 1) if shape.signed else (0, (1 << shape.width) - 1)
    limits = range(least - 3, most + 4)
    m, results = Module(), {limit: Signal(name=f"exceeds{limit}") for limit in limits}
    m.d.comb += [result.eq(exceeds(value, limit)) for limit, result in results.items()]

    async def testbench(ctx):
        for number in range(least, most + 1):
            ctx.set(value, number)
            await ctx.delay(1e-9)
            for limit, result in results.items():
                assert ctx.get(result) == (number > limit), (number, limit)

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()
