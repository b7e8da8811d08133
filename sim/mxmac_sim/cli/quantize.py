"""Quantize a tensor of floats to MX elements with UE8M0 block scales.

Blocks run along the last axis, whose length must be a multiple of the block. Prints the error of the quantization. A tensor
that is quantized already, such as an FP8 weight with its weight_scale_inv, keeps its elements if all its scales are powers of
two.
"""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mxmac.cli.choices import ELEMENT_NAMES, ELEMENT_NAMES_HELP, one_of
from mxmac.errors import UserError
from mxmac.formats import SCALE_BIAS, Format
from mxmac_sim.golden.quantize import Overflow, ScaleRule
from mxmac_sim.tensors import deepseek
from mxmac_sim.tensors.archives import MAX_SIZE, check_size
from mxmac_sim.tensors.files import open_floats
from mxmac_sim.tensors.layouts import MX
from mxmac_sim.tensors.quantized import StoredRows, open_stored
from mxmac_sim.tensors.source import open_source
from mxmac_sim.tensors.writing import FileTensor, Target, scales_to_store

from .operands import MaxSizeOption, SourceBlockOption, SourceFormatOption, SourceLayoutOption, refuse_facts, stated_source
from .progress import progress
from .quantize_request import DEFAULT_FORMAT, OUTPUT_LAYOUTS, OutputLayout, Request
from .rows import Rows, float_rows, product_rows
from .slices import Losses, Range, convert, quantize_rows

__all__ = ["quantize"]


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
    typer.Option(
        "--name",
        metavar="TENSOR",
        help="Tensor of IN, if it has several; NAME[3] is one matrix of it. Of an IN without names: its name in OUT.",
    ),
]
_PackOption = Annotated[
    bool, typer.Option("--pack-scales", help="Four scales of a row packed in an int32, as DeepGEMM reads them.")
]
_FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        show_default=DEFAULT_FORMAT.name,
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
        help=f"Elements that share a scale, and layout of OUT: {', '.join(OUTPUT_LAYOUTS)}.",
        autocompletion=one_of(OUTPUT_LAYOUTS),
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


def quantize(
    source: _SourceArgument,
    target_path: _TargetArgument,
    format_name: _FormatOption = None,
    layout_name: _LayoutOption = None,
    block: _BlockOption = None,
    rule_name: _RuleOption = None,
    overflow_name: _OverflowOption = None,
    name: _NameOption = None,
    requantize: _RequantizeOption = False,
    source_format: SourceFormatOption = None,
    source_block: SourceBlockOption = None,
    source_layout: SourceLayoutOption = None,
    max_size: MaxSizeOption = MAX_SIZE,
    pack_scales: _PackOption = False,
) -> None:
    """Run ``mxmac quantize``; see the module for its help. A mistake raises ``UserError`` before anything is written."""
    options = {"format": format_name, "layout": layout_name, "block": block, "rule": rule_name, "overflow": overflow_name}
    request = Request.of(format_name, layout_name, block, rule_name, overflow_name)
    target = Target(path=target_path, layout=request.file, pack=pack_scales)
    if pack_scales and request.file is not MX:
        raise UserError("pack_scales", f"The layout {request.file.name} has a byte for each scale; leave out this option")
    _refuse_input(source, target_path)
    console = Console(highlight=False)
    name, given = request.names(source, name)
    with ExitStack() as opened:
        rows = _open_quantized(opened, source, name, source_format, source_block, source_layout, max_size)
        stored = rows.head if rows is not None else None
        if requantize and stored is None:
            raise UserError("requantize", f"{source} has no such quantized tensor; floats are quantized without --requantize")
        if rows is not None and stored is not None and not requantize:
            _refuse_options(source, options, request)
            request.check_kept(source, stored)
            target = replace(target, tensor=_checked_name(source, request, given or stored.tensor), tiles=stored.tiled)
            tensor, table = _converted(source, rows, target, console)
        else:
            if rows is None:
                array = opened.enter_context(open_floats(source, name, max_size))
                floats, own_name = float_rows(source, array), array.name
            else:
                floats, own_name = product_rows(source, rows), rows.head.tensor
            fmt, layout = request.target(stored)
            target = replace(target, tensor=_checked_name(source, request, given or own_name), tiles=layout.rows > 1)
            tensor, table = _quantized(floats, fmt, layout, request, target, console)
    target.write(tensor)

    console.print(table)
    console.print(f"Wrote [bold]{escape(str(target_path))}[/bold]", soft_wrap=True)


def _converted(source: Path, stored: StoredRows, target: Target, console: Console) -> tuple[FileTensor, Table]:
    """Return a quantized tensor as the target has it, and a table about it."""
    head = stored.head
    with progress(console, "Converting", math.prod(head.elements.shape)) as advance:
        tensor, found = convert(source, stored, packed=target.packs(head.format, head.block), advance=advance)
    table = _summary(tensor, target, head.elements.shape, tensor.format.name, found)
    table.add_row("Read as", head.layout)
    table.add_row("Conversion", "exact: elements and scales have the values that they had")
    return tensor, table


