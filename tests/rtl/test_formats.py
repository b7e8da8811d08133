"""Formats, against ml_dtypes and the tables of the specifications, and formats that cannot be described."""

from fractions import Fraction
from math import inf, isinf, isnan

import ml_dtypes
import numpy as np
import pytest

import dtypes
from mxmac.errors import UserError
from mxmac.formats import (
    ELEMENT_FORMATS,
    RESULT_FORMATS,
    SCALE_BIAS,
    SCALE_NAN,
    SCALE_WIDTH,
    Format,
    Specials,
)

FLOATS = [(ELEMENT_FORMATS[name], dtype) for name, dtype in dtypes.ELEMENTS.items() if name not in dtypes.INTEGERS]
FLOATS += [(RESULT_FORMATS[name], dtype) for name, dtype in dtypes.RESULTS.items()]

each_float = pytest.mark.parametrize(("fmt", "dtype"), FLOATS, ids=lambda x: getattr(x, "name", ""))


def decoded(code, dtype, width):
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    assert 0 <= code < 1 << width
    return float(np.array(code, unsigned).view(dtype))


@each_float
def test_format_agrees_with_ml_dtypes(fmt, dtype):
    info = ml_dtypes.finfo(dtype)
    assert (fmt.width, fmt.exp_bits, fmt.man_bits) == (info.bits, info.nexp, info.nmant)
    assert fmt.sig_bits == info.nmant + 1
    assert fmt.emin == info.minexp
    assert not fmt.is_integer
    assert float(fmt.max_value) == float(info.max)
    assert 2.0**fmt.emin == float(info.smallest_normal)
    assert 2.0**fmt.lsb_exp == float(info.smallest_subnormal)
    assert Fraction(2) ** fmt.emax <= fmt.max_value < Fraction(2) ** (fmt.emax + 1)
    assert fmt.max_integer * Fraction(2) ** fmt.lsb_exp == fmt.max_value


@each_float
def test_special_codes_are_what_ml_dtypes_takes_them_for(fmt, dtype):
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    every = np.arange(1 << min(fmt.width, 16)).astype(unsigned)
    if fmt.width == 32:
        every <<= 16
    with np.errstate(invalid="ignore"):  # signalling NaNs
        values = every.view(dtype).astype(np.float64)
    assert fmt.has_nan == bool(np.isnan(values).any())
    assert fmt.has_inf == bool(np.isinf(values).any())
    if fmt.has_nan:
        assert isnan(decoded(fmt.nan_code, dtype, fmt.width))
    if fmt.has_inf:
        assert decoded(fmt.inf_code, dtype, fmt.width) == inf
        assert isinf(decoded(fmt.inf_code | 1 << (fmt.width - 1), dtype, fmt.width))


# SEMANTICS: bias, max normal, min normal, min subnormal, emax.
SPECIFIED = {
    "E4M3": (7, 448, -6, -9, 8),
    "E5M2": (15, 57344, -14, -16, 15),
    "E2M3": (1, 7.5, 0, -3, 2),
    "E3M2": (3, 28, -2, -4, 4),
    "E2M1": (1, 6, 0, -1, 2),
}


@pytest.mark.parametrize("name", SPECIFIED)
def test_format_is_as_specified(name):
    fmt = ELEMENT_FORMATS[name]
    assert (fmt.bias, fmt.max_value, fmt.emin, fmt.lsb_exp, fmt.emax) == SPECIFIED[name]
    assert fmt.has_inf == (name == "E5M2")
    assert fmt.has_nan == (name in ("E4M3", "E5M2"))


def test_int8_is_as_specified():
    fmt = ELEMENT_FORMATS["INT8"]
    assert fmt.is_integer
    assert (fmt.width, fmt.lsb_exp, fmt.emax, fmt.max_value) == (8, -6, 0, Fraction(127, 64))
    assert not fmt.has_inf
    assert not fmt.has_nan


@pytest.mark.parametrize(
    ("parameter", "fields"),
    [
        ("name", ("UE5M3", 5, 3, Specials.NAN)),  # NVFP4's scale: no sign
        ("name", ("UE8M0", 8, 0)),
        ("name", ("UINT8", 0, 7)),
        ("name", ("E4M3FNUZ", 4, 3, Specials.NAN)),
        ("name", ("E5M2FNUZ", 5, 2)),
        ("name", ("E4M3B11FNUZ", 4, 3, Specials.NAN)),
        ("name", ("E4M3B11", 4, 3, Specials.NAN)),
        ("name", ("E4M3", 5, 2, Specials.IEEE)),
        ("name", ("E3M4", 4, 3)),
        ("name", ("INT8", 0, 3)),
        ("name", ("INT8", 4, 3)),
        ("name", ("e3m4", 3, 4)),
        ("name", ("", 3, 4)),
        ("name", ("E3M4,E4M3", 3, 4)),
        ("name", ("3M4", 3, 4)),
        ("man_bits", ("E8M0", 8, 0)),
        ("man_bits", ("E5", 5, 0)),
        ("man_bits", ("X", 5, -1)),
        ("exp_bits", ("X", -1, 3)),
        ("exp_bits", ("E1M2", 1, 2, Specials.IEEE)),
        ("specials", ("INT8", 0, 7, Specials.NAN)),
    ],
    ids=str,
)
def test_a_format_that_the_class_cannot_describe_is_refused(parameter, fields):
    with pytest.raises(UserError, match=f"^{parameter} must ") as error:
        Format(*fields)
    assert error.value.parameter == parameter


@pytest.mark.parametrize("fields", [(None, 3, 4), ("E3M4", 3.0, 4), ("E3M4", 3, True), ("E3M4", 3, 4, "ieee")], ids=str)
def test_a_format_of_the_wrong_types_is_a_type_error(fields):
    with pytest.raises(TypeError, match=" must be "):
        Format(*fields)


@pytest.mark.parametrize(
    "fields",
    [
        ("E3M4", 3, 4, Specials.IEEE),
        ("TF32", 8, 10, Specials.IEEE),
        ("E5M2", 5, 2),
        ("INT4", 0, 3),
        ("E1M2", 1, 2),
        ("FP6", 3, 2),
    ],
    ids=str,
)
def test_other_formats_are_accepted(fields):
    assert Format(*fields).width == 1 + fields[1] + fields[2]


def test_the_formats_there_are():
    assert set(ELEMENT_FORMATS) >= {*SPECIFIED, "INT8"}
    assert list(RESULT_FORMATS)[:3] == ["FP32", "BF16", "FP16"]
    assert all(fmt.name == name for name, fmt in (ELEMENT_FORMATS | RESULT_FORMATS).items())


@pytest.mark.parametrize(("name", "code"), [("FP32", 0x7FC00000), ("BF16", 0x7FC0), ("FP16", 0x7E00), ("E4M3", 0x7F)])
def test_the_quiet_nan_is_the_one_of_the_contract(name, code):
    assert (ELEMENT_FORMATS | RESULT_FORMATS)[name].nan_code == code


def test_scales_are_ue8m0():
    assert (SCALE_WIDTH, SCALE_BIAS, SCALE_NAN) == (8, 127, 0xFF)
    scales = np.arange(256).astype(np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float64)
    assert np.flatnonzero(np.isnan(scales)).tolist() == [SCALE_NAN]
    assert scales[SCALE_BIAS] == 1
