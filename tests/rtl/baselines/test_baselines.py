"""The baselines against the oracle's exact numbers, to the last bit."""

import random
from fractions import Fraction

import pytest
from amaranth.sim import Simulator

import oracle
from mxmac.accumulator import accumulator_plan
from mxmac.baselines.float32 import Fp32Adder, Fp32Multiplier
from mxmac.baselines.fp32_lane import Fp32Lane
from mxmac.baselines.fp32_scale import Fp32ScaleDatapath, ScaleByMultiplication
from mxmac.config import Accumulator, MacConfig
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS

QUIET, INF, SIGN = 0x7FC00000, 0x7F800000, 0x80000000
CORNERS = [0, 1, 0x007FFFFF, 0x00800000, 0x3F800000, 0x3F800001, 0x3FFFFFFF, 0x7F7FFFFF, INF, QUIET]


def simulate(dut, steps, collect):
    """Drive one step a clock, from one that sets ports to the next, and collect what is there before each edge."""
    found = []

    async def bench(ctx):
        for step in steps:
            for port, value in step:
                ctx.set(port, value)
            found.append(collect(ctx))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


def code(rng):
    """A binary32 code: mostly numbers of about one size, so that products and sums round every way there is."""
    if rng.random() < 0.15:
        return rng.choice(CORNERS) | rng.choice((0, SIGN))
    exp = rng.randint(110, 145) if rng.random() < 0.7 else rng.randint(0, 254)
    man = rng.getrandbits(23) & rng.choice((0x7FFFFF, 0x7FF000, 0x000FFF, 0))
    return rng.choice((0, SIGN)) | exp << 23 | man


def exact(number):
    return oracle.decode_output(number, "fp32")


def rounded(value, *, negative_zero=False):
    return oracle.round_to(value, "fp32", negative_zero=negative_zero)


def flushed(number):
    """What the multiplier makes of a subnormal number."""
    return number & SIGN if number & INF == 0 else number


def times(a, b):
    """Product as of the multiplier that has no subnormal numbers."""
    x, y = exact(flushed(a)), exact(flushed(b))
    if oracle.is_nan(x) or oracle.is_nan(y) or (oracle.is_inf(x) and y == 0) or (oracle.is_inf(y) and x == 0):
        return QUIET
    sign = (a ^ b) & SIGN
    if oracle.is_inf(x) or oracle.is_inf(y):
        return INF | sign
    result = rounded(x * y)
    return sign if x * y == 0 or result.tiny else result.code


def plus(x, x_neg_zero, y):
    """Sum of an exact number and a binary32 code."""
    other = exact(y)
    if oracle.is_nan(x) or oracle.is_nan(other) or (oracle.is_inf(x) and oracle.is_inf(other) and x != other):
        return QUIET
    if oracle.is_inf(x) or oracle.is_inf(other):
        return INF | (SIGN if (x if oracle.is_inf(x) else other) < 0 else 0)
    return rounded(x + other, negative_zero=x_neg_zero and y == SIGN).code


def test_products_are_rounded_once_and_subnormal_ones_are_zeros():
    rng, dut = random.Random(1), Fp32Multiplier()
    pairs = [(a | s, b) for a in CORNERS for b in CORNERS for s in (0, SIGN)]
    # Around the smallest normal number and the largest, where rounding decides which side a product is on.
    for exp in (-1, 0, 1, 2, 127, 253, 254, 255):
        for _ in range(40):
            first = (exp + 127) // 2 + rng.randint(-20, 20)
            second = exp + 127 - first
            pairs.append(tuple(min(max(each, 1), 254) << 23 | rng.getrandbits(23) for each in (first, second)))
    pairs += [(0x3F7FFFFF, 0x00800000), (0x3F7FFFFF, 0x00800001), (0x3FFFFFFF, 0x7F000000)]
    pairs += [(code(rng), code(rng)) for _ in range(2500)]
    steps = [[(dut.a, a), (dut.b, b)] for a, b in pairs] + [()] * dut.latency
    found = simulate(dut, steps, lambda ctx: ctx.get(dut.o))[dut.latency :]
    expected = [times(a, b) for a, b in pairs]
    assert found == expected
    assert {0, SIGN, INF, QUIET} <= set(expected)


