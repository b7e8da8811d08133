"""Linters find nothing in a unit of each kind; tests/long/test_lint.py has more of them, and sees that linters are awake."""

from itertools import product

import pytest

from linters import assert_only_waivers_with_a_reason, everyone_says, written
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.verilog import generate

ALL = tuple(ELEMENT_FORMATS.values())
UNITS = {
    **{f"{kind.value}, {lanes}": MacConfig(accumulator=kind, lanes=lanes) for kind, lanes in product(Accumulator, (1, 4))},
    "exact, 1, all formats at run time": MacConfig(a=ALL, b=ALL, lanes=1),
}


@pytest.mark.parametrize("config", UNITS.values(), ids=UNITS)
def test_no_linter_has_anything_to_say(tmp_path, capfd, config):
    text = generate(config, "unit").text
    assert_only_waivers_with_a_reason(text)
    assert everyone_says(written(tmp_path, text), capfd) == {}
