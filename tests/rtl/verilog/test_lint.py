"""Linters find nothing in a unit of each kind, nor in some with random options.

tests/long/test_lint.py has more of both, and checks that each linter finds the flaws it looks for.
"""

import re
from itertools import product
from pathlib import Path

import pytest

from described import flaws_of_comments
from drawn_units import drawn_quantizer, drawn_unit
from linters import VERIBLE_RULES, assert_only_waivers_with_a_reason, everyone_says, needs_verible, verible_says, written
from mxmac.config import Accumulator, MacConfig, Target
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.verilog import generate, generate_quantizer

ROOT = Path(__file__).parents[3]
ALL = tuple(ELEMENT_FORMATS.values())
UNITS = {
    **{f"{kind.value}, {lanes}": MacConfig(accumulator=kind, lanes=lanes) for kind, lanes in product(Accumulator, (1, 4))},
    "carry cells, two chains": MacConfig(accumulator=Accumulator.WINDOW, block=9, lanes=9, target=Target.ECP5),
    "carry cells, formats at run time": MacConfig(a=["E4M3", "E5M2"], b="INT8", lanes=2, target=Target.ECP5),
    "exact, 1, all formats at run time": MacConfig(a=ALL, b=ALL, lanes=1),
    # All results are subnormal or zero.
    "window far below FP32": MacConfig(lanes=1, accumulator=Accumulator.WINDOW, window_lsb=-700),
    "narrow window far below FP32": MacConfig(
        a="E3M2", b="E2M1", block=2, lanes=2, accumulator=Accumulator.WINDOW, window=15, window_lsb=-700
    ),
    "window far below FP16": MacConfig(lanes=1, accumulator=Accumulator.WINDOW, window_lsb=-400, output=RESULT_FORMATS["FP16"]),
}


@pytest.mark.parametrize("config", UNITS.values(), ids=UNITS)
def test_no_linter_has_anything_to_say(tmp_path, capfd, config):
    text = generate(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert flaws_of_comments(text) == []
    assert everyone_says(written(tmp_path, text), capfd) == {}


@pytest.mark.parametrize("seed", range(3))
def test_no_linter_has_anything_to_say_about_random_options(tmp_path, capfd, seed):
    config = drawn_unit(seed, lanes_max=2, window_max=160)
    text = generate(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert flaws_of_comments(text) == []
    assert everyone_says(written(tmp_path, text), capfd) == {}, config.as_dict()


def test_no_linter_has_anything_to_say_about_a_random_quantizer(tmp_path, capfd):
    config = drawn_quantizer(0, lanes_max=2)
    text = generate_quantizer(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert flaws_of_comments(text) == []
    assert everyone_says(written(tmp_path, text), capfd) == {}, config.as_dict()


PLAIN = "module unit (\n  input  wire x,\n  output wire y\n);\n  assign y = x;\nendmodule\n"


@needs_verible
@pytest.mark.parametrize(
    ("sound", "broken"),
    [
        ("assign y = x;", f"assign y = {' & '.join(['x'] * 40)};"),
        ("assign y = x;", "assign y = x; "),
        ("assign y = x;", "parameter width = 1;\n  assign y = x;"),
        ("endmodule", "end"),
    ],
    ids=["line of more than 120 characters", "space at the end of a line", "parameter in small letters", "no end"],
)
def test_verible_finds_a_deliberate_flaw(tmp_path, sound, broken):
    assert verible_says(written(tmp_path, PLAIN)) == ""
    assert verible_says(written(tmp_path, PLAIN.replace(sound, broken)))


@needs_verible
@pytest.mark.parametrize("files", ["docs/examples/**/*.v", "docs/examples/**/*.sv"])
def test_verible_has_nothing_to_say_about_the_examples(files):
    found = sorted(ROOT.glob(files))
    assert found
    assert verible_says(*found) == ""


def test_the_rules_of_verible_that_are_off_are_documented_and_no_others():
    text = (ROOT / "docs" / "integration.md").read_text()
    off = sorted(rule.removeprefix("-") for rule in VERIBLE_RULES if rule.startswith("-"))
    assert sorted(re.findall(r"^\| verible `([\w-]+)` \|", text, re.M)) == off
