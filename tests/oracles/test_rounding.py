"""The oracle rounds as MPFR does, and as worked by hand."""

import random
from fractions import Fraction
from itertools import product

import pytest
from gmpy2 import mpq

import oracle
from oracle import INF, NX, OF, UF
from oracle_checks import INFINITY, NAN, OUTPUTS, SIGN, mpfr_round, two


class TestRounding:
    @pytest.mark.parametrize("output", OUTPUTS)
    def test_random_values_match_mpfr(self, output):
        rng = random.Random(output)
        _, precision, emin, emax, _ = oracle.OUTPUTS[output]
        for _ in range(3000):
            exponent = rng.choice([rng.randint(emin - precision - 3, emin + 3), rng.randint(emin, emax + 2)])
            width = rng.choice([precision, precision + 1, precision + 2, 80])
            value = rng.choice([1, -1]) * rng.randrange(2 ** (width - 1), 2**width) * two(exponent - width + 1)
            assert oracle.round_to(value, output) == mpfr_round(mpq(value), output), value

    @pytest.mark.parametrize("output", OUTPUTS)
    def test_values_on_and_next_to_every_kind_of_edge_match_mpfr(self, output):
        _, precision, emin, emax, _ = oracle.OUTPUTS[output]
        ulp = two(emin - precision + 1)
        edges = [k * ulp / 8 for k in range(40)]  # the smallest subnormals
        edges += [two(emin) + k * ulp / 8 for k in range(-40, 40)]  # subnormal to normal, where tininess is decided
        edges += [two(emax + 1) - two(emax - precision + 1) * k / 8 for k in range(-20, 20)]  # overflow
        for binade in (emin + 1, -1, 0, emax - 1):  # ties below and above a power of two, even and odd
            edges += [two(binade) + k * two(binade - precision - 1) for k in range(-12, 12)]
        edges += [two(-1000), two(1000), two(-300) / 3, two(300) / 3]
        offsets = (0, two(emin - precision - 40), -two(emin - precision - 40), two(-2000), -two(-2000))
        for edge, offset, sign in product(edges, offsets, (1, -1)):
            value = sign * (edge + offset)
            assert oracle.round_to(value, output) == mpfr_round(mpq(value), output), value

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (1 + two(-24), 0x3F800000),  # tie, even below: not ties-away, not RUP
            (1 + 3 * two(-24), 0x3F800002),  # tie, even above: not RTZ, not RDN
            (1 + two(-24) + two(-200), 0x3F800001),  # a sticky bit far below
            (-1 - two(-24), 0xBF800000),  # not RDN
            (-1 - 3 * two(-24), 0xBF800002),  # not RUP
            (2 - two(-24), 0x40000000),  # carries into the next binade
            (two(-149) * Fraction(3, 2), 0x00000002),  # ties among subnormals
            (two(-149) * Fraction(5, 2), 0x00000002),
            (two(-149) * Fraction(1, 3), 0x00000000),
            (-two(-149) / 2, 0x80000000),  # keeps its sign
            (two(-149) / 2 + two(-300), 0x00000001),
        ],
    )
    def test_nearest_even_and_nothing_else(self, value, code):
        assert oracle.round_to(value, "fp32").code == code

    def test_tininess_is_found_after_rounding(self):
        # Below 2^-126 an unbounded exponent has steps of 2^-150, FP32's subnormals have steps of 2^-149.
        # 2^-126 - 2^-151 is half such a step below: ties to even give 2^-126 both ways. Tiny before, not after.
        assert oracle.round_to(two(-126) - two(-151), "fp32") == (0x00800000, NX, False)
        # 2^-126 - 2^-150 stands as it is in the unbounded range, so it is tiny; in FP32 it is a tie, to 2^-126.
        assert oracle.round_to(two(-126) - two(-150), "fp32") == (0x00800000, UF | NX, True)
        # 2^-126 - 2^-149 is the largest subnormal: tiny but exact.
        assert oracle.round_to(two(-126) - two(-149), "fp32") == (0x007FFFFF, 0, True)

    def test_overflow_starts_half_a_step_above_the_largest_number(self):
        # The largest FP32 is 2^128 - 2^104, the next would be 2^128: a tie between them goes to the even 2^128.
        assert oracle.round_to(two(128) - two(103) - two(-9), "fp32") == (0x7F7FFFFF, NX, False)
        assert oracle.round_to(two(128) - two(103), "fp32") == (0x7F800000, OF | NX, False)
        assert oracle.round_to(-two(128), "fp32") == (0xFF800000, OF | NX, False)

    @pytest.mark.parametrize("output", OUTPUTS)
    def test_zeros_infinities_and_nan_pass_without_flags(self, output):
        assert oracle.round_to(Fraction(0), output) == (0, 0, False)
        assert oracle.round_to(Fraction(0), output, negative_zero=True) == (SIGN[output], 0, False)
        assert oracle.round_to(INF, output) == (INFINITY[output], 0, False)
        assert oracle.round_to(-INF, output) == (SIGN[output] | INFINITY[output], 0, False)
        assert oracle.round_to(oracle.NAN, output) == (NAN[output], 0, False)
