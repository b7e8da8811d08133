"""Dot products of the oracle with a window against integers and MPFR, and worked by hand."""

import random

import pytest
from gmpy2 import mpq

from oracle import NX, OF, UF, dot
from oracle_checks import OUTPUTS, PAIRS, SMALLEST, VALUES, block, e4m3, e5m2, mpfr_round, mpq_blocks, one, random_dot


def window_reference(blocks, fmt_a, fmt_b, output, width, guard, lsb):
    """The window in integers: every block value is a multiple of 2^-300."""
    acc, flags = 0, 0
    steps = [int(value * 2**300) for value in mpq_blocks(blocks, fmt_a, fmt_b)]
    for (_, _, scale_a, scale_b), value in zip(blocks, steps, strict=True):
        if lsb is None and value:
            lsb = scale_a + scale_b - 254 - (1 / (SMALLEST[fmt_a] * SMALLEST[fmt_b])).numerator.bit_length() + 1 - guard
        if not value:
            continue
        shift = lsb + 300
        shifted = value >> shift if shift >= 0 else value << -shift
        if shift > 0 and value & ((1 << shift) - 1):
            flags |= NX
        acc += shifted
        if acc >> (width - 1) not in (0, -1):
            acc = (1 << (width - 1)) - 1 if acc > 0 else -(1 << (width - 1))
            flags |= OF | NX
    code, status, tiny = mpfr_round(acc * mpq(2) ** (lsb or 0), output)
    status |= flags
    return code, status | (UF if tiny and status & NX else 0)


