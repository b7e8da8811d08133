"""Units do not grow or become slow unless somebody means it."""

import area

__all__ = ["check_unit"]

#: Share by which a unit may grow before it has to be said, with `make area`; and share of its clock that it may lose, which
#: moves by some percent with every other netlist.
GROWTH, LOSS = 0.03, 0.15


def check_unit(name):
    """Compare a unit's LUTs and clock with those recorded."""
    before, now = area.recorded()[name], area.figures_of(name)
    assert now.luts <= before.luts * (1 + GROWTH), "if it is meant to grow, `make area` records it"
    assert now.mhz >= before.mhz * (1 - LOSS), "if it is meant to be slower, `make area` records it"
