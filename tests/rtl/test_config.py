"""Units and quantizers: parameters that are refused, and widths against the specifications and ml_dtypes."""

from dataclasses import FrozenInstanceError
from fractions import Fraction

import ml_dtypes
import pytest

import dtypes
from mxmac.config import Accumulator, MacConfig
from mxmac.errors import UserError
from mxmac.formats import (
    ELEMENT_FORMATS,
    RESULT_FORMATS,
    SCALE_BIAS,
    SOURCE_FORMATS,
    Format,
    Operand,
    Specials,
)
from mxmac.quantizer.config import QuantizerConfig

each_accumulator = pytest.mark.parametrize("accumulator", Accumulator, ids=lambda kind: kind.value)


def config(a="E4M3", b="E4M3", accumulator=Accumulator.WINDOW, **parameters):
    return MacConfig(a=a.split(","), b=b.split(","), accumulator=accumulator, **parameters)


# Values that are refused.


@pytest.mark.parametrize(
    ("parameter", "message", "parameters"),
    [
        ("a", "each of its choices once, not E4M3 twice$", {"a": "E4M3,E4M3"}),
        ("b", "each of its choices once, not E5M2 twice$", {"b": "E5M2,INT8,E5M2"}),
        ("block", "1 to 1024 elements, not 0$", {"block": 0, "lanes": 1}),
        ("block", "1 to 1024 elements, not -32$", {"block": -32}),
        ("block", "1 to 1024 elements, not 1025$", {"block": 1025, "lanes": 1}),
        ("lanes", "1 to 32 for a block of 32 elements, not 0$", {"lanes": 0}),
        ("lanes", "1 to 32 for a block of 32 elements, not -8$", {"lanes": -8}),
        ("lanes", "1 to 4 for a block of 4 elements, not 8$", {"block": 4, "lanes": 8}),
        ("lanes", "must divide the block of 32 elements, which 3 does not$", {"lanes": 3}),
        ("lanes", "must divide the block of 1024 elements, which 1023 does not$", {"block": 1024, "lanes": 1023}),
        ("window", "42 to 1024 bits, not 41: one block of 32 products alone takes 42$", {"window": 41}),
        ("window", "37 to 1024 bits, not 36: one block of 1 products", {"block": 1, "lanes": 1, "window": 36}),
        ("window", "70 to 1024 bits, not 69", {"a": "E5M2", "b": "E5M2", "window": 69}),
        ("window", "42 to 1024 bits, not 1025", {"window": 1025}),
        ("window", "not -80", {"window": -80}),
        ("window_guard", "^window_guard must be 0 to 79, not -1$", {"window_guard": -1}),
        ("window_guard", "^window_guard must be 0 to 41, not 42$", {"window": 42, "window_guard": 42}),
        ("window_guard", "left out beside window_lsb", {"window_guard": 16, "window_lsb": 0}),
        ("window_lsb", "^window_lsb must be -1024 to 1024, not 1025$", {"window_lsb": 1025}),
        ("window_lsb", "^window_lsb must be -1024 to 1024, not -1025$", {"window_lsb": -1025}),
        ("pipeline", "^pipeline must be 1 to 3, not 0$", {"pipeline": 0}),
        ("pipeline", "^pipeline must be 1 to 3, not 4$", {"pipeline": 4}),
        ("output", "^output must be one of FP32, BF16, FP16, not E4M3$", {"output": ELEMENT_FORMATS["E4M3"]}),
        ("storage", "^storage must be one of lutram, registers, not 'sram'$", {"storage": "sram"}),
        ("multiplier", "^multiplier must be one of lut, dsp, not 'fpga'$", {"multiplier": "fpga"}),
        ("multiplier", "^multiplier must be lut with the target asic, ", {"multiplier": "dsp", "target": "asic"}),
    ],
)
def test_config_refuses_values(parameter, message, parameters):
    with pytest.raises(UserError, match=message) as error:
        config(**parameters)
    assert error.value.parameter == parameter
    assert str(error.value).startswith(f"{parameter} must ")
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


