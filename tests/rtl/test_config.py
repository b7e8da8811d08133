"""Parameters: what is refused and how, and the widths that follow, against the specifications' tables and ml_dtypes."""

from dataclasses import FrozenInstanceError
from fractions import Fraction
from math import inf, isinf, isnan

import ml_dtypes
import numpy as np
import pytest

from mxmac.cli.mac_options import config_from
from mxmac.config import Accumulator, MacConfig, format_named
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS, SCALE_BIAS, SCALE_NAN, SCALE_WIDTH, Operand

ELEMENT_DTYPES = {
    "E4M3": ml_dtypes.float8_e4m3fn,
    "E5M2": ml_dtypes.float8_e5m2,
    "E3M2": ml_dtypes.float6_e3m2fn,
    "E2M3": ml_dtypes.float6_e2m3fn,
    "E2M1": ml_dtypes.float4_e2m1fn,
}
RESULT_DTYPES = {"FP32": np.float32, "BF16": ml_dtypes.bfloat16, "FP16": np.float16}
FLOATS = [(ELEMENT_FORMATS[name], dtype) for name, dtype in ELEMENT_DTYPES.items()]
FLOATS += [(RESULT_FORMATS[name], dtype) for name, dtype in RESULT_DTYPES.items()]

each_float = pytest.mark.parametrize(("fmt", "dtype"), FLOATS, ids=lambda x: getattr(x, "name", ""))
each_accumulator = pytest.mark.parametrize("accumulator", Accumulator, ids=lambda kind: kind.value)


def config(a="E4M3", b="E4M3", accumulator=Accumulator.WINDOW, **parameters):
    a, b = (tuple(ELEMENT_FORMATS[name] for name in names.split(",")) for names in (a, b))
    return MacConfig(a=a, b=b, accumulator=accumulator, **parameters)


def decoded(code, dtype, width):
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    assert 0 <= code < 1 << width
    return float(np.array(code, unsigned).view(dtype))


# What is refused.


@pytest.mark.parametrize(
    ("what", "message", "parameters"),
    [
        ("a", "^E4M3 is there more than once", {"a": "E4M3,E4M3"}),
        ("b", "^E5M2 is there more than once", {"b": "E5M2,INT8,E5M2"}),
        ("block", "1 to 1024 elements, not 0$", {"block": 0, "lanes": 1}),
        ("block", "1 to 1024 elements, not -32$", {"block": -32}),
        ("block", "1 to 1024 elements, not 1025$", {"block": 1025, "lanes": 1}),
        ("lanes", "block of 32 elements takes 1 to 32 lanes, not 0$", {"lanes": 0}),
        ("lanes", "1 to 32 lanes, not -8$", {"lanes": -8}),
        ("lanes", "block of 4 elements takes 1 to 4 lanes, not 8$", {"block": 4, "lanes": 8}),
        ("lanes", "must divide the block of 32 elements, not 3$", {"lanes": 3}),
        ("lanes", "must divide the block of 1024 elements, not 1023$", {"block": 1024, "lanes": 1023}),
        ("window", "42 to 1024 bits, not 41: one block of 32 products alone takes 42$", {"window": 41}),
        ("window", "37 to 1024 bits, not 36: one block of 1 products", {"block": 1, "lanes": 1, "window": 36}),
        ("window", "70 to 1024 bits, not 69", {"a": "E5M2", "b": "E5M2", "window": 69}),
        ("window", "42 to 1024 bits, not 1025", {"window": 1025}),
        ("window", "not -80", {"window": -80}),
        ("window-guard", "window of 80 bits takes 0 to 79 guard bits, not -1$", {"window_guard": -1}),
        ("window-guard", "window of 42 bits takes 0 to 41 guard bits, not 42$", {"window": 42, "window_guard": 42}),
        ("window-lsb", "from -1024 to 1024, not 1025$", {"window_lsb": 1025}),
        ("window-lsb", "from -1024 to 1024, not -1025$", {"window_lsb": -1025}),
        ("pipeline", "depth of 1 to 3, not 0$", {"pipeline": 0}),
        ("pipeline", "depth of 1 to 3, not 4$", {"pipeline": 4}),
    ],
)
def test_config_refuses(what, message, parameters):
    with pytest.raises(UserError, match=message) as error:
        config(**parameters)
    assert error.value.what == what
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "parameters",
    [
        {"block": 1, "lanes": 1},
        {"block": 1024, "lanes": 1},
        {"block": 1024, "lanes": 1024},
        {"block": 9, "lanes": 3},
        {"window": 42},
        {"window": 1024},
        {"window_guard": 0},
        {"window_guard": 79},
        {"window_lsb": -1024},
        {"window_lsb": 1024},
        {"a": "E5M2", "b": "E5M2", "window": 70},
    ],
)
def test_config_accepts_the_limits(parameters):
    config(**parameters)


