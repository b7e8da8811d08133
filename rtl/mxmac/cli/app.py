"""The ``mxmac`` command."""

import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from .. import __version__
from ..errors import UserError
from ..interrupt import INTERRUPTED, INTERRUPTED_MESSAGE
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
    """Run the command and exit: 0 if all is well, 1 on a miscompare, 2 on a mistake in what was given, 130 on Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command = typer.main.get_command(app)
    assert isinstance(command, PluginGroup)
    try:
        status = command.main(arguments or ["--help"], standalone_mode=False, prog_name="mxmac")
    except UserError as error:
        _fail(_in_options(error, command.loaded))
    except typer.TyperException as error:
        _fail(" ".join(error.format_message().split()))
    except (typer.Abort, KeyboardInterrupt):
        _interrupted()
    if status == INTERRUPTED:
        _interrupted()
    sys.exit(status if isinstance(status, int) else 0)


def _interrupted():
    # Such as those about what was being elaborated, which is thrown away on purpose.
    warnings.simplefilter("ignore")
    typer.echo(INTERRUPTED_MESSAGE, err=True)
    sys.exit(INTERRUPTED)


def _in_options(error: UserError, commands: Iterable[Any]) -> str:
    """Return the line for an error, with options for the names of parameters; anything else, such as a file, as it is."""
    options: dict[str, str] = {}
    for parameter in _parameters(commands):
        option = max(parameter.opts, key=len)
        options |= {parameter.name: option, option.lstrip("-"): option}
    # In the message, only names with an underscore are not words.
    message = re.sub(r"\b[a-z]+(_[a-z]+)+\b", lambda match: options.get(match[0], match[0]), error.message)
    return f"{options.get(error.parameter, error.parameter)}: {message}"


def _parameters(commands: Iterable[Any]) -> Iterator[Any]:
    for command in commands:
        yield from command.params
        yield from _parameters(getattr(command, "commands", {}).values())


def _fail(message: str):
    typer.echo(f"mxmac: {message}", err=True)
    sys.exit(2)
