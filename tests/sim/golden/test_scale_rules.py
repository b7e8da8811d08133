"""The scale rules against their definitions in exact fractions."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dtypes
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import ScaleRule, block_scales

E4M3, INT8 = ELEMENT_FORMATS["E4M3"], ELEMENT_FORMATS["INT8"]
#: Bits below the leading one of the largest element.
FRACTION_BITS = {
    name: 6 if name in dtypes.INTEGERS else ml_dtypes.finfo(dtype).nmant for name, dtype in dtypes.ELEMENTS.items()
}

# No deadline: the first example may pay for imports.
unhurried = settings(deadline=None, max_examples=60)
each_format = pytest.mark.parametrize("fmt", ELEMENT_FORMATS.values(), ids=lambda fmt: fmt.name)
each_rule = pytest.mark.parametrize("rule", ScaleRule, ids=lambda rule: rule.name)


def power(exponent):
    return Fraction(2) ** exponent


def floor_log2(value):
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if power(exponent) <= value else exponent - 1


def ceil_log2(value):
    return -floor_log2(1 / value)


def defined_scale(amax, fmt, rule):
    """The rules as their names say them, in fractions; ties of Fraction go to even."""
    amax = Fraction(float(amax))
    if not amax:
        return 0
    if rule is ScaleRule.FLOOR:
        exponent = floor_log2(amax) - fmt.emax
    elif rule is ScaleRule.CEIL:
        exponent = ceil_log2(amax) - fmt.emax
    elif rule is ScaleRule.RCEIL:
        exponent = ceil_log2(amax / fmt.max_value)
    else:
        step = power(floor_log2(amax) - FRACTION_BITS[fmt.name])
        exponent = floor_log2(round(amax / step) * step) - fmt.emax
    return min(max(exponent + 127, 0), 254)


@pytest.mark.parametrize(
    ("amax", "floor", "ceil", "rceil", "even"),
    [
        (150, 126, 127, 126, 126),
        (256, 127, 127, 127, 127),
        (448, 127, 128, 127, 127),
        (449, 127, 128, 128, 127),
        (np.nextafter(np.float32(496), np.float32(0)), 127, 128, 128, 127),
        (496, 127, 128, 128, 128),
    ],
)
def test_scale_e4m3_where_the_rules_differ(amax, floor, ceil, rceil, even):
    expected = {ScaleRule.FLOOR: floor, ScaleRule.CEIL: ceil, ScaleRule.RCEIL: rceil, ScaleRule.EVEN: even}
    assert {rule: int(block_scales(np.float32(amax), E4M3, rule)) for rule in ScaleRule} == expected


@each_format
@each_rule
def test_scale_is_as_defined_at_every_binade_and_within_ulps_of_every_edge(fmt, rule):
    top = Fraction(fmt.max_value / power(fmt.emax))
    edges = [1, top, 2 - power(-fmt.man_bits), 2 - power(-fmt.man_bits - 1), 2 - power(-fmt.man_bits - 2)]
    mantissas = sorted({int((edge - 1) * 2**23) + delta for edge in edges for delta in (-44, -1, 0, 1, 44)})
    exponents = [0, 1, 2, 126, 127, 128, 253, 254, *range(3, 250, 19)]
    bits = np.array([(e << 23) + m for e in exponents for m in mantissas if 0 <= (e << 23) + m < 0x7F800000], np.uint32)
    amax = bits.view(np.float32)
    assert block_scales(amax, fmt, rule).tolist() == [defined_scale(value, fmt, rule) for value in amax]


@unhurried
@given(bits=hnp.arrays(np.uint32, 8, elements=st.integers(0, 0x7F7FFFFF) | st.integers(0, 0x00FFFFFF)))
@each_format
@each_rule
def test_scale_is_as_defined_for_any_fp32(fmt, rule, bits):
    amax = bits.view(np.float32)
    assert block_scales(amax, fmt, rule).tolist() == [defined_scale(value, fmt, rule) for value in amax]


def test_scale_of_fp32_subnormals_counts_them():
    # INT8 has emax 0, so that its scales reach down to the largest subnormals before code 0 ends them.
    amax = np.array([1, 1 << 21, (1 << 22) - 1, 1 << 22, (1 << 22) + 1, (1 << 23) - 1], np.uint32).view(np.float32)
    assert block_scales(amax, INT8, ScaleRule.FLOOR).tolist() == [0, 0, 0, 0, 0, 0]
    assert block_scales(amax, INT8, ScaleRule.CEIL).tolist() == [0, 0, 0, 0, 1, 1]


@each_format
@each_rule
def test_scale_of_zero_is_code_0_and_of_nan_and_inf_is_nan(fmt, rule):
    amax = np.array([0.0, -0.0, np.nan, -np.nan, np.inf], np.float32)
    assert block_scales(amax, fmt, rule).tolist() == [0, 0, 0xFF, 0xFF, 0xFF]


@each_rule
def test_scale_of_the_largest_fp32_stays_below_the_nan_code(rule):
    assert block_scales(np.finfo(np.float32).max, INT8, rule) == 254


@each_format
def test_scale_rceil_is_the_smallest_that_clips_nothing(fmt):
    amax = np.random.default_rng(1).uniform(0.5, 2, 1000).astype(np.float32)
    scales = np.ldexp(1.0, block_scales(amax, fmt, ScaleRule.RCEIL).astype(int) - 127)
    assert np.all(amax <= float(fmt.max_value) * scales)
    assert np.all(amax > float(fmt.max_value) * scales / 2)
