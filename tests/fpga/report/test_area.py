"""Units do not grow or become slow unless somebody means it."""

import pytest

import area

#: Share by which a unit may grow before it has to be said, with `make area`; and share of its clock that it may lose, which
#: moves by some percent with every other netlist.
GROWTH, LOSS = 0.03, 0.15


@pytest.mark.parametrize("name", area.UNITS)
def test_a_unit_is_no_larger_than_it_was_nor_much_slower(name):
    before, now = area.recorded()[name], area.figures_of(name)
    assert now.luts <= before.luts * (1 + GROWTH), "if it is meant to grow, `make area` records it"
    assert now.mhz >= before.mhz * (1 - LOSS), "if it is meant to be slower, `make area` records it"


def test_what_is_recorded_is_what_is_measured():
    recorded = area.recorded()
    assert list(recorded) == list(area.UNITS)
    assert all(each.luts == each.lut4 + 2 * each.ccu2c for each in recorded.values())
