"""Benches that share a simulation find what they find alone, and those that do not pass run again, alone."""

from dataclasses import replace
from pathlib import Path

import pytest

from mxmac.config import Accumulator, Bus, MacConfig
from mxmac.errors import HardwareError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.benches.kit.report import Report
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.simulators.toolchain import has_icarus
from mxmac_sim.verify.catalogue import unit_subject
from mxmac_sim.verify.runner import BenchRun, Runner
from mxmac_sim.verify.verification import Verification

E2M1 = (ELEMENT_FORMATS["E2M1"],)
CONFIG = MacConfig(a=E2M1, b=E2M1, block=2, lanes=1, accumulator=Accumulator.WINDOW, window=24)
#: Icarus builds in no time.
SIMULATOR = "icarus" if has_icarus() else "verilator"


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    return Runner(tmp_path_factory.mktemp("together"), SIMULATOR)


@pytest.fixture(scope="module")
def designs():
    benches = unit_subject(CONFIG).benches
    return {name: benches[name]() for name in ("multiplier", "rounder")}


def run_together(runner, designs):
    return runner.run_together(designs, CONFIG, seed=1, effort=Effort.QUICK)


def counts(run):
    report = run.report
    return run.passed, report.vectors, report.checks, report.clocks, report.misses, [test.name for test in report.tests]


def test_benches_do_together_what_they_do_alone(runner, designs):
    together = run_together(runner, designs)
    assert list(together) == ["multiplier", "rounder"]
    for name, design in designs.items():
        alone = runner.run(name, design, CONFIG, seed=1, effort=Effort.QUICK)
        assert alone.passed
        assert counts(together[name]) == counts(alone)
        assert together[name].log.is_file()


def test_a_mismatch_of_one_bench_is_none_of_another(runner, designs):
    wrong = replace(designs["multiplier"], parameters=designs["multiplier"].parameters | {"latency": 9})
    found = run_together(runner, designs | {"multiplier": wrong})
    assert found["multiplier"].report.misses > 0
    assert [run.passed for run in found.values()] == [False, True]


def test_what_verilator_rejects_has_no_outcome_together(runner, designs, monkeypatch):
    def rejected(*_arguments, **_options):
        raise HardwareError("Verilator rejects the Verilog")

    monkeypatch.setattr(Runner, "_build", rejected)
    assert run_together(runner, designs) == {}


@pytest.mark.parametrize("found_alone", ["wrong", None])
@pytest.mark.parametrize("passed", [{"multiplier", "mac"}, set()])
def test_benches_that_do_not_pass_together_run_alone_and_have_not_passed(tmp_path, monkeypatch, passed, found_alone):
    alone = []

    def run_together(_runner, designs, _config, *, on_start, **_options):
        for name in designs:
            on_start(name, Path(name))
        return {name: BenchRun(Report(), None if name in passed else "wrong", Path("log"), None) for name in designs}

    def run(_runner, name, *_arguments, **_options):
        alone.append(name)
        return BenchRun(Report(), found_alone, Path("log"), None)

    monkeypatch.setattr(Runner, "run_together", run_together)
    monkeypatch.setattr(Runner, "run", run)
    verification = Verification(unit_subject(CONFIG), tmp_path, simulator="verilator", seed=1, effort=Effort.QUICK)
    names = ["multiplier", "rounder", "mac"]
    said = []
    outcomes = verification.run(names, lambda name, state, _share: said.append((name, state)))
    assert {name for name, state in said if state == "FAILED"} == (set(names) - passed if found_alone else set())
    assert [outcome.bench for outcome in outcomes] == names
    assert {outcome.bench for outcome in outcomes if outcome.run.passed} == passed
    assert set(alone) == set(names) - passed


def test_axi_stream_has_a_top_module_of_its_own():
    benches = unit_subject(replace(CONFIG, bus=Bus.AXIS)).benches
    assert [name for name, make in benches.items() if make().alone] == ["mac"]
