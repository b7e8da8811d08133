"""Where generated Verilog goes: to a file with its manifest beside it, or to standard output."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..errors import UserError
from ..files import check_writable
from ..verilog.design import Design, check_top_name, manifest_path, write

__all__ = ["OutputFileOption", "TopOption", "put_out"]

#: Required, which only the command itself can say: the option also stands before the names of sub-commands.
OutputFileOption = Annotated[
    Path | None,
    typer.Option("-o", metavar="OUT.v", help="Verilog file to write; - for standard output. Required.", show_default=False),
]
TopOption = Annotated[str | None, typer.Option(help="Name of the top module.  [default: name of the file]")]


def put_out(make: Callable[[str], Design], output_file: Path | None, top: str | None, *, default_top: str):
    """Generate a design and write it.

    Parameters
    ----------
    make : callable
        Makes the design whose top module has the given name.
    output_file : Path
        ``-`` is standard output, which gets the Verilog alone.
    top : str, optional
        Name of the top module; that of the file by default.
    default_top : str
        Its name if there is no file.

    Raises
    ------
    UserError
        If that is no place to write to, or no name.
    """
    if output_file is None:
        raise UserError("-o", "Missing; give the name of the Verilog file to write, or - for standard output")
    to_stdout = str(output_file) == "-"
    if not to_stdout:
        check_writable(output_file)
    if top is None:
        top = default_top if to_stdout else output_file.stem
    check_top_name(top)
    if to_stdout:
        sys.stdout.write(make(top).text)
        return
    design = make(top)
    write(design, output_file)
    lines = design.text.count("\n")
    console = Console()
    console.print(
        f"[bold]{output_file}[/]: {lines:,} lines of Verilog, latency {design.manifest['latency']} clocks\n"
        f"[bold]{manifest_path(output_file)}[/]: its ports, latency and rate",
        highlight=False,
    )
    if design.note:
        console.print(f"Note: {design.note}", highlight=False)
