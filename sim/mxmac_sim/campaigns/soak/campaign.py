"""Long random runs of whole units, with stalls and resets: ``python -m mxmac_sim.campaigns.soak.campaign``.

Each unit runs twice. In cocotb, pauses, resets and in_last come at any time, and functional coverage is measured; driven from
compiled code, it computes many more dot products with pauses. Every result and status flag is compared with the golden model.
"""

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mxmac.cli.exit_status import with_exit_status
from mxmac.config import Accumulator, MacConfig
from mxmac.files import check_folder
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS

from ...benches.coverage import EXCLUSIONS, reachable
from ...benches.kit.report import progress_file
from ...simulators.bulk import BulkUnit
from ...verify.runner import config_slug
from ..record import measured_units, write_record
from .runs import ENOUGH, UnitResult, soak_bulk, soak_clocks

__all__ = ["UNITS", "main"]

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
    "E5M2, exact, 4 lanes, addend": MacConfig(a="E5M2", b="E5M2", block=16, lanes=4, addend="fp32"),
    "E5M2, fp32, 8 lanes, addend": MacConfig(a="E5M2", b="E5M2", lanes=8, accumulator=Accumulator.FP32, addend="fp32"),
}
#: Bins, and beats of a block, that the cycles which are asked for are meant for.
_BINS, _BEATS = 500, 8
#: Clock frequency at which the time of simulated cycles is shown.
_HERTZ = 100e6
#: Columns that the table takes where no terminal says how many there are.
_WIDTH = 120
#: Seconds between two looks at the progress of a bench.
_INTERVAL = 0.2


def _soak_unit(
    name: str, config: MacConfig, clocks: int, dots: int, work: Path, seed: int, progress: Progress, console: Console
) -> UnitResult:
    """Run one unit both ways, with bars of progress, and tell of mismatches."""
    # As many more cycles as there is more to be covered, or as it takes longer.
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
    heads = ("Cycles", "dots", "reachable bins", "hit", "Cycles, compiled", "dots, compiled", "Mismatches")
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


def _figures(results: dict[str, UnitResult]) -> dict[str, object]:
    units = {
        name: {"config": UNITS[name].as_dict(), "share": result.share, "passed": result.passed} | asdict(result)
        for name, result in results.items()
    }
    clocks = sum(result.clocks + result.bulk_clocks for result in results.values())
    return {
        "clocks": clocks,
        "dots": sum(result.dots + result.bulk_dots for result in results.values()),
        "seconds_at_100_mhz": clocks / _HERTZ,
        "exclusions": sorted({f"{rule.cross}: {rule.reason}" for rule in EXCLUSIONS}),
        "units": units,
    }


@with_exit_status("soak")
def main(arguments: Sequence[str] | None = None) -> int:
    """Soak all units; return 1 on a mismatch or if less than 99 % is covered, 2 on a mistake in what was given."""
    parser = argparse.ArgumentParser(
        prog="python -m mxmac_sim.campaigns.soak.campaign", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--clocks", type=int, default=120_000, help="of each unit in cocotb (%(default)s)")
    parser.add_argument("--dots", type=int, default=100_000, help="of each unit driven from compiled code (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of all that is random (%(default)s)")
    parser.add_argument("--unit", action="append", choices=list(UNITS), help="one only; may be repeated")
    parser.add_argument("--work", type=Path, default=Path("build/soak"), help="where to build (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/soak.json"), help="where figures go (%(default)s)")
    words = sys.argv[1:] if arguments is None else arguments
    given = parser.parse_args(words)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    start, results = time.monotonic(), {}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeRemainingColumn())
    check_folder("json", given.json.parent)
    check_folder("work", given.work)
    with Progress(*columns, console=console, transient=True) as progress:
        units = given.unit or list(UNITS)
        task = progress.add_task("all units", total=len(units))
        for name in units:
            results[name] = _soak_unit(name, UNITS[name], given.clocks, given.dots, given.work, given.seed, progress, console)
            progress.advance(task)
    measured = measured_units(UNITS[name] for name in results)
    write_record(given.json, "python -m mxmac_sim.campaigns.soak.campaign", words, start, _figures(results), measured)
    console.print(_table(results))
    for name, result in results.items():
        for cross, covered in result.coverage.items():
            for hole in covered.holes:
                console.print(f"Not hit: {name}, {cross}: {hole}")
    passed = all(result.passed for result in results.values())
    clocks = sum(result.clocks + result.bulk_clocks for result in results.values())
    console.print(f"{clocks:,} cycles, {clocks / _HERTZ:.2f} s at 100 MHz, in {time.monotonic() - start:.0f} s.")
    verdict = f"Every result and flag is the golden model's, and at least {ENOUGH:.0%} is covered" if passed else "Not passed"
    console.print(f"{verdict}.", style="green" if passed else "red")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
