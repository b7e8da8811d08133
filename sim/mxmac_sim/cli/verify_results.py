"""What ``mxmac verify`` has found, for JSON and for JUnit."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..benches.kit.report import Miss
from ..verify.runner import BenchRun
from ..verify.verification import Outcome, Verdict
from .junit import Case, Suite

__all__ = ["record", "suites"]

#: Members of a report that are counts, by the names that the table has for them.
_COUNTS = {name: name for name in ("vectors", "beats", "dots", "macs", "checks")} | {"cycles": "clocks", "mismatches": "misses"}


def record(verdict: Verdict, verilog: Path, waves: Path | None) -> dict[str, Any]:
    """Return what was found, ready for JSON; files have the names that they were given by.

    Parameters
    ----------
    verdict : Verdict
    verilog : Path
        What was verified.
    waves : Path, optional
        Waveform that was asked for.
    """
    found: dict[str, Any] = {
        "verilog": str(verilog),
        "lint": _lint(verdict),
        "benches": [_bench(outcome) for outcome in verdict.outcomes],
    }
    if verdict.waves is not None:
        found["waves"] = None if verdict.waves.waves is None else str(waves)
        found["waves_problem"] = _problem(verdict.waves)
    return found


def _lint(verdict: Verdict) -> dict[str, Any] | None:
    if verdict.warnings is None:
        return None
    return {"passed": not verdict.warnings, "warnings": verdict.warnings, "seconds": round(verdict.lint_seconds, 3)}


def _bench(outcome: Outcome) -> dict[str, Any]:
    run, report = outcome.run, outcome.run.report
    return {
        "bench": outcome.bench,
        "passed": run.passed,
        "seconds": round(outcome.seconds, 3),
        "simulation_seconds": round(report.seconds, 3),
        # As the table has them.
        **{name: getattr(report, member) for name, member in _COUNTS.items()},
        "problem": run.problem,
        "tests": [
            {
                "name": test.name,
                "passed": not (test.misses or test.problem),
                "seconds": round(test.seconds, 3),
                "mismatches": test.misses,
                "problem": test.problem or None,
            }
            for test in report.tests
        ],
        "first_mismatches": [_miss(miss) for miss in report.details],
        "log": str(run.log),
        "waves": str(outcome.waves.waves) if outcome.waves is not None and outcome.waves.waves is not None else None,
    }


def _miss(miss: Miss) -> dict[str, Any]:
    fields = asdict(miss)
    return {**fields, "hardware": fields.pop("got")}


def suites(verdict: Verdict) -> list[Suite]:
    """Return what was found as test suites: one for lint, one for each bench, with the tests of the bench as cases."""
    found = []
    if verdict.warnings is not None:
        warned = [line for line in verdict.warnings.splitlines() if line.startswith("%")] or [verdict.warnings]
        kind = "failure" if verdict.warnings else ""
        found.append(Suite("lint", [Case("verilator -Wall", verdict.lint_seconds, kind, warned[0], verdict.warnings)]))
    for outcome in verdict.outcomes:
        files = [f"log: {outcome.run.log}"]
        if outcome.waves is not None and outcome.waves.waves is not None:
            files.append(f"waveform: {outcome.waves.waves}")
        found.append(Suite(outcome.bench, list(_cases(outcome.run)), output="\n".join(files), seconds=outcome.seconds))
    if verdict.waves is not None:
        problem = _problem(verdict.waves)
        found.append(Suite("waves", [Case("waveform", kind="failure" if problem else "", message=problem or "")]))
    return found


def _problem(run: BenchRun) -> str | None:
    """What is wrong with the run for a waveform."""
    if run.waves is None:
        return f"no waveform: {run.problem}; see {run.log}"
    return None if run.passed else run.problem or f"{run.report.misses} mismatches"


def _cases(run: BenchRun) -> Iterator[Case]:
    told = False
    for test in run.report.tests:
        misses = [miss for miss in run.report.details if miss.test == test.name]
        messages = [f"{test.misses} mismatches"] * bool(test.misses) + [test.problem] * bool(test.problem)
        told = told or bool(messages)
        kind = "failure" if messages else ""
        yield Case(test.name, test.seconds, kind, "; ".join(messages), "\n\n".join(map(_described, misses)))
    if (not run.passed and not told) or not run.report.tests:
        # It could not be built, or has ended before its end.
        yield Case("build and run", kind="failure", message=f"{run.problem or 'no test has ended'}; see {run.log}")


def _described(miss: Miss) -> str:
    lines = [f"at {miss.time}"]
    for title, values in (("operands", miss.operands), ("expected", miss.expected), ("hardware", miss.got)):
        lines += [f"{title}: {name} = {value}" for name, value in values.items()]
    return "\n".join(lines)
