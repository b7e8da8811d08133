"""Tables of ``mxmac show``."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mxmac.formats import SCALE_BIAS, SCALE_NAN

from ..tensors.contents import Entry
from ..tensors.stored import StoredTensor
from .show_results import FloatTensor, ShownTensor
from .survey import Block, Errors, Exponents

__all__ = ["show_float", "show_list", "show_tensor"]

#: Bars of a histogram, and characters of the longest one.
_BINS, _BAR = 20, 40
#: Elements of a block that are shown; JSON has all.
_ELEMENTS = 128
#: Tensors that cannot be read whose reasons are shown; JSON has all.
_REASONS = 8


def show_list(console: Console, file: str, entries: Sequence[Entry]) -> None:
    """Print the table of a file's tensors."""
    total = sum(entry.size for entry in entries)
    table = Table(title=escape(f"{file}: {len(entries)} tensors, {total:,} bytes"), title_justify="left")
    for name in ("Tensor", "Layout", "Format", "Shape", "Block", "Bytes"):
        table.add_column(name, justify="right" if name in ("Block", "Bytes") else "left", overflow="fold")
    for entry in entries:
        tensor = entry.tensor
        if tensor is not None:
            cells = [tensor.layout, tensor.format.name, _shape(tensor.elements.shape), _tile(tensor)]
        else:
            layout = "floats" if entry.floats else "not read"
            cells = [layout, escape(entry.array.dtype), _shape(entry.array.shape), ""]
        table.add_row(escape(entry.array.name), *cells, f"{entry.size:,}")
    console.print(table)
    unread = [entry for entry in entries if entry.reason]
    for entry in unread[:_REASONS]:
        console.print(f"Not read {entry.array.name}: {entry.reason}", soft_wrap=True, markup=False)
    if len(unread) > _REASONS:
        console.print(f"{len(unread) - _REASONS} more reasons; --json has all of them")


def show_tensor(console: Console, shown: ShownTensor) -> None:
    """Print everything about a quantized tensor."""
    head, counts, errors = shown.head, shown.counts, shown.errors
    table = _facts(f"{shown.file}:{shown.name}")
    table.add_row("Layout", head.layout)
    for title, array in (("Elements", shown.elements), ("Scales", shown.scales)):
        table.add_row(title, escape(f"{array.name}, {array.dtype} {_shape(array.shape)}, {array.size:,} bytes"))
    table.add_row("Shape", _shape(head.elements.shape))
    table.add_row("Format", head.format.name)
    table.add_row("Block", f"{_tile(head)} elements")
    table.add_row("Bytes per element", f"{shown.bytes_per_element:.4f} as stored")
    for title, count in (("NaN", counts.nan), ("Inf", counts.inf), ("Zero", counts.zero), ("Subnormal", counts.subnormal)):
        table.add_row(title, _share(count, counts.elements))
    table.add_row(f"Largest magnitude, {float(head.format.max_value):g}", _share(counts.largest, counts.elements))
    if errors is not None:
        table.add_row("Clipped", _share(errors.clipped, errors.elements))
        table.add_row("Error", _error(errors))
    console.print(table)
    _show_exponents(console, "Scales", shown.exponents, codes=True)
    _show_block(console, shown.block)


def show_float(console: Console, shown: FloatTensor) -> None:
    """Print everything about an array of floats."""
    table = _facts(f"{shown.file}:{shown.name}" if shown.name is not None else str(shown.file))
    table.add_row("Shape", _shape(shown.shape))
    table.add_row("Format", f"{shown.dtype}, {shown.size:,} bytes")
    exponents, count = shown.exponents, math.prod(shown.shape)
    named = (("NaN", exponents.nan), ("Inf", exponents.inf), ("Zero", exponents.zero), ("Subnormal", shown.subnormal))
    for title, number in named:
        table.add_row(title, _share(number, count))
    console.print(table)
    _show_exponents(console, "Magnitudes", exponents, codes=False)


