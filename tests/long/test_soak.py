"""The soak sees what a reset leaves behind, and what only a few results tell."""

import re
from dataclasses import replace

import pytest

from mutants import Mutant
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.soak import campaign as soak

E5M2 = (ELEMENT_FORMATS["E5M2"],)
SMALL = MacConfig(a=E5M2, b=E5M2, block=4, lanes=2, accumulator=Accumulator.FP32)
#: Mistakes that only resets and full queues show.
WRONG = [
    Mutant("mac.unit:MacUnit._count_beats", "Signal(range(config.beats))", "Signal(range(config.beats), reset_less=True)"),
    Mutant("mac.unit:MacUnit.elaborate", "room_for_result & room_for_block", "room_for_result"),
    Mutant("mac.unit:MacUnit.elaborate", "room_for_result & room_for_block", "room_for_block"),
]


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(soak, "UNITS", {"small": SMALL})
    return lambda dots: soak.main(["--clocks", "20000", "--dots", str(dots)])


def test_both_ways_of_running_a_unit_pass(run, capsys):
    run(20_000)
    out = capsys.readouterr().out
    assert "20,000" in out
    assert "expected" not in out


@pytest.mark.parametrize("mutant", WRONG, ids=lambda mutant: mutant.wrong)
def test_hardware_that_is_wrong_fails(mutant, run, capsys, monkeypatch):
    mutant.put_in(monkeypatch)
    assert run(0) == 1
    # A mismatch, or a bench that gave up, and not merely holes in the coverage.
    assert re.search(r"^small: ", capsys.readouterr().out, re.M)


def test_an_addend_that_is_forgotten_fails(run, capsys, monkeypatch):
    monkeypatch.setattr(soak, "UNITS", {"small": replace(SMALL, addend="fp32")})
    Mutant("accumulator.fp32:Fp32Accumulator._load", "acc.code.eq(addends.payload),", "acc.code.eq(0),").put_in(monkeypatch)
    assert run(0) == 1
    assert re.search(r"^small: .*'addend': ", capsys.readouterr().out, re.M)
