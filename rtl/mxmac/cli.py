"""The ``mxmac`` command."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from . import __version__
from .errors import UserError, check_writable
from .options import (
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
from .verilog import check_top_name, generate, manifest_path, write

app = typer.Typer(
    name="mxmac",
    help="Generate, verify and measure hardware for dot products of MX blocks.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool):
    if wanted:
        typer.echo(f"mxmac {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
):
    pass


@app.command("generate")
def _generate(
    output_file: Annotated[Path, typer.Option("-o", metavar="OUT.v", help="Verilog file to write; - for standard output.")],
    top: Annotated[str | None, typer.Option(help="Name of the top module.  [default: name of the file]")] = None,
    a: FormatAOption = ["E4M3"],  # noqa: B006 - typer reads it, nobody changes it
    b: FormatBOption = ["E4M3"],  # noqa: B006
    block: BlockOption = 32,
    lanes: LanesOption = 8,
    accumulator: AccumulatorOption = "exact",
    output: OutputOption = "fp32",
    window: WindowOption = 80,
    window_guard: WindowGuardOption = 16,
    window_lsb: WindowLsbOption = None,
):
    """Write the Verilog of a unit, and its manifest beside it."""
    config = config_from(a, b, block, lanes, accumulator, output, window, window_guard, window_lsb)
    to_stdout = str(output_file) == "-"
    if top is None:
        top = "mxmac" if to_stdout else output_file.stem
    check_top_name(top)
    if to_stdout:
        sys.stdout.write(generate(config, top).text)
        return
    check_writable(output_file)
    design = generate(config, top)
    write(design, output_file)
    lines = design.text.count("\n")
    Console().print(
        f"[bold]{output_file}[/]: {lines:,} lines of Verilog, latency {design.manifest['latency']} clocks\n"
        f"[bold]{manifest_path(output_file)}[/]: its ports, latency and rate",
        highlight=False,
    )


def _add_simulation_commands():
    from mxmac_sim.commands import add_commands

    add_commands(app)


def main(arguments: list[str] | None = None):
    """Run the command and exit: 0 if all is well, 1 on a miscompare, 2 on a mistake in what was given, 130 on Ctrl-C."""
    _add_simulation_commands()
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        status = app(arguments or ["--help"], standalone_mode=False, prog_name="mxmac")
    except UserError as error:
        _fail(f"{_named(error.what)}: {error}")
    except typer.TyperException as error:
        _fail(" ".join(error.format_message().split()))
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("mxmac: interrupted", err=True)
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _named(what: str) -> str:
    """An option with its dashes, a file as it is."""
    return f"--{what}" if any(f"--{what}" in parameter.opts for parameter in _parameters()) else what


def _parameters():
    command = typer.main.get_command(app)
    for sub in getattr(command, "commands", {}).values():
        yield from sub.params


def _fail(message: str):
    typer.echo(f"mxmac: {message}", err=True)
    sys.exit(2)
