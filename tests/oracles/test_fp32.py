"""Dot products of the oracle with an FP32 accumulator against MPFR, and worked by hand."""

import random
from fractions import Fraction

import numpy as np
import pytest
from gmpy2 import mpq

from oracle import NX, OF, UF, dot
from oracle_checks import INFINITY, PAIRS, SIGN, VALUES, block, e4m3, mpfr_round, mpq_blocks, one, random_dot


class TestFp32:
    def test_e2m1_dots_match_numpy_float32_additions(self):
        rng = random.Random(32)
        seen = 0
        for _ in range(150):
            base, span = rng.choice([(-147, 3), (-147, 20), (-30, 3), (0, 30), (116, 2)])
            pool_a, pool_b = rng.choices([range(16), range(8), range(4, 8), range(12, 16)], k=2)
            acc, flags, blocks = np.float32(0), 0, []
            for _ in range(rng.randrange(2, 9)):
                exponent = base + rng.randrange(span)
                a, b = rng.choices(pool_a, k=32), rng.choices(pool_b, k=32)
                blocks.append(block(a, b, exponent))
                lanes = [VALUES["E2M1"][i] * VALUES["E2M1"][j] for i, j in zip(a, b, strict=True)]
                value = np.float32(np.ldexp(sum(lanes), exponent))  # 14 bits of a multiple of 2^-149: exact
                with np.errstate(over="ignore"):
                    total = acc + value
                if np.isinf(total):
                    flags |= 0 if np.isinf(acc) else OF | NX
                elif Fraction(float(acc)) + Fraction(float(value)) != Fraction(float(total)):
                    flags |= NX
                acc = total
            expected = int(acc.view(np.uint32)), flags
            assert dot(blocks, fmt_a="E2M1", fmt_b="E2M1", accumulator="fp32") == expected, blocks
            seen |= flags
        assert seen == OF | NX

    @pytest.mark.parametrize(("fmt_a", "fmt_b"), PAIRS)
    def test_random_dots_match_mpfr_block_by_block(self, fmt_a, fmt_b):
        rng = random.Random(fmt_b + fmt_a)
        for _ in range(25):
            blocks = random_dot(rng, fmt_a, fmt_b)
            acc, code, flags = mpq(0), 0, 0
            for value in mpq_blocks(blocks, fmt_a, fmt_b):
                code, status, _ = mpfr_round(acc + value, "fp32")
                flags |= status
                if status & OF:
                    break
                acc = mpq(float(np.uint32(code).view(np.float32)))
            assert dot(blocks, fmt_a=fmt_a, fmt_b=fmt_b, accumulator="fp32") == (code, flags), blocks
            for output in ("bf16", "fp16"):
                if flags & OF:
                    final = (SIGN[output] if code >> 31 else 0) | INFINITY[output], flags
                else:
                    rounded, status, _ = mpfr_round(acc, output)
                    final = rounded | (SIGN[output] if code >> 31 else 0), flags | status
                assert dot(blocks, fmt_a=fmt_a, fmt_b=fmt_b, accumulator="fp32", output=output) == final, blocks

    def test_rounds_once_per_block(self):
        # 2^24 + 1 is a tie that goes back to 2^24, each time; exact: 2^24 + 2.
        blocks = [one(24), one(0), one(0)]
        assert e4m3(blocks, "fp32") == ((24 + 127) << 23, NX)
        assert e4m3(blocks, "exact") == (((24 + 127) << 23) + 1, 0)
        # In one block there is no rounding in between: 256·256 · 2^8 = 2^24, 1/16·1/16 · 2^8 = 1 (0x78, 0x18).
        assert e4m3([block([0x78, 0x18, 0x18], [0x78, 0x18, 0x18], 8)], "fp32") == (((24 + 127) << 23) + 1, 0)

    def test_depends_on_the_order_of_the_blocks(self):
        assert e4m3([one(0), one(0), one(24)], "fp32") == (((24 + 127) << 23) + 1, 0)
        assert e4m3([one(30), one(0), one(30, -1)], "fp32") == (0, NX)

    def test_an_exactly_zero_sum_is_positive_and_an_underflow_keeps_its_sign(self):
        assert e4m3([one(0, -1), one(0)], "fp32") == (0, 0)
        assert e4m3([one(-151, -1)], "fp32") == (0x80000000, UF | NX)
        assert e4m3([one(-151, -1)], "fp32", output="bf16") == (0x8000, UF | NX)
        assert e4m3([one(-151, -1), block([0], [0])], "fp32") == (0, UF | NX)
        assert e4m3([one(-151, -1), one(-151)], "fp32") == (0, UF | NX)  # -0, then 2^-151 alone

    def test_overflow_sticks_without_more_flags(self):
        assert e4m3([one(128), one(200, -1), one(0)], "fp32") == (0x7F800000, OF | NX)
        assert e4m3([one(128, -1), one(0)], "fp32", output="fp16") == (0xFC00, OF | NX)
        assert e4m3([one(128), one(128, -1)], "exact") == (0, 0)

    def test_narrow_outputs_are_rounded_twice(self):
        # 1 + 2^-8 is a tie of BF16 (8 bits), and FP32 loses the 2^-40 above it: rounded once, up; twice, to even.
        blocks = [one(0), one(-8), one(-40)]
        assert e4m3(blocks, "exact", output="bf16") == (0x3F81, NX)
        assert e4m3(blocks, "fp32", output="bf16") == (0x3F80, NX)
        # 2^16 is no FP16 number, but FP32 holds it and comes back from it.
        assert e4m3([one(16)], "fp32", output="fp16") == (0x7C00, OF | NX)
        assert e4m3([one(16), one(16, -1), one(0)], "fp32", output="fp16") == (0x3C00, 0)

    def test_underflow_of_the_final_rounding_asks_for_inexactness_there(self):
        # 1 + 2^-30 is inexact, minus 1 leaves 0, plus 2^-24 is FP16's smallest subnormal: tiny, exact there, so no UF.
        assert e4m3([one(0), one(-30), one(0, -1), one(-24)], "fp32", output="fp16") == (1, NX)
        assert e4m3([one(-24), one(-25)], "fp32", output="fp16") == (2, UF | NX)  # 1.5 steps: to even, 2
