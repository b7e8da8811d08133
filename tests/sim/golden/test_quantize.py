"""The golden quantizer: elements against all neighbours, gfloat and ml_dtypes; tensors on a real tile."""

import warnings
from itertools import pairwise
from pathlib import Path

import gfloat
import ml_dtypes
import numpy as np
import pytest
from gfloat import formats as gfloat_formats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import dtypes
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import Overflow, ScaleRule, clipped, dequantize, encode, quantize, sqnr_db
from mxmac_sim.tensors.files import load_floats

TILE = Path(__file__).parents[3] / "sim" / "mxmac_sim" / "data" / "minilm_tile.npz"
FORMATS = list(ELEMENT_FORMATS.values())
E4M3, E5M2, E2M1, INT8 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E5M2", "E2M1", "INT8"))
#: gfloat knows the formats of OCP.
GFLOAT = {fmt.name: info for fmt in FORMATS if (info := getattr(gfloat_formats, f"format_info_ocp_{fmt.name.lower()}", None))}

# No deadline: the first example may pay for imports.
unhurried = settings(deadline=None, max_examples=60)
each_format = pytest.mark.parametrize("fmt", FORMATS, ids=lambda fmt: fmt.name)
each_rule = pytest.mark.parametrize("rule", ScaleRule, ids=lambda rule: rule.name)


def codes_and_values(fmt):
    """Codes of the finite non-negative numbers, and what ml_dtypes says they are, in rising order."""
    codes = np.arange(1 << (fmt.width - 1), dtype=np.uint8)
    values = dtypes.element_values(fmt.name)[codes]
    return codes[np.isfinite(values)], values[np.isfinite(values)]


def negated(codes, fmt):
    return (-codes.astype(np.int8)).view(np.uint8) if fmt.is_integer else codes | np.uint8(1 << (fmt.width - 1))


# Elements.


@each_format
def test_encode_gives_every_number_its_own_code(fmt):
    codes, values = codes_and_values(fmt)
    assert encode(values, fmt).tolist() == codes.tolist()
    assert encode(-values, fmt).tolist() == negated(codes, fmt).tolist()


@each_format
def test_encode_rounds_to_nearest_ties_to_even_between_all_neighbours(fmt):
    codes, values = codes_and_values(fmt)
    for (low_code, high_code), (low, high) in zip(pairwise(codes), pairwise(values), strict=True):
        middle = (low + high) / 2
        around = np.array([np.nextafter(low, 9e9), np.nextafter(middle, 0), middle, np.nextafter(middle, 9e9)])
        expected = np.array([low_code, low_code, low_code + low_code % 2, high_code], np.uint8)
        assert encode(around, fmt).tolist() == expected.tolist()
        assert encode(-around, fmt).tolist() == negated(expected, fmt).tolist()


def test_encode_ties_of_which_only_round_to_nearest_even_gets_all():
    ties = np.array([1.0625, 1.1875, -1.0625, -1.1875, 2**-10, -(2**-10), 3 * 2**-10])
    expected = np.array([1, 1.25, -1, -1.25, 0, -0.0, 2**-8])
    codes = encode(ties, E4M3)
    assert codes.view(ml_dtypes.float8_e4m3fn).astype(float).tolist() == expected.tolist()
    assert codes[5] == 0x80
    others = [gfloat.RoundMode.TowardZero, gfloat.RoundMode.TowardNegative, gfloat.RoundMode.TowardPositive]
    for mode in [*others, gfloat.RoundMode.TiesToAway]:
        assert gfloat.round_ndarray(GFLOAT["E4M3"], ties, mode).tolist() != expected.tolist()


@pytest.mark.parametrize("fmt", [fmt for fmt in FORMATS if fmt.name in GFLOAT], ids=lambda fmt: fmt.name)
@unhurried
@given(values=hnp.arrays(np.float64, 32, elements=st.floats(-600, 600) | st.floats(-2, 2) | st.floats(-1e300, 1e300)))
def test_encode_saturating_agrees_with_gfloat(fmt, values):
    info = GFLOAT[fmt.name]
    if fmt.is_integer:  # gfloat saturates to -128, and neither of us is wrong
        values = np.clip(values, -127 / 64, 127 / 64)
    rounded = gfloat.round_ndarray(info, values, gfloat.RoundMode.TiesToEven, sat=True)
    expected = gfloat.encode_ndarray(info, rounded)
    assert encode(values, fmt, Overflow.SAT).tolist() == expected.tolist()


