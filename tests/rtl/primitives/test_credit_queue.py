"""Queue with credits: every number of places, in both kinds of storage."""

import random
from collections import deque

import pytest
from amaranth.sim import Simulator

from mxmac.config import Storage
from mxmac.primitives.credit_queue import CreditQueue, queue_depth


@pytest.mark.parametrize("asked", [1, 2, 3, 5, 6, 9, 12, 33, 38])
def test_depth_is_a_power_of_two_and_one_in_lutram_and_as_asked_in_registers(asked):
    lutram, registers = (queue_depth(asked, storage) for storage in (Storage.LUTRAM, Storage.REGISTERS))
    assert registers == max(3, asked) <= lutram
    assert (lutram - 1) & (lutram - 2) == 0
    assert (lutram - 1) // 2 + 1 < max(3, asked)


@pytest.mark.parametrize("depth", [3, 4, 6, 9, 10])
@pytest.mark.parametrize(
    ("storage", "clocks"),
    [(Storage.LUTRAM, 2), (Storage.LUTRAM, 3), (Storage.REGISTERS, 2)],
    ids=["LUTRAM", "halves", "registers"],
)
def test_entries_come_out_once_and_in_order_however_full_it_is(storage, clocks, depth):
    dut, rng = CreditQueue(shape=16, depth=depth, storage=storage, clocks=clocks), random.Random(depth)
    fullest = 0

    async def bench(ctx):
        nonlocal fullest
        waiting, number = deque(), 0
        for cycle in range(2000):
            # In turn it fills, and empties.
            filling = cycle // 50 % 2 == 0
            valid = len(waiting) < dut.depth and rng.random() < (0.9 if filling else 0.2)
            ready = rng.random() < (0.2 if filling else 0.9)
            ctx.set(dut.i.valid, valid)
            ctx.set(dut.i.payload, number if valid else 0xFFFF)
            ctx.set(dut.o.ready, ready)
            taken = ctx.get(dut.o.valid) and ready
            if ctx.get(dut.o.valid):
                assert ctx.get(dut.o.payload) == waiting[0]
            await ctx.tick()
            if taken:
                waiting.popleft()
            if valid:
                waiting.append(number)
                number += 1
            fullest = max(fullest, len(waiting))
        assert number > 400

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert fullest == dut.depth
