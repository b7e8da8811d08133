"""Long random runs of whole units, with pauses and resets, and what they have covered: ``python -m mxmac_sim.soak``.

Each unit runs twice. In cocotb, pauses, resets and in_last come at any time, and functional coverage is measured; driven from
compiled code, it computes many more dot products with pauses. Every result and status flag is held against the golden model.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mxmac import __version__
from mxmac.config import Accumulator, MacConfig
from mxmac.errors import UserError, written_whole
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS

from . import golden
from .benches.catalogue import unit_subject
from .benches.coverage import EXCLUSIONS, reachable
from .benches.report import progress_file
from .benches.soak import coverage_file
from .bulk import BulkUnit, SimulationError
from .runner import BenchRun, Runner, config_slug
from .stimulus import random_batch

__all__ = ["UNITS", "Covered", "UnitResult", "main", "soak_bulk", "soak_clocks"]

_E = ELEMENT_FORMATS
_ALL = tuple(_E.values())
#: What runs, by name.
UNITS: dict[str, MacConfig] = {
    "exact, 1 lane": MacConfig(lanes=1),
    "exact, 4 lanes": MacConfig(lanes=4),
    "exact, 32 lanes": MacConfig(lanes=32),
    "window, 1 lane": MacConfig(lanes=1, accumulator=Accumulator.WINDOW),
    "window, 8 lanes": MacConfig(lanes=8, accumulator=Accumulator.WINDOW),
    "fp32, 4 lanes": MacConfig(lanes=4, accumulator=Accumulator.FP32),
    "all formats at run time, 4 lanes": MacConfig(a=_ALL, b=_ALL, block=8, lanes=4),
    "E2M1, fp32 to BF16, 8 lanes": MacConfig(
        a=(_E["E2M1"],), b=(_E["E2M1"],), lanes=8, accumulator=Accumulator.FP32, output=RESULT_FORMATS["BF16"]
    ),
    "E5M2 × E4M3, exact, 4 lanes": MacConfig(a=(_E["E5M2"],), b=(_E["E4M3"],), block=16, lanes=4),
    "INT8, window to FP16, 2 lanes": MacConfig(
        a=(_E["INT8"],), b=(_E["INT8"],), block=8, lanes=2, accumulator=Accumulator.WINDOW, output=RESULT_FORMATS["FP16"]
    ),
}
#: Share of the reachable bins of each unit that have to be hit.
_ENOUGH = 0.99
#: Bins, and beats of a block, that the clocks which are asked for are meant for.
_BINS, _BEATS = 500, 8
#: Dot products that the compiled driver gets at a time.
_AT_A_TIME = 4000
#: Chances of a pause in a clock, of which both sides choose anew for every such part.
_CHANCES = (0.0, 0.0, 0.05, 0.5, 0.9)
#: The clock whose time simulated clocks are told in.
_HERTZ = 100e6
#: Columns that the table takes where no terminal says how many there are.
_WIDTH = 120
#: Seconds between two looks at the progress of a bench.
_INTERVAL = 0.2


@dataclass(frozen=True)
class Covered:
    """Reachable bins of one cross.

    Members
    -------
    reachable : int
    holes : list of str
        Those that were not hit.
    """

    reachable: int
    holes: list[str]

    @property
    def hit(self) -> int:
        """How many were hit."""
        return self.reachable - len(self.holes)


@dataclass
class UnitResult:
    """What came of a unit.

    Members
    -------
    clocks, dots, misses : int
        Of the run in cocotb.
    problem : str or None
        What else went wrong there.
    coverage : dict of Covered
        By cross.
    bulk_clocks, bulk_dots, bulk_misses : int
        Of the run that is driven from compiled code.
    """

    clocks: int
    dots: int
    misses: int
    problem: str | None
    coverage: dict[str, Covered]
    bulk_clocks: int = 0
    bulk_dots: int = 0
    bulk_misses: int = 0

    @property
    def share(self) -> float:
        """Share of the reachable bins that were hit."""
        total = sum(cross.reachable for cross in self.coverage.values())
        return sum(cross.hit for cross in self.coverage.values()) / total if total else 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong and enough is covered."""
        return not (self.misses or self.problem or self.bulk_misses) and self.share >= _ENOUGH


