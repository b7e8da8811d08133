"""Parameters: what is refused and how, and the widths that follow, against the specifications' tables and ml_dtypes."""

import copy
import json
import pickle
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from math import inf, isinf, isnan

import ml_dtypes
import numpy as np
import pytest

import dtypes
from mxmac.cli.mac_options import config_from
from mxmac.cli.quantizer_options import quantizer_config_from
from mxmac.config import Accumulator, MacConfig, MultiplierKind, Storage
from mxmac.errors import UserError
from mxmac.formats import (
    ELEMENT_FORMATS,
    MX_BLOCK,
    MX_FORMATS,
    RESULT_FORMATS,
    SCALE_BIAS,
    SCALE_NAN,
    SCALE_WIDTH,
    SOURCE_FORMATS,
    Format,
    Operand,
    Specials,
)
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.rules import Overflow, ScaleRule

FLOATS = [(ELEMENT_FORMATS[name], dtype) for name, dtype in dtypes.ELEMENTS.items() if name not in dtypes.INTEGERS]
FLOATS += [(RESULT_FORMATS[name], dtype) for name, dtype in dtypes.RESULTS.items()]

each_float = pytest.mark.parametrize(("fmt", "dtype"), FLOATS, ids=lambda x: getattr(x, "name", ""))
each_accumulator = pytest.mark.parametrize("accumulator", Accumulator, ids=lambda kind: kind.value)


def config(a="E4M3", b="E4M3", accumulator=Accumulator.WINDOW, **parameters):
    return MacConfig(a=a.split(","), b=b.split(","), accumulator=accumulator, **parameters)


def decoded(code, dtype, width):
    unsigned = np.dtype(f"u{np.dtype(dtype).itemsize}")
    assert 0 <= code < 1 << width
    return float(np.array(code, unsigned).view(dtype))


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


WRONG_TYPES = [
    *((MacConfig, name, value) for name in ("block", "lanes", "pipeline") for value in (1.0, True, "1", None, [1])),
    *((MacConfig, name, value) for name in ("a", "b") for value in (None, 5, [None], [["E4M3"]], {"E4M3", "E5M2"})),
    *((MacConfig, "output", value) for value in (None, 32, ["FP32"], np.float32)),
    *(
        (MacConfig, name, value)
        for name in ("accumulator", "storage", "multiplier")
        for value in (None, 0, ["exact"], ScaleRule.EVEN)
    ),
    *((QuantizerConfig, name, value) for name in ("block", "lanes") for value in (8.0, True, "8", None)),
    *((QuantizerConfig, name, value) for name in ("source", "to") for value in (None, 8, ["E4M3"])),
    *(
        (QuantizerConfig, name, value)
        for name in ("rules", "overflows")
        for value in (None, 3, [None], {"sat"}, Accumulator.EXACT)
    ),
]


@pytest.mark.parametrize(("kind", "parameter", "value"), WRONG_TYPES)
def test_a_value_of_the_wrong_type_is_a_type_error_that_names_the_parameter(kind, parameter, value):
    with pytest.raises(TypeError, match=rf"^{parameter} must be .*, not "):
        kind(**{parameter: value})


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


# Values are normalised.


