"""``mxmac verify``: benches of a unit and its parts."""

import secrets
import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from mxmac.config import MacConfig
from mxmac.errors import UserError, check_writable, written_whole
from mxmac.options import (
    AccumulatorOption,
    BlockOption,
    FormatAOption,
    FormatBOption,
    LanesOption,
    OutputOption,
    WindowGuardOption,
    WindowLsbOption,
    WindowOption,
    config_from,
)

from .benches.catalogue import benches
from .benches.report import Miss
from .benches.settings import Effort
from .runner import SIMULATORS
from .toolchain import has_icarus
from .verify import Outcome, Verification

__all__ = ["verify"]

#: Mismatches of a bench that are shown one by one.
_SHOWN = 3
_WAVE_SUFFIXES = {"verilator": ".vcd", "icarus": ".fst"}
_EFFORTS = {effort.value: effort for effort in Effort}


def verify(
    a: FormatAOption = ["E4M3"],  # noqa: B006 - typer reads it, nobody changes it
    b: FormatBOption = ["E4M3"],  # noqa: B006
    block: BlockOption = 32,
    lanes: LanesOption = 8,
    accumulator: AccumulatorOption = "exact",
    output: OutputOption = "fp32",
    window: WindowOption = 80,
    window_guard: WindowGuardOption = 16,
    window_lsb: WindowLsbOption = None,
    seed: Annotated[
        int | None, typer.Option(help="Of all random operands and pauses.  [default: random]", show_default=False)
    ] = None,
    effort: Annotated[str, typer.Option(help=f"How long benches run: {', '.join(_EFFORTS)}.")] = "normal",
    simulator: Annotated[str, typer.Option(help=f"One of {', '.join(SIMULATORS)}.")] = "verilator",
    bench: Annotated[list[str] | None, typer.Option(help="Run this bench only; may be repeated.", show_default=False)] = None,
    waves: Annotated[Path | None, typer.Option(metavar="FILE.vcd", help="Write a waveform of the whole unit.")] = None,
    work: Annotated[Path, typer.Option(help="Where all is generated, built and run.")] = Path("build/verify"),
) -> int:
    """Generate a unit, lint it, and simulate it and its parts against the golden model.

    Exit status 1 if a result, a flag or a latency is not as it should be.
    """
    config = config_from(a, b, block, lanes, accumulator, output, window, window_guard, window_lsb)
    names = _checked(config, bench, effort, simulator, seed, waves, work)
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    console = Console(highlight=False)
    console.print(f"Seed [bold]{seed}[/]")
    verification = Verification(config, work, simulator=simulator, seed=seed, effort=_EFFORTS[effort])
    try:
        return _verify(verification, names, waves, _command(config, seed, effort, simulator, bench, work), console)
    finally:
        verification.stop()


def _checked(
    config: MacConfig,
    bench: list[str] | None,
    effort: str,
    simulator: str,
    seed: int | None,
    waves: Path | None,
    work: Path,
) -> list[str]:
    """Names of the benches to run, if all options are as they should be."""
    known = list(benches(config))
    for name in bench or []:
        if name not in known:
            raise UserError("bench", f"There is no bench {name!r} of this unit; choose among {', '.join(known)}")
    if effort not in _EFFORTS:
        raise UserError("effort", f"There is no effort {effort!r}; choose one of {', '.join(_EFFORTS)}")
    if simulator not in SIMULATORS:
        raise UserError("simulator", f"There is no simulator {simulator!r}; choose one of {', '.join(SIMULATORS)}")
    if simulator == "icarus" and not has_icarus():
        raise UserError("simulator", "Icarus Verilog is not installed: there is no iverilog in the PATH")
    if seed is not None and seed < 0:
        raise UserError("seed", f"{seed} is negative; seeds start from 0")
    if waves is not None:
        if waves.suffix != _WAVE_SUFFIXES[simulator]:
            raise UserError("waves", f"Waveforms of {simulator} are {_WAVE_SUFFIXES[simulator]}, not {waves.suffix!r}")
        check_writable(waves)
    if any(place.exists() and not place.is_dir() for place in (work, *work.parents)):
        raise UserError("work", f"{str(work)!r} is not, and cannot become, a directory")
    return [name for name in known if not bench or name in bench]


def _verify(verification: Verification, names: list[str], waves: Path | None, command: str, console: Console) -> int:
    console.print("Generating")
    verification.generate()
    console.print(f"Linting [bold]{escape(str(verification.verilog))}[/]")
    said = verification.lint()
    if said:
        console.print(f"[red]Verilator warns:[/]\n{escape(said)}")
    outcomes = _run(verification, names, console)
    console.print(_summary(outcomes))
    for outcome in outcomes:
        if not outcome.run.passed:
            _show_failure(console, outcome)
    failed = bool(said) or not all(outcome.run.passed for outcome in outcomes)
    if waves is not None:
        failed = not _write_waves(verification, waves, console) or failed
    console.print(f"Seed {verification.seed}; the same again:\n  {escape(command)}", soft_wrap=True)
    return 1 if failed else 0


def _run(verification: Verification, names: list[str], console: Console) -> list[Outcome]:
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
    for title in ("Vectors/beats", "Dots", "Clocks", "MAC/s", "Mismatches", "Seconds"):
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
        console.print(f"{outcome.bench}: no waveform could be written; see {escape(str(again.log))}", soft_wrap=True)
        return
    when = f", first mismatch at {again.report.details[0].time}" if again.report.details else ""
    console.print(f"Waveform of {outcome.bench}: [bold]{escape(str(again.waves))}[/]{when}", soft_wrap=True)


def _show_miss(console: Console, bench: str, miss: Miss):
    console.print(f"[red]Mismatch[/] in {bench}, {escape(miss.test)}, at {miss.time}", soft_wrap=True)
    for title, values in (("operands", miss.operands), ("expected", miss.expected), ("hardware", miss.got)):
        text = "\n            ".join(f"{name} = {value}" for name, value in values.items())
        console.print(f"  {title}  {escape(text)}", soft_wrap=True)


def _write_waves(verification: Verification, path: Path, console: Console) -> bool:
    with console.status("Simulating for the waveform"):
        run = verification.waves()
    if run.waves is None:
        console.print(f"[red]No waveform: {escape(str(run.problem))}[/]; see {escape(str(run.log))}", soft_wrap=True)
        return False
    with written_whole(path) as temporary:
        shutil.copyfile(run.waves, temporary)
    console.print(f"Wrote [bold]{escape(str(path))}[/]")
    return run.passed


def _command(config: MacConfig, seed: int, effort: str, simulator: str, bench: list[str] | None, work: Path) -> str:
    """The command that does the same again."""
    words = ["mxmac", "verify"]
    for name, value in config.as_dict().items():
        if value is not None:
            words += [f"--{name}", ",".join(value) if isinstance(value, list) else str(value)]
    words += ["--seed", str(seed), "--effort", effort, "--simulator", simulator, "--work", str(work)]
    for name in bench or []:
        words += ["--bench", name]
    return shlex.join(words)
