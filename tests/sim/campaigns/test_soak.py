"""The soak in small: that it passes what is right, sees what is wrong, and counts what it has covered."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from mutants import Mutant
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import golden
from mxmac_sim.benches.coverage import CROSSES, EXCLUSIONS, Coverage, reachable
from mxmac_sim.campaigns.soak import campaign as soak
from mxmac_sim.campaigns.soak.campaign import UNITS
from mxmac_sim.campaigns.soak.runs import Covered, UnitResult, soak_bulk
from mxmac_sim.stimulus.batches import CLASSES, REGIONS, element_classes, random_batch
from mxmac_sim.stimulus.elements import elements
from shared_units import all_formats_unit
from verify_checks import shared_folder

E2M1 = (ELEMENT_FORMATS["E2M1"],)
#: A unit that is built fast.
SMALL = MacConfig(a=E2M1, b=E2M1, block=2, lanes=1, accumulator=Accumulator.WINDOW, window=24)
ALL = UNITS["all formats at run time, 4 lanes"]
TIES_TO_ODD = Mutant("stages.rounder:Rounder._prepare", "half & (below | sig[0])", "half & (below | ~sig[0])")


@pytest.fixture
def small(monkeypatch, tmp_path_factory):
    """The command for the small unit alone, in the folder where other tests have built what all simulations share."""
    work = shared_folder(tmp_path_factory, "verify") / "work"
    monkeypatch.setattr(soak, "UNITS", {"small": SMALL})

    def run(file):
        status = soak.main(["--clocks", "4000", "--dots", "0", "--work", str(work), "--json", str(file)])
        return status, json.loads(file.read_text())

    return run


def test_a_small_unit_is_soaked_and_what_was_covered_is_told(small, capsys, tmp_path):
    status, told = small(tmp_path / "soak.json")
    out = capsys.readouterr().out
    unit = told["units"]["small"]
    assert (unit["misses"], unit["problem"]) == (0, None)
    assert unit["clocks"] >= 4000
    assert set(unit["coverage"]) == set(reachable(SMALL)) < set(CROSSES)
    assert unit["share"] > 0.6
    assert status == (0 if unit["share"] >= 0.99 else 1)
    assert out.count("Not hit: ") == sum(len(cross["holes"]) for cross in unit["coverage"].values())
    assert told["clocks"] == unit["clocks"] + unit["bulk_clocks"]


def test_hardware_that_is_wrong_fails(small, capsys, monkeypatch, tmp_path):
    # In a folder of its own, so that it can run beside the right one.
    monkeypatch.setattr(soak, "UNITS", {"small": replace(SMALL, window=25)})
    TIES_TO_ODD.put_in(monkeypatch)
    status, told = small(tmp_path / "soak.json")
    assert status == 1
    assert told["units"]["small"]["misses"] > 0
    assert "expected" in capsys.readouterr().out


def test_the_compiled_run_passes_what_is_right(tmp_path_factory):
    clocks, misses = soak_bulk(all_formats_unit(tmp_path_factory), 6000)
    assert clocks > 6000
    assert misses == 0


def test_the_compiled_run_counts_what_golden_does_not_say(monkeypatch):
    class Unit:
        config = SMALL

        def run(self, *operands, **options):
            data, status = golden.dot(*operands, SMALL)
            data[::100] ^= 1
            return type("Run", (), {"data": data, "status": status, "clocks": 7})

    assert soak_bulk(Unit(), 5000) == (14, 50)


def test_less_than_enough_does_not_pass():
    right = UnitResult(1, 1, 0, None, {"pauses": Covered(100, ["one"])})
    assert right.passed
    assert not UnitResult(1, 1, 0, None, {"pauses": Covered(100, ["one", "two"])}).passed
    assert not UnitResult(1, 1, 0, None, {}).passed
    assert not UnitResult(1, 1, 1, None, right.coverage).passed
    assert not UnitResult(1, 1, 0, "stuck", right.coverage).passed
    assert not UnitResult(1, 1, 0, None, right.coverage, bulk_misses=1).passed


# What can be covered.


def test_every_rule_excludes_something_of_some_unit_and_no_cross_is_empty():
    found = Counter()
    for config in (*UNITS.values(), SMALL):
        kept = reachable(config)
        assert all(kept.values())
        for rule in EXCLUSIONS:
            bins = [()]
            for make in CROSSES[rule.cross].values():
                bins = [(*head, name) for head in bins for name in make(config)]
            excluded = [each for each in bins if rule.applies(config, each)]
            found[rule.cross, rule.reason] += len(excluded)
            assert not set(excluded) & set(kept.get(rule.cross, ()))
    assert min(found.values()) > 0, found


def test_bins_are_as_many_as_counted_by_hand():
    kept = reachable(ALL)
    classes = sum(len(element_classes(fmt)) for fmt in ELEMENT_FORMATS.values())
    # E4M3 has no infinities, INT8 no subnormals, and those without NaN have four classes.
    assert classes == 5 + 6 + 4 + 4 + 4 + 3
    assert len(kept["elements"]) == classes**2
    assert len(kept["scales"]) == 36 * 36
    # Four blocks that need no number to compare with, and one alone or six that are compared.
    assert len(kept["accumulator"]) == 7 * 5 + 3 * 10
    assert len(kept["pauses"]) == 4 * 5 * 7
    assert len(reachable(SMALL)["pauses"]) == 4 * 5 * 5


def test_bins_of_addends_are_of_units_that_have_any():
    exact, all_formats = reachable(UNITS["E5M2, exact, 4 lanes, addend"]), reachable(replace(ALL, addend="fp32"))
    # No addend is far below a subnormal sum, of either sign, unless the result is FP16.
    assert (len(exact["addends"]), len(exact["places"])) == (6 * 7, 2 * 7 - 2)
    assert len(reachable(MacConfig(addend="fp32"))["addends"]) == 6 * 5
    assert len(reachable(MacConfig(addend="fp32", output="bf16"))["places"]) == 2 * 7 - 2
    assert len(reachable(MacConfig(addend="fp32", output="fp16"))["places"]) == 2 * 7
    # An addend may be infinite where no element is.
    assert len(reachable(MacConfig(addend="fp32"))["pauses"]) == len(all_formats["pauses"]) == 4 * 5 * 7
    assert not {"addends", "places"} & set(reachable(ALL))


def test_what_is_out_of_reach_is_told_if_it_is_seen():
    coverage = Coverage(SMALL)
    assert len(coverage.missing("ends")) == 6
    coverage.sample("ends", "first", "2")
    coverage.sample("ends", "first", "2")
    assert ("first", "2") not in coverage.missing("ends")
    assert coverage.as_dict()["ends"] == {"reachable": 6, "holes": [" / ".join(each) for each in coverage.missing("ends")]}
    assert not coverage.unforeseen()
    coverage.sample("ends", "inside", "2")
    assert coverage.unforeseen() == [("ends", "inside", "2")]


# The stimulus.


def test_stimulus_has_all_classes_in_all_pairs_and_all_regions():
    batch = random_batch(ALL, np.random.default_rng(1), 20_000, 3)
    for side in ("a", "b"):
        codes, choice = getattr(batch, side), getattr(batch, f"format_{side}")
        for index, fmt in enumerate(ALL.a):
            own = codes[choice == index]
            assert own.max() < 1 << fmt.width
            assert all(np.isin(own, kind).any() for kind in element_classes(fmt).values())
        scales = getattr(batch, f"scale_{side}")
        assert all(((scales >= low) & (scales <= high)).any() for low, high in REGIONS.values())
    assert set(CLASSES) == {name for fmt in ALL.a for name in element_classes(fmt)}


def test_stimulus_cancels_and_ends_where_it_is_cut():
    config = UNITS["exact, 4 lanes"]
    batch = random_batch(config, np.random.default_rng(2), 500, 2)
    opposite = elements(config.a[0]).negated(batch.a[:, 0]) == batch.a[:, 1]
    same = (batch.b[:, 0] == batch.b[:, 1]).all(axis=1) & (batch.scale_a[:, 0] == batch.scale_a[:, 1])
    assert 0.02 < (opposite.all(axis=1) & same).mean() < 0.2
    cut = batch.cut(np.full(500, 5))
    assert np.array_equal(cut.a[:, 1, :5], batch.a[:, 1, :5])
    assert np.array_equal(cut.b[:, 0], batch.b[:, 0])
    assert not cut.a[:, 1, 5:].any()
    assert not cut.b[:, 1, 5:].any()
