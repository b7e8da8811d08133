"""The sum of the lanes against Python's integers."""

import random

import pytest
from amaranth.hdl import Fragment
from amaranth.sim import Simulator

from mxmac.config import MacConfig, Target
from mxmac.formats import ELEMENT_FORMATS
from mxmac.stages.adder_tree import AdderTree, Term, adder_tree_latency
from mxmac.stages.beat_sum import beat_sum_layout
from mxmac.stages.compressor_tree import CompressorTree, compressor_tree_latency


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
    for _ in range(60):
        bits = rng.randrange(1, largest.bit_length() + 1)
        yield [product(rng.randint(-(largest >> bits), largest >> bits), rng.random() < 0.1) for _ in range(lanes)]


@pytest.mark.parametrize("lanes", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(("a", "b"), [("E4M3", "E4M3"), ("E5M2", "E4M3"), ("INT8", "INT8")])
def test_sum_is_exact_for_any_number_of_lanes_and_comes_one_a_clock(a, b, lanes):
    config = MacConfig(a=[ELEMENT_FORMATS[a]], b=[ELEMENT_FORMATS[b]], block=lanes, lanes=lanes)
    assert adder_tree_latency(lanes) == {1: 0, 2: 1, 3: 2, 5: 3, 8: 3}[lanes]
    largest = config.operand_a.max_integer * config.operand_b.max_integer
    check(config, [Term(1, carry=True)] * lanes, list(beats(lanes, largest, random.Random(lanes))))


def for_standard_cells(a, b, lanes, pipeline=None):
    return MacConfig(a=a.split(","), b=b.split(","), block=lanes, lanes=lanes, target=Target.ASIC, pipeline=pipeline)


#: Numbers of lanes with every remainder of a division by 3, at several levels of a tree.
@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 5, 7, 8, 12])
@pytest.mark.parametrize(("a", "b"), [("E4M3", "E4M3"), ("E5M2", "E5M2"), ("INT8", "INT8"), ("E2M1,E4M3", "INT8,E3M2")])
def test_sum_of_compressors_is_exact_for_any_number_of_lanes(a, b, lanes):
    config = for_standard_cells(a, b, lanes)
    largest = config.operand_a.max_integer * config.operand_b.max_integer
    check_compressors(config, list(beats(lanes, largest, random.Random(lanes))))


@pytest.mark.parametrize(("lanes", "left"), [(4, True), (5, False), (8, False), (16, False), (17, False), (32, False)])
def test_half_adders_make_room_for_the_last_carry_where_a_block_is_one_beat(lanes, left):
    for count, carry in ((1, left), (2, True)):
        config = MacConfig(block=lanes * count, lanes=lanes, target=Target.ASIC)
        assert ("carry" in beat_sum_layout(config).members) == carry


@pytest.mark.parametrize("lanes", [2, 5, 9, 16, 33])
@pytest.mark.parametrize("pipeline", [2, 3])
def test_sum_of_compressors_is_exact_at_any_depth_of_the_pipeline(lanes, pipeline):
    config, rng = for_standard_cells("E4M3", "E5M2", lanes, pipeline), random.Random(lanes)
    largest = config.operand_a.max_integer * config.operand_b.max_integer
    check_compressors(config, rng.sample(list(beats(lanes, largest, rng)), 60))


@pytest.mark.parametrize(("lanes", "latency"), [(1, 1), (2, 2), (8, 3), (32, 3), (1024, 5)])
def test_latency_of_compressors_grows_with_levels_of_gates(lanes, latency):
    assert compressor_tree_latency(for_standard_cells("E4M3", "E4M3", lanes)) == latency


@pytest.mark.parametrize("lanes", [3, 8, 32, 50])
def test_a_compressor_takes_three_rows_and_gives_two(lanes):
    fragment = Fragment.get(CompressorTree(for_standard_cells("E4M3", "E4M3", lanes)), None)
    assert len(fragment.subfragments) == lanes - 2


def check_compressors(config, given):
    run(config, CompressorTree(config), [Term(1, carry=True)] * config.lanes, compressor_tree_latency(config), given)


@pytest.mark.parametrize("carries", ["all", "all but the last", "none"])
@pytest.mark.parametrize("products", [(8, 8), (5, 4, 4), (3, 3, 3, 2), (2,) * 5])
def test_terms_of_several_products_may_come_without_a_carry(products, carries):
    config = MacConfig(block=sum(products), lanes=sum(products))
    count, rng = len(products), random.Random(sum(products))
    with_carry = {"all": count, "all but the last": count - 1, "none": 0}[carries]
    terms = [Term(each, carry=index < with_carry) for index, each in enumerate(products)]
    most = [each * config.operand_a.max_integer * config.operand_b.max_integer for each in products]
    given = [[(sign * limit, 0) for limit in most] for sign in (1, -1)]
    for _ in range(200):
        values = [rng.randint(-limit, limit) for limit in most]
        beat = []
        for term, value, limit in zip(terms, values, most, strict=True):
            neg = int(term.carry and value > -limit and rng.random() < 0.5)
            beat.append((value - neg, neg))
        given.append(beat)
    check(config, terms, given)


@pytest.mark.parametrize("lanes", [2, 3, 8])
def test_magnitudes_are_complemented_in_the_first_adders(lanes):
    config = MacConfig(a="E2M1", b="E2M1", block=lanes, lanes=lanes, target="ecp5")
    largest = config.operand_a.max_integer * config.operand_b.max_integer
    given = list(beats(lanes, largest, random.Random(lanes)))
    check(config, [Term(1, carry=True, magnitude=True)] * lanes, given)


def check(config, terms, given):
    """Give a tree one list of (sum, carry) a cycle, and compare what comes out."""
    dut = AdderTree(config, terms)
    assert dut.sum == Term(config.lanes, all(term.carry for term in terms))
    run(config, dut, terms, adder_tree_latency(len(terms)), given)


def run(config, dut, terms, latency, given):
    width = config.sum_bits(config.lanes)

    async def testbench(ctx):
        for clock in range(len(given) + latency):
            if clock < len(given):
                for index, (term, (ones, neg)) in enumerate(zip(terms, given[clock], strict=True)):
                    ones = ~ones if term.magnitude and neg else ones
                    fields = {"sum": ones & ((1 << config.sum_bits(term.products)) - 1)}
                    ctx.set(getattr(dut, f"term{index}"), fields | ({"carry": neg} if term.carry else {}))
            if latency:
                _, _, beat = await ctx.tick().sample(dut.total)
            else:  # a single lane is handed through, without a clock
                await ctx.delay(1e-9)
                beat = ctx.get(dut.total)
            if clock >= latency:
                total = beat.sum - (beat.sum >> (width - 1) << width)
                wanted = given[clock - latency]
                assert total + (beat.carry if "carry" in dut.total.shape().members else 0) == sum(
                    ones + neg for ones, neg in wanted
                ), wanted

    simulator = Simulator(dut)
    simulator.add_clock(1e-6, if_exists=True)
    simulator.add_testbench(testbench)
    simulator.run()
