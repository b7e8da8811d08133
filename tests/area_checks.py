"""Units do not grow or become slow unless somebody means it."""

import pytest

import area
from mxmac_sim.campaigns.gates.technologies import LIBERTY

__all__ = ["check_unit"]

#: Share by which a unit may grow before it has to be said, with `make area`; and share of its clock that it may lose, which
#: moves by some percent with every other netlist.
GROWTH, LOSS = 0.03, 0.15


def check_unit(name):
    """Compare a unit's area and speed with those recorded."""
    if area.UNITS[name][2].on == "asic" and not LIBERTY.is_file():
        pytest.skip("qflow-tech-osu018 is not installed")
    before, now = area.recorded()[name], area.figures_of(name)
    assert now.size <= before.size * (1 + GROWTH), "if it is meant to grow, `make area` records it"
    assert now.rate >= before.rate * (1 - LOSS), "if it is meant to be slower, `make area` records it"
