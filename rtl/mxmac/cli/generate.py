"""Write the Verilog of a unit, and its manifest beside it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..config import MacConfig
from ..errors import UserError
from ..files import check_writable
from ..quantizer.config import QuantizerConfig
from ..verilog.companions import COMPANIONS
from ..verilog.design import Design, generate, generate_from, generate_quantizer, manifest_path, write
from ..verilog.manifest import read_recipe
from ..verilog.names import VERILOG_SUFFIXES, check_top_name
from .companion_options import companions_from
from .mac_options import config_from
from .quantizer_options import quantizer_config_from
from .sharing import given_options, refuse_options_before, with_options_of

__all__ = ["generate_app"]

#: Required, which only the command itself can say: the option also stands before the names of sub-commands.
_OutputFileOption = Annotated[
    Path | None,
    typer.Option("-o", metavar="OUT.v", help="Verilog file to write; - for standard output. Required.", show_default=False),
]
_TopOption = Annotated[str | None, typer.Option(help="Name of the top module.", show_default="name of the file")]
_FromOption = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="MANIFEST",
        help="Manifest whose unit to generate again, byte for byte, instead of options of a unit.",
        show_default=False,
    ),
]
#: Options that may stand beside ``--from``: those that describe no unit.
_BESIDE_FROM = {"--from", "--top", "-o", "--all-files", *(f"--{kind}" for kind in COMPANIONS)}


generate_app = typer.Typer(invoke_without_command=True)


@generate_app.callback()
@with_options_of(config_from, "make_config")
@with_options_of(companions_from, "companions")
def _generate(
    context: typer.Context,
    make_config: Callable[[], MacConfig],
    companions: Callable[[], list[str]],
    output_file: _OutputFileOption = None,
    top: _TopOption = None,
    manifest: _FromOption = None,
):
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return
    if manifest is not None:
        for option in given_options(context):
            if option not in _BESIDE_FROM:
                raise UserError(option, "must be left out beside --from, whose manifest describes the unit")
        recipe = read_recipe(manifest)
        _put_out(
            lambda name: generate_from(manifest, name), output_file, top or recipe.top, companions(), default_top=recipe.top
        )
        return
    config = make_config()
    _put_out(lambda name: generate(config, name), output_file, top, companions(), default_top="mxmac")


@generate_app.command("quantizer")
@with_options_of(quantizer_config_from, "make_config")
@with_options_of(companions_from, "companions")
def _quantizer(
    make_config: Callable[[], QuantizerConfig],
    companions: Callable[[], list[str]],
    output_file: _OutputFileOption = None,
    top: _TopOption = None,
):
    """Write the Verilog of a quantizer, and its manifest beside it: floats in, MX elements and their UE8M0 scales out."""
    config = make_config()
    _put_out(lambda name: generate_quantizer(config, name), output_file, top, companions(), default_top="quantizer")


def _put_out(
    make: Callable[[str], Design], output_file: Path | None, top: str | None, companions: list[str], *, default_top: str
):
    """Generate a design and write it.

    Parameters
    ----------
    make : callable
        Makes the design whose top module has the given name.
    output_file : Path
        ``-`` is standard output, which gets the Verilog alone.
    top : str, optional
        Name of the top module; that of the file by default.
    companions : list of str
        Kinds of companion files.
    default_top : str
        Its name if there is no file.

    Raises
    ------
    UserError
        If the file or the name of the top is not accepted.
    """
    if output_file is None:
        raise UserError("output_file", "Missing; give the name of the Verilog file to write, or - for standard output")
    to_stdout = str(output_file) == "-"
    if to_stdout and companions:
        raise UserError(companions[0], "must be left out with -o -; companion files are written beside a file")
    if not to_stdout:
        if output_file.suffix not in VERILOG_SUFFIXES:
            accepted = " or ".join(VERILOG_SUFFIXES)
            raise UserError("output_file", f"must end in {accepted}, or be - for standard output, not {str(output_file)!r}")
        check_writable(output_file)
    if top is None:
        top = default_top if to_stdout else output_file.stem
    check_top_name(top)
    if to_stdout:
        sys.stdout.write(make(top).text)
        return
    design = make(top)
    beside = write(design, output_file, companions)
    lines = design.text.count("\n")
    console = Console()
    console.print(
        f"[bold]{output_file}[/]: {lines:,} lines of Verilog, latency {design.manifest['latency']} cycles\n"
        f"[bold]{manifest_path(output_file)}[/]: its ports, latency and rate",
        highlight=False,
    )
    for path in beside:
        console.print(f"[bold]{path}[/]", highlight=False)
    if design.note:
        console.print(f"Note: {design.note}", highlight=False)
