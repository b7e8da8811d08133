"""The command-line options that make up a configuration."""

from enum import Enum
from typing import Annotated, TypeVar

import typer

from ..config import Accumulator, MacConfig, MultiplierKind, Storage, format_named
from ..errors import UserError
from ..formats import ELEMENT_FORMATS, RESULT_FORMATS, Format

__all__ = ["config_from"]

_Kind = TypeVar("_Kind", bound=Enum)

_PANEL = "Unit"
_FORMATS = ", ".join(ELEMENT_FORMATS)
_E4M3 = ["E4M3"]

_FormatAOption = Annotated[list[str], typer.Option("--a", help=f"Element format of a: {_FORMATS}.", rich_help_panel=_PANEL)]
_FormatBOption = Annotated[list[str], typer.Option("--b", help=f"Element format of b: {_FORMATS}.", rich_help_panel=_PANEL)]
_BlockOption = Annotated[int, typer.Option(help="Elements that share a scale.", rich_help_panel=_PANEL)]
_LanesOption = Annotated[int, typer.Option(help="Element pairs a clock; they divide the block.", rich_help_panel=_PANEL)]
_AccumulatorOption = Annotated[
    str,
    typer.Option(help=f"How blocks are added up: {', '.join(kind.value for kind in Accumulator)}.", rich_help_panel=_PANEL),
]
_OutputOption = Annotated[
    str, typer.Option(help=f"Format of the result: {', '.join(RESULT_FORMATS).lower()}.", rich_help_panel=_PANEL)
]
_WindowOption = Annotated[int, typer.Option(help="Bits of the window.", rich_help_panel=_PANEL)]
_WindowGuardOption = Annotated[
    int, typer.Option(help="Bits of the window below the block that anchors it.", rich_help_panel=_PANEL)
]
_WindowLsbOption = Annotated[
    int | None,
    typer.Option(help="Exponent of the window's least significant bit, instead of an anchor.", rich_help_panel=_PANEL),
]
_StorageOption = Annotated[
    str,
    typer.Option(
        help=f"What queues and exact sums are kept in: {', '.join(kind.value for kind in Storage)}; the latter for an ASIC.",
        rich_help_panel=_PANEL,
    ),
]

_MultiplierOption = Annotated[
    str,
    typer.Option(
        help=f"What elements are multiplied with: {', '.join(kind.value for kind in MultiplierKind)}.",
        rich_help_panel=_PANEL,
    ),
]
_PipelineOption = Annotated[
    int,
    typer.Option(help="Depth of the pipeline: 1 for the least latency, 3 for the highest clock.", rich_help_panel=_PANEL),
]


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
    """Make a configuration of what the options say, which commands get from ``with_options_of`` this function.

    Raises
    ------
    UserError
        If it is none; the error names the option.
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