@pytest.mark.parametrize("fmt", [E4M3, E5M2], ids=["E4M3", "E5M2"])
@unhurried
@given(values=hnp.arrays(np.float32, 32, elements=st.floats(-(2**17), 2**17, width=32)))
def test_encode_overflowing_agrees_with_ml_dtypes_from_fp32(fmt, values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = values.astype(dtypes.ELEMENTS[fmt.name]).view(np.uint8)
    # ml_dtypes keeps the sign of an E4M3 that overflowed to NaN, and so do we.
    assert encode(values, fmt, Overflow.OVF).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("fmt", "value", "sat", "ovf"),
    [
        (E4M3, 464, 0x7E, 0x7E),  # the tie between 448 and what would be 480 goes to 448, which is even
        (E4M3, np.nextafter(464, 465), 0x7E, 0x7F),
        (E4M3, -1e300, 0xFE, 0xFF),
        (E4M3, np.inf, 0x7E, 0x7F),
        (E5M2, np.nextafter(61440, 0), 0x7B, 0x7B),
        (E5M2, 61440, 0x7B, 0x7C),  # here the even one is beyond
        (E5M2, -np.inf, 0xFB, 0xFC),
        (E2M1, 1e30, 0x07, 0x07),
        (E2M1, -np.inf, 0x0F, 0x0F),
        (INT8, 127.5 / 64, 0x7F, 0x7F),
        (INT8, -2.0, 0x81, 0x81),
        (INT8, np.inf, 0x7F, 0x7F),
    ],
)
def test_encode_beyond_the_largest_element(fmt, value, sat, ovf):
    assert encode(value, fmt, Overflow.SAT) == sat
    assert encode(value, fmt, Overflow.OVF) == ovf


@pytest.mark.parametrize(("name", "code"), [("E4M3", 0x7F), ("E5M2", 0x7E), ("E3M2", 0), ("E2M3", 0), ("INT8", 0)])
def test_encode_nan_is_the_quiet_nan_or_zero_where_there_is_none(name, code):
    for nan in (np.nan, -np.nan):
        assert encode(nan, ELEMENT_FORMATS[name], Overflow.OVF) == code


# Tensors.


@each_format
@each_rule
def test_dequantized_is_within_half_a_step_of_the_input_unless_clipped(fmt, rule):
    x = np.random.default_rng(2).standard_normal((8, 128)).astype(np.float32) * 3
    tensor = quantize(x, fmt, block=32, rule=rule)
    assert (tensor.elements.shape, tensor.scales.shape) == ((8, 128), (8, 4))
    values, beyond = dequantize(tensor), clipped(x, tensor)
    scales = np.repeat(np.ldexp(1.0, tensor.scales.astype(int) - 127), 32, axis=-1)
    steps = scales * np.exp2(fmt.lsb_exp)
    if not fmt.is_integer:
        binades = np.maximum(np.frexp(x.astype(np.float64) / scales)[1] - 1, fmt.emin)
        steps = scales * np.exp2(binades - fmt.man_bits)
    assert np.all(np.abs(values - x)[~beyond] <= steps[~beyond] / 2)
    assert np.all(np.abs(values)[beyond] == float(fmt.max_value) * scales[beyond])
    assert not beyond.any() or rule in (ScaleRule.FLOOR, ScaleRule.EVEN)


def test_quantize_floor_agrees_with_gfloat_on_a_real_tile():
    x = load_floats(TILE, "activations").astype(np.float64)
    info = GFLOAT["E4M3"]
    expected = np.empty_like(x)
    for row, out in zip(x.reshape(-1, 32), expected.reshape(-1, 32), strict=True):
        scale = gfloat.compute_scale_amax(info.emax, row)
        out[:] = gfloat.round_ndarray(info, row / scale, sat=True) * scale
    assert np.array_equal(dequantize(quantize(x, E4M3, rule=ScaleRule.FLOOR)), expected)


@pytest.mark.parametrize(("name", "sqnr"), [("activations", 31.7), ("weights", 31.5)])
def test_quantize_e4m3_rceil_on_a_real_tile_loses_what_the_whole_model_does(name, sqnr):
    x = load_floats(TILE, name)
    assert x.dtype == np.float32
    tensor = quantize(x, E4M3)
    assert sqnr_db(x, dequantize(tensor)) == pytest.approx(sqnr, abs=0.75)
    assert not clipped(x, tensor).any()
    assert sqnr_db(x, dequantize(quantize(x, E4M3, rule=ScaleRule.FLOOR))) < sqnr_db(x, dequantize(tensor))


def test_the_real_tile_is_small_and_states_its_licence():
    assert TILE.stat().st_size <= 60_000
    with np.load(TILE, allow_pickle=False) as arrays:
        assert "Apache-2.0" in str(arrays["about"])


