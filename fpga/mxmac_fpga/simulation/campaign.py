"""Many faults on the link to the simulated board, as a table: ``python -m mxmac_fpga.simulation.campaign``."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mxmac.cli.exit_status import with_exit_status
from mxmac.files import check_folder

from .board import SIMULATED_CONFIG, SimulatedBoard
from .faults import Fault, Tally, campaign

__all__ = ["fault_table", "main"]


def fault_table(tallies: dict[Fault, Tally]) -> Table:
    """What became of the faults, a row for each kind and one for all."""
    table = Table(
        "Fault", "injected", "noticed", "recovered", "wrong results", title="Faults on the link", title_justify="left"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    rows = [(fault.value, tally) for fault, tally in tallies.items()]
    names = ("injected", "noticed", "recovered", "wrong")
    total = Tally(*(sum(getattr(tally, name) for tally in tallies.values()) for name in names))
    for name, tally in [*rows, ("all", total)]:
        table.add_row(name, *(f"{getattr(tally, column):,}" for column in names), end_section=name == rows[-1][0])
    return table


@with_exit_status("faults")
def main(arguments: Sequence[str] | None = None) -> int:
    """Inject faults into the link to the simulated board; return 1 on a wrong result, or if it has not recovered."""
    parser = argparse.ArgumentParser(
        prog="python -m mxmac_fpga.simulation.campaign", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--faults", type=int, default=10_000, help="number of faults (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed for operands, faults and their places (%(default)s)")
    parser.add_argument("--work", type=Path, default=Path("build/fpga/simulation"), help="folder of the build (%(default)s)")
    given = parser.parse_args(arguments)
    check_folder("work", given.work)
    console = Console(highlight=False)
    with console.status(f"Building the simulation in {given.work}"):
        simulation = SimulatedBoard(folder=given.work)
    start = time.monotonic()
    columns = (TextColumn("Faults"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with simulation, Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("faults", total=given.faults)
        tallies = campaign(simulation, SIMULATED_CONFIG, given.faults, seed=given.seed, progress=lambda: bar.advance(task))
    console.print(fault_table(tallies))
    for fault, tally in tallies.items():
        for failure in tally.failures:
            console.print(f"[red]Not recovered[/] from {fault.value}: {failure}")
    console.print(f"{time.monotonic() - start:.0f} s, {simulation.clocks:,} cycles; the board was never started anew")
    return int(any(tally.wrong or tally.recovered != tally.injected for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
