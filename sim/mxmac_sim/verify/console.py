"""What ``mxmac verify`` shows: progress, the table of its benches, and what went wrong."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..benches.kit.report import Miss
from .runner import BenchRun
from .verification import Outcome, Verdict, Verification

__all__ = ["show", "verify"]

#: Mismatches of a bench that are shown one by one.
_SHOWN = 3


def verify(verification: Verification, names: Sequence[str], waves: Path | None, console: Console) -> Verdict:
    """Generate, lint and run, and show progress.

    Parameters
    ----------
    verification : Verification
    names : sequence of str
        Benches to run.
    waves : Path, optional
        File of a waveform of the whole.
    console : Console
    """
    warnings, seconds = None, 0.0
    if not verification.subject.files:
        console.print("Generating")
        verification.generate()
        console.print(f"Linting [bold]{escape(str(verification.verilog))}[/]", soft_wrap=True)
        started = time.perf_counter()
        warnings = verification.lint()
        seconds = time.perf_counter() - started
    outcomes = _run(verification, names, console)
    run = None
    if waves is not None:
        with console.status("Simulating for the waveform"):
            run = verification.waves(waves)
    return Verdict(warnings, seconds, outcomes, run)


def show(verdict: Verdict, seed: int, waves: Path | None, again: str, console: Console):
    """Show the table of benches, mismatches, and how to run the same again.

    Parameters
    ----------
    verdict : Verdict
    seed : int
    waves : Path, optional
        File of the waveform, if one was asked for.
    again : str
        Command that does the same again.
    console : Console
    """
    if verdict.warnings:
        console.print(f"[red]Verilator warns:[/]\n{escape(verdict.warnings)}")
    console.print(_summary(verdict.outcomes))
    for outcome in verdict.outcomes:
        if not outcome.run.passed:
            _show_failure(console, outcome)
    if verdict.waves is not None:
        _show_waves(verdict.waves, waves, console)
    console.print(f"Seed {seed}; the same again:\n  {escape(again)}", soft_wrap=True)


def _run(verification: Verification, names: Sequence[str], console: Console) -> list[Outcome]:
    if not console.is_terminal:
        said: dict[str, str] = {}

        def tell(name: str, doing: str, _done: float):
            if said.get(name) != doing:
                said[name] = doing
                console.print(f"{name}: {escape(doing)}", soft_wrap=True)

        return verification.run(names, tell)
    columns = (TextColumn("{task.fields[bench]:14}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {name: progress.add_task("waiting", total=1, start=False, bench=name) for name in names}
        ended = set()

        def update(name: str, doing: str, done: float):
            if name in ended:
                return
            progress.start_task(tasks[name])
            progress.update(tasks[name], description=escape(doing), completed=done)
            if doing in ("passed", "FAILED"):
                ended.add(name)

        return verification.run(names, update)


def _summary(outcomes: list[Outcome]) -> Table:
    table = Table(title="Verification", title_justify="left")
    table.add_column("Bench", style="bold", no_wrap=True)
    for title in ("Vectors/\nbeats", "Dots", "Cycles", "MAC/s", "Mismatches", "Seconds"):
        table.add_column(title, justify="right")
    for outcome in outcomes:
        report = outcome.run.report
        rate = f"{report.macs / report.seconds:,.0f}" if report.macs and report.seconds else "-"
        wrong = f"[red]{report.misses:,}[/]" if report.misses else "[red]failed[/]" if outcome.run.problem else "0"
        counts = (f"{count:,}" if count else "-" for count in (report.vectors or report.beats, report.dots, report.clocks))
        table.add_row(outcome.bench, *counts, rate, wrong, f"{outcome.seconds:.1f}")
    return table


def _show_failure(console: Console, outcome: Outcome):
    run = outcome.run
    if run.problem is not None:
        console.print(f"[red]{outcome.bench}: {escape(run.problem)}[/]; see {escape(str(run.log))}", soft_wrap=True)
    for miss in run.report.details[:_SHOWN]:
        _show_miss(console, outcome.bench, miss)
    again = outcome.waves
    if again is None:
        return
    if again.waves is None:
        why = escape(again.problem or "the simulation has left none")
        console.print(f"{outcome.bench}: no waveform could be written: {why}; see {escape(str(again.log))}", soft_wrap=True)
        return
    when = f", first mismatch at {again.report.details[0].time}" if again.report.details else ""
    console.print(f"Waveform of {outcome.bench}: [bold]{escape(str(again.waves))}[/]{when}", soft_wrap=True)


def _show_miss(console: Console, bench: str, miss: Miss):
    console.print(f"[red]Mismatch[/] in {bench}, {escape(miss.test)}, at {miss.time}", soft_wrap=True)
    for title, values in (("operands", miss.operands), ("expected", miss.expected), ("hardware", miss.got)):
        text = "\n            ".join(f"{name} = {value}" for name, value in values.items())
        console.print(f"  {title}  {escape(text)}", soft_wrap=True)


def _show_waves(run: BenchRun, path: Path | None, console: Console):
    if run.waves is None:
        console.print(f"[red]No waveform: {escape(str(run.problem))}[/]; see {escape(str(run.log))}", soft_wrap=True)
    else:
        console.print(f"Wrote [bold]{escape(str(path))}[/]", soft_wrap=True)
