"""Packages that an extra of the distribution brings, and what to say when one is missing."""

from importlib.metadata import EntryPoint

from .errors import UserError

__all__ = ["explain_missing", "install_command"]


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
        message = f"The package {error.name!r} is missing; install it with: {install_command(entry)}"
        raise UserError(parameter, message) from error


def install_command(entry: EntryPoint) -> str:
    """Return the command that installs the extras of an entry point."""
    name = entry.dist.name if entry.dist else "mxmac"
    return f"pip install '{name}[{','.join(entry.extras)}]'"
