"""The command-line options that make up a configuration."""

from typing import Annotated, Any

import typer

from ..choices import TARGET_DEFAULTS
from ..config import Accumulator, MacConfig, MultiplierKind, Storage, Target
from ..formats import RESULT_FORMATS
from .choices import ELEMENT_NAMES, ELEMENT_NAMES_HELP, bus_option, list_of, one_of, reset_option

__all__ = ["config_from"]

_PANEL = "Unit"
_OUTPUTS = [name.lower() for name in RESULT_FORMATS]
_ACCUMULATORS = [kind.value for kind in Accumulator]
_STORAGES = [kind.value for kind in Storage]
_MULTIPLIERS = [kind.value for kind in MultiplierKind]
_TARGETS = [target.value for target in Target]
_E4M3 = ["E4M3"]


def _option(*names: str, **settings: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **settings)


def _format_option(side: str) -> Any:
    about = f"Element formats of {side}, selectable at run time if several: {ELEMENT_NAMES_HELP}."
    return _option(f"--{side}", help=about, autocompletion=list_of(ELEMENT_NAMES))


_FormatAOption = Annotated[list[str], _format_option("a")]
_FormatBOption = Annotated[list[str], _format_option("b")]
_BlockOption = Annotated[int, _option(help="Block size, in elements that share a scale.")]
_LanesOption = Annotated[int, _option(help="Lanes: element pairs per cycle; a divisor of the block.")]
_AccumulatorOption = Annotated[
    str,
    _option(help=f"Accumulator across blocks: {', '.join(_ACCUMULATORS)}.", autocompletion=one_of(_ACCUMULATORS)),
]
_OutputOption = Annotated[str, _option(help=f"Result format: {', '.join(_OUTPUTS)}.", autocompletion=one_of(_OUTPUTS))]
_WindowOption = Annotated[
    int | None, _option(help="Width of the window, in bits; for the accumulator window only.", show_default="80")
]
_WindowGuardOption = Annotated[
    int | None,
    _option(help="Guard bits of an anchored window below the block that anchors it.", show_default="16"),
]
_WindowLsbOption = Annotated[
    int | None, _option(help="Fixed exponent of the window's least significant bit, instead of an anchor block.")
]
_TargetOption = Annotated[
    str,
    _option(
        help=f"Technology that the text is written for: {', '.join(_TARGETS)}. The results are the same.",
        autocompletion=one_of(_TARGETS),
    ),
]
_StorageOption = Annotated[
    str | None,
    _option(
        help=f"Storage of queues and exact sums: {', '.join(_STORAGES)}.",
        show_default="lutram; registers for asic",
        autocompletion=one_of(_STORAGES),
    ),
]
_MultiplierOption = Annotated[
    str, _option(help=f"Multiplier of the elements: {', '.join(_MULTIPLIERS)}.", autocompletion=one_of(_MULTIPLIERS))
]
_PipelineOption = Annotated[
    int | None,
    _option(
        help="Pipeline depth: 1 for the lowest latency, 3 for the highest clock of an FPGA.",
        show_default="2; 3 for ecp5, 1 for asic",
    ),
]
_ChainOption = Annotated[
    int | None,
    _option(
        help="Most lanes of a chain of carry cells; for the target ecp5 only.",
        show_default=str(TARGET_DEFAULTS[Target.ECP5].chain),
    ),
]
_ResetOption = Annotated[str | None, reset_option(_PANEL)]
_BusOption = Annotated[str, bus_option(_PANEL)]
_AddendOption = Annotated[
    str | None,
    _option(help="Format of a number added to each dot product: fp32; not for the window.", autocompletion=one_of(["fp32"])),
]


def config_from(
    a: _FormatAOption = _E4M3,
    b: _FormatBOption = _E4M3,
    block: _BlockOption = 32,
    lanes: _LanesOption = 8,
    accumulator: _AccumulatorOption = "exact",
    output: _OutputOption = "fp32",
    window: _WindowOption = None,
    window_guard: _WindowGuardOption = None,
    window_lsb: _WindowLsbOption = None,
    target: _TargetOption = "generic",
    storage: _StorageOption = None,
    multiplier: _MultiplierOption = "lut",
    pipeline: _PipelineOption = None,
    chain: _ChainOption = None,
    reset: _ResetOption = None,
    bus: _BusOption = "plain",
    addend: _AddendOption = None,
) -> MacConfig:
    """Build a :class:`~mxmac.config.MacConfig` from command-line options; commands get them by ``with_options_of``.

    Raises
    ------
    UserError
        If an option is not accepted; the error names the parameter of :class:`~mxmac.config.MacConfig`.
    """
    return MacConfig(
        a=_names(a),
        b=_names(b),
        block=block,
        lanes=lanes,
        accumulator=accumulator,
        output=output,
        window=window,
        window_guard=window_guard,
        window_lsb=window_lsb,
        target=target,
        storage=storage,
        multiplier=multiplier,
        pipeline=pipeline,
        chain=chain,
        reset=reset,
        bus=bus,
        addend=addend,
    )


def _names(entries: list[str]) -> list[str]:
    return [name.strip() for entry in entries for name in entry.split(",")]