@pytest.mark.parametrize(("width", "round_clocks"), [(24, 0), (48, 4)])
def test_sums_are_rounded_once(width, round_clocks):
    rng = random.Random(width)
    dut = Fp32Adder(width=width, exp_bits=9, exp_min=-253, round_clocks=round_clocks)
    cases = []
    for _ in range(3000):
        y = code(rng)
        exp = min(max((y >> 23 & 0xFF) + 126 + rng.randint(-4, 4), 0), 380) if rng.random() < 0.7 else rng.randint(90, 380)
        sig = rng.choice((1 << width - 1 | rng.getrandbits(width - 1), 1 << width - 1, (1 << width) - 1, 0))
        if rng.random() < 0.2:  # nearly the opposite
            sig, exp = ((y & 0x7FFFFF) | 1 << 23) << width - 24, (y >> 23 & 0xFF) + 126
            sig = min(sig + rng.choice((0, 0, 1)), (1 << width) - 1)
        special = rng.choice((1, 2, 4, 8)) if rng.random() < 0.05 else 0
        cases.append((sig, exp, rng.getrandbits(1), special, y))
    steps = [
        [(dut.sig, sig), (dut.exp, exp), (dut.neg, neg), (dut.specials.as_value(), special), (dut.y, y)]
        for sig, exp, neg, special, y in cases
    ]
    found = simulate(dut, [*steps, *[()] * dut.latency], lambda ctx: ctx.get(dut.o))[dut.latency :]
    value = {1: oracle.NAN, 2: oracle.NAN, 4: oracle.INF, 8: -oracle.INF}
    expected = [
        plus(value.get(special, (-1) ** neg * sig * Fraction(2) ** (exp - 253 - width + 1)), neg and not special, y)
        for sig, exp, neg, special, y in cases
    ]
    assert found == expected
    assert {0, INF, QUIET} <= set(expected)


