"""The command-line options for companion files: one for each kind, and one for all of them."""

import inspect
from typing import Annotated

import typer

from ..verilog.companions import COMPANIONS

__all__ = ["companions_from"]

_PANEL = "Companion files"


def companions_from(all_files: bool = False, **wanted: bool) -> list[str]:
    """Return the kinds of companion files that command-line options ask for; commands get them by ``with_options_of``."""
    return [kind for kind in COMPANIONS if all_files or wanted[kind]]


def _parameter(name: str, option: str, about: str) -> inspect.Parameter:
    kind = Annotated[bool, typer.Option(option, help=about, rich_help_panel=_PANEL)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=kind)


companions_from.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # read by with_options_of
    [
        *(_parameter(kind, f"--{kind}", companion.about) for kind, companion in COMPANIONS.items()),
        _parameter("all_files", "--all-files", "All companion files."),
    ]
)
