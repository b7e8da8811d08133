"""Units do not grow or become slow unless somebody means it."""

import pytest

import area
from area_checks import check_unit

#: Those that are measured fast; tests/long has all of them.
FAST = ("E4M3 multiplier", "BF16 to E4M3, 2 lanes")


@pytest.mark.parametrize("name", FAST)
def test_a_unit_is_no_larger_than_it_was_nor_much_slower(name):
    check_unit(name)


def test_what_is_recorded_is_what_is_measured():
    recorded = area.recorded()
    assert list(recorded) == list(area.UNITS)
    assert all(each.luts == each.lut4 + 2 * each.ccu2c for each in recorded.values())
