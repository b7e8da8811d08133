"""The command-line options that make up the configuration of a quantizer."""

from enum import Enum
from typing import Annotated, TypeVar

import typer

from ..config import format_named
from ..errors import UserError
from ..formats import ELEMENT_FORMATS
from ..quantizer.config import SOURCE_FORMATS, QuantizerConfig
from ..quantizer.rules import Overflow, ScaleRule

__all__ = ["quantizer_config_from"]

_PANEL = "Quantizer"
_RCEIL, _SAT = ["rceil"], ["sat"]
_Choice = TypeVar("_Choice", bound=Enum)

_SourceOption = Annotated[
    str, typer.Option("--from", help=f"What comes in: {', '.join(SOURCE_FORMATS).lower()}.", rich_help_panel=_PANEL)
]
_ToOption = Annotated[str, typer.Option(help=f"Element format: {', '.join(ELEMENT_FORMATS)}.", rich_help_panel=_PANEL)]
_BlockOption = Annotated[int, typer.Option(help="Elements that share a scale.", rich_help_panel=_PANEL)]
_LanesOption = Annotated[int, typer.Option(help="Elements a clock; they divide the block.", rich_help_panel=_PANEL)]
_RuleOption = Annotated[
    list[str],
    typer.Option(
        metavar="floor|rceil|ceil|even|all",
        help="How a scale follows from the largest magnitude; several of them are selectable block by block.",
        rich_help_panel=_PANEL,
    ),
]
_OverflowOption = Annotated[
    list[str],
    typer.Option(
        metavar="sat|ovf|both",
        help="Beyond the largest element: saturate, or Inf or NaN; both are selectable block by block.",
        rich_help_panel=_PANEL,
    ),
]


def quantizer_config_from(
    source: _SourceOption = "fp32",
    to: _ToOption = "E4M3",
    block: _BlockOption = 32,
    lanes: _LanesOption = 8,
    rule: _RuleOption = _RCEIL,
    overflow: _OverflowOption = _SAT,
) -> QuantizerConfig:
    """Make a configuration of what the options say, which commands get from ``with_options_of`` this function.

    Raises
    ------
    UserError
        If it is none; the error names the option.
    """
    return QuantizerConfig(
        source=format_named(source, SOURCE_FORMATS, "from"),
        to=format_named(to, ELEMENT_FORMATS, "to"),
        block=block,
        lanes=lanes,
        rules=_choices("rule", rule, ScaleRule, "all"),
        overflows=_choices("overflow", overflow, Overflow, "both"),
    )


def _choices(option: str, given: list[str], kind: type[_Choice], every: str) -> tuple[_Choice, ...]:
    names = [name.strip().lower() for entry in given for name in entry.split(",")]
    if names == [every]:
        return tuple(kind)
    known = {choice.value: choice for choice in kind}
    for name in names:
        if name not in known:
            raise UserError(option, f"There is no {option} {name!r}; choose of {', '.join(known)}, or {every} alone")
    return tuple(known[name] for name in names)
