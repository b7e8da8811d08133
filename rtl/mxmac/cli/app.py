"""The ``mxmac`` command."""

import importlib
import sys
import warnings
from collections.abc import Callable
from typing import Annotated

import typer
from amaranth.hdl import UnusedElaboratable

from .. import __version__
from ..config import MacConfig
from ..errors import UserError
from ..verilog.design import generate
from .generate import OutputFileOption, TopOption, put_out
from .generate_quantizer import quantizer
from .mac_options import config_from
from .sharing import refuse_options_before, with_options_of

#: Exit status after Ctrl-C, as of a program that the signal ends.
_INTERRUPTED = 130

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


generate_app = typer.Typer(invoke_without_command=True)
app.add_typer(generate_app, name="generate")


@generate_app.callback()
@with_options_of(config_from, "make_config")
def _generate(
    context: typer.Context,
    make_config: Callable[[], MacConfig],
    output_file: OutputFileOption = None,
    top: TopOption = None,
):
    """Write the Verilog of a unit, and its manifest beside it."""
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return
    config = make_config()
    put_out(lambda name: generate(config, name), output_file, top, default_top="mxmac")


generate_app.command("quantizer")(quantizer)

#: Modules with more commands, the extra of the distribution that brings what they need, and their names.
_OTHER_COMMANDS = (
    ("mxmac_sim.cli.commands", "sim", ("verify", "dot")),
    ("mxmac_sim.cli.prove", "prove", ("prove",)),
    ("mxmac_fpga.cli.explore", "explore", ("explore",)),
    ("mxmac_fpga.cli.commands", "fpga", ("fpga", "report")),
)
_ANY_ARGUMENTS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def _add_other_commands():
    from mxmac_sim.cli.quantize import quantize

    app.command("quantize")(quantize)
    for module, extra, names in _OTHER_COMMANDS:
        try:
            importlib.import_module(module).add_commands(app)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.startswith("mxmac"):
                raise
            for name in names:
                _add_missing(name, extra, error.name)


def _add_missing(name: str, extra: str, package: str):
    @app.command(name, help=f"Not installed: pip install 'mxmac[{extra}]' adds it.", context_settings=_ANY_ARGUMENTS)
    def missing():
        raise UserError(name, _needs(package, extra))


def _needs(package: str, extra: str) -> str:
    return f"There is no package {package!r}, which this command needs: pip install 'mxmac[{extra}]'"


def main(arguments: list[str] | None = None):
    """Run the command and exit: 0 if all is well, 1 on a miscompare, 2 on a mistake in what was given, 130 on Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        _add_other_commands()
        status = app(arguments or ["--help"], standalone_mode=False, prog_name="mxmac")
    except UserError as error:
        _fail(f"{_named(error.what)}: {error}")
    except ModuleNotFoundError as error:
        # Imported by a command that only some of its uses need: the last extra has all that the others have.
        if error.name is None or error.name.startswith("mxmac"):
            raise
        _fail(_needs(error.name, _OTHER_COMMANDS[-1][1]))
    except typer.TyperException as error:
        _fail(" ".join(error.format_message().split()))
    except (typer.Abort, KeyboardInterrupt):
        _interrupted()
    if status == _INTERRUPTED:
        _interrupted()
    sys.exit(status if isinstance(status, int) else 0)


def _interrupted():
    # What was being elaborated is thrown away on purpose.
    warnings.simplefilter("ignore", UnusedElaboratable)
    typer.echo("mxmac: interrupted", err=True)
    sys.exit(_INTERRUPTED)


def _named(what: str) -> str:
    """An option with its dashes, a file as it is."""
    return f"--{what}" if any(f"--{what}" in parameter.opts for parameter in _parameters()) else what


def _parameters(command=None):
    command = command or typer.main.get_command(app)
    yield from command.params
    for sub in getattr(command, "commands", {}).values():
        yield from _parameters(sub)


def _fail(message: str):
    typer.echo(f"mxmac: {message}", err=True)
    sys.exit(2)
