"""``mxmac fpga build`` and ``mxmac fpga flash``: bitstreams, and boards that run them."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mxmac.cli.choices import one_of
from mxmac.errors import ToolError, UserError

from ..boards import build as builder
from ..boards import flash as flasher
from ..boards.table import BOARDS, board_named
from ..report.console import luts_line

__all__ = ["build", "flash"]

_FOLDER = Path("build/fpga")
_BoardOption = Annotated[str | None, typer.Option(help="Name of the board.", show_default=False, autocompletion=one_of(BOARDS))]
_Folder = Annotated[Path, typer.Option("-o", metavar="DIR", help="Folder of bitstreams and reports; created if missing.")]


def build(
    board: _BoardOption = None,
    every: Annotated[bool, typer.Option("--all", help="All boards, one after another.")] = False,
    folder: _Folder = _FOLDER,
    baud: Annotated[
        int | None, typer.Option(help="Rate of the serial line, in baud.", show_default="that of the board")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of seeds of place and route to try until the clock is met.")] = 8,
) -> int:
    """Build the bitstream of a board, and a report of what it takes and how fast it may run.

    Exit status 3 if a tool fails, or the clock is not met.
    """
    if (board is None) != every:
        raise UserError("board", f"Name a board, one of {', '.join(BOARDS)}; or all of them with --all")
    names = list(BOARDS) if board is None else [board.lower()]
    for name in names:
        board_named(name)
    console = Console(highlight=False)
    failed: list[str] = []
    for name in names:
        try:
            built = _build(name, folder, baud, seeds, console)
        except ToolError as error:
            # With --all, the other boards are still built.
            failed.append(f"{name}: {error}")
            continue
        console.print(_report(built.report))
        console.print(f"Wrote {builder.bitstream_path(name, folder)} and {builder.report_path(name, folder)}", soft_wrap=True)
    if failed:
        raise ToolError("; ".join(failed))
    return 0


def _build(name: str, folder: Path, baud: int | None, seeds: int, console: Console):
    """Build, and show each step and how long it took."""
    current, start = "", time.perf_counter()

    with console.status("") as status:

        def finish():
            if current:
                console.print(f"{name}: {current} ({time.perf_counter() - start:.0f} s)", soft_wrap=True)

        def told(step: str):
            nonlocal current, start
            finish()
            current, start = step, time.perf_counter()
            status.update(f"{name}: {step}")

        built = builder.build(name, folder, baud=baud, seeds=seeds, told=told)
        finish()
    return built


def _report(report: dict) -> Table:
    table = Table(show_header=False, title="Bitstream", title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Board", f"{report['board']}, {report['part']}")
    config = report["config"]
    formats = " × ".join("/".join(config[side]) for side in ("a", "b"))
    table.add_row("Unit", f"{formats}, blocks of {config['block']}, {config['lanes']} lane{'s' * (config['lanes'] > 1)}")
    table.add_row("", f"accumulator {config['accumulator']}, output {config['output']}")
    cells = dict(report["cells"])
    table.add_row("LUTs", luts_line(cells))
    table.add_row("Cells", ", ".join(f"{count:,} {kind}" for kind, count in cells.items() if kind != "LUTs"))
    for kind, count in report["used"].items():
        share = count["used"] / count["available"]
        table.add_row(f"  {kind}", f"{count['used']:,} of {count['available']:,} ({share:.0%})")
    clock, fmax = (report[key] / 1e6 for key in ("clock_hz", "fmax_hz"))
    table.add_row("Clock", f"{clock:g} MHz, of {fmax:.2f} MHz possible: margin {report['margin_percent']} %")
    table.add_row("Seeds", ", ".join(f"{seed}: {hertz / 1e6:.2f} MHz" for seed, hertz in report["seeds"].items()))
    table.add_row("Serial", f"{report['baud']:,} baud; {report['serial']}")
    return table


def flash(
    bitstream: Annotated[
        Path | None, typer.Argument(help="Bitstream of this board.", show_default="where build writes it")
    ] = None,
    board: _BoardOption = None,
    permanent: Annotated[
        bool,
        typer.Option(
            "--permanent",
            help="Bitstream in flash memory, which survives a power cycle; some boards support nothing else.",
        ),
    ] = False,
) -> int:
    """Put a bitstream on a board, with openFPGALoader.

    Exit status 3 if the board cannot be flashed; a line then says what to install or plug in.
    """
    if board is None:
        raise UserError("board", f"Missing; name a board, one of {', '.join(BOARDS)}")
    name = board.lower()
    kind = board_named(name)
    console = Console(highlight=False)
    flasher.flash(name, bitstream or builder.bitstream_path(name, _FOLDER), permanent=permanent)
    lasts = permanent or not kind.flash_permanently
    console.print(f"{kind.title} is flashed{'' if lasts else ', until its power goes off'}.", soft_wrap=True)
    console.print(
        f"Serial line: {kind.serial}, {kind.baud:,} baud. Next: mxmac fpga run --board {name} --port …", soft_wrap=True
    )
    return 0
