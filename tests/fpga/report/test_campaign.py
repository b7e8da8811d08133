"""The campaign behind docs/area.md: every row is a command, and none is of other hardware than the rest."""

import json
import shlex

import pytest

from mxmac.config import Target
from mxmac_fpga.cli import report as commands
from mxmac_fpga.report import campaign
from mxmac_fpga.report.campaign import MEASUREMENTS
from mxmac_fpga.report.measure import generator, versions
from mxmac_sim.campaigns.gates.technologies import TECHNOLOGIES
from report_command import report


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_every_measurement_is_a_command(capsys, monkeypatch, name):
    measured = []
    monkeypatch.setattr(commands, "measure", lambda *given: measured.append(given) or {})
    status, out, err = report(capsys, *shlex.split(MEASUREMENTS[name]), "--json")
    assert (status, out, err) == (0, "{}\n", "")
    ((_, _, config, settings, _),) = measured
    last = name.split(", ")[-1].lower()
    assert settings.on == {"standard cells": "asic"}.get(last, last if last in TECHNOLOGIES else "ecp5")
    # Of quantizers there is one text.
    assert getattr(config, "target", Target.GENERIC) in (Target(last) if last == "ecp5" else Target.GENERIC, Target.ASIC)
    assert (getattr(config, "target", Target.ASIC) is Target.ASIC) == (last == "standard cells" or "quantizer" in name)


def test_measurements_are_distinct():
    assert len(set(MEASUREMENTS.values())) == len(MEASUREMENTS)


@pytest.fixture
def measured(monkeypatch):
    """Arguments of what the campaign has measured, without doing so."""
    calls = []

    def report(arguments):
        calls.append(arguments)
        on = "asic" if "asic" in arguments else "ecp5"
        result = {
            "on": on,
            "generator": generator(),
            "versions": versions(on, routed=on == "ecp5"),
            "sha256": "0" * 64,
        }
        if on == "ecp5":
            result["seeds"] = dict.fromkeys(arguments[arguments.index("--seeds") + 1].split(","), 100.0)
        with open(arguments[arguments.index("-o") + 1], "w") as file:
            json.dump(result, file)
        return 0

    monkeypatch.setattr(campaign, "_report", report)
    return calls


def run_campaign(folder, *arguments):
    (folder / "cells.lib").touch()
    common = ["--liberty", str(folder / "cells.lib"), "--json", str(folder / "report.json"), "--only", "multiplier"]
    return campaign.main([*common, "--only", "lane in FP32, standard cells", *arguments])


def test_what_is_kept_is_what_would_be_measured_again(tmp_path, measured, monkeypatch):
    assert run_campaign(tmp_path) == 0
    assert len(measured) == 2
    assert run_campaign(tmp_path, "--resume") == 0
    assert len(measured) == 2
    # Other seeds are nothing to standard cells.
    assert run_campaign(tmp_path, "--resume", "--seeds", "1") == 0
    assert len(measured) == 3
    monkeypatch.setattr(campaign, "generator", lambda: "other hardware")
    assert run_campaign(tmp_path, "--resume", "--seeds", "1") == 0
    assert len(measured) == 5
    (tmp_path / "report" / "multiplier.json").write_text('{"half')
    monkeypatch.undo()
    assert campaign._kept(tmp_path / "report" / "multiplier.json", "multiplier", "1") is None


def test_the_record_says_what_was_run_and_no_folder(tmp_path, measured):
    assert run_campaign(tmp_path, "--seeds", "4,5") == 0
    text = (tmp_path / "report.json").read_text()
    assert str(tmp_path) not in text
    record = json.loads(text)
    assert record["command"].endswith("--seeds 4,5 --only multiplier --only 'lane in FP32, standard cells'")
    assert list(record["results"]) == ["multiplier", "lane in FP32, standard cells"]


def test_a_library_that_is_not_there_is_told_before_anything_is_measured(tmp_path, measured, capsys):
    assert campaign.main(["--liberty", str(tmp_path / "no.lib"), "--json", str(tmp_path / "report.json")]) == 2
    assert capsys.readouterr().err.startswith("report: liberty: ")
    assert measured == []
