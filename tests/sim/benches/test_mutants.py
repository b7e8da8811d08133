"""Benches kill two mutants, and notice figures that are one off; tests/long/test_benches.py has the other mutants."""

from dataclasses import replace

import pytest

from bench_mutants import CASES
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.verify.catalogue import unit_subject
from mxmac_sim.verify.runner import Runner

E2M1 = {"a": (ELEMENT_FORMATS["E2M1"],), "b": (ELEMENT_FORMATS["E2M1"],)}
EXACT = MacConfig(**E2M1, lanes=1)
WINDOW = MacConfig(**E2M1, lanes=1, accumulator=Accumulator.WINDOW, window=24, output=RESULT_FORMATS["FP16"])
ENDS, PORTS = ("accumulator", "accumulator_exact_ends"), ("mac", "mac_ports")
#: Figures that are stated, and by how much they are wrong.
OFF = [("latency_min", -1), ("latency", 1), ("results_queued", 1), ("results_queued", -1)]


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    return Runner(tmp_path_factory.mktemp("mutants"))


def run(runner, config, bench, module, seed=1, **wrong):
    """How a module of a bench runs on a unit as it is now, with other parameters than those of the unit."""
    design = unit_subject(config).benches[bench]()
    design = replace(design, modules=(module,), parameters=design.parameters | wrong)
    return runner.run(bench, design, config, seed=seed, effort=Effort.QUICK)


def test_an_exact_accumulator_that_is_one_word_short_is_caught(runner, monkeypatch):
    CASES["serial exact accumulator: it is one word short"].mutant.put_in(monkeypatch)
    found = run(runner, EXACT, *ENDS)
    assert found.problem is None
    assert found.report.misses > 0


def test_figures_that_are_one_off_are_noticed_and_those_of_the_unit_are_right(runner):
    assert run(runner, WINDOW, *PORTS).passed
    stated = unit_subject(WINDOW).benches["mac"]().parameters
    for figure, wrong in OFF:
        assert run(runner, WINDOW, *PORTS, **{figure: stated[figure] + wrong}).report.misses > 0


def test_a_block_that_has_ended_early_and_survives_a_reset_is_caught_with_every_seed(runner, monkeypatch):
    CASES["ports: a reset leaves a block that has ended early"].mutant.put_in(monkeypatch)
    for seed in (1, 2, 3):
        assert run(runner, WINDOW, *PORTS, seed=seed).report.misses > 0