SPELT = [
    (MacConfig, {"a": ELEMENT_FORMATS["E5M2"]}, {"a": "e5m2"}),
    (MacConfig, {"a": (ELEMENT_FORMATS["E5M2"],)}, {"a": [ELEMENT_FORMATS["E5M2"]]}),
    (MacConfig, {"b": tuple(ELEMENT_FORMATS.values())}, {"b": ELEMENT_FORMATS.values()}),
    (MacConfig, {"b": tuple(ELEMENT_FORMATS.values())}, {"b": iter(ELEMENT_FORMATS)}),
    (MacConfig, {"a": ELEMENT_FORMATS["E2M1"]}, {"a": Format("E2M1", 2, 1)}),
    (MacConfig, {"accumulator": Accumulator.WINDOW, "window": 64}, {"accumulator": "Window", "window": np.int64(64)}),
    (MacConfig, {"output": RESULT_FORMATS["BF16"]}, {"output": "bf16"}),
    (MacConfig, {"block": 16, "lanes": 4}, {"block": np.uint8(16), "lanes": np.int32(4)}),
    (MacConfig, {"storage": Storage.REGISTERS}, {"storage": "registers"}),
    (MacConfig, {"multiplier": MultiplierKind.DSP}, {"multiplier": "DSP"}),
    (QuantizerConfig, {"source": RESULT_FORMATS["BF16"]}, {"source": "bf16"}),
    (QuantizerConfig, {"to": ELEMENT_FORMATS["INT8"]}, {"to": "int8"}),
    (QuantizerConfig, {"rules": (ScaleRule.EVEN,)}, {"rules": "even"}),
    (QuantizerConfig, {"rules": (ScaleRule.EVEN, ScaleRule.CEIL)}, {"rules": [ScaleRule.EVEN, "CEIL"]}),
    (QuantizerConfig, {"overflows": tuple(Overflow)}, {"overflows": ["sat", "ovf"]}),
]


@pytest.mark.parametrize(("kind", "parameters", "other"), SPELT)
def test_configs_are_equal_and_hashable_however_they_are_spelt(kind, parameters, other):
    first, second = kind(**parameters), kind(**other)
    assert first == second != kind()
    assert hash(first) == hash(second)
    assert first.as_dict() == second.as_dict()
    assert json.dumps(second.as_dict())  # plain integers, not those of NumPy
    for name in ("a", "b", "rules", "overflows"):
        assert isinstance(getattr(second, name, ()), tuple)


@pytest.mark.parametrize(
    "made",
    [
        MacConfig(),
        MacConfig(a=["E4M3", "INT8"], accumulator="window", window=99, window_guard=1, output="FP16", pipeline=3),
        MacConfig(accumulator="window", window_lsb=-40, storage="registers", multiplier="dsp"),
        QuantizerConfig(),
        QuantizerConfig(source="BF16", to="E5M2", block=12, lanes=3, rules=["ceil", "even"], overflows=["ovf"]),
    ],
)
def test_a_config_is_that_of_its_dict_copy_and_pickle(made):
    assert type(made).from_dict(json.loads(json.dumps(made.as_dict()))) == made
    assert replace(made) == copy.deepcopy(made) == pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("kind", [MacConfig, QuantizerConfig])
def test_a_dict_with_a_key_too_few_or_too_many_is_refused(kind):
    whole = kind().as_dict()
    for name in whole:
        with pytest.raises(KeyError, match=name):
            kind.from_dict({key: value for key, value in whole.items() if key != name})
    with pytest.raises(TypeError, match="depth"):
        kind.from_dict(whole | {"depth": 3})


@pytest.mark.parametrize("side", ["a", "b"])
def test_config_refuses_an_operand_without_a_format(side):
    with pytest.raises(UserError, match="must be at least one of E4M3, ") as error:
        MacConfig(**{side: ()})
    assert error.value.parameter == side


@pytest.mark.parametrize("kind", [MacConfig, QuantizerConfig])
def test_config_is_frozen(kind):
    with pytest.raises(FrozenInstanceError):
        kind().lanes = 4


@pytest.mark.parametrize(
    ("table", "kind", "parameter"),
    [
        (ELEMENT_FORMATS, MacConfig, "a"),
        (ELEMENT_FORMATS, MacConfig, "b"),
        (RESULT_FORMATS, MacConfig, "output"),
        (ELEMENT_FORMATS, QuantizerConfig, "to"),
        (SOURCE_FORMATS, QuantizerConfig, "source"),
    ],
)
@pytest.mark.parametrize("name", ["E9M9", "", "E4M3 ", "é", "E4M3FN", "MXFP9"])
def test_an_unknown_format_is_refused_with_those_that_are_accepted(table, kind, parameter, name):
    with pytest.raises(UserError, match=f"must be one of {', '.join(table)}, not {name!r}") as error:
        kind(**{parameter: name})
    assert error.value.parameter == parameter
    assert str(error.value).endswith("an MX name, such as MXFP8") == (table is ELEMENT_FORMATS)


