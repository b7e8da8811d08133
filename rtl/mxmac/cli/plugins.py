"""Commands as entry points of the group ``mxmac.commands``.

An entry point names a function or a :class:`typer.Typer`, and the extra whose packages it needs::

    [project.entry-points."mxmac.commands"]
    prove = "mxmac_sim.cli.prove:prove [prove]"

The docstring of its module is the help of the command. The module is imported only to run the command or to show its own help,
so that ``mxmac --help`` loads no simulator.
"""

import ast
import inspect
import io
import re
import sys
import tokenize
from functools import cache
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, entry_points
from importlib.util import find_spec
from typing import Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from ..extras import explain_missing, install_command
from ..interrupt import importing

__all__ = ["GROUP", "PluginGroup"]

#: Group of the entry points.
GROUP = "mxmac.commands"
#: A requirement that an extra brings on every machine: its package, and the extra.
_REQUIREMENT = re.compile(r"""([\w.-]+)[^;]*; *extra == ['"]([\w.-]+)['"]""")


class PluginGroup(TyperGroup):
    """Group with the commands that entry points of :data:`GROUP` name."""

    def __init__(self, **settings: Any):
        super().__init__(**settings)
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            self.add_command(_Unloaded(entry))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command to list in the help: not imported, with its summary."""
        command = super().get_command(ctx, cmd_name)
        if isinstance(command, _Unloaded):
            command.short_help = command.summary()
        return command

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command to run, imported.

        Raises
        ------
        UserError
            If a package is missing that an extra of the distribution brings.
        """
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, _Unloaded):
            # Completion in the shell shows no errors: a command that cannot be imported has no options there.
            command = command.loaded() if not (ctx.resilient_parsing and command.missing()) else command
            self.add_command(command)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises
        ------
        UserError
            As :meth:`resolve_command`, for packages that only some uses of a command need.
        """
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            for entry in entry_points(group=GROUP, name=ctx.invoked_subcommand or ""):
                explain_missing(error, entry, entry.name)
            raise

    @property
    def loaded(self) -> list[Any]:
        """Commands that were imported: the one that was run."""
        return [command for command in self.commands.values() if not isinstance(command, _Unloaded)]


class _Unloaded(TyperCommand):
    """Command of an entry point that is not imported."""

    def __init__(self, entry: EntryPoint):
        super().__init__(entry.name, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
        self._entry = entry

    def summary(self) -> str:
        """Return the first line of the command's help, and how to install the packages that are missing."""
        documented = _docstring(find_spec(self._entry.module)).partition("\n")[0]
        return documented if self.missing() is None else f"{documented} Needs: {escape(install_command(self._entry))}"

    def missing(self) -> str | None:
        """Return the name of a package of the extras that is not installed."""
        packages = _packages(self._entry.dist) if self._entry.dist else {}
        return next((name for extra in self._entry.extras for name in packages.get(extra, ()) if not _installed(name)), None)

    def loaded(self) -> Any:
        """Import the command and return it.

        Raises
        ------
        UserError
            If a package is missing that an extra of the distribution brings.
        """
        try:
            with importing():
                found = self._entry.load()
        except ModuleNotFoundError as error:
            explain_missing(error, self._entry, self._entry.name)
            raise
        parent, name = typer.Typer(add_completion=False), self._entry.name
        about = inspect.getdoc(sys.modules[self._entry.module])
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=name, help=about)
        else:
            parent.command(name, help=about)(found)
        return typer.main.get_group(parent).commands[name]


@cache
def _packages(dist: Distribution) -> dict[str, list[str]]:
    """Return the packages that the extras of a distribution bring on every machine, by the names of the extras."""
    found: dict[str, list[str]] = {}
    for match in filter(None, map(_REQUIREMENT.fullmatch, dist.requires or ())):
        found.setdefault(match[2], []).append(match[1])
    return found


@cache
def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _docstring(spec: ModuleSpec | None) -> str:
    """Return the docstring of a module without importing it."""
    if spec is None or not isinstance(spec.loader, InspectLoader):
        return ""
    # Only the first token is looked at: a whole module takes much longer to parse.
    tokens = tokenize.generate_tokens(io.StringIO(spec.loader.get_source(spec.name) or "").readline)
    first = next((token for token in tokens if token.type not in (tokenize.COMMENT, tokenize.NL)), None)
    return inspect.cleandoc(ast.literal_eval(first.string)) if first and first.type == tokenize.STRING else ""
