"""Units with an addend: hardware in Icarus against the golden model, mistakes that it finds, and what an addend costs."""

import json
import re
import shutil

import jsonschema
import pytest

from mutants import Mutant
from mxmac.accumulator.exact.chunked import chunked_words
from mxmac.config import MacConfig
from mxmac.mac import unit_plan
from mxmac.verilog import generate
from mxmac.verilog.manifest import manifest_schema
from testbench_checks import run_testbench, written

EXACT = MacConfig(a="E2M1", b="E2M1", block=2, lanes=1, addend="fp32")
FP32 = MacConfig(a="E2M1", b="E2M1", block=1, lanes=1, accumulator="fp32", addend="fp32")
UNITS = {
    "exact": EXACT,
    "chunked": MacConfig(a="E2M1", b="E2M1", block=4, lanes=1, addend="fp32"),
    "exact, a beat a block": MacConfig(a="E2M1", b="E2M1", block=1, lanes=1, storage="registers", output="fp16", addend="fp32"),
    "serial": MacConfig(a="E2M1", b="E2M1", block=32, lanes=1, addend="fp32"),
    "fp32": FP32,
}
MISTAKES = {
    "a signalling NaN raises nothing": (EXACT, Mutant("accumulator.addend:addend_specials", "nan & ~man[-1]", "Const(0)")),
    "an addend counts twice": (
        EXACT,
        Mutant("accumulator.exact.parallel:next_term", "code.exp, block.exp", "code.exp + 1, block.exp"),
    ),
    "an addend is read on every beat": (EXACT, Mutant("mac.unit:MacUnit.elaborate", "eq(self.i.payload.last)", "eq(1)")),
    "an infinite addend counts as a finite one": (
        FP32,
        Mutant(
            "accumulator.fp32.accumulator:Fp32Accumulator.elaborate",
            "specials | Mux(first, addend_specials(addend).as_value(), 0)",
            "specials",
        ),
    ),
}

icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")


@icarus
@pytest.mark.parametrize("name", UNITS)
def test_units_give_the_results_of_the_golden_model(name, tmp_path):
    status, said = run_testbench(written(UNITS[name], tmp_path), "Icarus")
    assert re.fullmatch(r"PASS: (\d+) beats, (\d+) results, 3 runs\n", said), said
    assert status == 0


@icarus
@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_found(name, tmp_path, monkeypatch):
    config, mutant = MISTAKES[name]
    mutant.put_in(monkeypatch)
    status, said = run_testbench(written(config, tmp_path), "Icarus")
    assert "FAIL: " in said
    assert status != 0


@pytest.mark.parametrize(
    ("parameters", "clocks"),
    [({"lanes": 8}, 0), ({"lanes": 16}, 0), ({"lanes": 32}, 1), ({"lanes": 1}, 0), ({"lanes": 32, "accumulator": "fp32"}, 0)],
)
def test_an_addend_takes_a_cycle_only_if_a_block_is_one_beat(parameters, clocks):
    with_addend, without = (unit_plan(MacConfig(addend=addend, **parameters)) for addend in ("fp32", None))
    assert with_addend.accumulator.addend_interval == clocks
    assert without.accumulator.addend_interval == 0
    assert with_addend.accumulator.block_interval == without.accumulator.block_interval
    assert with_addend.latency_min == without.latency_min


def test_manifest_and_header_state_port_cost_and_limit():
    design = generate(MacConfig(a="E2M1", b="E2M1", block=1, lanes=1, addend="fp32"), "unit")
    manifest = json.loads(design.manifest_text)
    jsonschema.Draft202012Validator(manifest_schema()).validate(manifest)
    (port,) = [port for port in manifest["ports"] if port["name"] == "in_addend"]
    assert (port["direction"], port["width"]) == ("input", 32)
    assert manifest["config"]["addend"] == "FP32"
    assert manifest["initiation_interval"]["clocks_per_addend"] == 1
    assert manifest["limits"] == {"blocks_per_dot": (1 << 16) - 1}
    assert "// With its addend, a dot product takes one cycle more than it has beats." in design.text
    assert "in_addend" not in generate(MacConfig(a="E2M1", b="E2M1", block=1, lanes=1), "unit").text


def test_words_hold_the_significand_of_an_addend():
    narrow = MacConfig(a="E2M1", b="E2M1", addend="fp32")
    assert (narrow.block_sum_bits, narrow.term_bits) == (14, 25)
    assert MacConfig(addend="fp32").term_bits == MacConfig().term_bits == 42
    words = chunked_words(narrow)
    assert (words.bits, words.span) == (32, 1 + -(-(25 + 16) // 32))