@pytest.mark.parametrize(("fmt", "element"), [(E4M3, 0x7F), (E5M2, 0x7E), (E2M1, 0), (INT8, 0)], ids=str)
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("overflow", Overflow)
def test_quantize_block_with_nan_or_inf_is_nan_and_its_neighbours_are_not(fmt, element, special, overflow):
    x = np.ones((1, 12), np.float32)
    x[0, 5] = special
    tensor = quantize(x, fmt, block=4, overflow=overflow)
    assert (tensor.scales == 0xFF).tolist() == [[False, True, False]]
    assert tensor.elements[0, 4:8].tolist() == [element] * 4
    assert dequantize(tensor)[0].tolist() == pytest.approx([1] * 4 + [np.nan] * 4 + [1] * 4, nan_ok=True)


def test_quantize_zeros_have_scale_code_0_and_keep_their_sign():
    tensor = quantize(np.array([0.0, -0.0, 0.0, 0.0], np.float32), E4M3, block=4)
    assert tensor.scales.tolist() == [0]
    assert tensor.elements.tolist() == [0, 0x80, 0, 0]


def test_quantize_fp32_subnormals_survive_where_the_scale_reaches_them():
    smallest = np.float32(2.0**-149)
    x = np.array([2.0**-127, 2.0**-129, 3 * smallest, -smallest], np.float32)
    tensor = quantize(x, E5M2, block=4)
    assert tensor.scales.tolist() == [0]
    assert dequantize(tensor).tolist() == [2.0**-127, 2.0**-129, 0, 0]
    assert dequantize(quantize(x * 2, E4M3, block=4)).tolist() == [2.0**-126, 2.0**-128, 0, 0]


def test_dequantize_is_exact_at_both_ends_of_the_scale():
    largest, tiny = np.float32(448 * 2.0**118), np.float32(2.0**-127)
    assert dequantize(quantize(np.array([largest, tiny]), E4M3, block=1)).tolist() == [largest, tiny]


def test_dequantize_int8_accepts_minus_two():
    tensor = quantize(np.ones(2, np.float32), INT8, block=2)
    tensor.elements[:] = 0x80
    assert dequantize(tensor).tolist() == [-2.0, -2.0]


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64, ">f4"])
def test_quantize_accepts_other_float_types(dtype):
    x = np.array([1.0, -2.5, 0.75, 3.0])
    expected = quantize(x.astype(np.float32), E4M3, block=2)
    tensor = quantize(x.astype(dtype), E4M3, block=2)
    assert tensor.elements.tolist() == expected.elements.tolist()
    assert tensor.scales.tolist() == expected.scales.tolist()


def test_quantize_rounds_float64_to_fp32_first():
    above_the_tie = 1.0625 + 2.0**-40  # rounded once it goes up to 1.125, but FP32 sees the tie
    assert encode(above_the_tie, E4M3) == 0x39
    assert dequantize(quantize(np.array([above_the_tie, 448.0]), E4M3, block=2))[0] == 1.0


@pytest.mark.parametrize(
    ("x", "block", "what", "message"),
    [
        (np.ones((2, 100), np.float32), 32, "block", r"K = 100, .* not a multiple of the block of 32 .* divides 100"),
        (np.ones((2, 64), np.float32), 0, "block", r"K = 64, .* block of 0"),
        (np.ones((2, 32), np.float32), -32, "block", r"K = 32, .* block of -32"),
        (np.float32(1), 1, "tensor", r"shape \(\);"),
        (np.ones((0, 32), np.float32), 32, "tensor", r"shape \(0, 32\)"),
        (np.ones((2, 32), np.int32), 32, "tensor", r"dtype int32; float16, bfloat16, float32 or float64"),
        (np.ones((2, 32), ml_dtypes.float8_e4m3fn), 32, "tensor", r"dtype float8_e4m3fn; float16"),
        (np.array([1.0, 1e300]), 2, "tensor", r"1 float64 values, the first 1e\+300, are too large for FP32"),
    ],
)
def test_quantize_refuses(x, block, what, message):
    with pytest.raises(UserError, match=message) as error:
        quantize(x, E4M3, block=block)
    assert error.value.parameter == what


def test_clipped_is_what_lies_beyond_the_largest_element_and_not_what_meets_it():
    x = np.array([448, -448, np.nextafter(np.float32(448), np.float32(449)), -511], np.float32)
    tensor = quantize(x, E4M3, block=4, rule=ScaleRule.FLOOR)
    assert tensor.scales.tolist() == [127]
    assert clipped(x, tensor).tolist() == [False, False, True, True]


def test_sqnr_of_a_known_ratio():
    assert sqnr_db([1.0, -1.0], [1.1, -0.9]) == pytest.approx(20)
    assert sqnr_db([1e-200, 2e-200], [1e-200, 2.2e-200]) == pytest.approx(10 * np.log10(5 / 0.04))
    assert sqnr_db([1.0, 2.0], [1.0, 2.0]) == np.inf
    assert sqnr_db([0.0], [1.0]) == -np.inf
    assert np.isnan(sqnr_db([1.0, 2.0], [1.0, np.nan]))
