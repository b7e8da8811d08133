"""The Verilog of the quantizer: linters have nothing to say about it, and the command writes it with its manifest."""

import importlib.util
import json
from pathlib import Path

import pytest

import mxmac
from mxmac.cli import app as cli
from mxmac.formats import ELEMENT_FORMATS, SOURCE_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.rules import Overflow, ScaleRule
from mxmac.quantizer.unit import quantizer_latency
from mxmac.verilog import generate_quantizer

RULES, MODES = tuple(ScaleRule), tuple(Overflow)


def quantizer(source, to, block, lanes, rules=RULES, overflows=(Overflow.SAT,)):
    return QuantizerConfig(
        source=SOURCE_FORMATS[source], to=ELEMENT_FORMATS[to], block=block, lanes=lanes, rules=rules, overflows=overflows
    )


CONFIGS = [
    quantizer("BF16", "E4M3", 32, 32, overflows=MODES),
    quantizer("FP32", "E5M2", 32, 1, overflows=MODES),
    quantizer("FP32", "INT8", 1024, 8),
    quantizer("BF16", "E2M1", 1, 1, RULES[:1]),
    quantizer("FP32", "E2M3", 24, 3, RULES[1:2]),
    quantizer("BF16", "E3M2", 2, 1, RULES[2:]),
    quantizer("BF16", "INT8", 16, 8, RULES[3:], MODES[1:]),
    quantizer("FP32", "E4M3", 8, 8, RULES[:1], MODES[1:]),
    quantizer("BF16", "E5M2", 8, 4, RULES[1:2], MODES[:1]),
]


def described(config):
    return f"{config.source.name}-{config.to.name}-block{config.block}-lanes{config.lanes}-{len(config.rules)}"


def linters():
    spec = importlib.util.spec_from_file_location("linters", Path(__file__).with_name("test_lint.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("config", CONFIGS, ids=described)
def test_no_linter_has_anything_to_say(tmp_path, capfd, config):
    module = linters()
    assert module.everyone_says(module.written(tmp_path, generate_quantizer(config, "unit").text), capfd) == {}


def test_the_same_configuration_gives_the_same_bytes():
    first, second = (generate_quantizer(CONFIGS[1], "unit") for _ in range(2))
    assert (first.text, first.manifest_text) == (second.text, second.manifest_text)


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        cli.main(["generate", *map(str, arguments)])
    return end.value.code


def test_the_command_writes_text_and_manifest(tmp_path, capsys):
    out = tmp_path / "convert.v"
    options = ("--from", "bf16", "--to", "e4m3", "--block", 16, "--lanes", 4, "--rule", "all", "--overflow", "both")
    assert run("quantizer", *options, "--top", "to_mx", "-o", out) == 0
    config = quantizer("BF16", "E4M3", 16, 4, overflows=MODES)
    assert out.read_text() == generate_quantizer(config, "to_mx").text
    manifest = json.loads(out.with_suffix(".json").read_text())
    assert manifest["config"] == {
        "from": "BF16",
        "to": "E4M3",
        "block": 16,
        "lanes": 4,
        "rule": ["floor", "rceil", "ceil", "even"],
        "overflow": ["sat", "ovf"],
    }
    assert (manifest["top"], manifest["version"]) == ("to_mx", mxmac.__version__)
    assert manifest["latency"] == quantizer_latency(config)
    assert manifest["initiation_interval"] == {"clocks_per_beat": 1, "clocks_per_block": 4, "beats_per_block": 4}
    assert {port["name"]: port["width"] for port in manifest["ports"]} == {
        "clk": 1,
        "rst": 1,
        "in_valid": 1,
        "in_ready": 1,
        "in_data": 64,
        "in_rule": 2,
        "in_overflow": 1,
        "in_last": 1,
        "out_valid": 1,
        "out_ready": 1,
        "out_data": 32,
        "out_scale": 8,
        "out_last": 1,
    }
    assert f"{quantizer_latency(config)} cycles" in capsys.readouterr().out


def test_dense_elements_and_rules_in_the_order_that_is_given(capsys):
    options = ("--from", "fp32", "--to", "E2M3", "--block", 4, "--lanes", 2, "--rule", "even,floor", "--rule", "ceil")
    assert run("quantizer", *options, "-o", "-") == 0
    text = capsys.readouterr().out
    rules = (ScaleRule.EVEN, ScaleRule.FLOOR, ScaleRule.CEIL)
    assert text == generate_quantizer(quantizer("FP32", "E2M3", 4, 2, rules), "quantizer").text
    assert "output wire [11:0] out_data" in text
    assert "0 = even, 1 = floor, 2 = ceil" in text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--from", "fp16"), "--from: must be one of FP32, BF16, not 'fp16'"),
        (("--to", "fp8"), "--to: must be one of E4M3, "),
        (("--block", "0"), "--block: must be 1 to 1024 elements"),
        (("--lanes", "5"), "--lanes: must divide the block of 32 elements, which 5 does not"),
        (("--rule", "round"), "--rule: must be one or more of floor, rceil, ceil, even, or all alone, not 'round'"),
        (
            ("--rule", "even", "--rule", "all"),
            "--rule: must be one or more of floor, rceil, ceil, even, or all alone",
        ),
        (("--rule", "even,even"), "--rule: must have each of its choices once, not even twice"),
        (("--overflow", "wrap"), "--overflow: must be one or more of sat, ovf, or both alone, not 'wrap'"),
        (("--to", "e2m1", "--overflow", "both"), "--overflow: must be one only for E2M1, which has neither Inf nor NaN"),
        (("--top", "8"), "--top: must be an identifier of Verilog and VHDL"),
        (("--accumulator", "fp32"), "--accumulator"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_option_and_writes_nothing(tmp_path, capsys, arguments, expected):
    assert run("quantizer", "-o", tmp_path / "x.v", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert expected in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_missing_output_and_options_of_a_unit_before_the_name_are_refused(tmp_path, capsys):
    assert run("quantizer") == 2
    assert "-o: Missing" in capsys.readouterr().err
    assert run("--lanes", 4, "quantizer", "-o", tmp_path / "x.v") == 2
    assert "--lanes: Options of quantizer are written after its name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
