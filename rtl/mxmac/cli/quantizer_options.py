"""The command-line options that make up the configuration of a quantizer."""

from enum import Enum
from typing import Annotated, Any, TypeVar

import typer

from ..errors import UserError
from ..formats import SOURCE_FORMATS
from ..quantizer.config import QuantizerConfig
from ..quantizer.rules import Overflow, ScaleRule
from .choices import ELEMENT_NAMES, ELEMENT_NAMES_HELP, bus_option, list_of, one_of, reset_option

__all__ = ["quantizer_config_from"]

_PANEL = "Quantizer"
_RCEIL, _SAT = ["rceil"], ["sat"]
_Choice = TypeVar("_Choice", bound=Enum)

_SOURCES = [name.lower() for name in SOURCE_FORMATS]


def _option(*names: str, **settings: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **settings)


_SourceOption = Annotated[
    str, _option("--from", help=f"Format of the input: {', '.join(_SOURCES)}.", autocompletion=one_of(_SOURCES))
]
_ToOption = Annotated[str, _option(help=f"Element format: {ELEMENT_NAMES_HELP}.", autocompletion=one_of(ELEMENT_NAMES))]
_BlockOption = Annotated[int, _option(help="Block size, in elements that share a scale.")]
_LanesOption = Annotated[int, _option(help="Lanes: elements per cycle; a divisor of the block.")]
_RuleOption = Annotated[
    list[str],
    _option(
        "--rule",
        metavar="floor|rceil|ceil|even|all",
        help="Rules from the largest magnitude to the scale; several are selectable block by block.",
        autocompletion=list_of([*(rule.value for rule in ScaleRule), "all"]),
    ),
]
_OverflowOption = Annotated[
    list[str],
    _option(
        "--overflow",
        metavar="sat|ovf|both",
        help="Results beyond the largest element: saturated, or Inf or NaN; both are selectable block by block.",
        autocompletion=list_of([*(overflow.value for overflow in Overflow), "both"]),
    ),
]
_ResetOption = Annotated[str | None, reset_option(_PANEL)]
_BusOption = Annotated[str, bus_option(_PANEL)]


def quantizer_config_from(
    source: _SourceOption = "fp32",
    to: _ToOption = "E4M3",
    block: _BlockOption = 32,
    lanes: _LanesOption = 8,
    rules: _RuleOption = _RCEIL,
    overflows: _OverflowOption = _SAT,
    reset: _ResetOption = None,
    bus: _BusOption = "plain",
) -> QuantizerConfig:
    """Build a :class:`~mxmac.quantizer.config.QuantizerConfig` from command-line options; see ``with_options_of``.

    Raises
    ------
    UserError
        If an option is not accepted; the error names the parameter of the configuration.
    """
    return QuantizerConfig(
        source=source,
        to=to,
        block=block,
        lanes=lanes,
        rules=_choices("rules", rules, ScaleRule, "all"),
        overflows=_choices("overflows", overflows, Overflow, "both"),
        reset=reset,
        bus=bus,
    )


def _choices(parameter: str, given: list[str], kind: type[_Choice], every: str) -> list[_Choice]:
    names = [name.strip().lower() for entry in given for name in entry.split(",")]
    if names == [every]:
        return list(kind)
    known = {choice.value: choice for choice in kind}
    for name in names:
        if name not in known:
            raise UserError(parameter, f"must be one or more of {', '.join(known)}, or {every} alone, not {name!r}")
    return [known[name] for name in names]