@pytest.mark.parametrize("parameter", ["window", "window_guard", "window_lsb"])
@pytest.mark.parametrize("value", [64.0, True, "64"])
def test_a_window_of_the_wrong_type_is_a_type_error(parameter, value):
    with pytest.raises(TypeError, match=rf"^{parameter} must be an integer, not {value!r}$"):
        config(**{parameter: value})


@pytest.mark.parametrize("accumulator", [Accumulator.EXACT, Accumulator.FP32], ids=lambda kind: kind.value)
@pytest.mark.parametrize("parameters", [{"window": 80}, {"window_guard": 16}, {"window_lsb": 0}], ids=str)
def test_parameters_of_the_window_are_refused_with_another_accumulator(accumulator, parameters):
    with pytest.raises(UserError, match=f"must be left out with the accumulator {accumulator.value}") as error:
        config(accumulator=accumulator, **parameters)
    assert error.value.parameter in parameters


def test_parameters_without_meaning_are_none():
    windows = [(made.window, made.window_guard, made.window_lsb) for made in (MacConfig(), config(), config(window_lsb=-9))]
    assert windows == [(None, None, None), (80, 16, None), (80, None, -9)]
    assert config() == config(window=80, window_guard=16)
    listed = {name: value for name, value in config().as_dict().items() if name.startswith("window")}
    assert listed == {"window": 80, "window-guard": 16}
    assert not [name for name in MacConfig().as_dict() if name.startswith("window")]


@pytest.mark.parametrize("name", ["window_bits", "window_guard_bits"])
def test_widths_of_a_window_that_is_not_there_are_refused(name):
    with pytest.raises(ValueError, match="has no value in this configuration"):
        getattr(MacConfig(), name)


def test_a_result_without_inf_and_nan_is_refused(monkeypatch):
    monkeypatch.setitem(RESULT_FORMATS, "E4M3", ELEMENT_FORMATS["E4M3"])
    with pytest.raises(UserError, match=r"^output must be a format with Inf and NaN, not E4M3$"):
        MacConfig(output="E4M3")


def test_a_result_with_eight_exponent_bits_is_no_source_of_the_quantizer(monkeypatch):
    tf32 = Format("TF32", 8, 10, Specials.IEEE)
    monkeypatch.setitem(RESULT_FORMATS, "TF32", tf32)
    assert MacConfig(output="TF32").output is tf32
    for source in ("TF32", tf32):
        with pytest.raises(UserError, match=r"^source must be one of FP32, BF16, not .?TF32"):
            QuantizerConfig(source=source)


def test_scales_cover_the_exponents_of_every_source():
    assert all((fmt.exp_bits, fmt.bias, fmt.specials) == (8, SCALE_BIAS, Specials.IEEE) for fmt in SOURCE_FORMATS.values())


@pytest.mark.parametrize("side", ["a", "b"])
def test_config_refuses_an_operand_without_a_format(side):
    with pytest.raises(UserError, match="must be at least one of E4M3, ") as error:
        MacConfig(**{side: ()})
    assert error.value.parameter == side


@pytest.mark.parametrize("kind", [MacConfig, QuantizerConfig])
def test_config_is_frozen(kind):
    with pytest.raises(FrozenInstanceError):
        kind().lanes = 4


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
    infos = [ml_dtypes.finfo(dtypes.ELEMENTS[name]) for name in names if name not in dtypes.INTEGERS]
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


@pytest.mark.parametrize(
    "formats", [("E4M3", "E5M2"), ("E2M1", "INT8"), ("E3M2", "E2M3"), tuple(ELEMENT_FORMATS)], ids=",".join
)
def test_an_operand_of_several_formats_is_as_fine_and_as_large_as_any(formats):
    operand = Operand(tuple(ELEMENT_FORMATS[name] for name in formats))
    largest, grid = largest_and_smallest(formats)
    assert Fraction(2) ** operand.lsb_exp == grid
    assert operand.max_integer * grid == largest
    assert operand.width == max(ELEMENT_FORMATS[name].width for name in formats)
