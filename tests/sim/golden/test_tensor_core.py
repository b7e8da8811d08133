"""Tensor cores as published, against the same rules in rational numbers."""

import math

import numpy as np
import pytest

import oracle
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.tensor_core import tensor_core
from mxmac_sim.tensors import MxTensor

E4M3 = ELEMENT_FORMATS["E4M3"]
_ONE, _MINUS, _ONE_AND_HALF, _MINUS_ONE_AND_HALF = 0x38, 0xB8, 0x3C, 0xBC


def tensor(rows, scales, fmt=E4M3, block=4):
    return MxTensor(np.array(rows, np.uint8), np.array(scales, np.uint8), fmt, block)


def one_dot(a, exponents, fraction_bits, *, b=None, group=32):
    """Dot product of blocks of one element each, those of a scaled by powers of two."""
    a = tensor([a], [[127 + exponent for exponent in exponents]], block=1)
    b = tensor([b or [_ONE] * len(exponents)], [[127] * len(exponents)], block=1)
    return float(tensor_core(fraction_bits, group=group)(a, b)[0, 0])


def by_fractions(a, b, fraction_bits, group):
    """The rules again, for one row each and finite numbers."""

    def elements(row):
        fmt = row.format
        for index, code in enumerate(row.elements[0].tolist()):
            scale = int(row.scales[0, index // row.block]) - 127
            value = oracle.decode(code, fmt.name)
            smallest = 0 if fmt.is_integer else fmt.emin
            exponent = max(oracle.floor_log2(abs(value)) if value else -9999, smallest) + scale
            yield value * oracle.power(scale), exponent if value else -9999

    def exponent_of(value):
        return max(oracle.floor_log2(abs(value)) if value else -9999, -126)

    pairs = [(x * y, ex + ey) for (x, ex), (y, ey) in zip(elements(a), elements(b), strict=True)]
    acc = oracle.Fraction(0)
    for start in range(0, len(pairs), group):
        terms = [*pairs[start : start + group], (acc, exponent_of(acc))]
        unit = oracle.power(max(exponent for _, exponent in terms) - fraction_bits)
        total = sum(math.trunc(value / unit) for value, _ in terms) * unit
        last_place = oracle.power(exponent_of(total) - min(fraction_bits, 23))
        acc = math.trunc(total / last_place) * last_place
    return float(acc)


@pytest.mark.parametrize("fraction_bits", [13, 25])
@pytest.mark.parametrize("group", [1, 5, 32])
@pytest.mark.parametrize("name", ELEMENT_FORMATS)
def test_random_finite_dots_follow_the_published_rules(fraction_bits, group, name):
    fmt = ELEMENT_FORMATS[name]
    rng = np.random.default_rng([fraction_bits, group, *name.encode()])
    codes = [code for code in range(1 << fmt.width) if not isinstance(oracle.decode(code, name), float)]
    a, b = (tensor(rng.choice(codes, (6, 12)), rng.integers(127 - spread, 128 + spread, (6, 3)), fmt) for spread in (4, 60))
    got = tensor_core(fraction_bits, group=group)(a, b)
    for i, j in np.ndindex(6, 6):
        rows = (MxTensor(x.elements[[k]], x.scales[[k]], fmt, 4) for x, k in ((a, i), (b, j)))
        assert float(got[i, j]) == by_fractions(*rows, fraction_bits, group)


def test_bits_below_the_largest_exponent_are_truncated_toward_zero():
    assert one_dot([_ONE, _ONE], [0, -13], 13) == 1 + 2**-13
    assert one_dot([_ONE, _ONE], [0, -14], 13) == 1
    assert one_dot([_ONE, _MINUS], [0, -14], 13) == 1
    assert one_dot([_MINUS, _ONE], [0, -14], 13) == -1
    assert one_dot([_ONE, _ONE], [0, -14], 25) == 1 + 2**-14


def test_a_product_of_two_or_more_is_not_normalised_first():
    halves = {"b": [_ONE_AND_HALF, _ONE_AND_HALF, _ONE]}
    assert one_dot([_ONE_AND_HALF, _MINUS_ONE_AND_HALF, _ONE], [0, 0, -13], 13, **halves) == 2**-13
    assert one_dot([_ONE_AND_HALF, _MINUS_ONE_AND_HALF, _ONE], [0, 0, -14], 13, **halves) == 0


def test_the_accumulator_has_the_fraction_bits_of_fp32_at_most():
    assert one_dot([_ONE, _ONE], [0, -23], 25) == 1 + 2**-23
    assert one_dot([_ONE, _ONE], [0, -24], 25) == 1
    assert one_dot([_ONE, _ONE, _ONE], [0, -24, -24], 25) == 1 + 2**-23  # in one step
    assert one_dot([_ONE, _ONE, _ONE], [0, -24, -24], 25, group=1) == 1


def test_the_result_depends_on_the_order_of_the_elements():
    assert one_dot([_ONE, _MINUS, _ONE], [0, 0, -20], 13, group=2) == 2**-20
    assert one_dot([_ONE, _ONE, _MINUS], [0, -20, 0], 13, group=2) == 0


@pytest.mark.filterwarnings("error")
def test_what_is_no_number_and_what_is_too_large_comes_out():
    assert math.isnan(one_dot([0x7F, _ONE], [0, 0], 13))
    assert one_dot([_ONE], [127], 25, b=[0x7E]) == math.inf
    e5m2 = ELEMENT_FORMATS["E5M2"]
    inf, pair = tensor([[0x7C, 0x3C]], [[127]], e5m2, 2), tensor([[0x3C, 0x3C], [0x3C, 0xFC]], [[127], [127]], e5m2, 2)
    got = tensor_core(25)(inf, pair)
    assert got[0, 0] == math.inf
    assert math.isnan(got[0, 1])


def test_wrong_arguments_are_refused():
    row = tensor([[1, 2, 3, 4]], [[127]])
    with pytest.raises(ValueError, match="at least 1, not 0 and 32"):
        tensor_core(0)
    with pytest.raises(ValueError, match="at least 1, not 13 and 0"):
        tensor_core(13, group=0)
    with pytest.raises(ValueError, match="a has K = 4, but b has 8"):
        tensor_core(13)(row, tensor([[0] * 8], [[127, 127]]))
    with pytest.raises(UserError, match="rank 1"):
        tensor_core(13)(row, MxTensor(row.elements[0], row.scales[0], E4M3, 4))
