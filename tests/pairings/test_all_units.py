"""All pairings of formats with all accumulators and all outputs: 324 units."""

import pytest

from pairing_checks import all_units, check_unit, described


@pytest.mark.parametrize("config", all_units(), ids=described)
def test_results_and_flags_are_the_oracles(config, tmp_path):
    check_unit(config, tmp_path / "unit")
