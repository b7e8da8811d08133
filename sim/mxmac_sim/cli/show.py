"""Show a tensor of a file: its layout, a histogram of its scales, counts of its elements, and one block; or list a checkpoint.

Without a tensor, a file with several of them is listed, with the reason why one cannot be read. A quantized tensor is read in
slices, so that it may be larger than memory.
"""

import math
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mxmac.errors import UserError

from ..tensors.archives import MAX_SIZE, file_and_name
from ..tensors.array_file import ArrayFile
from ..tensors.contents import Entry, contents, stored_array
from ..tensors.files import open_floats
from ..tensors.quantized import StoredRows, open_stored
from ..tensors.source import Source, open_source
from .operands import (
    MaxSizeOption,
    SourceBlockOption,
    SourceFormatOption,
    SourceLayoutOption,
    refuse_facts,
    stated_source,
)
from .progress import progress
from .results import JsonOption, Results, repeating, versions
from .rows import refuse_whole
from .show_results import FloatTensor, ShownTensor, list_record
from .show_tables import show_float, show_list, show_tensor
from .survey import Exponents, block_at, element_counts, float_counts, largest_scale

__all__ = ["show"]

_PLACE = re.compile(r"\s*([0-9]{1,18})\s*,\s*([0-9]{1,18})\s*")

_SourceArgument = Annotated[
    str,
    typer.Argument(
        metavar="FILE[:TENSOR]",
        help="A file, a checkpoint's .safetensors.index.json, or a folder of shards; TENSOR[3] is one matrix of a tensor.",
    ),
]
_BlockOption = Annotated[
    str | None,
    typer.Option(
        "--block",
        metavar="ROW,INDEX",
        show_default="the largest scale",
        help="Block to show: its row, counted from 0 through all leading axes, and its place in the row.",
    ),
]
_FloatsOption = Annotated[
    str | None,
    typer.Option(
        "--floats", metavar="FILE[:TENSOR]", help="Floats that the tensor was quantized from, to show clipping and the error."
    ),
]


def show(
    source_argument: _SourceArgument,
    block: _BlockOption = None,
    floats: _FloatsOption = None,
    source_format: SourceFormatOption = None,
    source_block: SourceBlockOption = None,
    source_layout: SourceLayoutOption = None,
    max_size: MaxSizeOption = MAX_SIZE,
    as_json: JsonOption = False,
) -> None:
    """Run ``mxmac show``; see the module for its help."""
    stated = stated_source(source_format, source_block, source_layout, max_size)
    place = _place(block)
    file, name = file_and_name(source_argument)
    facts: dict[str, object] = {"--block": block, "--floats": floats, "--source-format": source_format}
    facts |= {"--source-block": source_block, "--source-layout": source_layout}
    facts |= {"--max-size": None if max_size == MAX_SIZE else max_size}
    results = Results(repeating(["show", source_argument], facts), None, versions(("numpy", "ml_dtypes")), {"file": str(file)})
    console, tables = Console(stderr=as_json, highlight=False), Console(quiet=as_json, highlight=False)

    entries: list[Entry] = []
    source = None if file.suffix.lower() == ".npy" else open_source(file)
    if source is not None and name is None:
        entries = contents(source, stated)
        if len(entries) == 1:
            name = entries[0].array.name
    if source is not None and name is None:
        _refuse_options(block, floats, f"is about one tensor; {file} has {len(entries)}, give one as FILE:TENSOR")
        results.put_out(True, list_record(entries), [], as_json=as_json, junit=None)
        show_list(tables, str(file), entries)
        return
    with ExitStack() as stack:
        opened = None if source is None else stack.enter_context(open_stored(source, name, stated))
        if source is None or opened is None:
            refuse_facts(file, stated)
            _refuse_options(block, floats, f"is about a quantized tensor, and {source_argument} has floats; leave it out")
            found = _floats(file, name, max_size, console)
            results.put_out(True, found.record(), [], as_json=as_json, junit=None)
            show_float(tables, found)
            return
        original = None if floats is None else stack.enter_context(open_floats(*file_and_name(floats), max_size))
        shown = _tensor(file, source, name, opened, place, original, console)
    results.put_out(True, shown.record(), [], as_json=as_json, junit=None)
    show_tensor(tables, shown)


def _place(block: str | None) -> tuple[int, int] | None:
    if block is None:
        return None
    match = _PLACE.fullmatch(block)
    if match is None:
        raise UserError("block", f"must be a row and the place of a block in it, such as 0,0, not {block!r}")
    return int(match[1]), int(match[2])


def _refuse_options(block: str | None, floats: str | None, message: str) -> None:
    """Refuse options about a quantized tensor that is not there."""
    for option, given in (("block", block), ("floats", floats)):
        if given is not None:
            raise UserError(option, message)


def _tensor(
    file: Path,
    source: Source,
    name: str | None,
    opened: StoredRows,
    place: tuple[int, int] | None,
    original: ArrayFile | None,
    console: Console,
) -> ShownTensor:
    """Read everything about a quantized tensor that is shown."""
    head = opened.head
    if not head.fitting:
        refuse_whole(file, head.floats)
    shape = head.elements.shape
    rows, blocks = math.prod(shape[:-1]), -(-shape[-1] // head.block)
    if place is not None and not (place[0] < rows and place[1] < blocks):
        at_most = f"rows 0 to {rows - 1} and blocks 0 to {blocks - 1}"
        raise UserError("block", f"must be one of {at_most}, not {place[0]},{place[1]}")
    if original is not None:
        _check_floats(original, shape, head.block)
    scales = Exponents()
    try:
        scales.add(head.scale_values())
    except UserError as error:
        raise UserError(str(file), error.message) from error
    with progress(console, "Reading", math.prod(shape)) as advance:
        counts, errors = element_counts(file, opened, advance, original)
    selected = block_at(file, opened, *(place or largest_scale(head)), original)
    elements, stored_scales = stored_array(source, opened.pair.elements), stored_array(source, opened.pair.scales)
    stored = head.elements.size * (1 if opened.index is None else elements.shape[0])
    name = name or opened.pair.elements
    return ShownTensor(file, name, head, elements, stored_scales, stored, scales, counts, selected, errors)


def _check_floats(floats: ArrayFile, shape: tuple[int, ...], block: int) -> None:
    """Refuse floats of another shape; a last block may have been filled with zeros."""
    filled = (*floats.shape[:-1], floats.shape[-1] + -floats.shape[-1] % block)
    if shape not in (floats.shape, filled):
        raise UserError("floats", f"The floats have the shape {floats.shape}, the quantized tensor {shape}")


def _floats(file: Path, name: str | None, max_size: float, console: Console) -> FloatTensor:
    with open_floats(file, name, max_size) as array:
        with progress(console, "Reading", array.size) as advance:
            exponents, subnormal = float_counts(array, advance)
        return FloatTensor(file, name, str(array.dtype), array.shape, array.dtype.itemsize * array.size, exponents, subnormal)