@each_accumulator
def test_a_bad_window_is_refused_whatever_the_accumulator_but_only_one_lists_it(accumulator):
    for parameters in ({"window": 41}, {"window_guard": 80}, {"window_lsb": 9999}):
        with pytest.raises(UserError):
            config(accumulator=accumulator, **parameters)
    listed = {name: value for name, value in config(accumulator=accumulator).as_dict().items() if name.startswith("window")}
    assert listed == ({"window": 80, "window-guard": 16} if accumulator is Accumulator.WINDOW else {})


@pytest.mark.parametrize(
    ("headroom", "parameters"),
    [
        (22, {}),
        (0, {"window": 58}),
        (-1, {"window": 57}),
        (8, {"a": "E5M2"}),
        (-6, {"a": "E5M2", "b": "E5M2"}),
        (10, {"a": "E5M2", "b": "E5M2", "window": 96}),
        (0, {"a": "E5M2", "b": "E5M2", "window": 70, "window_guard": 0}),
    ],
)
def test_window_headroom_is_what_a_block_and_the_guard_leave(headroom, parameters):
    assert config(**parameters).window_headroom == headroom


@pytest.mark.parametrize("side", ["a", "b"])
def test_config_refuses_an_operand_without_a_format(side):
    with pytest.raises(UserError) as error:
        MacConfig(**{side: ()})
    assert error.value.what == side


def test_config_is_frozen():
    with pytest.raises(FrozenInstanceError):
        config().lanes = 4


@pytest.mark.parametrize(("table", "option"), [(ELEMENT_FORMATS, "a"), (ELEMENT_FORMATS, "b"), (RESULT_FORMATS, "output")])
@pytest.mark.parametrize("name", ["E9M9", "", "E4M3 ", "é", "E4M3FN"])
def test_an_unknown_format_is_refused_with_those_there_are(table, option, name):
    with pytest.raises(UserError, match=r"There is no format .* choose one of ") as error:
        format_named(name, table, option)
    assert error.value.what == option
    assert repr(name) in str(error.value)
    assert str(error.value).endswith(f"choose one of {', '.join(table)}")


@pytest.mark.parametrize("table", [ELEMENT_FORMATS, RESULT_FORMATS], ids=["elements", "results"])
def test_a_format_is_found_in_any_case(table):
    for name, fmt in table.items():
        assert format_named(name, table, "a") is format_named(name.lower(), table, "a") is fmt


OPTIONS = {
    "a": ["E4M3"],
    "b": ["E4M3"],
    "block": 32,
    "lanes": 8,
    "accumulator": "window",
    "output": "fp32",
    "window": 80,
    "window_guard": 16,
    "window_lsb": None,
}


@pytest.mark.parametrize(
    ("options", "what", "message"),
    [
        ({"a": ["E4M3,E9M9"]}, "a", "no format 'E9M9' here; choose one of E4M3, E5M2, E3M2, E2M3, E2M1, INT8$"),
        ({"a": ["E4M3,"]}, "a", "no format ''"),
        ({"b": ["E4M3", "FP32"]}, "b", "no format 'FP32'"),
        ({"output": "E4M3"}, "output", "no format 'E4M3' here; choose one of FP32, BF16, FP16$"),
        ({"lanes": 5}, "lanes", "divide"),
        ({"multiplier": "fpga"}, "multiplier", "no multiplier 'fpga'; choose one of lut, dsp$"),
    ],
)
def test_options_refuse(options, what, message):
    with pytest.raises(UserError, match=message) as error:
        config_from(**OPTIONS | options)
    assert error.value.what == what


def test_options_refuse_an_unknown_accumulator_with_those_there_are():
    with pytest.raises(UserError, match="no accumulator 'kulisch'") as error:
        config_from(**OPTIONS | {"accumulator": "kulisch"})
    assert error.value.what == "accumulator"
    assert str(error.value).endswith("choose one of " + ", ".join(kind.value for kind in Accumulator))


def test_options_take_comma_lists_and_repetitions_in_any_case():
    made = config_from(**OPTIONS | {"a": ["e4m3, E5M2", "int8"], "b": ["E2M1"], "accumulator": "FP32", "output": "Fp32"})
    assert [fmt.name for fmt in made.a] == ["E4M3", "E5M2", "INT8"]
    assert [fmt.name for fmt in made.b] == ["E2M1"]
    assert made.accumulator is Accumulator.FP32
    assert made.output is RESULT_FORMATS["FP32"]


# Widths.


# SEMANTICS: exact block sums, k = 32.
BLOCK_SUMS = [
    ("E4M3", "E4M3", -18, 42),
    ("E5M2", "E4M3", -25, 56),
    ("E4M3", "E5M2", -25, 56),
    ("E5M2", "E5M2", -32, 70),
    ("E3M2", "E3M2", -8, 24),
    ("E2M3", "E2M3", -6, 18),
    ("E2M1", "E2M1", -2, 14),
    ("INT8", "INT8", -12, 21),
]


