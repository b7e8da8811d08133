"""What ``mxmac prove`` shows: progress, the table of its properties, and counterexamples."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from .methods import Method
from .properties import Property
from .prover import Outcome, Prover

__all__ = ["counterexample", "prove_and_show", "result_of", "rows"]

#: Cycles of a counterexample that are shown; all of them are in its waveform.
_SHOWN = 12
#: Beginnings of the names of a harness's wires, by what they are.
_SIDES = (("in", "operands"), ("want", "expected"), ("got", "hardware"))
#: Columns of a table that goes to a file.
_WIDTH = 120


def prove_and_show(
    prover: Prover,
    makers: Mapping[str, Callable[[], Property]],
    title: str,
    console: Console,
    record: Callable[[list[Outcome]], object] = lambda _: None,
    *,
    tables: bool = True,
) -> list[Outcome]:
    """Prove properties, show progress and results, and return the outcomes.

    Parameters
    ----------
    prover : Prover
    makers : mapping of str to callable
        Make the properties, by name.
    title : str
        Of the table.
    console : Console
    record : callable
        Gets the outcomes before they are shown.
    tables : bool
        Whether to show results as well as progress.
    """
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    outcomes = _run(prover, makers, console)
    record(outcomes)
    if not tables:
        return outcomes
    console.print(_table(outcomes, title))
    for outcome in outcomes:
        if not outcome.proved:
            _show(outcome, console)
    bounded = sum(outcome.proved and outcome.claim.method is Method.BOUNDED for outcome in outcomes)
    proved = sum(outcome.proved for outcome in outcomes) - bounded
    rest = len(outcomes) - proved - bounded
    said = f"{proved} proved, {bounded} bounded" + (f", {rest} not proved" if rest else "")
    console.print(said, style="red" if rest else "green")
    return outcomes


def _run(prover: Prover, makers: Mapping[str, Callable[[], Property]], console: Console) -> list[Outcome]:
    if not console.is_terminal:

        def say(name: str, _doing: str, outcome: Outcome | None):
            if outcome is not None:
                # Full or closed standard output ends the command, but not before the results are recorded.
                with suppress(OSError):
                    console.print(f"{name}: {_state(outcome)}, {outcome.seconds:.1f} s")

        return prover.run(makers, say)
    columns = (SpinnerColumn(), TextColumn("{task.fields[property]:24}"), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        tasks = {}

        def show(name: str, doing: str, outcome: Outcome | None):
            if name not in tasks:
                tasks[name] = progress.add_task(doing, total=None, property=name)
            if outcome is None:
                progress.update(tasks[name], description=escape(doing))
                return
            progress.remove_task(tasks[name])
            console.print(f"{name}: {_state(outcome)}, {outcome.seconds:.1f} s")

        return prover.run(makers, show)


def _state(outcome: Outcome) -> str:
    if outcome.proved:
        return f"holds for {outcome.claim.depth} cycles" if outcome.claim.method is Method.BOUNDED else "proved"
    return "REFUTED" if outcome.counterexample else "NOT DECIDED" if outcome.verdict is None else "EMPTY"


def rows(outcomes: Sequence[Outcome]) -> list[dict]:
    """Return what has become of properties, ready for JSON."""
    return [
        {
            "property": outcome.claim.name,
            "claim": outcome.claim.claim,
            "method": outcome.claim.method.value,
            "depth": outcome.claim.depth,
            "seconds": round(outcome.seconds, 1),
            "result": _state(outcome),
            "proved": outcome.proved,
            "problem": outcome.problem or None,
            "counterexample": counterexample(outcome),
            "waves": str(outcome.waves) if outcome.waves is not None else None,
        }
        for outcome in outcomes
    ]


def result_of(outcomes: Sequence[Outcome]) -> str:
    """Return the results as JSON."""
    return json.dumps({"properties": rows(outcomes)}, indent=2) + "\n"


def counterexample(outcome: Outcome) -> dict | None:
    """Return the counterexample to a property: what fails when, and operands, expected and actual values, as texts."""
    found = outcome.counterexample
    if found is None:
        return None
    sides: dict[str, dict[str, str]] = {title: {} for _, title in _SIDES}
    for word, title in _SIDES:
        for key, value in found["values"].items():
            if key.startswith(f"{word}_"):
                sides[title][key.removeprefix(f"{word}_")] = f"{_hex(value, found['widths'][key])} ({value})"
    return {"failed": found["failed"], "cycle": len(found["clocks"]) - 1, "stage": found["stage"], **sides}


def _table(outcomes: Sequence[Outcome], title: str) -> Table:
    table = Table(title=escape(title), title_justify="left")
    table.add_column("Property", style="bold", no_wrap=True)
    for head in ("Claim", "Method"):
        table.add_column(head)
    for head in ("Cycles", "Seconds"):
        table.add_column(head, justify="right")
    table.add_column("Result")
    for outcome in outcomes:
        state = _state(outcome)
        claim = outcome.claim
        shown = state if outcome.proved else f"[red]{state}[/]"
        table.add_row(claim.name, claim.claim, claim.method.value, str(claim.depth), f"{outcome.seconds:.1f}", shown)
    return table


def _show(outcome: Outcome, console: Console):
    name, found = outcome.claim.name, outcome.counterexample
    if found is None:
        console.print(f"[red]{name}[/]: {escape(outcome.problem)}", soft_wrap=True)
        return
    failed = ", ".join(found["failed"])
    console.print(
        f"[red]Counterexample[/] to {name}: {failed} at clock {len(found['clocks']) - 1}, {found['stage']}", soft_wrap=True
    )
    for word, title in _SIDES:
        values = {key.removeprefix(f"{word}_"): value for key, value in found["values"].items() if key.startswith(f"{word}_")}
        if values:
            text = "  ".join(f"{key} = {_hex(value, found['widths'][f'{word}_{key}'])}" for key, value in values.items())
            console.print(f"  {title:9} {text}", soft_wrap=True)
    for clock, inputs in enumerate(found["clocks"][-_SHOWN:], max(0, len(found["clocks"]) - _SHOWN)):
        text = "  ".join(f"{key} = {_hex(value, found['widths'][key])}" for key, value in inputs.items() if key != "clk")
        console.print(f"  clock {clock:3} {text or '-'}", soft_wrap=True)
    if outcome.waves is not None:
        console.print(f"  waveform  [bold]{escape(str(outcome.waves))}[/]", soft_wrap=True)


def _hex(value: int, width: int) -> str:
    return f"{width}'h{value:0{-(-width // 4)}x}"
