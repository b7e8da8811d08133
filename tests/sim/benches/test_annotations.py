"""Texts of annotations: readable numbers, and all that a waveform shows of a beat and of a result."""

import numpy as np
import pytest

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac_sim.benches.kit.annotations import (
    annotations,
    beat_texts,
    block_texts,
    decimal,
    element_texts,
    encoded,
    result_texts,
    scale_text,
)
from mxmac_sim.simulators.waves import Annotation
from mxmac_sim.stimulus.dots import Dot
from oracle import decode, is_nan

UNIT = MacConfig(a=["E4M3", "E2M1"], b="E5M2", block=4, lanes=2, addend="FP32")
LONGEST = [np.finfo(np.float32).smallest_subnormal * -12345, -1.2345678e-5, -1.2345679e15, -3.4028235e38, -0.00012345679]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.5, "1.5"),
        (-448, "-448"),
        (0, "0"),
        (-0.0, "-0"),
        (np.nan, "NaN"),
        (np.inf, "Inf"),
        (-np.inf, "-Inf"),
        (1e-3, "0.001"),
    ],
)
def test_a_number_is_written_in_few_digits(value, expected):
    assert decimal(np.float32(value)) == expected


@pytest.mark.parametrize("value", LONGEST)
def test_the_longest_numbers_fit_and_are_not_rounded(value):
    text = decimal(np.float32(value))
    assert len(text) <= 16
    assert np.float32(text) == np.float32(value)


@pytest.mark.parametrize("name", ELEMENT_FORMATS)
def test_every_element_has_its_value(name):
    fmt = ELEMENT_FORMATS[name]
    for code, text in enumerate(element_texts(fmt)):
        value = decode(code, name)
        assert text == "NaN" if is_nan(value) else np.float32(text) == float(value)


def test_scales_are_powers_of_two():
    assert [scale_text(code) for code in (0, 124, 127, 254, 255)] == ["2^-127", "2^-3", "2^0", "2^127", "NaN"]


def test_a_text_is_right_aligned_ascii():
    assert encoded("-448", Annotation("a_0", 16)) == int.from_bytes(b"-448", "big")
    assert (encoded("", Annotation("a_0", 16)), encoded("1", Annotation("wrong", 0)), encoded("", Annotation("wrong", 0))) == (
        0,
        1,
        0,
    )
    assert encoded("longer", Annotation("test", 4)) == int.from_bytes(b"long", "big")


def test_scales_formats_and_addend_are_shown_on_all_beats():
    a, b = np.array([[0x38, 0xFE, 0, 1], [7, 8, 1, 0]]), np.array([[0x3C, 0x7C, 0xFC, 0x7E], [0, 0x80, 0, 0]])
    dot = Dot.of(UNIT, "some kind", ((a, np.array([0, 1])), (b, np.array([0, 0]))), ([120, 127], [255, 128]))
    texts = beat_texts(dot, 1, UNIT)
    assert texts == {
        "fed_kind": "some kind", "fed_block": "0", "fed_beat": "1", "addend": "0",
        "a_0": "0", "a_1": "0.001953125", "scale_a": "2^-7", "format_a": "E4M3",
        "b_0": "-Inf", "b_1": "NaN", "scale_b": "NaN", "format_b": "E5M2",
    }  # fmt: skip
    texts = beat_texts(dot, 2, UNIT)
    assert (texts["fed_block"], texts["fed_beat"], texts["format_a"], texts["scale_b"]) == ("1", "0", "E2M1", "2^1")
    assert (texts["a_0"], texts["a_1"], texts["b_0"], texts["b_1"]) == ("6", "-0", "0", "-0")


def test_a_result_is_wrong_if_a_flag_differs():
    output = UNIT.output
    expected = {"expected": "1.5", "expected_flags": "", "actual": "1.5", "actual_flags": "OF NX", "wrong": "1"}
    assert result_texts((0x3FC00000, 0), (0x3FC00000, 5), output) == expected
    assert "wrong" not in result_texts((0x3FC00000, 5), (0x3FC00000, 5), output)


def test_a_quantized_beat_is_wrong_if_its_scale_differs():
    config = QuantizerConfig(to="E2M1", block=4, lanes=2)
    texts = block_texts(3, (0x52, 130, 1), (0x52, 131, 1), config)
    assert texts == {
        "result_block": "1", "result_beat": "1",
        "expected_0": "1", "expected_1": "3", "expected_scale": "2^3", "expected_last": "1",
        "actual_0": "1", "actual_1": "3", "actual_scale": "2^4", "actual_last": "1", "wrong": "1",
    }  # fmt: skip


@pytest.mark.parametrize("config", [UNIT, QuantizerConfig(block=4, lanes=2, rules=("floor", "even"))])
def test_signals_have_names_of_their_own_and_ports_beside_them(config):
    names = [signal.name for signal in annotations(config)]
    assert len(set(names)) == len(names)
    assert all(signal.beside.startswith(("in_", "out_")) for signal in annotations(config)[1:])


def test_signals_of_formats_and_addends_exist_only_with_them():
    assert {"format_a", "addend"} & {signal.name for signal in annotations(MacConfig())} == set()