@pytest.mark.parametrize(("a", "b"), [("E4M3", "E4M3"), ("E5M2", "E2M3"), ("INT8", "E2M1")])
def test_a_lane_in_binary32_rounds_every_sum(a, b):
    rng, dut = random.Random(3), Fp32Lane(MacConfig(a=[ELEMENT_FORMATS[a]], b=[ELEMENT_FORMATS[b]]))
    widths = [ELEMENT_FORMATS[name].width for name in (a, b)]
    # Some dot products have no specials in them, and each takes every turn-th clock.
    pairs = [
        (rng.getrandbits(widths[0]), rng.getrandbits(widths[1]), index // dut.turns % 40 == 0 or rng.random() < 0.01)
        for index in range(240 * dut.turns)
    ]
    steps = [[(dut.a, x), (dut.b, y), (dut.first, first)] for x, y, first in pairs]
    found = simulate(dut, [*steps, *[()] * dut.latency], lambda ctx: ctx.get(dut.o))[dut.latency :]
    sums, expected = {}, []
    for index, (x, y, first) in enumerate(pairs):
        left, right = oracle.decode(x, a), oracle.decode(y, b)
        turn = index % dut.turns
        before = 0 if first else sums[turn]
        invalid = (oracle.is_inf(left) and right == 0) or (oracle.is_inf(right) and left == 0)
        sums[turn] = plus(oracle.NAN if invalid else left * right, False, before)
        expected.append(sums[turn])
    assert found == expected
    assert len(set(expected)) > 500


@pytest.mark.parametrize("lanes", [1, 4, 8])
@pytest.mark.parametrize("name", ["E4M3", "E5M2"])
def test_a_datapath_with_scales_in_binary32(lanes, name):
    fmt = ELEMENT_FORMATS[name]
    config = MacConfig(a=[fmt], b=[fmt], block=8, lanes=lanes, accumulator=Accumulator.FP32)
    rng, dut = random.Random(lanes), Fp32ScaleDatapath(config)
    interval = accumulator_plan(config).block_interval
    beat, steps, expected = dut.i.payload, [], []
    bits = 8 - (name == "E5M2")
    for _ in range(60):
        total, blocks = 0, rng.randint(1, 5)
        for block in range(blocks):
            scale = rng.choice((0, SIGN)) | rng.randint(60, 190) << 23 | rng.getrandbits(23)
            codes = [[rng.getrandbits(bits) if rng.random() < 0.9 else 0 for _ in range(8)] for _ in "ab"]
            if rng.random() < 0.97:
                codes = [[c & 0x7F if c & 0x7F < 0x78 else c & 0x77 for c in side] for side in codes]
                codes = [[c | rng.choice((0, 0x80)) for c in side] for side in codes]
            summed = oracle.block_sum((*codes, 127, 127), name, name)
            value = oracle.NAN if summed.nan or summed.invalid or len(summed.infinities) == 2 else summed.value
            value = next(iter(summed.infinities)) if value == value and summed.infinities else value
            total = plus(exact(times(rounded(value).code, scale)), False, total)
            for index in range(config.beats):
                last = index == config.beats - 1
                part = slice(index * lanes, (index + 1) * lanes)
                steps.append(
                    [
                        (dut.i.valid, 1),
                        (beat.a, codes[0][part]),
                        (beat.b, codes[1][part]),
                        (beat.last, last and block == blocks - 1),
                        (dut.block_first, index == 0),
                        (dut.block_end, last),
                        (dut.scale, scale if index == 0 else rng.getrandbits(32)),
                    ]
                )
            # Blocks of a beat come faster than they are added: every second one waits.
            steps += [[(dut.i.valid, 0), (dut.block_end, 0)]] * (block % 2 * 2 * (interval - config.beats))
        steps += [[(dut.i.valid, 0), (dut.block_end, 0)]] * interval
        expected.append(total)
    idle = [[(dut.i.valid, 0), (dut.block_end, 0)]] * 200
    found = simulate(dut, [*steps, *idle], lambda ctx: ctx.get(dut.o.payload.data) if ctx.get(dut.o.valid) else None)
    assert [result for result in found if result is not None] == expected
    assert len(set(expected)) > 30


def test_a_sum_times_a_scale_is_rounded_twice():
    config, rng = MacConfig(), random.Random(5)
    dut = ScaleByMultiplication(config)
    most = 1 << (config.block_sum_bits - 1)
    cases = [(rng.randint(-most, most - 1) >> rng.randrange(40), code(rng)) for _ in range(1500)]
    steps = [[(dut.sum, total & 2 * most - 1), (dut.scale, scale)] for total, scale in cases] + [()] * dut.latency
    found = simulate(dut, steps, lambda ctx: ctx.get(dut.o))[dut.latency :]
    unit = Fraction(2) ** config.product_lsb_exp
    twice = [times(rounded(total * unit).code, scale) for total, scale in cases]
    assert found == twice
    finite = [(total * unit * exact(scale), result) for (total, scale), result in zip(cases, twice, strict=True)]
    once = [(rounded(value).code, result) for value, result in finite if isinstance(value, Fraction)]
    # The exact product, rounded once, as a scale that is a power of two has it, is often another number.
    assert sum(code != result for code, result in once) > 100


def test_baselines_refuse_what_they_are_not():
    formats = list(ELEMENT_FORMATS.values())[:2]
    with pytest.raises(UserError, match="one format"):
        Fp32Lane.check(MacConfig(a=formats))
    Fp32Lane.check(MacConfig())
    with pytest.raises(UserError, match="choose fp32"):
        Fp32ScaleDatapath.check(MacConfig())
    with pytest.raises(UserError, match="choose fp32"):
        Fp32ScaleDatapath.check(MacConfig(accumulator=Accumulator.FP32, output=RESULT_FORMATS["BF16"]))
    Fp32ScaleDatapath.check(MacConfig(accumulator=Accumulator.FP32))