def soak_clocks(
    config: MacConfig, clocks: int, work: Path, *, seed: int = 1, on_start: Callable[[Path], None] = lambda _folder: None
) -> tuple[UnitResult, BenchRun]:
    """Run a unit in cocotb, with pauses and resets.

    Parameters
    ----------
    config : MacConfig
    clocks : int
        Clocks to run at least.
    work : Path
        Where to build.
    seed : int
    on_start : callable
        Called when the build is done, with the folder where the bench reports its progress.
    """
    whole = unit_subject(config).benches["mac"]()
    design = replace(whole, modules=("soak",), parameters=whole.parameters | {"clocks": clocks})
    runner, folders = Runner(work), [work]

    def started(folder: Path):
        folders.append(folder)
        on_start(folder)

    run = runner.run("soak", design, config, seed=seed, on_start=started)
    coverage: dict[str, Covered] = {}
    file = coverage_file(folders[-1])
    if file.exists():
        coverage = {cross: Covered(**found) for cross, found in json.loads(file.read_text()).items()}
    report = run.report
    return UnitResult(report.clocks, report.dots, report.misses, run.problem, coverage), run


def soak_bulk(
    unit: BulkUnit, dots: int, *, seed: int = 1, advance: Callable[[int], object] = lambda dots: None
) -> tuple[int, int]:
    """Run dot products driven from compiled code, with pauses; return clocks and mismatches.

    Parameters
    ----------
    unit : BulkUnit
    dots : int
    seed : int
    advance : callable
        Called with the number of dot products that are done, each time that some are.
    """
    config, rng = unit.config, np.random.default_rng(seed)
    clocks = misses = 0
    for start in range(0, dots, _AT_A_TIME):
        count, blocks = min(_AT_A_TIME, dots - start), int(rng.choice([1, 2, 2, 3, 4, 6]))
        last_beats = np.where(rng.random(count) < 0.5, config.beats, rng.integers(1, config.beats + 1, count))
        batch = random_batch(config, rng, count, blocks).cut(last_beats * config.lanes)
        operands = batch.a, batch.scale_a, batch.b, batch.scale_b
        format_a, format_b = batch.format_a, batch.format_b
        idle, stall = rng.choice(_CHANCES, 2)
        run = unit.run(
            *operands,
            format_a=format_a,
            format_b=format_b,
            last_beats=last_beats,
            idle=idle,
            stall=stall,
            seed=int(rng.integers(1 << 30)),
        )
        data, status = golden.dot(*operands, config, format_a=format_a, format_b=format_b)
        clocks += run.clocks
        misses += int(np.count_nonzero((run.data != data) | (run.status != status)))
        advance(count)
    return clocks, misses


def _soak_unit(
    name: str, config: MacConfig, clocks: int, dots: int, work: Path, seed: int, progress: Progress, console: Console
) -> UnitResult:
    """Run one unit both ways, with bars of progress, and tell of mismatches."""
    # As many more clocks as there is more to be covered, or as it takes longer.
    clocks = round(clocks * max(1.0, sum(map(len, reachable(config).values())) / _BINS, config.beats / _BEATS))
    waiting = progress.add_task(f"{name}: building", total=clocks)
    stopped = threading.Event()

    def watch(folder: Path):
        def look():
            progress.update(waiting, description=f"{name}: cocotb")
            while not stopped.wait(_INTERVAL):
                file = progress_file(folder)
                if file.exists():
                    progress.update(waiting, completed=clocks * float(file.read_text().split()[-1]))

        threading.Thread(target=look, daemon=True).start()

    try:
        result, run = soak_clocks(config, clocks, work, seed=seed, on_start=watch)
    finally:
        stopped.set()
        progress.remove_task(waiting)
    for miss in run.report.details:
        console.print(f"[red]{name}[/]: {miss.operands}\n  expected {miss.expected}\n  got      {miss.got}")
    if result.problem:
        console.print(f"[red]{name}[/]: {result.problem}; see {run.log}")
    if dots:
        task = progress.add_task(f"{name}: building", total=dots)
        unit = BulkUnit(config, work / config_slug(config) / "bulk")
        progress.update(task, description=f"{name}: compiled")
        result.bulk_dots = dots
        result.bulk_clocks, result.bulk_misses = soak_bulk(
            unit, dots, seed=seed, advance=lambda count: progress.advance(task, count)
        )
        progress.remove_task(task)
    return result


