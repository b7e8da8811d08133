"""Simulate netlists after synthesis: ``python -m mxmac_sim.campaigns.gates.campaign`` writes build/gates.json.

Each unit is synthesized for four families of FPGAs and with a library of standard cells, and simulated with models of their
cells. Results and flags have to be the golden model's, and cycles those of the unit before synthesis. A netlist in which the
function of one cell is another has to fail.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mxmac.cli.exit_status import with_exit_status
from mxmac.config import Accumulator, MacConfig, Target
from mxmac.errors import HardwareError, UserError
from mxmac.files import check_folder, check_writable
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.verilog import generate

from ...simulators.bulk import BulkUnit
from ..record import measured_units, write_record
from ..vectors import Vectors, clocks_of, first_mismatch, make_vectors, with_reset_at_work
from .netlists import Netlist, synthesized, with_changes
from .technologies import LIBERTY, TECHNOLOGIES, check_liberty

__all__ = ["SMALL", "UNITS", "GateResult", "Subject", "main"]

_E = ELEMENT_FORMATS
_ALL = tuple(_E.values())
_CORE = "core"
#: The least of them.
SMALL = "E2M1, window to BF16, 1 lane"
#: What is synthesized, by name.
UNITS: dict[str, MacConfig] = {
    SMALL: MacConfig(
        a=(_E["E2M1"],),
        b=(_E["E2M1"],),
        block=4,
        lanes=1,
        accumulator=Accumulator.WINDOW,
        window=32,
        window_guard=8,
        output=RESULT_FORMATS["BF16"],
    ),
    "exact, 1 lane": MacConfig(lanes=1),
    "exact, 4 lanes": MacConfig(lanes=4),
    "exact, 8 lanes": MacConfig(lanes=8),
    "window, 8 lanes": MacConfig(lanes=8, accumulator=Accumulator.WINDOW),
    "fp32, 4 lanes": MacConfig(lanes=4, accumulator=Accumulator.FP32),
    "all formats at run time, 1 lane": MacConfig(a=_ALL, b=_ALL, block=8, lanes=1),
    "E2M1, exact, 8 lanes": MacConfig(a=(_E["E2M1"],), b=(_E["E2M1"],), lanes=8),
}
#: Cells of each netlist that are changed, one at a time.
_CHANGES = 12
#: Share of them that have to be noticed: some logic only matters in states that a unit cannot be in.
_NOTICED = 0.75
#: Columns of a table that goes to a file.
_WIDTH = 120


@dataclass(frozen=True)
class GateResult:
    """What became of a netlist.

    Members
    -------
    unit, on : str
        Names in ``UNITS`` and ``TECHNOLOGIES``.
    cells : int
    dots : int
        Dot products in a passage.
    problem : str or None
        The first thing that was not as it should be.
    changes : dict of str or None
        The same, or None, of the netlist with one changed cell; by that cell.
    seconds : float
    """

    unit: str
    on: str
    cells: int
    dots: int
    problem: str | None
    changes: dict[str, str | None]
    seconds: float

    @property
    def unnoticed(self) -> list[str]:
        """Changed cells with which the netlist passes."""
        return [cell for cell, problem in self.changes.items() if problem is None]

    @property
    def expected(self) -> bool:
        """Whether the netlist passes, and with most of the changed cells does not."""
        return self.problem is None and len(self.unnoticed) <= (1 - _NOTICED) * len(self.changes)


class Subject:
    """A unit with its vectors, ready to be compared with its netlists.

    Parameters
    ----------
    name : str
    config : MacConfig
    folder : Path
        Where to work.
    randoms : int
        Random dot products besides the directed ones.

    Raises
    ------
    HardwareError
        If the unit before synthesis fails.
    """

    def __init__(self, name: str, config: MacConfig, folder: Path, *, randoms: int):
        self.name, self.config, self.folder = name, config, folder
        self.design = generate(config, _CORE)
        self._around = with_reset_at_work(self.design)
        self.vectors: Vectors = make_vectors(config, randoms=randoms, seed=1)
        unit = BulkUnit(config, folder / "generated", text=self._around + self.design.text)
        self._clocks = clocks_of(unit, self.vectors)
        problem = first_mismatch(unit, self.vectors, self._clocks)
        if problem:
            raise HardwareError(f"{name} before synthesis: {problem}")

    def netlist(self, on: str, liberty: Path) -> Netlist:
        """Synthesize the unit for a technology."""
        return synthesized(self.design.text, _CORE, on, self.folder / on, liberty=liberty)

    def check(self, netlist: Netlist, changes: int) -> GateResult:
        """Run the vectors through a netlist as it is, and with ``changes`` cells changed, one at a time."""
        start = time.monotonic()
        changeable, cells = with_changes(netlist, changes)
        folder = self.folder / f"{netlist.technology}-simulation"
        unit = BulkUnit(self.config, folder, text=self._around + changeable.text + changeable.models)
        problem, *found = (
            first_mismatch(unit, self.vectors, self._clocks, plusargs=[f"change={number}"]) for number in range(changes + 1)
        )
        return GateResult(
            unit=self.name,
            on=netlist.technology,
            cells=sum(netlist.cells.values()),
            dots=len(self.vectors.dots),
            problem=problem,
            changes=dict(zip(cells, found, strict=True)),
            seconds=time.monotonic() - start,
        )


def check_unit(
    subject: Subject, technologies: Sequence[str], liberty: Path, say: Callable[[GateResult], object]
) -> list[GateResult]:
    """Run the netlists of a unit for some technologies."""
    results = []
    # The next netlist is made while one is simulated.
    with ThreadPoolExecutor(1) as pool:
        for future in [pool.submit(subject.netlist, on, liberty) for on in technologies]:
            results.append(subject.check(future.result(), _CHANGES))
            say(results[-1])
    return results


def _for(target: Target, config: MacConfig) -> MacConfig:
    """Return the configuration for a target, with its usual storage and pipeline."""
    # None stands for the default of the target.
    return replace(config, target=target, storage=None, pipeline=None)  # type: ignore[arg-type]


def _table(results: Sequence[GateResult], technologies: Sequence[str]) -> Table:
    titles = (TECHNOLOGIES[on].title for on in technologies)
    table = Table("Unit", *titles, title="Cells of netlists", title_justify="left")
    for unit in dict.fromkeys(result.unit for result in results):
        row = []
        for on in technologies:
            found = [result for result in results if (result.unit, result.on) == (unit, on)]
            wrong = [result for result in found if not result.expected]
            row.append("[red]FAILED[/]" if wrong else f"{found[0].cells:,}" if found else "")
        table.add_row(escape(unit), *row)
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mxmac_sim.campaigns.gates.campaign", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--unit", action="append", choices=UNITS, metavar="NAME", help=f"one of: {'; '.join(UNITS)} (all)")
    parser.add_argument("--on", action="append", choices=TECHNOLOGIES, help="technology; may be repeated (all)")
    parser.add_argument("--liberty", type=Path, help=f"standard cells for asic ({LIBERTY})")
    parser.add_argument("--random", type=int, default=1500, help="dot products besides the directed ones (%(default)s)")
    parser.add_argument("--work", type=Path, default=Path("build/gates"), help="where to work (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/gates.json"), help="where the results go (%(default)s)")
    return parser


@with_exit_status("gates")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run all netlists; return 1 if one fails, or one with a changed cell does not, 2 on a mistake in what was given."""
    words = sys.argv[1:] if arguments is None else arguments
    given = _parser().parse_args(words)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    began = time.monotonic()
    units, technologies = given.unit or list(UNITS), given.on or list(TECHNOLOGIES)
    liberty, skipped = given.liberty or LIBERTY, {}
    if not liberty.is_file():
        missing = f"There is no file {str(liberty)!r}; install qflow-tech-osu018, or name another library with --liberty"
        skipped = {on: missing for on in technologies if TECHNOLOGIES[on].needs_liberty}
        if skipped and (given.liberty or given.on):
            raise UserError("liberty", missing)
    elif given.liberty:
        check_liberty(given.liberty)
    check_folder("work", given.work)
    check_writable(given.json)
    for on, reason in skipped.items():
        console.print(f"[yellow]{on} skipped[/]: {escape(reason)}")
        technologies.remove(on)

    def say(result: GateResult):
        verdict = f"[red]{escape(result.problem)}[/]" if result.problem else "passes"
        noticed = f"{len(result.changes) - len(result.unnoticed)} of {len(result.changes)} changed cells noticed"
        console.print(f"{result.unit}, {result.on}: {result.cells:,} cells, {verdict}, {noticed}, {result.seconds:.0f} s")
        for cell in result.unnoticed:
            console.print(f"[red]Not noticed[/]: {escape(cell)}")

    results: list[GateResult] = []
    targets = dict.fromkeys(TECHNOLOGIES[on].target for on in technologies)
    for number, name in enumerate(units):
        for target in targets:
            own = [on for on in technologies if TECHNOLOGIES[on].target is target]
            config, folder = _for(target, UNITS[name]), given.work / f"{number}-{target.value}"
            with console.status(f"{name}, target {target.value}"):
                subject = Subject(name, config, folder, randoms=given.random)
                results += check_unit(subject, own, liberty, say)
    console.print(_table(results, technologies))
    figures = {
        "skipped": skipped,
        "technologies": {on: TECHNOLOGIES[on].title for on in technologies},
        "results": [asdict(result) for result in results],
    }
    measured = measured_units(_for(target, UNITS[name]) for name in units for target in targets)
    write_record(given.json, "python -m mxmac_sim.campaigns.gates.campaign", words, began, figures, measured)
    return 0 if all(result.expected for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
