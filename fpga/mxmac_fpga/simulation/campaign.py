"""Many faults on the link to the simulated board, as a table: ``python -m mxmac_fpga.simulation.campaign``."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

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


def main(
    faults: Annotated[int, typer.Option(help="How many to inject.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of operands, faults and places.")] = 1,
    work: Annotated[Path, typer.Option(help="Where the simulation is built.")] = Path("build/fpga/simulation"),
):
    """Inject faults into the link to the simulated board. Exit status 1 on a wrong result, or if it has not recovered."""
    console = Console(highlight=False)
    with console.status(f"Building the simulation in {work}"):
        simulation = SimulatedBoard(folder=work)
    start = time.monotonic()
    columns = (TextColumn("Faults"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with simulation, Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("faults", total=faults)
        tallies = campaign(simulation, SIMULATED_CONFIG, faults, seed=seed, progress=lambda: bar.advance(task))
    console.print(fault_table(tallies))
    for fault, tally in tallies.items():
        for failure in tally.failures:
            console.print(f"[red]Not recovered[/] from {fault.value}: {failure}")
    console.print(f"{time.monotonic() - start:.0f} s, {simulation.clocks:,} clocks; the board was never started anew")
    sys.exit(any(tally.wrong or tally.recovered != tally.injected for tally in tallies.values()))


if __name__ == "__main__":
    typer.run(main)
