"""Packages that an extra of the distribution brings, and what to say when one is missing."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from .errors import UserError

__all__ = ["explain_missing", "install_command", "missing_package"]


def explain_missing(error: ModuleNotFoundError, entry: EntryPoint, parameter: str) -> None:
    """Raise an error for a missing package, unless it is a module of the project.

    Parameters
    ----------
    error : ModuleNotFoundError
    entry : EntryPoint
        Names the extra that brings the package.
    parameter : str
        Name of the command or the option that needs it.

    Raises
    ------
    UserError
        If an extra brings the package; it says how to install it.
    """
    if entry.extras and error.name is not None and not error.name.startswith("mxmac"):
        raise UserError(parameter, _message(error.name, install_command(entry))) from error


def missing_package(package: str, extra: str) -> str:
    """Return the message about a package that an extra of mxmac brings."""
    return _message(package, _install("mxmac", [extra]))


def install_command(entry: EntryPoint) -> str:
    """Return the command that installs the extras of an entry point."""
    return _install(entry.dist.name if entry.dist else "mxmac", entry.extras)


def _install(distribution: str, extras: Iterable[str]) -> str:
    return f"pip install '{distribution}[{','.join(extras)}]'"


def _message(package: str, command: str) -> str:
    return f"The package {package!r} is missing; install it with: {command}"
