"""The command-line options that make up a configuration."""

from enum import Enum
from typing import Annotated, Any, TypeVar

import typer

from ..config import Accumulator, MacConfig, MultiplierKind, Storage, format_named
from ..errors import UserError
from ..formats import ELEMENT_FORMATS, RESULT_FORMATS, Format
from .choices import list_of, one_of

__all__ = ["config_from"]

_Kind = TypeVar("_Kind", bound=Enum)

_PANEL = "Unit"
_FORMATS = list(ELEMENT_FORMATS)
_OUTPUTS = [name.lower() for name in RESULT_FORMATS]
_ACCUMULATORS = [kind.value for kind in Accumulator]
_STORAGES = [kind.value for kind in Storage]
_MULTIPLIERS = [kind.value for kind in MultiplierKind]
_E4M3 = ["E4M3"]


def _option(*names: str, **settings: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **settings)


def _format_option(side: str) -> Any:
    about = f"Element formats of {side}, selectable at run time if several: {', '.join(_FORMATS)}."
    return _option(f"--{side}", help=about, autocompletion=list_of(_FORMATS))


_FormatAOption = Annotated[list[str], _format_option("a")]
_FormatBOption = Annotated[list[str], _format_option("b")]
_BlockOption = Annotated[int, _option(help="Block size, in elements that share a scale.")]
_LanesOption = Annotated[int, _option(help="Lanes: element pairs per cycle; a divisor of the block.")]
_AccumulatorOption = Annotated[
    str,
    _option(help=f"Accumulator across blocks: {', '.join(_ACCUMULATORS)}.", autocompletion=one_of(_ACCUMULATORS)),
]
_OutputOption = Annotated[str, _option(help=f"Result format: {', '.join(_OUTPUTS)}.", autocompletion=one_of(_OUTPUTS))]
_WindowOption = Annotated[int, _option(help="Width of the window, in bits.")]
_WindowGuardOption = Annotated[int, _option(help="Guard bits of the window below the block that anchors it.")]
_WindowLsbOption = Annotated[
    int | None, _option(help="Fixed exponent of the window's least significant bit, instead of an anchor block.")
]
_StorageOption = Annotated[
    str,
    _option(
        help=f"Storage of queues and exact sums: {', '.join(_STORAGES)}; the latter for an ASIC.",
        autocompletion=one_of(_STORAGES),
    ),
]
_MultiplierOption = Annotated[
    str, _option(help=f"Multiplier of the elements: {', '.join(_MULTIPLIERS)}.", autocompletion=one_of(_MULTIPLIERS))
]
_PipelineOption = Annotated[int, _option(help="Pipeline depth: 1 for the lowest latency, 3 for the highest clock.")]


def config_from(
    a: _FormatAOption = _E4M3,
    b: _FormatBOption = _E4M3,
    block: _BlockOption = 32,
    lanes: _LanesOption = 8,
    accumulator: _AccumulatorOption = "exact",
    output: _OutputOption = "fp32",
    window: _WindowOption = 80,
    window_guard: _WindowGuardOption = 16,
    window_lsb: _WindowLsbOption = None,
    storage: _StorageOption = "lutram",
    multiplier: _MultiplierOption = "lut",
    pipeline: _PipelineOption = 2,
) -> MacConfig:
    """Build a :class:`~mxmac.config.MacConfig` from command-line options; commands get them by ``with_options_of``.

    Raises
    ------
    UserError
        If an option is invalid.
    """
    return MacConfig(
        a=_formats(a, "a"),
        b=_formats(b, "b"),
        block=block,
        lanes=lanes,
        accumulator=_kind(Accumulator, accumulator, "accumulator"),
        output=format_named(output, RESULT_FORMATS, "output"),
        window=window,
        window_guard=window_guard,
        window_lsb=window_lsb,
        storage=_kind(Storage, storage, "storage"),
        multiplier=_kind(MultiplierKind, multiplier, "multiplier"),
        pipeline=pipeline,
    )


def _kind(kinds: type[_Kind], name: str, option: str) -> _Kind:
    values = [kind.value for kind in kinds]
    if name.lower() not in values:
        raise UserError(option, f"There is no {option} {name!r}; choose one of {', '.join(values)}")
    return kinds(name.lower())


def _formats(names: list[str], option: str) -> tuple[Format, ...]:
    return tuple(format_named(name.strip(), ELEMENT_FORMATS, option) for entry in names for name in entry.split(","))
