"""A whole unit of each pairing of formats; `make pairings` takes all accumulators and outputs with each."""

from itertools import product

import pytest

from mxmac.config import Accumulator
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from pairing_checks import check_unit, described, one_unit_of_each_pairing

UNITS = one_unit_of_each_pairing()


@pytest.mark.parametrize("config", UNITS, ids=described)
def test_results_and_flags_are_the_oracles(config, tmp_path):
    check_unit(config, tmp_path / "unit")


@pytest.mark.parametrize("side", ["a", "b"])
def test_every_format_meets_every_other_every_accumulator_and_every_output(side):
    formats = [(config, getattr(config, side)[0].name) for config in UNITS]
    assert {(config.a[0].name, config.b[0].name) for config in UNITS} == set(product(ELEMENT_FORMATS, repeat=2))
    assert {(name, config.accumulator) for config, name in formats} == set(product(ELEMENT_FORMATS, Accumulator))
    assert {(name, config.output.name) for config, name in formats} == set(product(ELEMENT_FORMATS, RESULT_FORMATS))
    assert len({(config.accumulator, config.output.name) for config, _ in formats}) == 9
