"""Units do not grow or become slow unless somebody means it: all that are recorded."""

import pytest

import area
from area_checks import check_unit


@pytest.mark.parametrize("name", area.UNITS)
def test_a_unit_is_no_larger_than_it_was_nor_much_slower(name):
    check_unit(name)