class TestWindow:
    @pytest.mark.parametrize(("fmt_a", "fmt_b"), PAIRS)
    def test_random_dots_match_integer_arithmetic(self, fmt_a, fmt_b):
        rng = random.Random(fmt_a * 2 + fmt_b)
        for _ in range(40):
            blocks = random_dot(rng, fmt_a, fmt_b)
            centre = blocks[0][2] + blocks[0][3] - 254
            width, guard = rng.choice([24, 36, 48, 80, 128]), rng.choice([0, 3, 16])
            lsb = rng.choice([None, None, centre + rng.randint(-50, 10)])
            for output in OUTPUTS:
                options = {"output": output, "window": width, "window_guard": guard, "window_lsb": lsb}
                result = dot(blocks, fmt_a=fmt_a, fmt_b=fmt_b, accumulator="window", **options)
                assert result == window_reference(blocks, fmt_a, fmt_b, output, width, guard, lsb), (blocks, options)

    def test_no_nx_means_that_the_result_is_exact(self):
        rng = random.Random(5)
        proofs = 0
        for _ in range(300):
            blocks = random_dot(rng, "E4M3", "E4M3")
            code, status = e4m3(blocks, "window", window=rng.choice([36, 48, 80]))
            if not status & NX:
                assert (code, status) == e4m3(blocks, "exact")
                proofs += 1
        assert 50 < proofs < 300

    def test_a_window_over_the_whole_range_is_exact(self):
        rng = random.Random(6)
        for _ in range(100):
            blocks = random_dot(rng, "E5M2", "E5M2")
            assert e5m2(blocks, "window", window=640, window_lsb=-286) == e5m2(blocks)

    def test_bits_below_the_anchor_are_floored(self):
        # 2^10 anchors L = 10 - 9 - 9 - 16 = -24. ±2^-25 is half a step: 0 or -1 steps. What remains is 0 or -2^-24.
        assert e4m3([one(10), one(-25), one(10, -1)], "window") == (0, NX)
        assert e4m3([one(10), one(-25, -1), one(10, -1)], "window") == (0x80000000 | (127 - 24) << 23, NX)
        assert e4m3([one(10), one(-24, -1), one(10, -1)], "window") == (0x80000000 | (127 - 24) << 23, 0)
        # One more guard bit keeps it.
        assert e4m3([one(10), one(-25), one(10, -1)], "window", window_guard=17) == ((127 - 25) << 23, 0)

    @pytest.mark.parametrize("fmt", SMALLEST)
    def test_anchor_counts_from_the_smallest_subnormals_of_both_formats(self, fmt):
        lsb = 1 - (1 / SMALLEST[fmt]).numerator.bit_length()
        # 1·1 anchors L = lsb - 9 - 5 if the other operand is E4M3. 1 + 2^L - 1 leaves 2^L; half of that is floored.
        unit = VALUES[fmt].index(1.0)
        for exponent, expected in ((lsb - 14, ((127 + lsb - 14) << 23, 0)), (lsb - 15, (0, NX))):
            blocks = [block([unit], [0x38]), block([unit], [0x38], exponent), block([unit], [0xB8])]
            assert dot(blocks, fmt_a=fmt, fmt_b="E4M3", accumulator="window", window_guard=5) == expected
            reverse = [(b, a, scale_a, scale_b) for a, b, scale_a, scale_b in blocks]
            assert dot(reverse, fmt_a="E4M3", fmt_b=fmt, accumulator="window", window_guard=5) == expected

    def test_anchor_includes_both_scales(self):
        # 2^-44: L = -44 - 9 - 9 - 16 = -78.
        blocks = [([0x38], [0x38], 107, 103), one(-78), one(-79), ([0x38], [0xB8], 103, 107)]
        assert e4m3(blocks, "window") == ((127 - 78) << 23, NX)

    def test_zero_blocks_do_not_anchor(self):
        zeros = [block([0], [0], 100), block([0x38, 0xB8], [0x38, 0x38], 100)]
        assert e4m3([*zeros, one(0)], "window", window_guard=0) == (0x3F800000, 0)
        assert e4m3([block([0], [0], -100), one(0)], "window", window=24) == e4m3([one(0)], "window", window=24)
        assert e4m3(zeros, "window") == (0, 0)
        assert e4m3([], "window") == (0, 0)

    def test_the_first_block_anchors_even_if_its_value_is_far_above_its_own_least_significant_bit(self):
        # 448·448 = 200704 has 18 bits before the point, and L = -34 puts 34 behind it: 52 bits and a sign.
        # 200704 = 49·2^12, so that is 49·2^46: a 53-bit window holds it, and a 52-bit one does not.
        assert e4m3([block([0x7E], [0x7E])], "window", window=53) == (0x48440000, 0)
        # The largest number of 52 bits is (2^51 - 1)·2^-34 = 2^17 - 2^-34, which FP32 rounds to 2^17.
        assert e4m3([block([0x7E], [0x7E])], "window", window=52) == ((127 + 17) << 23, OF | NX)
        assert e4m3([block([0xFE], [0x7E])], "window", window=52) == (0x80000000 | (127 + 17) << 23, OF | NX)

    def test_saturation_is_remembered_and_does_not_wrap(self):
        # Window of 20 bits at L = 0: -524288 … 524287. 2^19 saturates to 524287, minus 2^19 leaves -1.
        options = {"window": 20, "window_lsb": 0}
        assert e4m3([one(19), one(19, -1)], "window", **options) == (0xBF800000, OF | NX)
        assert e4m3([one(19, -1)], "window", **options) == (0x80000000 | (127 + 19) << 23, 0)  # -2^19 fits
        assert e4m3([one(18), one(18)], "window", **options) == (0x48FFFFE0, OF | NX)  # 524287 = 1.(18 ones)·2^18
        # The sum of accumulator and block counts, not the block alone: -2^18 + 2^19 = 2^18.
        assert e4m3([one(18, -1), one(19)], "window", **options) == ((127 + 18) << 23, 0)

    def test_underflow_is_judged_on_the_whole_result(self):
        # 2^-140 + 2^-158 above L = -140: 2^-140 is a subnormal that FP32 holds, but it is not the sum.
        assert e4m3([one(-140), one(-158)], "window", window_lsb=-140) == (1 << 9, UF | NX)
        assert e4m3([one(-140)], "window", window_lsb=-140) == (1 << 9, 0)
        assert e4m3([one(-150, -1)], "window", window_lsb=-140) == (0x80000000 | 1 << 9, UF | NX)
        assert e4m3([one(-150)], "window", window_lsb=-140) == (0, NX)  # nothing is left, and nothing is not tiny
        assert e4m3([one(-150)], "window", window_lsb=-160) == (0, UF | NX)
        # Inexact and not tiny; and tiny in FP16 though not in FP32.
        assert e4m3([one(-20), one(-40)], "window", window_lsb=-30) == ((127 - 20) << 23, NX)
        assert e4m3([one(-20), one(-40)], "window", window_lsb=-30, output="fp16") == (1 << 4, UF | NX)
