"""The few gates that several modules need, where no module's own tests would tell them apart from what is next to them."""

import random

import pytest
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from mxmac.primitives.bits import add_by_choice, add_carry_ahead, exceeds


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


@pytest.mark.parametrize("width", [1, 6, 7, 8, 14, 15, 30])
def test_sums_of_chosen_parts_are_sums_with_every_carry(width):
    rng = random.Random(width)
    x, y, carry = Signal(width), Signal(width), Signal()
    m, sums = Module(), {}
    for bits in (width, width + 1):
        for carried in (0, 1):
            sums[bits, carried] = Signal(bits, name=f"sum{bits}_{carried}")
            value = add_by_choice(m, x, y, carry if carried else None, bits, name=f"chosen{bits}_{carried}")
            m.d.comb += sums[bits, carried].eq(value)
    most = (1 << width) - 1

    async def testbench(ctx):
        for case in range(300):
            # Carries run far where the bits of both differ.
            a = rng.getrandbits(width)
            b = a ^ most ^ (1 << rng.randrange(width)) if case % 2 else rng.getrandbits(width)
            ctx.set(x, a)
            ctx.set(y, b)
            ctx.set(carry, case // 2 % 2)
            await ctx.delay(1e-9)
            for (bits, carried), total in sums.items():
                assert ctx.get(total) == (a + b + carried * (case // 2 % 2)) % (1 << bits)

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("width", [1, 7, 8, 15, 42])
def test_carries_that_are_seen_ahead_are_added_however_far_they_run(width):
    x, carry = Signal(width), Signal()
    m, total = Module(), Signal(width)
    m.d.comb += total.eq(add_carry_ahead(x, carry))

    async def testbench(ctx):
        for ones in range(width + 1):
            for above in (0, 1, 2, 5):
                number = ((1 << ones) - 1 | above << ones + 1) % (1 << width)
                for carried in (0, 1):
                    ctx.set(x, number)
                    ctx.set(carry, carried)
                    await ctx.delay(1e-9)
                    assert ctx.get(total) == (number + carried) % (1 << width)

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()