def _table(results: dict[str, UnitResult]) -> Table:
    table = Table(title="Soak", title_justify="left")
    table.add_column("Unit")
    heads = ("Clocks", "dots", "reachable bins", "hit", "Clocks, compiled", "dots, compiled", "Mismatches")
    for head in heads:
        table.add_column(head, justify="right")
    for name, result in results.items():
        reachable = sum(cross.reachable for cross in result.coverage.values())
        table.add_row(
            name,
            f"{result.clocks:,}",
            f"{result.dots:,}",
            f"{reachable:,}",
            f"{result.share:.2%}",
            f"{result.bulk_clocks:,}",
            f"{result.bulk_dots:,}",
            f"{result.misses + result.bulk_misses:,}",
        )
    return table


def _as_json(results: dict[str, UnitResult], command: str, seconds: float) -> dict[str, object]:
    units = {
        name: {"config": UNITS[name].as_dict(), "share": result.share, "passed": result.passed} | asdict(result)
        for name, result in results.items()
    }
    clocks = sum(result.clocks + result.bulk_clocks for result in results.values())
    return {
        "date": date.today().isoformat(),
        "version": __version__,
        "command": command,
        "seconds": round(seconds, 1),
        "clocks": clocks,
        "dots": sum(result.dots + result.bulk_dots for result in results.values()),
        "seconds_at_100_mhz": clocks / _HERTZ,
        "exclusions": sorted({f"{rule.cross}: {rule.reason}" for rule in EXCLUSIONS}),
        "units": units,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak all units; return 1 on a mismatch or if less than 99 % is covered, 2 on a mistake in what was given."""
    parser = argparse.ArgumentParser(prog="python -m mxmac_sim.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clocks", type=int, default=120_000, help="of each unit in cocotb (%(default)s)")
    parser.add_argument("--dots", type=int, default=100_000, help="of each unit driven from compiled code (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (%(default)s)")
    parser.add_argument("--unit", action="append", choices=list(UNITS), help="one only; may be repeated")
    parser.add_argument("--work", type=Path, default=Path("build/soak"), help="where to build (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/soak.json"), help="where figures go (%(default)s)")
    given = parser.parse_args(arguments)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    start, results = time.monotonic(), {}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeRemainingColumn())
    try:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        with Progress(*columns, console=console, transient=True) as progress:
            units = given.unit or list(UNITS)
            task = progress.add_task("all units", total=len(units))
            for name in units:
                results[name] = _soak_unit(
                    name, UNITS[name], given.clocks, given.dots, given.work, given.seed, progress, console
                )
                progress.advance(task)
        command = " ".join(["python -m mxmac_sim.soak", *(sys.argv[1:] if arguments is None else arguments)])
        with written_whole(given.json) as file:
            file.write_text(json.dumps(_as_json(results, command, time.monotonic() - start), indent=1) + "\n")
    except UserError as error:
        print(f"soak: {error.what}: {error}", file=sys.stderr)
        return 2
    except SimulationError as error:
        console.print(f"[red]{error}[/]")
        return 1
    console.print(_table(results))
    for name, result in results.items():
        for cross, covered in result.coverage.items():
            for hole in covered.holes:
                console.print(f"Not hit: {name}, {cross}: {hole}")
    passed = all(result.passed for result in results.values())
    clocks = sum(result.clocks + result.bulk_clocks for result in results.values())
    console.print(f"{clocks:,} clocks, {clocks / _HERTZ:.2f} s at 100 MHz, in {time.monotonic() - start:.0f} s.")
    verdict = f"Every result and flag is the golden model's, and at least {_ENOUGH:.0%} is covered" if passed else "Not passed"
    console.print(f"{verdict}.", style="green" if passed else "red")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
