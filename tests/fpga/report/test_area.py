"""Units do not grow or become slow unless somebody means it."""

from contextlib import nullcontext

import pytest

import area
from area_checks import check_unit
from mxmac.config import MacConfig, Target

#: Those that are measured fast; tests/long has all of them.
FAST = ("E4M3 multiplier", "BF16 to E4M3, 2 lanes")


@pytest.mark.parametrize("name", FAST)
def test_a_unit_is_no_larger_than_it_was_nor_much_slower(name):
    check_unit(name)


def test_what_is_recorded_is_what_is_measured():
    recorded = area.recorded()
    assert list(recorded) == list(area.UNITS)
    assert {config.target for _, config, _ in area.UNITS.values() if isinstance(config, MacConfig)} == set(Target)
    for name, figures in recorded.items():
        if area.UNITS[name][2].on == "asic":
            assert figures.um2 > 1000 < 1000 * figures.ns
        else:
            assert figures.LUTs == figures.LUT4 + 2 * figures.CCU2C > 0 < figures.MHz


@pytest.mark.parametrize(
    ("figures", "larger", "slower"),
    [
        (area.Figures(100, 80, 10, 200.0), area.Figures(104, 84, 10, 200.0), area.Figures(100, 80, 10, 169.0)),
        (area.Figures(um2=1000, ns=5.0), area.Figures(um2=1031, ns=5.0), area.Figures(um2=1000, ns=5.9)),
    ],
)
def test_a_unit_that_grows_or_becomes_slow_is_noticed(monkeypatch, figures, larger, slower):
    name = FAST[0]
    monkeypatch.setattr(area, "recorded", lambda: {name: figures})
    for now, problem in ((figures, None), (larger, "meant to grow"), (slower, "meant to be slower")):
        monkeypatch.setattr(area, "figures_of", lambda _name, now=now: now)
        with pytest.raises(AssertionError, match=problem) if problem else nullcontext():
            check_unit(name)


def test_only_the_units_that_are_named_are_measured_again(monkeypatch, tmp_path):
    file = tmp_path / "area.csv"
    monkeypatch.setattr(area, "figures_of", lambda name: area.Figures(um2=10, ns=1.0))
    area.record(lambda _: None, file=file)
    monkeypatch.setattr(area, "figures_of", lambda name: area.Figures(7, 5, 1, 100.0))
    said = []
    area.record(said.append, [FAST[0]], file)
    assert said == [f"{FAST[0]}: 7 LUTs, 5 LUT4, 1 CCU2C, 100.0 MHz; before 10 um2, 1.0 ns"]
    found = area.recorded(file)
    assert found.pop(FAST[0]) == area.Figures(7, 5, 1, 100.0)
    assert set(found.values()) == {area.Figures(um2=10, ns=1.0)}
