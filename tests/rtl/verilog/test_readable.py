"""Text that reviewers can read: short lines, names for all wires; tests/long proves that it is the same hardware."""

import re
from functools import cache
from itertools import product

import pytest

from linters import slang_says, written
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac.top import MacTop
from mxmac.quantizer.config import Overflow, QuantizerConfig, ScaleRule
from mxmac.verilog import generate, generate_quantizer
from mxmac.verilog.statements import readable
from same_hardware import modules, same, texts_of

ALL = tuple(ELEMENT_FORMATS.values())
UNITS = {f"{kind.value}, {lanes}": MacConfig(accumulator=kind, lanes=lanes) for kind, lanes in product(Accumulator, (1, 4))}
UNITS["all formats at run time"] = MacConfig(a=ALL, b=ALL, lanes=1, accumulator=Accumulator.FP32)
UNITS["window at a fixed place, DSP"] = MacConfig(
    b="E5M2", lanes=2, accumulator=Accumulator.WINDOW, window_lsb=-40, multiplier="dsp", pipeline=1
)
UNITS["integers"] = MacConfig(a="INT8", b="INT8", lanes=2, accumulator=Accumulator.WINDOW)
UNITS["table of products"] = MacConfig(a="E2M1", b="E2M1", lanes=2, accumulator=Accumulator.WINDOW)
UNITS["quantizer"] = QuantizerConfig(lanes=2)
UNITS["quantizer with all options"] = QuantizerConfig(
    to="E5M2", source="BF16", lanes=1, block=16, rules=tuple(ScaleRule), overflows=tuple(Overflow)
)


@cache
def text_of(name):
    config = UNITS[name]
    return (generate_quantizer if isinstance(config, QuantizerConfig) else generate)(config, "unit").text


each_unit = pytest.mark.parametrize("name", UNITS)


@each_unit
def test_no_line_is_longer_than_120_characters(name):
    assert max(map(len, text_of(name).splitlines())) <= 120


@each_unit
def test_every_wire_has_a_name_and_no_name_is_escaped(name):
    assert not re.findall(r"\b_\d+_\b", text_of(name))
    assert "\\" not in text_of(name)


@pytest.mark.parametrize(("accumulator", "lanes"), [("window", 32), ("exact", 32), ("exact", 8)])
def test_registers_are_not_named_after_operands_of_carry_chains(accumulator, lanes):
    text = generate(MacConfig(accumulator=accumulator, lanes=lanes, target="ecp5"), "unit").text
    registers = re.findall(r"^ +(?:output )?reg +(?:\[[^]]+\] )?(\w+)", text, re.M)
    assert len(registers) > 400
    # Those of elements are called a and b, and one of an exact sum is called carry.
    assert not [name for name in registers if re.fullmatch(r"[cd](?:_\d+)?|carry_\d+", name)]


@each_unit
def test_no_bit_is_written_out_several_times_in_a_row(name):
    text = " ".join(text_of(name).split())
    assert not re.search(r"(?:\{ ?|, )(\w+(?:\[[\d:]+\])?), \1[, }]", text)


@each_unit
def test_slang_finds_no_change_of_sign(name, tmp_path, capfd):
    assert slang_says(written(tmp_path, text_of(name)), capfd) == ""


# The statements of a module.


def test_a_wire_that_is_read_once_is_folded_into_its_reader():
    body = "  wire _0_;\n  wire y;\n  assign _0_ = a & b;\n  assign y = _0_ | c;\n"
    assert readable(body, "abc") == "  wire y;\n  assign y = (a & b) | c;\n"


def test_a_wire_of_which_a_part_is_read_is_named_after_its_reader():
    body = "  wire [3:0] _0_;\n  wire y;\n  assign _0_ = a + b;\n  assign y = _0_[3];\n"
    assert readable(body, "ab") == "  wire [3:0] y_sum;\n  wire y;\n  assign y_sum = a + b;\n  assign y = y_sum[3];\n"


def test_a_wire_that_many_read_is_named_after_the_first():
    reads = "".join(f"  assign y{number} = _0_ | c;\n" for number in range(4))
    body = readable("  wire _0_;\n  assign _0_ = a & b;\n" + reads, "abc")
    assert "  wire y0_and;\n  assign y0_and = a & b;\n" in body
    assert "  assign y3 = y0_and | c;\n" in body


def test_the_next_value_and_the_enable_of_a_register_are_named_so():
    reads = "".join(f"  assign y{number} = _0_ ^ _1_;\n" for number in range(4))
    body = "  wire _0_;\n  wire _1_;\n  assign _0_ = a & b;\n  assign _1_ = a | b;\n"
    register = "  always @(posedge clk)\n    if (rst) r <= 1'h0;\n    else if (_1_) r <= _0_;\n"
    assert "else if (r_enable) r <= r_next;" in readable(body + register + reads, "ab")


def test_a_name_that_is_taken_gets_a_number():
    body = "  wire [3:0] _0_;\n  assign _0_ = a + b;\n  assign y = _0_[3];\n"
    assert "  wire [3:0] y_sum_2;\n" in readable(body, ["a", "b", "y_sum"])


def test_wires_with_the_same_driver_are_one():
    reads = "".join(f"  assign y{number} = _{number % 2}_[1:0];\n" for number in range(4))
    body = readable("  wire [3:0] _0_;\n  wire [3:0] _1_;\n  assign _0_ = a + b;\n  assign _1_ = a + b;\n" + reads, "ab")
    assert body.count("a + b") == body.count("wire") == 1


# The same hardware.

SMALL = MacConfig(a="E2M1", b="E2M1", block=4, lanes=2, accumulator=Accumulator.WINDOW, window=24, window_guard=4)


@pytest.fixture(scope="module")
def texts():
    return texts_of(MacTop(SMALL))


@pytest.mark.parametrize(
    ("module", "right", "wrong"),
    [("unit__mac_datapath_scale_sum", " + ", " - "), ("unit__mac_datapath_beat_sum_multiplier", " ^ ", " | ")],
)
def test_an_operator_that_differs_is_found(texts, tmp_path, module, right, wrong):
    before, after = texts
    start = after.index(f"module {module} (")
    assert right in after[start : after.index("endmodule", start)]
    assert not same(module, (before, after[:start] + after[start:].replace(right, wrong, 1)), modules(after), tmp_path)
