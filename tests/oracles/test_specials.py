"""NaN, infinities and their flags in the oracle, worked by hand and against the processor."""

import random
from itertools import permutations

import numpy as np
import pytest

from oracle import NV
from oracle_checks import INFINITY, NAN, OUTPUTS, SIGN, VALUES, block, e4m3, e5m2

ZERO, ONE, PINF, MINF, QNAN = 0x00, 0x3C, 0x7C, 0xFC, 0x7E  # E5M2


@pytest.mark.parametrize("accumulator", ["exact", "window", "fp32"])
class TestSpecials:
    @pytest.mark.parametrize(
        ("a", "b", "code", "status"),
        [
            ([QNAN], [ONE], 0x7FC00000, 0),
            ([0x7D], [ONE], 0x7FC00000, 0),  # E5M2 has three NaN codes to each sign, none of them signalling here
            ([0xFF], [ZERO], 0x7FC00000, 0),
            ([QNAN], [PINF], 0x7FC00000, 0),
            ([PINF], [ZERO], 0x7FC00000, NV),
            ([0x80], [MINF], 0x7FC00000, NV),
            ([PINF], [0x01], 0x7F800000, 0),  # Inf times the smallest subnormal
            ([PINF], [MINF], 0xFF800000, 0),
            ([MINF], [MINF], 0x7F800000, 0),
            ([PINF, PINF], [ONE, ONE], 0x7F800000, 0),
            ([PINF, ONE], [ONE, MINF], 0x7FC00000, NV),
            ([PINF, QNAN, MINF], [ONE, ONE, ONE], 0x7FC00000, NV),
            ([QNAN, PINF], [ONE, ZERO], 0x7FC00000, NV),
            ([PINF, QNAN], [ONE, ONE], 0x7FC00000, 0),
        ],
    )
    def test_lanes_of_one_block(self, accumulator, a, b, code, status):
        assert e5m2([block(a, b)], accumulator) == (code, status)
        # Finite blocks around it that overflow or are inexact change nothing, and their flags are dropped.
        finite = block([ONE], [ONE], -200)
        assert e5m2([block([ONE], [ONE], 0), finite, block(a, b), finite], accumulator) == (code, status)

    def test_infinities_of_two_blocks_clash(self, accumulator):
        plus, minus, nan = block([PINF], [ONE]), block([ONE], [MINF], -9), block([QNAN], [ONE])
        assert e5m2([plus, plus], accumulator) == (0x7F800000, 0)
        assert e5m2([minus, plus], accumulator) == (0x7FC00000, NV)
        for order in permutations([plus, nan, minus]):
            assert e5m2(order, accumulator) == (0x7FC00000, NV)

    def test_a_nan_scale_makes_nan_whatever_the_elements(self, accumulator):
        elements = [
            ([ZERO], [ZERO]),
            ([ONE], [ONE]),
            ([PINF], [ZERO]),
            ([PINF, MINF], [ONE, ONE]),
            ([QNAN], [ONE]),
            ([], []),
        ]
        for a, b in elements:
            for scales in ((0xFF, 127), (0, 0xFF), (0xFF, 0xFF)):
                assert e5m2([(a, b, *scales)], accumulator) == (0x7FC00000, 0)
        # Its infinities are no infinities: no clash with those of other blocks.
        assert e5m2([([PINF], [ONE], 0xFF, 127), block([MINF], [ONE])], accumulator) == (0x7FC00000, 0)

    @pytest.mark.parametrize("output", OUTPUTS)
    def test_codes_of_every_output(self, accumulator, output):
        assert e5m2([block([QNAN], [ONE])], accumulator, output=output) == (NAN[output], 0)
        assert e5m2([block([PINF], [ONE])], accumulator, output=output) == (INFINITY[output], 0)
        assert e5m2([block([MINF], [ONE])], accumulator, output=output) == (SIGN[output] | INFINITY[output], 0)

    def test_e4m3_nan_wins_over_zero_and_there_is_no_infinity(self, accumulator):
        for nan in (0x7F, 0xFF):
            assert e4m3([block([nan], [0])], accumulator) == (0x7FC00000, 0)
        assert e4m3([block([0x7C], [0x38])], accumulator) == (0x43C00000, 0)  # E5M2's Inf is E4M3's 384

    def test_overflow_before_an_infinite_element_leaves_no_flags(self, accumulator):
        big = block([ONE], [ONE], 200)
        assert e5m2([big, block([PINF], [ONE])], accumulator) == (0x7F800000, 0)
        assert e5m2([block([MINF], [ONE]), big], accumulator) == (0xFF800000, 0)
        assert e5m2([big, block([QNAN], [ONE])], accumulator) == (0x7FC00000, 0)

    def test_only_an_fp32_accumulator_that_overflowed_clashes_with_an_infinity(self, accumulator):
        big, minus, nan = block([ONE], [ONE], 200), block([MINF], [ONE]), block([QNAN], [ONE])
        clash = (0x7FC00000, NV) if accumulator == "fp32" else (0xFF800000, 0)
        assert e5m2([big, minus], accumulator) == clash
        assert e5m2([minus, big], accumulator) == (0xFF800000, 0)
        assert e5m2([big, nan, minus], accumulator) == (0x7FC00000, 0)

    def test_random_specials_match_the_flags_of_the_processor(self, accumulator):
        rng = random.Random(9)
        pool = [ZERO, 0x80, ONE, 0xBC, 0x3E, ONE, 0xC1, PINF, MINF, QNAN]
        weights = [3, 3, 8, 8, 8, 8, 8, 1, 1, 1]
        seen = set()
        for _ in range(400):
            blocks = [block(*(rng.choices(pool, weights, k=3) for _ in "ab")) for _ in range(rng.randint(1, 3))]
            a, b = (np.array([VALUES["E5M2"][code] for blk in blocks for code in blk[side]]) for side in (0, 1))
            invalid = False
            try:
                with np.errstate(invalid="raise"):
                    products = a * b
            except FloatingPointError:
                invalid = True
                with np.errstate(invalid="ignore"):
                    products = a * b
            try:
                with np.errstate(invalid="raise"):
                    np.add.accumulate(products[~np.isnan(products)])
            except FloatingPointError:
                invalid = True
            with np.errstate(invalid="ignore"):
                total = np.float32(sum(products.tolist()))
            code = 0x7FC00000 if np.isnan(total) else int((total + np.float32(0)).view(np.uint32))
            assert e5m2(blocks, accumulator) == (code, NV if invalid else 0), blocks
            seen.add((code if np.isnan(total) or np.isinf(total) else 0, invalid))
        assert seen == {(0x7FC00000, True), (0x7FC00000, False), (0x7F800000, False), (0xFF800000, False), (0, False)}
