"""``mxmac fpga run``: dot products on a board, or on its simulation."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from serial.tools import list_ports

from mxmac.cli.choices import one_of
from mxmac.errors import ToolError, UserError
from mxmac.files import check_folder
from mxmac_sim.cli.operands import (
    BlockOption,
    FormatAOption,
    FormatBOption,
    LayoutAOption,
    LayoutBOption,
    MaxSizeOption,
    load_pair,
)
from mxmac_sim.tensors.archives import MAX_SIZE

from ..boards.table import BOARDS, board_named
from ..digits.demo import recognise
from ..host import products
from ..host.board import Board
from ..host.link import PATIENCE, LinkError
from ..host.products import Outcome

__all__ = ["run"]

#: The name that stands for no board at all.
_SIMULATION = "sim"
#: Seconds in which the simulation has to answer, on a busy machine too.
_SIMULATION_PATIENCE = 60.0
#: Mismatches that are shown one by one.
_SHOWN = 5


_AArgument = Annotated[
    str | None, typer.Argument(metavar="A.(npz|safetensors)[:NAME]", help="MX matrix of shape (M, K).", show_default=False)
]
_BArgument = Annotated[
    str | None, typer.Argument(metavar="B.(npz|safetensors)[:NAME]", help="MX matrix of shape (N, K).", show_default=False)
]


def run(
    a_argument: _AArgument = None,
    b_argument: _BArgument = None,
    board: Annotated[
        str, typer.Option(help="Name of the board, or sim for a simulation.", autocompletion=one_of([_SIMULATION, *BOARDS]))
    ] = _SIMULATION,
    port: Annotated[str | None, typer.Option(help="Serial port of the board.")] = None,
    baud: Annotated[int | None, typer.Option(help="Rate of the port, in baud.", show_default="that of the board")] = None,
    digits: Annotated[
        int | None, typer.Option(help="Number of handwritten digits to recognise, instead of dot products.")
    ] = None,
    dots: Annotated[int, typer.Option(help="Number of random dot products, without tensors.")] = 500,
    seed: Annotated[int, typer.Option(help="Seed of the random dot products.")] = 1,
    synthesized: Annotated[
        bool, typer.Option("--synthesized", help="Netlist of an iCE40 from Yosys, instead of the Verilog; with --board sim.")
    ] = False,
    format_a: FormatAOption = None,
    format_b: FormatBOption = None,
    layout_a: LayoutAOption = None,
    layout_b: LayoutBOption = None,
    block: BlockOption = None,
    max_size: MaxSizeOption = MAX_SIZE,
    work: Annotated[Path, typer.Option(help="Folder to build the simulation in.")] = Path("build/fpga"),
) -> int:
    """Compute dot products on a board, and compare every result with the golden model.

    With A and B, those of all rows of A with all rows of B; their formats and block must be the board's. Without, random ones.
    Exit status 1 if any result or flag differs.
    """
    _check_options(board, port, a_argument, b_argument, digits, dots, seed, synthesized)
    tensors = None
    _check_facts(a_argument, format_a=format_a, format_b=format_b, block=block)
    if a_argument is not None and b_argument is not None:
        tensors = load_pair(a_argument, b_argument, format_a, format_b, block, max_size, layout_a, layout_b)
    console = Console(highlight=False)
    with ExitStack() as stack:
        if board == _SIMULATION:
            port = stack.enter_context(_simulation(work, synthesized, console))
        assert port is not None
        patience = _SIMULATION_PATIENCE if board == _SIMULATION else PATIENCE
        unit = stack.enter_context(Board(port, baud=_rate(board) if baud is None else baud, patience=patience))
        console.print(_facts(unit, board, port))
        try:
            if digits is not None:
                return 0 if recognise(unit, count=digits, console=console).passed else 1
            with _progress(console) as progress:
                start = time.perf_counter()
                if tensors is None:
                    outcome = products.random_products(unit, dots, seed, progress)
                else:
                    outcome = products.matrix_product(unit, *tensors, progress)
                seconds = time.perf_counter() - start
        except LinkError as error:
            raise ToolError(f"{port}: {error}") from error
        console.print(_summary(unit, outcome, seconds))
        _show_mismatches(console, unit, outcome)
        return 1 if outcome.mismatches else 0


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show a bar, and yield a function that moves it: by the dot products done since, of a total."""
    columns = (TextColumn("Computing"), BarColumn(), MofNCompleteColumn(), TextColumn("dot products"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("dots", total=None)

        def progress(done: int, total: int):
            bar.update(task, advance=done, total=total)

        yield progress


def _rate(board: str) -> int:
    """Rate of the serial line that a board, or the simulation, is built for if nothing else is asked for."""
    if board == _SIMULATION:
        # Pseudo-terminals, which not every system has.
        from ..simulation.board import SIMULATED_BAUD

        return SIMULATED_BAUD
    return board_named(board).baud


def _check_facts(a_argument: str | None, **facts: object):
    for parameter, fact in facts.items():
        if fact is not None and a_argument is None:
            raise UserError(parameter, "is a fact about the matrices A and B; give them, or leave it out")


def _check_options(board, port, a_argument, b_argument, digits, dots, seed, synthesized):
    if (a_argument is None) != (b_argument is None):
        raise UserError("B", "Two matrices are multiplied; give both of them, or none for random dot products")
    if a_argument is not None and digits is not None:
        raise UserError("digits", "The digits bring their own matrices; give either these or A and B")
    if dots < 1:
        raise UserError("dots", f"At least one dot product is needed, not {dots}")
    if seed < 0:
        raise UserError("seed", f"must be 0 or more, not {seed}")
    if board != _SIMULATION:
        board_named(board)
    if board == _SIMULATION and port is not None:
        raise UserError("port", "The simulation has a port of its own; leave it out, or name a board with --board")
    if board != _SIMULATION and synthesized:
        raise UserError("synthesized", "What is on a board is synthesized anyway; this goes with --board sim")
    if board != _SIMULATION and port is None:
        found = ", ".join(sorted(entry.device for entry in list_ports.comports()))
        raise UserError("port", f"Say which port the board is at; there is {found or 'none here, so plug the board in'}")


@contextmanager
def _simulation(work: Path, synthesized: bool, console: Console):
    from ..simulation.board import SimulatedBoard, accelerator_verilog, synthesized_ice40

    check_folder("work", work)
    folder = work / ("netlist" if synthesized else "simulation")
    with console.status(f"Building the simulation in {folder}"):
        text = accelerator_verilog()
        simulation = SimulatedBoard(folder=folder, verilog=synthesized_ice40(text) if synthesized else text)
    with simulation:
        yield simulation.port


def _table(title: str) -> Table:
    table = Table(show_header=False, title=title, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    return table


def _facts(unit: Board, board: str, port: str) -> Table:
    facts, config = unit.facts, unit.config
    table = _table("Board")
    table.add_row("Found", f"{board} at {port}, mxmac {facts.version}")
    formats = " × ".join("/".join(fmt.name for fmt in side) for side in (config.a, config.b))
    table.add_row("Unit", f"{formats}, blocks of {config.block}, {config.lanes} lane{'s' * (config.lanes > 1)}")
    table.add_row("", f"accumulator {config.accumulator.value}, output {config.output.name}")
    table.add_row("Clock", f"{facts.clock_hz / 1e6:g} MHz, {facts.baud:,} baud, buffer of {facts.buffer:,} bytes")
    return table


def _summary(unit: Board, outcome: Outcome, seconds: float) -> Table:
    link = unit.statistics
    table = _table("Dot products")
    table.add_row("Work", outcome.work)
    rates = f"{outcome.dots / seconds:,.0f} dot products/s, {outcome.macs / seconds / 1e3:,.1f} thousand MAC/s"
    table.add_row("Time", f"{seconds:.2f} s, {rates}")
    table.add_row("Link", f"{link.bytes_out / seconds / 1e3:.1f} kB/s out, {link.bytes_in / seconds / 1e3:.1f} kB/s in")
    troubles = {
        "repeated": link.retries,
        "refused by the board": link.errors.total(),
        "damaged on the way back": link.rejected,
        "timed out": link.timeouts,
    }
    told = ", ".join(f"{count:,} {name}" for name, count in troubles.items() if count)
    table.add_row("Requests", f"{link.requests:,}; {told or 'none had to be repeated'}")
    wrong = f"[red]{len(outcome.mismatches):,} of {outcome.dots:,} differ[/]"
    table.add_row("Board = golden", wrong if outcome.mismatches else "[green]bit for bit, flags included[/]")
    return table


def _show_mismatches(console: Console, unit: Board, outcome: Outcome):
    digits = unit.config.output.width // 4
    for wrong in outcome.mismatches[:_SHOWN]:
        got = f"{wrong.data:0{digits}x}, flags {wrong.status:05b}"
        wanted = f"{wrong.golden_data:0{digits}x}, flags {wrong.golden_status:05b}"
        console.print(f"[red]Mismatch[/] {wrong.where}: board {got}; golden {wanted}")
