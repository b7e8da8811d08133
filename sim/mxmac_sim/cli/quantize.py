"""Quantize a tensor of floats to MX elements with UE8M0 block scales.

Blocks run along the last axis, whose length must be a multiple of the block. Prints the error of the quantization. A tensor
that is quantized already, such as an FP8 weight with its weight_scale_inv, keeps its elements if all its scales are powers of
two.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from mxmac.cli.choices import ELEMENT_NAMES, ELEMENT_NAMES_HELP, one_of
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, SCALE_BIAS, Format
from mxmac.parameters import checked_format, mx_block
from mxmac_sim.golden.quantize import Overflow, ScaleRule
from mxmac_sim.tensors import deepseek
from mxmac_sim.tensors.archives import MAX_SIZE
from mxmac_sim.tensors.files import check_target, load_stored, open_floats, save_mx, scales_to_store
from mxmac_sim.tensors.layouts import LAYOUTS
from mxmac_sim.tensors.mx_tensor import MxTensor
from mxmac_sim.tensors.source import open_source
from mxmac_sim.tensors.stated import Stated
from mxmac_sim.tensors.stored import StoredTensor

from .operands import MaxSizeOption, stated_format, stated_layout
from .slices import Losses, Range, convert, float_rows, product_rows, quantize_rows

__all__ = ["quantize"]


@dataclass(frozen=True)
class _Layout:
    """Elements that share a scale: those of a block, in one row or several."""

    name: str
    block: int
    rows: int = 1
    #: Whether block and format are fixed, those of DeepSeek, and a short last block is filled with zeros.
    deepseek: bool = False


_MX = _Layout("mx", 32)
_ACTIVATIONS = _Layout("deepseek-activations", deepseek.BLOCK, deepseek=True)
_WEIGHTS = _Layout("deepseek-weights", deepseek.BLOCK, deepseek.TILE_ROWS, deepseek=True)
_LAYOUTS = {layout.name: layout for layout in (_MX, _ACTIVATIONS, _WEIGHTS)}
_DEFAULT_FORMAT = ELEMENT_FORMATS["E4M3"]


_SourceArgument = Annotated[
    Path,
    typer.Argument(
        metavar="IN.(npy|npz|safetensors)",
        help="File with a tensor of floats, or a checkpoint: a file, its .safetensors.index.json, or a folder of shards.",
    ),
]
_TargetArgument = Annotated[Path, typer.Argument(metavar="OUT.(npz|safetensors)", help="MX file to write.")]
_NameOption = Annotated[
    str | None,
    typer.Option("--name", metavar="TENSOR", help="Tensor of IN, if it has several; NAME[3] is one matrix of it."),
]
_PackOption = Annotated[
    bool, typer.Option("--pack-scales", help="Four scales of a row packed in an int32, as DeepGEMM reads them.")
]
_FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        show_default="E4M3",
        help=f"Element format: {ELEMENT_NAMES_HELP}.",
        autocompletion=one_of(ELEMENT_NAMES),
    ),
]
_LayoutOption = Annotated[
    str | None,
    typer.Option(
        "--layout",
        metavar="LAYOUT",
        show_default="mx",
        help="Elements that share a scale: mx (a block), deepseek-activations (1x128) or deepseek-weights (128x128).",
        autocompletion=one_of(_LAYOUTS),
    ),
]
_BlockOption = Annotated[
    int | None,
    typer.Option("--block", show_default="32", help="Block size along the last axis, in elements that share a scale."),
]
_RuleOption = Annotated[
    str | None,
    typer.Option(
        "--rule",
        metavar="rceil|floor|ceil|even",
        show_default="rceil",
        help="Rule from the largest magnitude to the scale.",
        autocompletion=one_of(rule.value for rule in ScaleRule),
    ),
]
_OverflowOption = Annotated[
    str | None,
    typer.Option(
        "--overflow",
        metavar="sat|ovf",
        show_default="sat",
        help="Results beyond the largest element: saturated, or Inf or NaN.",
        autocompletion=one_of(overflow.value for overflow in Overflow),
    ),
]
_RequantizeOption = Annotated[
    bool,
    typer.Option("--requantize", help="Quantize the values of an IN that is quantized already, with scales of any value."),
]
_SourceFormatOption = Annotated[
    str | None,
    typer.Option(
        "--source-format",
        help="Element format of a quantized IN whose file leaves it open.",
        autocompletion=one_of(ELEMENT_NAMES),
    ),
]
_SourceLayoutOption = Annotated[
    str | None,
    typer.Option(
        "--source-layout",
        metavar="LAYOUT",
        help="Checkpoint layout of a quantized IN whose file leaves it open.",
        autocompletion=one_of(LAYOUTS),
    ),
]
_SourceBlockOption = Annotated[
    int | None,
    typer.Option("--source-block", min=1, help="Elements per block of a quantized IN whose file leaves it open."),
]


@dataclass(frozen=True)
class _Request:
    """Conversion that the options ask for; None where they leave it to the input or to a default."""

    format_name: str | None
    format: Format | None
    layout: _Layout | None
    block: int | None
    rule: ScaleRule
    overflow: Overflow


def quantize(
    source: _SourceArgument,
    target: _TargetArgument,
    format_name: _FormatOption = None,
    layout_name: _LayoutOption = None,
    block: _BlockOption = None,
    rule_name: _RuleOption = None,
    overflow_name: _OverflowOption = None,
    name: _NameOption = None,
    requantize: _RequantizeOption = False,
    source_format: _SourceFormatOption = None,
    source_block: _SourceBlockOption = None,
    source_layout: _SourceLayoutOption = None,
    max_size: MaxSizeOption = MAX_SIZE,
    pack_scales: _PackOption = False,
) -> None:
    """Run ``mxmac quantize``; see the module for its help. A mistake raises ``UserError`` before anything is written."""
    options = {"format": format_name, "layout": layout_name, "block": block, "rule": rule_name, "overflow": overflow_name}
    request = _request(format_name, layout_name, block, rule_name, overflow_name)
    check_target(target)
    _refuse_input(source, target)
    console = Console(highlight=False)
    with ExitStack() as opened:
        stored = _load_quantized(source, name, source_format, source_block, source_layout, max_size)
        if requantize and stored is None:
            raise UserError("requantize", f"{source} has no such quantized tensor; floats are quantized without --requantize")
        if stored is not None and not requantize:
            _refuse_options(source, options)
            shape, tiles = stored.elements.shape, stored.tiled
            with _progress(console, "Converting", shape) as advance:
                tensor, found = convert(source, stored, advance)
            table = _summary(tensor, shape, tensor.format.name, found, tiles, pack_scales)
            table.add_row("Read as", stored.layout)
            table.add_row("Conversion", "exact: elements and scales have the values that they had")
        else:
            if stored is None:
                floats = float_rows(source, opened.enter_context(open_floats(source, name, max_size)))
            else:
                floats = product_rows(source, stored)
            fmt, layout = _target(request, stored)
            with _progress(console, "Quantizing", floats.shape) as advance:
                tensor, found, losses = quantize_rows(
                    floats,
                    fmt,
                    block=layout.block,
                    rows=layout.rows,
                    rule=request.rule,
                    overflow=request.overflow,
                    pad=layout.deepseek,
                    advance=advance,
                )
            tiles = layout.rows > 1
            about = f"{tensor.format.name}, scale rule {request.rule.name}, overflow {request.overflow.name}"
            table = _summary(tensor, floats.shape, about, found, tiles, pack_scales, floats.dtype)
            _add_losses(table, math.prod(floats.shape), losses)
    save_mx(target, tensor, tiles=tiles, pack=pack_scales)

    console.print(table)
    console.print(f"Wrote [bold]{escape(str(target))}[/bold]", soft_wrap=True)


@contextmanager
def _progress(console: Console, verb: str, shape: tuple[int, ...]) -> Iterator[Callable[[int], object]]:
    """Show the share of a tensor that is done, on a terminal."""
    columns = (TextColumn(verb), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("elements", total=math.prod(shape))
        yield lambda elements: progress.advance(task, elements)


def _request(
    format_name: str | None, layout_name: str | None, block: int | None, rule_name: str | None, overflow_name: str | None
) -> _Request:
    fmt = None
    if format_name is not None:
        fmt = checked_format("format", format_name, ELEMENT_FORMATS, block=block)
        if layout_name is None:
            block = mx_block(format_name) or block
    layout = _LAYOUTS[_choice("layout", layout_name, _LAYOUTS)] if layout_name is not None else None
    rule = ScaleRule(_choice("rule", rule_name or ScaleRule.RCEIL.value, [rule.value for rule in ScaleRule]))
    overflow = Overflow(_choice("overflow", overflow_name or Overflow.SAT.value, [overflow.value for overflow in Overflow]))
    return _Request(format_name, fmt, layout, block, rule, overflow)


def _refuse_input(source: Path, target: Path) -> None:
    """Refuse an output that is the input or, of a checkpoint in shards, one of its files."""
    if not target.exists() or not source.exists():
        return
    files = open_source(source).files.values() if source.is_dir() or source.suffix.lower() == ".json" else ()
    if any(target.samefile(file) for file in {source, *files} if file.exists()):
        raise UserError(str(target), "This is the input file; give another name for the output")


def _load_quantized(
    source: Path,
    name: str | None,
    source_format: str | None,
    source_block: int | None,
    source_layout: str | None,
    max_size: float,
) -> StoredTensor | None:
    """Read the input if it is quantized, with the facts that its file leaves open."""
    fmt, block = stated_format(source_format, "source_format", source_block, "source_block")
    stated = Stated(
        format=fmt,
        block=block,
        layout=stated_layout(source_layout, "source_layout"),
        max_size=max_size,
        format_parameter="source_format",
        block_parameter="source_block",
        layout_parameter="source_layout",
    )
    stored = load_stored(source, name, stated=stated) if source.suffix.lower() != ".npy" else None
    if stored is None:
        facts = {"source_format": source_format, "source_block": source_block, "source_layout": source_layout}
        for parameter, fact in facts.items():
            if fact is not None:
                raise UserError(parameter, f"{source} has no such quantized tensor; leave out this option for floats")
    return stored


def _refuse_options(source: Path, options: Mapping[str, object]) -> None:
    """Refuse options that would change an input that keeps its elements and scales."""
    for option, value in options.items():
        if value is not None:
            message = f"{source} is quantized already and keeps its elements and scales"
            raise UserError(option, f"{message}; leave out --{option}, or add --requantize")


def _target(request: _Request, stored: StoredTensor | None) -> tuple[Format, _Layout]:
    """Return format and layout of the result; products of a stored tensor keep theirs."""
    fmt = request.format or (stored.format if stored is not None else _DEFAULT_FORMAT)
    layout = _resolved(request.layout, request.block, stored)
    if request.format_name is not None:
        checked_format("format", request.format_name, ELEMENT_FORMATS, block=layout.block)
    if layout.deepseek and fmt != _DEFAULT_FORMAT:
        message = f"The elements of the layout {layout.name} are {_DEFAULT_FORMAT.name}, not {fmt.name}"
        raise UserError("format", f"{message}; with --layout mx --block {layout.block} they can be others")
    return fmt, layout


def _choice(option: str, text: str, accepted: Iterable[str]) -> str:
    """Return the one of ``accepted`` that the text is, in any case."""
    for choice in accepted:
        if choice.casefold() == text.casefold():
            return choice
    raise UserError(option, f"Unknown {option} {text!r}; accepted: {', '.join(accepted)}")


def _resolved(layout: _Layout | None, block: int | None, stored: StoredTensor | None) -> _Layout:
    """Return the layout with its block; a stored tensor keeps its own, unless another is asked for."""
    if layout is None:
        if stored is None or block is not None:
            layout = _MX
        elif stored.tiled:
            layout = _WEIGHTS
        else:
            layout = _ACTIVATIONS if stored.block == deepseek.BLOCK else replace(_MX, block=stored.block)
    if block is None or block == layout.block:
        return layout
    if layout.deepseek:
        raise UserError("block", f"The blocks of the layout {layout.name} have {layout.block} elements, not {block}")
    return replace(layout, block=block)


def _summary(
    tensor: MxTensor,
    shape: tuple[int, ...],
    about: str,
    found: Range,
    tiles: bool,
    pack: bool,
    source_dtype: np.dtype[Any] | None = None,
) -> Table:
    """What ``tensor`` is and how it is stored, as a table of two columns; ``shape`` is without what was added to K."""
    fmt, block = tensor.format, tensor.block
    stored = scales_to_store(tensor, tiles=tiles, pack=pack)
    scales = scales_to_store(tensor, tiles=tiles)
    low, high = found.low or 0, found.high or 0
    zeros = f"{scales.size:,} {'tiles' if tiles else 'blocks'}, {found.zeros:,} all zero"
    source = f" ({source_dtype}: {source_dtype.itemsize})" if source_dtype is not None else ""

    table = Table(show_header=False, title="Quantized tensor", title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Shape", " × ".join(map(str, shape)))
    if tensor.elements.shape != shape:
        table.add_row("Padded", f"with zeros, to K = {tensor.elements.shape[-1]}")
    table.add_row("Format", about)
    table.add_row("Block", f"{f'{deepseek.TILE_ROWS} × ' if tiles else ''}{block} elements, {zeros}")
    table.add_row("Bytes per element", f"{fmt.width / 8 + stored.nbytes / tensor.elements.size:.3f} packed{source}")
    table.add_row("Scales", f"2^{low - SCALE_BIAS} to 2^{high - SCALE_BIAS} (codes {low:#04x} to {high:#04x})")
    return table


def _add_losses(table: Table, size: int, losses: Losses) -> None:
    """Add the errors of a tensor of ``size`` elements."""
    table.add_row("Clipped", f"{losses.clipped:,} of {size:,} elements ({losses.clipped / size:.2%})")
    undefined = f"undefined: {losses.lost:,} elements became Inf or NaN"
    table.add_row("SQNR", undefined if losses.lost else f"{losses.sqnr.db:.2f} dB")
