"""Exact matrix products by float64 products: the bound, the split, and the same bits as by the sums of blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden_checks import by_dot, random_tensor
from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_sim import golden
from mxmac_sim.golden.folded import exact_products, fold
from mxmac_sim.golden.rounding import round_floats, round_to
from mxmac_sim.tensors import MxTensor

E4M3, E5M2, INT8 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E5M2", "INT8"))
ONE, EIGHTH = 0x38, 0x20  # in E4M3


def matrix(rows, fmt=E4M3):
    """Rows of blocks of one element, each a code and the exponent of its scale."""
    codes, exponents = np.moveaxis(np.array(rows), -1, 0)
    return MxTensor(codes.astype(np.uint8), (exponents + 127).astype(np.uint8), fmt, 1)


def folded(tensor):
    return fold(tensor.elements.reshape(*tensor.scales.shape, tensor.block), tensor.scales, tensor.format)


def ways(a, b):
    """How each dot product is computed: "product", "split" or "blocks"; each must be computed once."""
    left, right = folded(a), folded(b)
    found = np.full((len(a.elements), len(b.elements)), "", object)
    for rows, columns, totals in exact_products(left, right):
        where = np.ix_(rows, columns)
        assert (found[where] == "").all()
        whole = np.multiply.outer(left.weights[rows], right.weights[columns]) <= 2.0**53
        found[where] = "blocks" if totals is None else np.where(whole, "product", "split")
    assert (found != "").all()
    return found


def check(a, b, output="FP32"):
    """Compare with the sums of blocks, and return the codes and flags."""
    cfg = MacConfig(a=a.format, b=b.format, block=a.block, lanes=1, output=output)
    expected, result = by_dot(a, b, cfg), golden.matmul(a, b, cfg)
    for got, want in zip(result, expected, strict=True):
        np.testing.assert_array_equal(got, want)
    return result


# The bound. Rows are equal, so that the bound by their norms is reached, and the last product is one unit.


@pytest.mark.parametrize(
    ("code", "exponent", "way"),
    [
        (0x3B, 26, "product"),  # (1.375 * 2^26)^2 + 1 is odd, and below 2^53
        (0x3C, 26, "split"),  # (1.5 * 2^26)^2 + 1 is odd, and above
        (0x38, 27, "split"),  # 2^54 + 1
        (0x38, 50, "split"),  # 2^100 + 1
    ],
)
@pytest.mark.parametrize("sign", [0, 0x80])
def test_a_sum_beyond_the_bound_by_a_bit_is_not_left_to_one_product(code, exponent, way, sign):
    a, b = matrix([[(code, exponent), (ONE, 0)]]), matrix([[(code, exponent), (ONE | sign, 0)]])
    assert ways(a, b).item() == way
    for output in RESULT_FORMATS:
        _, status = check(a, b, output)
        assert status.item() & golden.NX


def test_one_unit_decides_a_tie_in_both_parts_of_a_split():
    # The first two products are a tie of FP32, 2^24 + 1 of some unit; the third is 2^-60 of it.
    for small, expected in ((0, 1 << 24), (ONE, (1 << 24) + 2), (ONE | 0x80, 1 << 24)):
        a = matrix([[(ONE, 24), (ONE, 0), (small, -60)]])
        data, status = check(a, matrix([[(ONE, 0)] * 3]))
        assert data.view(np.float32).item() == expected
        assert status.item() == golden.NX
    assert ways(a, matrix([[(ONE, 0)] * 3])).item() == "split"


def test_what_two_products_cannot_hold_is_left_to_the_sums_of_blocks():
    wide = matrix([[(ONE, 100), (ONE, 50), (ONE, 0)]])
    check(wide, wide)
    assert ways(wide, wide).item() == "blocks"


def test_the_wider_of_two_rows_is_split():
    narrow, wide = matrix([[(ONE, 10), (ONE, 0)]]), matrix([[(ONE, 45), (ONE, 0)]])
    for a, b in ((narrow, wide), (wide, narrow)):
        assert ways(a, b).item() == "split"
        check(a, b)


def test_units_are_those_of_the_elements_in_their_scales():
    rows = folded(matrix([[(EIGHTH, 3), (0x30, 4)], [(0, -90), (ONE, 5)], [(0x80, 9), (0, 0)], [(0x7F, 0), (ONE, 0)]]))
    assert rows.units[:3].tolist() == [1, 32, 1]
    assert rows.weights.tolist() == [np.sqrt(65), 1, 1, np.inf]
    nan_scale = MxTensor(np.zeros((1, 2), np.uint8), np.array([[127, 255]], np.uint8), E4M3, 1)
    assert folded(nan_scale).weights.tolist() == [np.inf]


# The same bits as by the sums of blocks.


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(ELEMENT_FORMATS.values())),
    st.sampled_from(list(ELEMENT_FORMATS.values())),
    st.sampled_from(list(RESULT_FORMATS)),
    st.sampled_from([0, 2, 8, 16, 24, 60, 127]),
    st.integers(0, 2**32),
)
def test_any_codes_and_scales_have_the_bits_of_the_sums_of_blocks(fmt_a, fmt_b, output, spread, seed):
    rng = np.random.default_rng(seed)
    a, b = (random_tensor(rng, 6, 12, fmt, 2, spread) for fmt in (fmt_a, fmt_b))
    check(a, b, output)


@pytest.mark.parametrize("end", [0, 254])
@pytest.mark.parametrize("fmt", [E4M3, E5M2, INT8], ids=lambda fmt: fmt.name)
def test_scales_at_the_ends_have_the_bits_of_the_sums_of_blocks(fmt, end):
    rng = np.random.default_rng(end)
    a, b = (random_tensor(rng, 9, 24, fmt, 4, 0) for _ in "ab")
    a.scales[:3], b.scales[:3] = end, end
    a.scales[3:6, ::2], b.scales[5:, 1::2] = 254 - end, end
    for output in RESULT_FORMATS:
        check(a, b, output)


def test_cancellation_leaves_what_the_sums_of_blocks_leave():
    rng = np.random.default_rng(3)
    a, b = (random_tensor(rng, 8, 16, INT8, 4, spread) for spread in (3, 12))
    a.elements[:, 8:], a.scales[:, 2:] = -a.elements[:, :8], a.scales[:, :2]
    b.elements[:, 8:], b.scales[:, 2:] = b.elements[:, :8], b.scales[:, :2]
    assert not check(a, b)[0].any()  # all of it: +0, not -0
    a.elements[:, 5] += 1
    assert check(a, b)[0].all()


def test_products_of_minus_zero_are_plus_zero():
    zeros, negative = matrix([[(0x80, 0), (0x80, 1)]]), matrix([[(ONE, 0), (ONE, 0)]])
    assert check(zeros, negative)[0].item() == 0
    assert check(zeros, zeros)[0].item() == 0


def test_nan_and_infinities_concern_their_rows_alone():
    rng = np.random.default_rng(4)
    a, b = (random_tensor(rng, 20, 32, E5M2, 4, 1) for _ in "ab")
    for tensor in (a, b):
        tensor.elements[:] &= 0xBF  # finite, and below 2 in magnitude
    a.elements[3, 5], a.elements[4, 6], b.elements[7, 5] = 0x7C, 0xFD, 0xFC  # Inf, NaN, -Inf
    b.scales[9, 2] = 255
    found = ways(a, b)
    assert (found[[3, 4]] == "blocks").all()
    assert (found[:, [7, 9]] == "blocks").all()
    assert np.count_nonzero(found == "product") == 18 * 18
    data, _ = check(a, b)
    assert (data[:, 9] == 0x7FC00000).all()
    zeros = MxTensor(np.zeros((2, 32), np.uint8), np.full((2, 8), 127, np.uint8), E5M2, 4)
    check(zeros, b)
    check(b, zeros)


def test_rows_of_any_spread_are_each_computed_in_the_cheapest_way():
    rng = np.random.default_rng(5)
    spreads = np.repeat([0, 2, 12, 40], 5)[:, np.newaxis]
    a, b = (random_tensor(rng, 20, 64, E4M3, 4, 0) for _ in "ab")
    for tensor in (a, b):
        tensor.elements[:] &= 0xBF
        tensor.scales[:] = 127 + rng.integers(-spreads, spreads + 1, tensor.scales.shape)
    found = ways(a, b)
    assert set(found.flat) == {"product", "split", "blocks"}
    assert (found[:10, :10] == "product").all()
    check(a, b)


@pytest.mark.parametrize("totals", [1, 9])
def test_tiles_change_nothing(totals, monkeypatch):
    rng = np.random.default_rng(6)
    a, b = random_tensor(rng, 7, 16, E4M3, 4, 9), random_tensor(rng, 5, 16, INT8, 4, 9)
    expected = check(a, b)
    monkeypatch.setattr(golden.model, "_TOTALS", totals)
    for got, want in zip(check(a, b), expected, strict=True):
        np.testing.assert_array_equal(got, want)


# Rounding.


def values_to_round(output):
    """Values on and beside every edge: ties, subnormals, the smallest normal number and the largest one."""
    unit, steps = 2.0**output.lsb_exp, np.arange(2 << output.man_bits + 1 if output.man_bits < 11 else 64)
    low = (steps / 4)[:, np.newaxis] * unit + np.array([-(2.0**-28), 0, 2.0**-28]) * unit
    largest = float(output.max_value)
    top = largest * (1 + np.array([0, 0.25, 0.5, 0.5 - 2.0**-20, 0.5 + 2.0**-20, 1, 2]) * 2.0**-output.man_bits)
    normal = 2.0**output.emin * (1 - np.array([-8, -1, 0, 0.5, 1, 2, 3, 4, 5, 8]) * 2.0 ** -(output.man_bits + 3))
    rng = np.random.default_rng(output.width)
    random = np.ldexp(rng.integers(1, 1 << 53, 300).astype(float), rng.integers(output.lsb_exp - 60, output.emax - 40, 300))
    values = np.abs(np.concatenate([low.ravel(), top, normal, random, [1e60, 2.0**-290]]))
    return np.concatenate([values, -values])  # with -0


@pytest.mark.parametrize("output", RESULT_FORMATS.values(), ids=lambda fmt: fmt.name)
def test_rounding_floats_is_rounding_integers(output):
    values = values_to_round(output)
    codes, status = round_floats(values, output)
    for value, code, flags in zip(values.tolist(), codes.tolist(), status.tolist(), strict=True):
        numerator, denominator = value.as_integer_ratio()
        assert (code, flags) == round_to(numerator, 1 - denominator.bit_length(), output), value