def _facts(title: str) -> Table:
    table = Table(show_header=False, title=escape(title), title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    return table


def _show_exponents(console: Console, title: str, exponents: Exponents, *, codes: bool) -> None:
    """Print a histogram: a bar for each n, or for several if there are many."""
    table = Table(title=title, title_justify="left")
    table.add_column("2^n")
    if codes:
        table.add_column("Code")
    table.add_column("Count", justify="right")
    table.add_column("")
    bins = _bins(exponents.counts)
    most = max((count for _, _, count in bins), default=1)
    bar = "#" if console.options.ascii_only else "█"
    for low, high, count in bins:
        labels = [f"2^{low}" if low == high else f"2^{low} to 2^{high}"]
        labels += [_codes(low, high)] * codes
        table.add_row(*labels, f"{count:,}", bar * math.ceil(_BAR * count / most))
    nan = f"{SCALE_NAN:#04x}"
    for name, code, count in (("NaN", nan, exponents.nan), ("Inf", "none", exponents.inf), ("0", "none", exponents.zero)):
        if count:
            table.add_row(name, *[code] * codes, f"{count:,}", "")
    console.print(table)
    if codes and exponents.others:
        console.print(f"Scales that are not powers of two: {exponents.others:,}, counted at the power of two below")


def _bins(counts: dict[int, int]) -> list[tuple[int, int, int]]:
    """Return smallest and largest n of each bar, and its count."""
    if not counts:
        return []
    low, high = min(counts), max(counts)
    width = -(-(high - low + 1) // _BINS)
    edges = range(low, high + 1, width)
    return [(edge, min(edge + width - 1, high), sum(counts.get(n, 0) for n in range(edge, edge + width))) for edge in edges]


def _codes(low: int, high: int) -> str:
    first, last = (n + SCALE_BIAS for n in (low, high))
    if not 0 <= first <= last < SCALE_NAN:
        return "none"
    return f"{first:#04x}" if low == high else f"{first:#04x} to {last:#04x}"


def _show_block(console: Console, block: Block) -> None:
    """Print the elements of a block, one a line."""
    table = Table(title=f"Block {block.index} of row {block.row}: {_scale(block)}", title_justify="left")
    for name in ("Index", "Code", "Value", "× scale"):
        table.add_column(name, justify="right")
    if block.floats is not None:
        table.add_column("Float", justify="right")
        table.add_column("Error", justify="right")
    table.add_column("")
    *lead, first = block.place
    rows = zip(block.codes, block.values, block.products, block.notes(), strict=True)
    for number, (code, value, product, note) in enumerate(rows):
        if number == _ELEMENTS:
            break
        index = ", ".join(map(str, [*lead, first + number]))
        cells = [f"[{index}]", f"{code:0{-(-block.format.width // 4)}x}", f"{value:.9g}", f"{product:.9g}"]
        if block.floats is not None:
            known = number < len(block.floats)
            cells += [f"{block.floats[number]:.9g}", f"{product - block.floats[number]:.2g}"] if known else ["", ""]
        table.add_row(*map(escape, cells), note, style="bold" if "largest" in note or "clipped" in note else None)
    console.print(table)
    if len(block.codes) > _ELEMENTS:
        console.print(f"{len(block.codes) - _ELEMENTS} more elements; --json has all of them")


def _scale(block: Block) -> str:
    code = "" if block.scale_code is None else f"code {block.scale_code:#04x}, "
    if block.exponent is not None:
        return f"scale {code}2^{block.exponent}"
    return f"scale {code}{block.scale:g}"


def _error(errors: Errors) -> str:
    if math.isnan(errors.largest):
        return "undefined: elements, scales or floats are NaN or Inf"
    if not errors.largest:
        return "no difference at all"
    return f"largest {errors.largest:.3g} of floats up to {errors.up_to:.3g}, SQNR {errors.sqnr.db:.2f} dB"


def _tile(tensor: StoredTensor) -> str:
    return f"{tensor.tile_rows} × {tensor.block}" if tensor.tile_rows > 1 else str(tensor.block)


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "()"


def _share(count: int, of: int) -> str:
    return f"{count:,} of {of:,} elements ({count / of:.2%})"
