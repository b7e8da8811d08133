"""Power of a small unit in standard cells, from a simulation of its netlist."""

import json
import shutil

import pytest

from mxmac_sim.campaigns.gates.technologies import LIBERTY
from report_command import report

UNIT = ("--a", "E2M1", "--b", "E2M1", "--lanes", "1", "--accumulator", "window", "--on", "asic")


@pytest.mark.skipif(shutil.which("sta") is None, reason="OpenSTA is not installed")
@pytest.mark.skipif(not LIBERTY.is_file(), reason="qflow-tech-osu018 is not installed")
def test_energy_per_mac_does_not_depend_on_a_period_that_all_paths_keep(capsys):
    energies = []
    for period in ("8", "16"):
        status, out, err = report(capsys, *UNIT, "--period", period, "--power", "--json")
        assert status == 0, err
        found = json.loads(out)
        watts = found["power"]
        assert watts["total_mw"] == pytest.approx(watts["internal_mw"] + watts["switching_mw"] + watts["leakage_mw"], rel=1e-3)
        assert min(watts["internal_mw"], watts["switching_mw"], watts["leakage_mw"]) > 0
        assert 0.9 < watts["macs_per_cycle"] <= 1
        energies.append(watts["pj_per_mac"])
    assert energies[0] == pytest.approx(energies[1], rel=0.05)
