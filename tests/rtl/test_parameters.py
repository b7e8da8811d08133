"""Normalisation and checks of parameters: types, names of formats and of choices, MX names, equality."""

import copy
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest

from mxmac.config import Accumulator, MacConfig, MultiplierKind, Storage, Target
from mxmac.errors import UserError
from mxmac.formats import (
    ELEMENT_FORMATS,
    MX_BLOCK,
    MX_FORMATS,
    RESULT_FORMATS,
    SOURCE_FORMATS,
    Format,
    Specials,
)
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.rules import Overflow, ScaleRule

WRONG_TYPES = [
    *((MacConfig, name, value) for name in ("block", "lanes") for value in (1.0, True, "1", None, [1])),
    *((MacConfig, "pipeline", value) for value in (1.0, True, "1", [1])),
    *((MacConfig, name, value) for name in ("a", "b") for value in (None, 5, [None], [["E4M3"]], {"E4M3", "E5M2"})),
    *((MacConfig, "output", value) for value in (None, 32, ["FP32"], np.float32)),
    *(
        (MacConfig, name, value)
        for name in ("accumulator", "target", "multiplier")
        for value in (None, 0, ["exact"], ScaleRule.EVEN)
    ),
    *((MacConfig, "storage", value) for value in (0, ["exact"], ScaleRule.EVEN)),
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
    (MacConfig, {"target": Target.ECP5}, {"target": "ECP5", "pipeline": 3}),
    (MacConfig, {"target": Target.ASIC}, {"target": "asic", "pipeline": 1, "storage": "registers"}),
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
        MacConfig(target="asic", storage="lutram", pipeline=2),
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
