"""Products against ml_dtypes: a few hundred pairs of every kind, one a clock. The benches on Verilator try all pairs."""

from fractions import Fraction
from itertools import product
from math import isfinite, isinf, isnan

import numpy as np
import pytest
from amaranth.sim import Simulator

import dtypes
from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS, Format, Specials
from mxmac.stages.layouts import SPECIALS
from mxmac.stages.multiplier import Multiplier, is_tabulated, multiplier_latency

PAIRINGS = [
    ("E4M3", "E4M3"),
    ("E5M2", "E5M2"),
    ("E4M3", "E5M2"),
    ("E5M2", "E4M3"),
    ("E3M2", "E2M3"),
    ("E2M1", "E2M1"),
    ("INT8", "INT8"),
    ("INT8", "E5M2"),
    ("E4M3,E5M2", "E4M3"),
    ("E2M1", "E5M2,INT8"),
    ("E4M3,E5M2", "E3M2,INT8,E2M1"),
]


VALUES = {name: dtypes.element_values(name).tolist() for name in dtypes.ELEMENTS}


def corners(name):
    """A code of each class, with both signs, and the extremes of each class."""
    fmt, count = ELEMENT_FORMATS[name], len(VALUES[name])
    codes = {0, 1, count // 2 - 1, count // 2, count // 2 + 1, count - 1}
    if not fmt.is_integer:
        normal = 1 << fmt.man_bits
        codes |= {normal - 1, normal, fmt.inf_code - 1, fmt.inf_code, fmt.inf_code + 1, fmt.nan_code - 1, fmt.nan_code}
        codes |= {code ^ count // 2 for code in codes}
    return sorted(codes)


def operands(names_a, names_b, random, count):
    """Corners against corners, and random pairs: (format of a, code of a, format of b, code of b)."""
    pairs = []
    for (index_a, a), (index_b, b) in product(enumerate(names_a), enumerate(names_b)):
        pairs += [(index_a, x, index_b, y) for x, y in product(corners(a), corners(b))]
        pairs += [
            (index_a, int(random.integers(len(VALUES[a]))), index_b, int(random.integers(len(VALUES[b]))))
            for _ in range(count // len(names_a) // len(names_b))
        ]
    return [pairs[index] for index in random.permutation(len(pairs))]


def expected(x, y):
    """Exact product or None, and (nan, invalid, pos_inf, neg_inf)."""
    if isnan(x) or isnan(y):
        return None, (1, 0, 0, 0)
    if isfinite(x) and isfinite(y):
        return Fraction(x) * Fraction(y), (0, 0, 0, 0)
    if x == 0 or y == 0:
        return None, (0, 1, 0, 0)
    infinite = x * y
    assert isinf(infinite)
    return None, (0, 0, int(infinite > 0), int(infinite < 0))


@pytest.mark.parametrize(("a", "b"), PAIRINGS)
def test_products_are_exact_and_come_one_a_clock(a, b):
    names_a, names_b = a.split(","), b.split(",")
    config = MacConfig(a=[ELEMENT_FORMATS[x] for x in names_a], b=[ELEMENT_FORMATS[x] for x in names_b], block=1, lanes=1)
    dut, latency = Multiplier(config), multiplier_latency(config)
    unit = Fraction(2) ** config.product_lsb_exp
    pairs = operands(names_a, names_b, np.random.default_rng(5), 300)
    wanted = [expected(VALUES[names_a[i]][x], VALUES[names_b[j]][y]) for i, x, j, y in pairs]

    async def testbench(ctx):
        for clock in range(len(pairs) + latency):
            if clock < len(pairs):
                format_a, code_a, format_b, code_b = pairs[clock]
                ctx.set(dut.a, code_a)
                ctx.set(dut.b, code_b)
                if len(names_a) > 1:
                    ctx.set(dut.format_a, format_a)
                if len(names_b) > 1:
                    ctx.set(dut.format_b, format_b)
            _, _, found, specials = await ctx.tick().sample(dut.product, dut.specials)
            # Sampled before the edge: what came in one edge ago is out now.
            if 1 <= clock <= len(pairs):
                _, flags = wanted[clock - 1]
                assert (specials.nan, specials.invalid, specials.pos_inf, specials.neg_inf) == flags, pairs[clock - 1]
            if clock >= latency:
                value, _ = wanted[clock - latency]
                if value is not None:
                    ones = found.ones - (found.ones >> config.product_bits << (config.product_bits + 1))
                    carry = found.neg if config.products_carry else 0
                    assert (ones + carry) * unit == value, pairs[clock - latency]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize("specials", Specials)
def test_table_is_right_for_formats_with_special_codes(monkeypatch, specials):
    fmt = Format("TINY", 2, 1, specials)
    monkeypatch.setitem(ELEMENT_FORMATS, fmt.name, fmt)
    config = MacConfig(a=[fmt], b="E2M1", block=1, lanes=1)
    dut = Multiplier(config)
    assert is_tabulated(config)
    largest = fmt.max_integer
    cases = {
        0b0001: (1, {}), 0b1010: (-2, {}), 0b0101: (6, {}),
        0b0110: (8, {}) if not fmt.has_inf else (None, {"pos_inf": 1}),
        0b1110: (-8, {}) if not fmt.has_inf else (None, {"neg_inf": 1}),
        0b0111: (12, {}) if not fmt.has_nan else (None, {"nan": 1}),
    }  # fmt: skip
    assert largest in [value for value, _ in cases.values()]

    async def testbench(ctx):
        ctx.set(dut.b, 0b0010)  # 1, of a unit of 1/2
        for code, (value, flags) in cases.items():
            ctx.set(dut.a, code)
            await ctx.tick()
            found, specials = ctx.get(dut.product), ctx.get(dut.specials)
            assert {name: specials[name] for name in SPECIALS.members} == dict.fromkeys(SPECIALS.members, 0) | flags
            if value is not None:
                ones = found.ones - (found.ones >> config.product_bits << (config.product_bits + 1))
                assert ones + found.neg == 2 * value

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


@pytest.mark.parametrize(("a", "b"), [("E2M1", "E2M3"), ("INT8", "E2M1"), ("E2M1,E3M2", "E2M1"), ("E3M2", "E2M1")])
def test_more_bits_make_no_table(a, b):
    assert not is_tabulated(MacConfig(a=a.split(","), b=b))
    assert not is_tabulated(MacConfig(a="E2M1", b="E2M1", multiplier="dsp"))


@pytest.mark.parametrize(
    ("a", "b", "clocks"),
    [("E4M3", "E4M3", 6), ("E5M2", "E5M2", 6), ("INT8", "E2M1", 4), ("INT8", "INT8", 3), ("E2M1", "E2M1", 1)],
)
def test_latency_is_decode_rows_sum_and_two_levels_of_the_shifter_a_clock_or_that_of_integers_or_of_a_table(a, b, clocks):
    config = MacConfig(a=[ELEMENT_FORMATS[a]], b=[ELEMENT_FORMATS[b]], block=1, lanes=1)
    assert multiplier_latency(config) == clocks
