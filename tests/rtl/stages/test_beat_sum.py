"""Sums of beats against ml_dtypes, for every target: lanes, chains and the tree behind them, with their specials."""

from fractions import Fraction
from math import isfinite, isnan

import numpy as np
import pytest
from amaranth.sim import Simulator

import dtypes
from mxmac.config import MacConfig, Target
from mxmac.stages.beat_sum import BeatSum, beat_latency, beat_terms

VALUES = {name: dtypes.element_values(name).tolist() for name in dtypes.ELEMENTS}

#: Formats of a and b, lanes, and beats of a block.
UNITS = [
    ("E4M3", "E4M3", 9, 1),
    ("E5M2", "E5M2", 5, 1),
    ("E5M2", "E4M3", 3, 2),
    ("E2M3", "E3M2", 4, 1),
    ("E2M1", "E2M1", 4, 2),
    ("INT8", "E4M3", 3, 1),
    ("INT8", "INT8", 3, 1),
    ("E4M3,E5M2", "E2M1,INT8", 3, 1),
    ("E4M3", "E4M3", 1, 4),
]


def flags_of(pairs):
    """NaN, 0 times Inf, Inf and -Inf among products."""
    found = [False] * 4
    for x, y in pairs:
        if isnan(x) or isnan(y):
            found[0] = True
        elif isnan(x * y):
            found[1] = True
        elif not isfinite(x * y):
            found[2 if x * y > 0 else 3] = True
    return tuple(map(int, found))


@pytest.mark.parametrize(
    "options",
    [*({"target": target.value} for target in Target), {"target": "ecp5", "multiplier": "dsp"}, {"target": "ecp5", "chain": 2}],
    ids=lambda options: "-".join(map(str, options.values())),
)
@pytest.mark.parametrize(("a", "b", "lanes", "count"), UNITS)
def test_sums_are_exact_and_come_one_a_clock(a, b, lanes, count, options):
    names_a, names_b = a.split(","), b.split(",")
    config = MacConfig(a=names_a, b=names_b, block=lanes * count, lanes=lanes, **options)
    dut, latency, rng = BeatSum(config), beat_latency(config), np.random.default_rng(lanes)
    unit, width = Fraction(2) ** config.product_lsb_exp, config.sum_bits(lanes)
    assert sum(term.products for term in beat_terms(config)) == lanes
    beats = []
    for index in range(40):
        fa, fb = rng.choice(names_a), rng.choice(names_b)
        sides = [rng.integers(len(VALUES[name]), size=lanes).tolist() for name in (fa, fb)]
        if index % 3:  # no more than one lane has a special value
            sides = [
                [code if lane == index % lanes or isfinite(VALUES[name][code]) else 1 for lane, code in enumerate(codes)]
                for name, codes in zip((fa, fb), sides, strict=True)
            ]
        beats.append((names_a.index(fa), names_b.index(fb), *sides))

    async def testbench(ctx):
        for clock in range(len(beats) + latency):
            if clock < len(beats):
                format_a, format_b, codes_a, codes_b = beats[clock]
                ctx.set(dut.a, codes_a)
                ctx.set(dut.b, codes_b)
                for names, port, choice in ((names_a, "format_a", format_a), (names_b, "format_b", format_b)):
                    if len(names) > 1:
                        ctx.set(getattr(dut, port), choice)
            _, _, found, specials = await ctx.tick().sample(dut.beat, dut.specials)
            if clock < latency:
                continue
            format_a, format_b, codes_a, codes_b = beats[clock - latency]
            of_a, of_b = VALUES[names_a[format_a]], VALUES[names_b[format_b]]
            pairs = [(of_a[x], of_b[y]) for x, y in zip(codes_a, codes_b, strict=True)]
            flags = flags_of(pairs)
            assert (specials.nan, specials.invalid, specials.pos_inf, specials.neg_inf) == flags, pairs
            if not any(flags):
                carry = found.carry if "carry" in dut.beat.shape().members else 0
                total = found.sum - (found.sum >> (width - 1) << width) + carry
                assert total * unit == sum(Fraction(x) * Fraction(y) for x, y in pairs), pairs

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
