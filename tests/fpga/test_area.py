"""Units do not grow unless somebody means it."""

import pytest

import area

#: Share by which a unit may grow before it has to be said, with `make area`.
GROWTH = 0.03


@pytest.mark.parametrize("name", area.UNITS)
def test_a_unit_takes_no_more_luts_than_it_did(name):
    before, now = area.recorded()[name], area.area_of(name)
    assert now.luts <= before.luts * (1 + GROWTH), "if it is meant to grow, `make area` records it"


def test_what_is_recorded_is_what_is_measured():
    recorded = area.recorded()
    assert list(recorded) == list(area.UNITS)
    assert all(each.luts == each.lut4 + 2 * each.ccu2c for each in recorded.values())
