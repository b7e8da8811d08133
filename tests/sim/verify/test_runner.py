"""How the results of a bench are read: wrong hardware is told from a bench that failed."""

from pathlib import Path

import pytest

from mxmac.config import MacConfig
from mxmac.errors import ToolError
from mxmac_sim.benches.kit.report import Miss, Report
from mxmac_sim.benches.kit.settings import Effort, Settings
from mxmac_sim.verify.runner import _problem

RESULTS = """<testsuites><testsuite name="all" tests="3">
<testcase classname="benches.mac" name="random_values"></testcase>
<testcase classname="benches.mac_ports" name="other_values">{failure}</testcase>
<testcase classname="benches.rounder" name="other_values"><failure message="" type="OSError"></failure></testcase>
</testsuite></testsuites>
"""
STUCK = '<failure message="nothing has happened for 1000 cycles" type="AssertionError">Traceback</failure>'


def problem(folder, text, misses=0):
    settings = Settings("mac", MacConfig(lanes=1), 1, Effort.QUICK, {}, folder, 20, ("benches.mac", "benches.mac_ports"))
    report = Report()
    for _ in range(misses):
        report.add(Miss("other_values", "5 ns", {}, {}, {}))
    report.write(folder)
    (folder / "results.xml").write_text(text)
    return _problem(settings, folder / "results.xml", Path("log"))


def test_tests_that_pass_are_no_problem(tmp_path):
    assert problem(tmp_path, RESULTS.format(failure="")) is None


def test_a_unit_that_is_stuck_is_wrong(tmp_path):
    assert problem(tmp_path, RESULTS.format(failure=STUCK)) == "1 of 2 tests failed"


def test_mismatches_speak_for_themselves(tmp_path):
    assert problem(tmp_path, RESULTS.format(failure=STUCK), misses=1) is None


@pytest.mark.parametrize("kind", ["failure", "error"])
@pytest.mark.parametrize("error", ["MemoryError", "OSError", "PermissionError"])
def test_a_bench_that_the_machine_fails_says_nothing_of_the_hardware(tmp_path, kind, error):
    failure = f'<{kind} message="No space left on device" type="{error}">Traceback</{kind}>'
    with pytest.raises(ToolError, match=f"^Bench mac failed: {error}: No space left on device; see log$"):
        problem(tmp_path, RESULTS.format(failure=failure))


def test_a_bench_without_tests_says_nothing_of_the_hardware(tmp_path):
    with pytest.raises(ToolError, match="has run no test"):
        problem(tmp_path, '<testsuites><testsuite name="all" tests="0"></testsuite></testsuites>')
