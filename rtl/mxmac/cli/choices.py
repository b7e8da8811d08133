"""Values of options, completed by the shell."""

from collections.abc import Callable, Iterable
from typing import Any

import typer

from ..config import Bus, Reset
from ..formats import ELEMENT_FORMATS, MX_FORMATS

__all__ = ["ELEMENT_NAMES", "ELEMENT_NAMES_HELP", "bus_option", "list_of", "one_of", "reset_option"]

#: Names of element formats, and of MX formats that stand for one of them.
ELEMENT_NAMES = [*ELEMENT_FORMATS, *(name for name, meant in MX_FORMATS.items() if len(meant) == 1)]
#: The same, shorter.
ELEMENT_NAMES_HELP = f"{', '.join(ELEMENT_FORMATS)}, or an MX name such as {next(iter(MX_FORMATS))}"

_Completion = Callable[[str], list[str]]


def one_of(values: Iterable[str]) -> _Completion:
    """Return the completion of an option with one of the values."""
    known = list(values)

    def complete(incomplete: str) -> list[str]:
        return [value for value in known if value.startswith(incomplete)]

    return complete


def list_of(values: Iterable[str]) -> _Completion:
    """Return the completion of an option with a comma list of the values, each at most once."""
    known = list(values)

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = {value.strip().casefold() for value in before.split(",")}
        left = [value for value in known if value.casefold() not in given]
        return [f"{before}{comma}{value}" for value in one_of(left)(last)]

    return complete


def reset_option(panel: str) -> Any:
    """Return the option for the reset of a top module."""
    resets = [reset.value for reset in Reset]
    about = f"Reset of the top module: {', '.join(resets)}; asynchronous ones are released synchronously."
    default = "sync-high, or sync-low with --bus axis"
    return typer.Option(help=about, rich_help_panel=panel, autocompletion=one_of(resets), show_default=default)


def bus_option(panel: str) -> Any:
    """Return the option for the ports of a top module."""
    buses = [bus.value for bus in Bus]
    about = f"Ports of the top module: {', '.join(buses)}, which is AXI4-Stream."
    return typer.Option(help=about, rich_help_panel=panel, autocompletion=one_of(buses))