def _quantized(
    floats: Rows, fmt: Format, layout: OutputLayout, request: Request, target: Target, console: Console
) -> tuple[FileTensor, Table]:
    """Quantize floats, and return the tensor as the target has it, and a table about it."""
    with progress(console, "Quantizing", math.prod(floats.shape)) as advance:
        tensor, found, losses = quantize_rows(
            floats,
            fmt,
            block=layout.block,
            rows=layout.rows,
            rule=request.rule,
            overflow=request.overflow,
            pad=layout.pad,
            packed=target.packs(fmt, layout.block),
            advance=advance,
        )
    about = f"{tensor.format.name}, scale rule {request.rule.name}, overflow {request.overflow.name}"
    table = _summary(tensor, target, floats.shape, about, found, floats.dtype)
    _add_losses(table, math.prod(floats.shape), losses)
    return tensor, table


def _refuse_input(source: Path, target: Path) -> None:
    """Refuse an output that is the input or, of a checkpoint in shards, one of its files."""
    if not target.exists() or not source.exists():
        return
    files = open_source(source).files.values() if source.is_dir() or source.suffix.lower() == ".json" else ()
    if any(target.samefile(file) for file in {source, *files} if file.exists()):
        raise UserError(str(target), "This is the input file; give another name for the output")


def _open_quantized(
    opened: ExitStack,
    source: Path,
    name: str | None,
    source_format: str | None,
    source_block: int | None,
    source_layout: str | None,
    max_size: float,
) -> StoredRows | None:
    """Open the input if it is quantized, with the facts that its file leaves open."""
    stated = stated_source(source_format, source_block, source_layout, max_size)
    is_npy = source.suffix.lower() == ".npy"
    stored = None if is_npy else opened.enter_context(open_stored(open_source(source), name, stated))
    if stored is None:
        refuse_facts(source, stated)
        return None
    shape, block = stored.head.elements.shape, stored.head.block
    if shape and block > 0:
        # A last block is filled with zeros.
        codes = math.prod(shape[:-1]) * (shape[-1] + -shape[-1] % block)
        check_size(source, codes + stored.head.scales.nbytes, max_size)
    return stored


def _refuse_options(source: Path, options: Mapping[str, object], request: Request) -> None:
    """Refuse options that would change an input that keeps its elements and scales; the layout of a checkpoint does not."""
    for option, value in options.items():
        if value is not None and not (option == "layout" and request.file is not MX):
            message = f"{source} is quantized already and keeps its elements and scales"
            raise UserError(option, f"{message}; leave out --{option}, or add --requantize")


def _checked_name(source: Path, request: Request, name: str) -> str:
    """Return the name of the tensor in the output, which layouts of checkpoints need."""
    if request.file is not MX and name in ("", "__metadata__"):
        raise UserError("name", f"The layout {request.file.name} needs a name for the tensor, and {source} has none: give one")
    return name


def _summary(
    tensor: FileTensor,
    target: Target,
    shape: tuple[int, ...],
    about: str,
    found: Range,
    source_dtype: np.dtype[Any] | None = None,
) -> Table:
    """What ``tensor`` is and how it is stored, as a table of two columns; ``shape`` is without what was added to K."""
    fmt, block, tiles = tensor.format, tensor.block, target.tiles
    stored = scales_to_store(tensor.scales, tiles=tiles, pack=target.pack)
    scales = scales_to_store(tensor.scales, tiles=tiles)
    low, high = found.low or 0, found.high or 0
    zeros = f"{scales.size:,} {'tiles' if tiles else 'blocks'}, {found.zeros:,} all zero"
    source = f" ({source_dtype}: {source_dtype.itemsize})" if source_dtype is not None else ""
    size = math.prod(shape[:-1]) * tensor.k

    table = Table(show_header=False, title="Quantized tensor", title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    table.add_row("Shape", " × ".join(map(str, shape)))
    if tensor.k != shape[-1]:
        table.add_row("Padded", f"with zeros, to K = {tensor.k}")
    table.add_row("Format", about)
    table.add_row("Block", f"{f'{deepseek.TILE_ROWS} × ' if tiles else ''}{block} elements, {zeros}")
    table.add_row("Bytes per element", f"{fmt.width / 8 + stored.nbytes / size:.3f} packed{source}")
    table.add_row("Scales", f"2^{low - SCALE_BIAS} to 2^{high - SCALE_BIAS} (codes {low:#04x} to {high:#04x})")
    if target.layout is not MX:
        table.add_row("Written as", f"{target.layout.name}: {escape(' with '.join(target.layout.names_of(target.tensor)))}")
    return table


def _add_losses(table: Table, size: int, losses: Losses) -> None:
    """Add the errors of a tensor of ``size`` elements."""
    table.add_row("Clipped", f"{losses.clipped:,} of {size:,} elements ({losses.clipped / size:.2%})")
    undefined = f"undefined: {losses.lost:,} elements became Inf or NaN"
    table.add_row("SQNR", undefined if losses.lost else f"{losses.sqnr.db:.2f} dB")
