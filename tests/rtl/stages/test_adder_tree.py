"""The sum of the lanes against Python's integers."""

import random

import pytest
from amaranth.sim import Simulator

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.stages.adder_tree import AdderTree, adder_tree_latency


def product(value, negative_zero=False):
    """A product as the multiplier gives it: one's complement, and whether it is negative."""
    neg = value < 0 or negative_zero
    return value - neg, int(neg)


def beats(lanes, largest, rng):
    """Extremes, each lane alone, negative zeros, cancellation, and random beats."""
    yield [product(largest)] * lanes
    yield [product(-largest)] * lanes
    yield [product(0)] * lanes
    yield [product(0, True)] * lanes
    yield [product(largest if lane % 2 else -largest) for lane in range(lanes)]
    for lane in range(lanes):
        for value in (largest, -largest, 1, -1):
            yield [product(value if lane == other else 0, rng.random() < 0.5) for other in range(lanes)]
    for _ in range(200):
        bits = rng.randrange(1, largest.bit_length() + 1)
        yield [product(rng.randint(-(largest >> bits), largest >> bits), rng.random() < 0.1) for _ in range(lanes)]


@pytest.mark.parametrize("lanes", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(("a", "b"), [("E4M3", "E4M3"), ("E5M2", "E4M3"), ("INT8", "INT8")])
def test_sum_is_exact_for_any_number_of_lanes_and_comes_one_a_clock(a, b, lanes):
    config = MacConfig(a=[ELEMENT_FORMATS[a]], b=[ELEMENT_FORMATS[b]], block=lanes, lanes=lanes)
    dut, latency = AdderTree(config), adder_tree_latency(config)
    assert latency == {1: 0, 2: 1, 3: 2, 5: 3, 8: 3}[lanes]
    largest = config.operand_a.max_integer * config.operand_b.max_integer
    given = list(beats(lanes, largest, random.Random(lanes)))
    width = config.sum_bits(lanes)

    async def testbench(ctx):
        for clock in range(len(given) + latency):
            if clock < len(given):
                for port, (ones, neg) in zip(dut.products, given[clock], strict=True):
                    ctx.set(port, {"ones": ones & ((1 << (config.product_bits + 1)) - 1), "neg": neg})
            if latency:
                _, _, beat = await ctx.tick().sample(dut.beat)
            else:  # a single lane is handed through, without a clock
                await ctx.delay(1e-9)
                beat = ctx.get(dut.beat)
            if clock >= latency:
                total = beat.sum - (beat.sum >> (width - 1) << width)
                wanted = given[clock - latency]
                assert total + beat.carry == sum(ones + neg for ones, neg in wanted), wanted

    simulator = Simulator(dut)
    simulator.add_clock(1e-6, if_exists=True)
    simulator.add_testbench(testbench)
    simulator.run()
