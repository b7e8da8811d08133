"""Linters find nothing in a unit of each kind, nor in some with random options.

tests/long/test_lint.py has more of both, and checks that each linter finds the flaws it looks for.
"""

from itertools import product

import pytest

from drawn_units import drawn_quantizer, drawn_unit
from linters import assert_only_waivers_with_a_reason, everyone_says, written
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.verilog import generate, generate_quantizer

ALL = tuple(ELEMENT_FORMATS.values())
UNITS = {
    **{f"{kind.value}, {lanes}": MacConfig(accumulator=kind, lanes=lanes) for kind, lanes in product(Accumulator, (1, 4))},
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
    assert everyone_says(written(tmp_path, text), capfd) == {}


@pytest.mark.parametrize("seed", range(3))
def test_no_linter_has_anything_to_say_about_random_options(tmp_path, capfd, seed):
    config = drawn_unit(seed, lanes_max=2, window_max=160)
    text = generate(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert everyone_says(written(tmp_path, text), capfd) == {}, config.as_dict()


def test_no_linter_has_anything_to_say_about_a_random_quantizer(tmp_path, capfd):
    config = drawn_quantizer(0, lanes_max=2)
    text = generate_quantizer(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert everyone_says(written(tmp_path, text), capfd) == {}, config.as_dict()
