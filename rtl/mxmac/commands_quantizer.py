"""``mxmac generate quantizer``: the Verilog of a quantizer.

The docstring of the command is its help.
"""

from enum import Enum
from typing import Annotated, TypeVar

import typer

from .config import format_named
from .errors import UserError
from .formats import ELEMENT_FORMATS
from .output import OutputFileOption, TopOption, put_out
from .quantizer_config import SOURCE_FORMATS, QuantizerConfig
from .scale_rules import Overflow, ScaleRule
from .verilog import generate_quantizer

__all__ = ["quantizer"]

_PANEL = "Quantizer"
_Choice = TypeVar("_Choice", bound=Enum)


def quantizer(
    output_file: OutputFileOption = None,
    top: TopOption = None,
    source: Annotated[
        str, typer.Option("--from", help=f"What comes in: {', '.join(SOURCE_FORMATS).lower()}.", rich_help_panel=_PANEL)
    ] = "fp32",
    to: Annotated[str, typer.Option(help=f"Element format: {', '.join(ELEMENT_FORMATS)}.", rich_help_panel=_PANEL)] = "E4M3",
    block: Annotated[int, typer.Option(help="Elements that share a scale.", rich_help_panel=_PANEL)] = 32,
    lanes: Annotated[int, typer.Option(help="Elements a clock; they divide the block.", rich_help_panel=_PANEL)] = 8,
    rule: Annotated[
        list[str],
        typer.Option(
            metavar="floor|rceil|ceil|even|all",
            help="How a scale follows from the largest magnitude; several of them are selectable block by block.",
            rich_help_panel=_PANEL,
        ),
    ] = ["rceil"],  # noqa: B006 - typer reads it, nobody changes it
    overflow: Annotated[
        list[str],
        typer.Option(
            metavar="sat|ovf|both",
            help="Beyond the largest element: saturate, or Inf or NaN; both are selectable block by block.",
            rich_help_panel=_PANEL,
        ),
    ] = ["sat"],  # noqa: B006
):
    """Write the Verilog of a quantizer, and its manifest beside it: floats in, MX elements and their UE8M0 scales out."""
    config = QuantizerConfig(
        source=format_named(source, SOURCE_FORMATS, "from"),
        to=format_named(to, ELEMENT_FORMATS, "to"),
        block=block,
        lanes=lanes,
        rules=_choices("rule", rule, ScaleRule, "all"),
        overflows=_choices("overflow", overflow, Overflow, "both"),
    )
    put_out(lambda name: generate_quantizer(config, name), output_file, top, default_top="quantizer")


def _choices(option: str, given: list[str], kind: type[_Choice], every: str) -> tuple[_Choice, ...]:
    names = [name.strip().lower() for entry in given for name in entry.split(",")]
    if names == [every]:
        return tuple(kind)
    known = {choice.value: choice for choice in kind}
    for name in names:
        if name not in known:
            raise UserError(option, f"There is no {option} {name!r}; choose of {', '.join(known)}, or {every} alone")
    return tuple(known[name] for name in names)
