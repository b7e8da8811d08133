"""The mutation campaign on a small unit: it tells mistakes from changes that are none."""

import pytest
from rich.progress import Progress

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.mutation.campaign import KINDS, campaign, score
from mxmac_sim.campaigns.mutation.unit import Mutant, MutatedUnit

E2M1 = ELEMENT_FORMATS["E2M1"]
SMALL = MacConfig(a=[E2M1], b=[E2M1], block=4, lanes=2, accumulator=Accumulator.WINDOW, window=24, window_guard=4)


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    unit = MutatedUnit(SMALL, tmp_path_factory.mktemp("mutants"), count=40, seed=2)
    unit.use_vectors(randoms=100, seed=1)
    return unit


def test_a_line_of_the_list_is_understood():
    line = (
        r"mutate -ctrl mutant 16 7 -mode inv -module unit -cell $flatten\mac.\datapath.\rounder.$or$text.v:19$8 -port A "
        "-portbit 2 -wire mac.datapath.rounder.code -wirebit 5 -src text.v:17.8-17.13 -src text.v:19.18-19.34"
    )
    mutant = Mutant.parse(line)
    assert (mutant.number, mutant.module, mutant.line) == (7, "mac.datapath.rounder", 19)
    assert str(mutant) == "mac.datapath.rounder: inv of code[5], A (line 19)"


def test_few_vectors_kill_most_mutants_and_nearly_all_mistakes_but_not_the_unit_itself(unit):
    killed = [mutant for mutant in unit.mutants if unit.killed_by_vectors(mutant)]
    assert len(unit.mutants) == 40
    assert len(killed) >= 30
    mistakes = [mutant for mutant in unit.mutants if mutant in killed or not unit.same_step(mutant)]
    assert len(killed) >= 0.93 * len(mistakes)
    assert unit.killed_by_vectors(Mutant(0, "none", "", 0, "", "")) is None


def test_sat_calls_no_mistake_equivalent(unit):
    killed = next(mutant for mutant in unit.mutants if unit.killed_by_vectors(mutant))
    assert not unit.same_step(killed)


def test_induction_calls_no_mistake_equivalent_and_whatever_sat_does(unit):
    killed = [mutant for mutant in unit.mutants if unit.killed_by_vectors(mutant)]
    assert not any(unit.same_sequences(mutant, timeout=5) for mutant in killed[:1])
    same = next(mutant for mutant in unit.mutants if mutant not in killed and unit.same_step(mutant))
    assert unit.same_sequences(same, timeout=600)


def test_a_constant_that_stays_what_it_is_is_equivalent(unit):
    left = [mutant for mutant in unit.mutants if not unit.killed_by_vectors(mutant)]
    assert any(unit.same_step(mutant) for mutant in left)


def test_a_proof_refutes_a_mistake(unit):
    # Proofs know no clock, so the inversion of one is none of theirs.
    proved = ("multiplier", "tree", "block_adder")
    suspects = (mutant for mutant in unit.mutants if mutant.module.endswith(proved) and "CLK" not in mutant.place)
    wrong = next(mutant for mutant in suspects if unit.killed_by_vectors(mutant))
    assert unit.proof(wrong, timeout=900) is False


def test_the_score_counts_what_is_left():
    units = [{"mutants": 60, "survivors": ["x"]}, {"mutants": 40, "survivors": []}]
    assert score(units) == pytest.approx(0.99)


def test_a_campaign_accounts_for_every_mutant(tmp_path, unit):
    with Progress(disable=True) as progress:
        found = campaign(SMALL, tmp_path, count=8, seed=3, jobs=2, progress=progress)
    decided = sum(found[kind] for kind in KINDS)
    assert found["mutants"] == 8 == decided + len(found["survivors"])
    assert found["killed by vectors"] > 4
