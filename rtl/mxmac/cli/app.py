"""The ``mxmac`` command."""

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from .. import __version__
from ..errors import UserError
from ..interrupt import INTERRUPTED
from .exit_status import exit_status
from .plugins import PluginGroup

__all__ = ["app", "main"]

app = typer.Typer(
    name="mxmac",
    cls=PluginGroup,
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
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Version of mxmac.")] = False,
):
    pass


def main(arguments: list[str] | None = None):
    """Run the command and exit with its status; :func:`~mxmac.cli.exit_status.exit_status` lists them."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command = typer.main.get_command(app)
    assert isinstance(command, PluginGroup)
    sys.exit(exit_status("mxmac", lambda: _run(command, arguments), lambda error: _in_options(error, command.loaded)))


def _run(command: PluginGroup, arguments: list[str]) -> object:
    try:
        status = command.main(arguments or ["--help"], standalone_mode=False, prog_name="mxmac")
    except typer.TyperException as error:
        raise UserError("", error.format_message()) from error
    except typer.Abort:
        raise KeyboardInterrupt from None
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    return status


def _in_options(error: UserError, commands: Iterable[Any]) -> str:
    """Return the line for an error, with options for the names of parameters; anything else, such as a file, as it is."""
    options: dict[str, str] = {}
    for parameter in _parameters(commands):
        option = max(parameter.opts, key=len)
        options |= {parameter.name: option, option.lstrip("-"): option}
    # In the message, only names with an underscore are not words.
    message = re.sub(r"\b[a-z]+(_[a-z]+)+\b", lambda match: options.get(match[0], match[0]), error.message)
    return f"{options.get(error.parameter, error.parameter)}: {message}" if error.parameter else message


def _parameters(commands: Iterable[Any]) -> Iterator[Any]:
    for command in commands:
        yield from command.params
        yield from _parameters(getattr(command, "commands", {}).values())
