"""Exact dot products of the oracle against GMP and MPFR, and worked by hand."""

import random
from itertools import permutations

import pytest
from gmpy2 import mpq

from oracle import NX, OF, UF, dot
from oracle_checks import OUTPUTS, PAIRS, block, e4m3, mpfr_round, mpq_blocks, one, random_dot


class TestExact:
    @pytest.mark.parametrize(("fmt_a", "fmt_b"), PAIRS)
    def test_random_dots_match_gmp_and_mpfr(self, fmt_a, fmt_b):
        rng = random.Random(fmt_a + fmt_b)
        for _ in range(25):
            blocks = random_dot(rng, fmt_a, fmt_b)
            total = sum(mpq_blocks(blocks, fmt_a, fmt_b), mpq(0))
            for output in OUTPUTS:
                code, status = dot(blocks, fmt_a=fmt_a, fmt_b=fmt_b, accumulator="exact", output=output)
                assert (code, status) == mpfr_round(total, output)[:2], blocks

    def test_one_times_one(self):
        assert e4m3([one(0)], "exact") == (0x3F800000, 0)

    def test_a_dot_worked_by_hand(self):
        # E4M3: 0x41 = S0 E1000 M001 = 2.25; 0xBC = -1.5; 0x01 = 2^-9; 0x7E = 448.
        # INT8: 0x20 = 0.5; 0xC0 = -1; 0x80 = -2.
        # 2.25·0.5 + -1.5·-1 + 2^-9·-2 + 448·0 = 1.125 + 1.5 - 2^-8 = 2.62109375; scales 2^3·2^-1 = 4: 10.484375.
        # 10.484375 = 1.310546875·2^3; the fraction is 159/512 = 0.0100 1111 1 in binary: 0 10000010 01001111100...
        blocks = [([0x41, 0xBC, 0x01, 0x7E], [0x20, 0xC0, 0x80, 0x00], 130, 126)]
        assert dot(blocks, fmt_a="E4M3", fmt_b="INT8", accumulator="exact") == (0x4127C000, 0)
        # BF16 keeps 0100111|11: up to 0101000. FP16 keeps 0100111110|0: exact, exponent field 15 + 3 = 18.
        assert dot(blocks, fmt_a="E4M3", fmt_b="INT8", accumulator="exact", output="bf16") == (0x4128, NX)
        assert dot(blocks, fmt_a="E4M3", fmt_b="INT8", accumulator="exact", output="fp16") == (0x493E, 0)

    def test_scale_product_may_leave_the_fp32_range_though_the_result_does_not(self):
        # 2^140 · 2^-9 · 2^-9 = 2^122, and 2^-160 · 256 · 256 = 2^-144, the subnormal 2^5 · 2^-149.
        assert e4m3([block([1], [1], 140)], "exact") == ((122 + 127) << 23, 0)
        assert e4m3([block([0x78], [0x78], -160)], "exact") == (1 << 5, 0)

    def test_extreme_scales(self):
        assert e4m3([([1], [1], 0xFE, 0xFE)], "exact") == (0x7F800000, OF | NX)  # 2^254 · 2^-18
        assert e4m3([([0x81], [1], 0, 0)], "exact") == (0x80000000, UF | NX)  # -2^-254 · 2^-18
        assert e4m3([([0x38], [0x38], 0, 0xFE)], "exact") == (0x3F800000, 0)  # 2^-127 · 2^127

    def test_what_is_left_after_total_cancellation_survives_in_any_order(self):
        blocks = [one(200), one(-140), one(200, -1), one(-149)]
        for order in permutations(blocks):
            assert e4m3(order, "exact") == ((1 << 9) + 1, 0)  # 2^-140 + 2^-149

    def test_zero_sums_are_positive(self):
        assert e4m3([block([0xB8, 0x38], [0x38, 0x38])], "exact") == (0, 0)
        assert e4m3([block([0x80], [0x38])], "exact") == (0, 0)  # -0 · 1
        assert e4m3([one(3, -1), one(3)], "exact") == (0, 0)
        assert e4m3([], "exact") == (0, 0)

    def test_short_last_block(self):
        assert e4m3([block([0x38] * 4, [0x38] * 4), block([0x38], [0x38])], "exact") == (0x40A00000, 0)

    def test_unequal_operands_and_unknown_accumulators_are_refused(self):
        with pytest.raises(ValueError, match="zip"):
            e4m3([([0x38], [0x38, 0x38], 127, 127)], "exact")
        with pytest.raises(ValueError, match="must be exact, window or fp32, not 'fp64'"):
            e4m3([], "fp64")