@pytest.mark.parametrize(("a", "b", "lsb", "bits"), BLOCK_SUMS)
def test_block_sums_are_as_wide_as_specified(a, b, lsb, bits):
    assert config(a, b).product_lsb_exp == lsb
    for log2_block in range(11):
        made = config(a, b, block=1 << log2_block, lanes=1, window=100)
        assert made.product_lsb_exp == lsb
        assert made.block_sum_bits == made.sum_bits(1 << log2_block) == bits + log2_block - 5


def largest_and_smallest(names):
    """Largest magnitude and grid of the finite values of some formats, by ml_dtypes."""
    infos = [ml_dtypes.finfo(ELEMENT_DTYPES[name]) for name in names if name != "INT8"]
    largest = [Fraction(float(info.max)) for info in infos]
    smallest = [Fraction(float(info.smallest_subnormal)) for info in infos]
    if "INT8" in names:
        largest.append(Fraction(2))  # -128
        smallest.append(Fraction(1, 64))
    return max(largest), min(smallest)


@pytest.mark.parametrize("products", [1, 3, 9, 32, 96, 1000, 1024])
@pytest.mark.parametrize(
    ("a", "b"), [("E4M3", "INT8"), ("E5M2,E4M3", "E4M3"), ("E2M1,INT8", "E3M2,E2M3"), ("E5M2,INT8", "E5M2")]
)
def test_sums_are_just_wide_enough_for_the_largest(a, b, products):
    (max_a, grid_a), (max_b, grid_b) = largest_and_smallest(a.split(",")), largest_and_smallest(b.split(","))
    made = config(a, b, window=100)
    assert Fraction(2) ** made.product_lsb_exp == grid_a * grid_b
    largest = products * max_a * max_b / (grid_a * grid_b)
    assert largest.denominator == 1
    bits = made.sum_bits(products)
    assert 1 << (bits - 2) <= largest < 1 << (bits - 1)
    assert made.product_bits == made.sum_bits(1) - 1


def test_scales_span_what_they_should():
    made = config()
    assert made.scale_sum_max == 508
    assert made.block_exp_min == -18 - 254
    assert made.window_exp_min == made.block_exp_min - 16
    assert config(window_guard=0).window_exp_min == made.block_exp_min
    assert config(window_lsb=-7).window_exp_min == -7


@pytest.mark.parametrize(
    "formats", [("E4M3", "E5M2"), ("E2M1", "INT8"), ("E3M2", "E2M3"), tuple(ELEMENT_FORMATS)], ids=",".join
)
def test_an_operand_of_several_formats_is_as_fine_and_as_large_as_any(formats):
    operand = Operand(tuple(ELEMENT_FORMATS[name] for name in formats))
    largest, grid = largest_and_smallest(formats)
    assert Fraction(2) ** operand.lsb_exp == grid
    assert operand.max_integer * grid == largest
    assert operand.width == max(ELEMENT_FORMATS[name].width for name in formats)


# Rate.


@each_accumulator
@pytest.mark.parametrize(("block", "lanes"), [(1, 1), (32, 32), (32, 16), (32, 8), (32, 4), (32, 1), (9, 3), (1024, 1)])
def test_a_block_of_four_beats_or_more_takes_a_beat_a_clock(accumulator, block, lanes):
    made = config(block=block, lanes=lanes, accumulator=accumulator)
    assert made.beats == block // lanes
    assert made.block_interval >= made.beats
    if accumulator is Accumulator.WINDOW or made.beats >= 4:
        assert made.block_interval == made.beats


# Formats.


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


def test_the_formats_there_are():
    assert set(ELEMENT_FORMATS) == {*SPECIFIED, "INT8"}
    assert list(RESULT_FORMATS) == ["FP32", "BF16", "FP16"]
    assert all(fmt.name == name for name, fmt in (ELEMENT_FORMATS | RESULT_FORMATS).items())


@pytest.mark.parametrize(("name", "code"), [("FP32", 0x7FC00000), ("BF16", 0x7FC0), ("FP16", 0x7E00), ("E4M3", 0x7F)])
def test_the_quiet_nan_is_the_one_of_the_contract(name, code):
    assert (ELEMENT_FORMATS | RESULT_FORMATS)[name].nan_code == code


def test_scales_are_ue8m0():
    assert (SCALE_WIDTH, SCALE_BIAS, SCALE_NAN) == (8, 127, 0xFF)
    scales = np.arange(256).astype(np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float64)
    assert np.flatnonzero(np.isnan(scales)).tolist() == [SCALE_NAN]
    assert scales[SCALE_BIAS] == 1
