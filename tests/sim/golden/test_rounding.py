"""Rounding of exact values: every rule and every edge, one number at a time and in arrays."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

import oracle
from mxmac.formats import RESULT_FORMATS
from mxmac_sim.golden.rounding import bit_length, round_array, round_to
from oracle import NX, OF, UF

each_output = pytest.mark.parametrize("output", RESULT_FORMATS.values(), ids=lambda fmt: fmt.name)


def in_array(value, exp, output, *, inexact=False):
    data, status = round_array(np.array([value]), np.array([exp]), output, np.array([inexact]))
    assert data.dtype == np.uint32
    assert status.dtype == np.uint8
    return int(data[0]), int(status[0])


each_rounder = pytest.mark.parametrize("rounder", [round_to, in_array])


def by_oracle(value, exp, output):
    return tuple(oracle.round_to(value * oracle.power(exp), output.name.lower())[:2])


# Other rules for Fraction → int; each must lose to "to nearest, ties to even" somewhere in QUARTERS.
OTHER_RULES = {
    "toward zero": int,
    "down": math.floor,
    "up": math.ceil,
    "away from zero": lambda x: math.ceil(x) if x > 0 else math.floor(x),
    "ties away": lambda x: int(abs(x) + Fraction(1, 2)) * (1 if x > 0 else -1),
    "ties toward zero": lambda x: math.ceil(abs(x) - Fraction(1, 2)) * (1 if x > 0 else -1),
    "ties up": lambda x: math.floor(x + Fraction(1, 2)),
    "ties down": lambda x: math.ceil(x - Fraction(1, 2)),
    "ties to odd": lambda x: round(x) if x.denominator != 2 else round(x - 1) + 1,
    "to odd": lambda x: int(x) if x.denominator == 1 else 2 * math.floor(x / 2) + 1,
}
#: Quarters of a unit in the last place around an even and an odd significand, of either sign.
QUARTERS = [sign * quarters for sign in (1, -1) for quarters in range(8)]


@each_rounder
@each_output
def test_only_to_nearest_ties_to_even_gives_these_results(rounder, output):
    hidden = 1 << output.man_bits
    beaten = set()
    for quarters in QUARTERS:
        exact = Fraction(quarters, 4) + (hidden if quarters >= 0 else -hidden)
        code, status = rounder(int(exact * 4), -2 - output.man_bits, output)
        magnitude = (output.bias << output.man_bits) + abs(round(exact)) - hidden
        assert code == magnitude | (exact < 0) << output.width - 1
        assert status == (NX if quarters % 4 else 0)
        beaten |= {name for name, rule in OTHER_RULES.items() if rule(exact) != round(exact)}
    assert beaten == set(OTHER_RULES)


@each_rounder
@each_output
def test_values_on_and_next_to_every_edge_match_the_oracle(rounder, output):
    p, emin, emax = output.man_bits + 1, output.emin, output.emax
    edges = [(eighths, output.lsb_exp - 3) for eighths in range(20)]  # the smallest subnormals
    for exponent in (emin - 1, emin, 0, emax, emax + 1):  # powers of two, and what is just below
        for width in (p, p + 1, p + 2):
            edges += [((1 << width) - 1 + step, exponent - width) for step in range(-3, 4)]
    for value, exp in edges:
        for signed in (value, -value):
            assert rounder(signed, exp, output) == by_oracle(signed, exp, output), (signed, exp)


@each_rounder
@each_output
def test_tininess_is_found_after_rounding_with_an_unbounded_exponent(rounder, output):
    p, emin = output.man_bits + 1, output.emin
    smallest_normal = 1 << output.man_bits
    # Half a unit of the binade below the smallest normal number: ties up to it. A quarter more below: does not.
    assert rounder((1 << p + 1) - 1, emin - p - 1, output) == (smallest_normal, NX)
    assert rounder((1 << p + 2) - 3, emin - p - 2, output) == (smallest_normal, NX | UF)
    assert rounder(smallest_normal - 1, output.lsb_exp, output) == (smallest_normal - 1, 0)


@each_rounder
@each_output
def test_a_value_that_rounds_to_zero_keeps_its_sign(rounder, output):
    sign = 1 << output.width - 1
    assert rounder(1, output.lsb_exp - 1, output) == (0, NX | UF)  # a tie
    assert rounder(-1, output.lsb_exp - 1, output) == (sign, NX | UF)
    assert rounder(3, output.lsb_exp - 2, output) == (1, NX | UF)
    assert rounder(-1, -600, output) == (sign, NX | UF)


@each_rounder
@each_output
def test_overflow_begins_half_a_unit_above_the_largest_number(rounder, output):
    p, sign = output.man_bits + 1, 1 << output.width - 1
    largest, exp = (1 << p) - 1, output.emax - output.man_bits
    assert rounder(largest, exp, output) == (output.inf_code - 1, 0)
    assert rounder(4 * largest + 1, exp - 2, output) == (output.inf_code - 1, NX)
    assert rounder(2 * largest + 1, exp - 1, output) == (output.inf_code, OF | NX)
    assert rounder(-1, output.emax + 1, output) == (output.inf_code | sign, OF | NX)
    assert rounder(-1, 600, output) == (output.inf_code | sign, OF | NX)


@each_rounder
@each_output
def test_what_was_lost_before_raises_flags_but_changes_no_code(rounder, output):
    assert rounder(0, 5, output, inexact=True) == (0, NX)
    assert rounder(0, 900, output) == (0, 0)
    assert rounder(3, 0, output, inexact=True) == (rounder(3, 0, output)[0], NX)
    assert rounder(3, output.lsb_exp, output, inexact=True) == (3, NX | UF)
    assert rounder(1, 700, output, inexact=True) == (output.inf_code, OF | NX)


@each_output
def test_random_integers_of_any_size_match_the_oracle(output):
    rng = random.Random(output.name)
    for _ in range(1500):
        width = rng.choice([1, 3, output.man_bits + 1, output.man_bits + 2, 60, 62, 300])
        value = rng.choice([1, -1]) * (rng.getrandbits(width) | 1 << width - 1)
        top = rng.choice([output.emin, 0, output.emax]) + rng.randint(-output.man_bits - 3, output.man_bits + 3)
        assert round_to(value, top - width, output) == by_oracle(value, top - width, output)


@each_output
def test_arrays_round_like_single_integers(output):
    rng = np.random.default_rng(3)
    size = 4000
    values = rng.integers(-(1 << 62) + 1, 1 << 62, size) >> rng.integers(0, 64, size)
    exps = rng.integers(-120, 60, size) + rng.choice([output.lsb_exp, 0, output.emax], size)
    values[:40], exps[:40] = np.repeat([(1 << 62) - 1, 1 - (1 << 62)], 20), np.arange(40) % 20 + output.lsb_exp - 70
    inexact = rng.random(size) < 0.5
    got = np.stack(round_array(values, exps, output, inexact), axis=1).tolist()
    rows = zip(values.tolist(), exps.tolist(), inexact.tolist(), strict=True)
    assert got == [list(round_to(value, exp, output, inexact=lost)) for value, exp, lost in rows]


def test_bit_length_is_exact_where_float64_would_round_up():
    values = [0, *(1 << n for n in range(63)), *((1 << n) - 1 for n in range(1, 63)), *((1 << n) + 1 for n in range(62))]
    assert bit_length(np.array(values, np.uint64)).tolist() == [value.bit_length() for value in values]