def test_a_format_that_differs_from_the_one_of_its_name_is_refused():
    with pytest.raises(UserError, match=r"^a must be one of E4M3, .*, not Format"):
        MacConfig(a=Format("E4M3", 4, 3, Specials.IEEE))


# MX names (MX v1.0, 5.2, table 1).

MX_NAMES = {
    "MXFP8": "E4M3",
    "MXFP8_E4M3": "E4M3",
    "MXFP8_E5M2": "E5M2",
    "MXFP6_E3M2": "E3M2",
    "MXFP6_E2M3": "E2M3",
    "MXFP4": "E2M1",
    "MXFP4_E2M1": "E2M1",
    "MXINT8": "INT8",
}


def test_the_mx_names_are_these():
    assert set(MX_FORMATS) == {*MX_NAMES, "MXFP6"}
    assert MX_BLOCK == 32


@pytest.mark.parametrize("name", MX_NAMES)
def test_an_mx_name_is_its_element_format_in_blocks_of_32(name):
    for spelt in (name, name.lower()):
        assert MacConfig(a=spelt, b=[spelt]) == MacConfig(a=MX_NAMES[name], b=MX_NAMES[name], block=32)
        assert QuantizerConfig(to=spelt) == QuantizerConfig(to=MX_NAMES[name], block=32)
    assert name not in json.dumps(MacConfig(a=name).as_dict())
    for refused in ({"a": name}, {"b": [name]}):
        with pytest.raises(
            UserError, match=f"^block must be 32, the block of {name}, not 16; {MX_NAMES[name]} takes any"
        ) as error:
            MacConfig(block=16, **refused)
        assert error.value.parameter == "block"
    with pytest.raises(UserError, match=r"^block must be 32"):
        QuantizerConfig(block=64, to=name)
    MacConfig(block=16, a=MX_NAMES[name])


@pytest.mark.parametrize(("kind", "parameter"), [(MacConfig, "a"), (MacConfig, "b"), (QuantizerConfig, "to")])
def test_an_mx_name_of_two_formats_is_asked_about(kind, parameter):
    with pytest.raises(UserError, match=f"^{parameter} must be MXFP6_E3M2 or MXFP6_E2M3, not MXFP6, which stands for both$"):
        kind(**{parameter: "MXFP6"})


def test_an_mx_name_is_no_result():
    with pytest.raises(UserError, match=r"^output must be one of FP32, BF16, FP16, not 'MXFP8'$"):
        MacConfig(output="MXFP8")


def test_a_format_under_two_names_is_one_format_twice():
    with pytest.raises(UserError, match=r"once, not E4M3 twice$"):
        MacConfig(a=["MXFP8", "E4M3"])


# The error.


@pytest.mark.parametrize(
    ("parameter", "message", "text"),
    [
        ("window_guard", "must be 0 to 79, not -1", "window_guard must be 0 to 79, not -1"),
        ("x.npz", "It has no array 'a'", "x.npz: It has no array 'a'"),
    ],
)
def test_an_error_starts_with_its_parameter(parameter, message, text):
    error = UserError(parameter, message)
    again = pickle.loads(pickle.dumps(error))
    assert str(error) == str(again) == text
    assert (again.parameter, again.message) == (parameter, message)


# Options of the command line.


def test_options_refuse_an_unknown_format_in_a_list():
    for entries in (["E4M3,E9M9"], ["E4M3", "E9M9"], ["E4M3,,INT8"]):
        with pytest.raises(UserError, match=r"must be one of E4M3, .*, not '(E9M9)?'") as error:
            config_from(a=entries)
        assert error.value.parameter == "a"


def test_options_take_comma_lists_and_repetitions_in_any_case():
    made = config_from(a=["e4m3, E5M2", "int8"], b=["mxfp4"], accumulator="FP32", output="Fp32")
    assert made == MacConfig(a=["E4M3", "E5M2", "INT8"], b="E2M1", accumulator="fp32", output="FP32")


def test_options_have_the_defaults_of_the_configuration():
    assert config_from() == MacConfig()
    assert config_from(accumulator="window") == MacConfig(accumulator="window")
    assert quantizer_config_from() == QuantizerConfig()


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
