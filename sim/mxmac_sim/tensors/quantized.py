"""Quantized tensors of a source: described from types and shapes alone, read whole, or read a slice of rows at a time."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.tensors.archives import check_size, is_float, listed, outline
from mxmac_sim.tensors.array_file import ArrayFile
from mxmac_sim.tensors.layouts import LAYOUTS, MX, MX_PACKED, Pair, missing_scales, pairs
from mxmac_sim.tensors.matching import chosen_pair, matched, shares_bytes, unpacked
from mxmac_sim.tensors.packing import unpack
from mxmac_sim.tensors.safetensors_reader import TensorsFile
from mxmac_sim.tensors.source import Source, split_index
from mxmac_sim.tensors.stated import Stated, element_format, facts_of_file, implied_block, stated_block
from mxmac_sim.tensors.stored import StoredTensor

__all__ = ["StoredRows", "nothing_quantized", "open_stored", "outlined_tensor", "stored_tensor"]

_MX_STATED = ("format", "block")
_Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class _Meant:
    """Arrays of a tensor: elements and scales, the position of one matrix, and what an ``.npz`` states about the tensor."""

    pair: Pair
    index: int | None
    facts: list[str]


@dataclass(frozen=True, eq=False)
class StoredRows:
    """A quantized tensor whose elements stay in their file.

    Parameters
    ----------
    head : StoredTensor
        The tensor with an outline of its elements.
    pair : Pair
        Names of its arrays.
    index : int or None
        Position of the matrix, if it is one of several.
    read : function
        From the first row of a slice and the one after it, counted through all leading axes, to a code a byte.
    by_columns : bool
        Whether the first index of the elements runs fastest in their file.
    """

    head: StoredTensor
    pair: Pair
    index: int | None
    read: Callable[[int, int], _Codes]
    by_columns: bool = False

    def rows(self, start: int, stop: int) -> StoredTensor:
        """Return rows, counted through all leading axes, of a tensor that is fitting: see :meth:`StoredTensor.rows`."""
        part = self.head.rows(start, stop)
        return replace(part, elements=self.read(start, stop).reshape(part.elements.shape))


def stored_tensor(source: Source, name: str | None, stated: Stated) -> StoredTensor | None:
    """Read a quantized tensor.

    Parameters
    ----------
    source : Source
    name : str, optional
        Which tensor, or ``NAME[3]``, one matrix of it; needed if there are several.
    stated : Stated

    Returns
    -------
    StoredTensor or None
        None if no quantized tensor has that name, or without a name, the file is neither an MX file nor a single weight with
        its scales.

    Raises
    ------
    UserError
        As :func:`mxmac_sim.tensors.files.load_stored`.
    """
    meant = _meant(source, name, stated)
    if meant is None:
        return None
    elements, scales = meant.pair.elements, meant.pair.scales
    arrays = source.read([elements, scales, *meant.facts], stated.max_size, meant.index)
    head = _head(source, meant, arrays[elements], arrays[scales], arrays, stated)
    if head is None:
        return None
    shape, block = head.elements.shape, head.block
    if shape and block > 0:
        # A last block is filled with zeros.
        check_size(source.path, math.prod(shape[:-1]) * (shape[-1] + -shape[-1] % block), stated.max_size)
    return replace(head, elements=unpacked(arrays[elements], LAYOUTS[head.layout]).reshape(shape))


def outlined_tensor(source: Source, name: str, stated: Stated) -> StoredTensor | None:
    """Return a quantized tensor with outlines of elements and scales, from the headers of files alone.

    Parameters, the case of None, and errors are those of :func:`stored_tensor`, but for values of scales and codes.
    """
    meant = _meant(source, name, stated)
    if meant is None:
        return None
    elements, scales = (source.file(array).outline(array) for array in (meant.pair.elements, meant.pair.scales))
    return _head(source, meant, elements, scales, source.read(meant.facts, stated.max_size), stated)


@contextmanager
def open_stored(source: Source, name: str | None, stated: Stated) -> Iterator[StoredRows | None]:
    """Open a quantized tensor to read it in slices: its scales are in memory, its elements are not.

    Parameters, the case of None, and errors are those of :func:`stored_tensor`. The largest size is that of the scales and of a
    row; an array in Fortran order in an archive is read whole.
    """
    meant = _meant(source, name, stated)
    head = None
    if meant is not None:
        arrays = source.read([meant.pair.scales, *meant.facts], stated.max_size)
        elements = source.file(meant.pair.elements).outline(meant.pair.elements, meant.index)
        head = _head(source, meant, elements, arrays[meant.pair.scales], arrays, stated)
    if meant is None or head is None:
        yield None
        return
    with ExitStack() as opened:
        read, by_columns = _reader(opened, source, meant, elements, head, stated.max_size)
        yield StoredRows(head, meant.pair, meant.index, read, by_columns)


def nothing_quantized(source: Source, name: str | None) -> str:
    """Return the message about a source that has no quantized tensor of that name, or no single one."""
    names = source.names
    known = [pair.elements for pair in pairs(names)]
    if name is not None and name in names:
        needed = " or ".join(repr(scales) for scales in missing_scales(name))
        elsewhere = "" if source.whole else "; if it is in another shard, give the folder or the index"
        return f"{name!r} has no scales beside it: there is no {needed}{elsewhere}"
    if name is not None or known:
        wrong = f"It has no {name!r}" if name is not None else f"It has {len(names)} tensors"
        return f"{wrong}; choose a quantized one as FILE:NAME: {listed(known)}"
    needed = "an MX file, as `mxmac quantize` makes it from floats, is needed"
    missing = sorted(set(MX.names[0]) - set(names))
    return f"It has no {' and no '.join(missing)}, only {listed(names)}; {needed}"


def _meant(source: Source, name: str | None, stated: Stated) -> _Meant | None:
    tensor, index = split_index(name, source.names)
    pair = chosen_pair(source.path, source.names, tensor, stated)
    return None if pair is None else _Meant(pair, index, _facts(source, pair))


def _facts(source: Source, pair: Pair) -> list[str]:
    return [fact for fact in _MX_STATED if _is_mx(pair) and fact in source.names]


def _is_mx(pair: Pair) -> bool:
    return MX in pair.layouts or MX_PACKED in pair.layouts


def _head(
    source: Source,
    meant: _Meant,
    elements: NDArray[Any],
    scales: NDArray[Any],
    facts: Mapping[str, NDArray[Any]],
    stated: Stated,
) -> StoredTensor | None:
    """Make a tensor with an outline of its elements; ``elements`` and ``scales`` may be outlines, too."""
    pair, index = meant.pair, meant.index
    if index is not None and scales.size > 1:
        scales = _of_index(source, pair, scales, index)
    if is_float(elements.dtype) and not _is_mx(pair) and not pair.scales.endswith("_scale_inv"):
        return None  # Layers with floats have parameters named scale, too.
    metadata = source.file(pair.elements).metadata
    try:
        if _is_mx(pair):
            arrays = [(fact, facts[fact]) for fact in meant.facts]
            return _of_mx_file(source.path, elements, scales, arrays, metadata, stated)
        stored = matched(source.path, pair, elements, scales, metadata, stated)
    except UserError as error:
        raise UserError(str(source.path) if error.parameter == "scales" else error.parameter, error.message) from error
    if index is not None and stored.elements.ndim < 2:
        name, shape = f"{pair.elements}[{index}]", stored.elements.shape
        raise UserError(str(source.path), f"{name!r} is a row of shape {shape}; an index needs a tensor of several matrices")
    return stored


def _of_index(source: Source, pair: Pair, scales: NDArray[Any], index: int) -> NDArray[Any]:
    """Scales of one matrix."""
    shape = source.file(pair.elements).shape(pair.elements)
    if not scales.ndim or len(scales) != shape[0]:
        message = f"{pair.scales!r} has shape {scales.shape}, {pair.elements!r} {shape}; their first axes must be the same"
        raise UserError(str(source.path), message)
    of_matrix: NDArray[Any] = scales[index]
    return of_matrix


def _of_mx_file(
    path: Path,
    elements: NDArray[Any],
    scales: NDArray[Any],
    arrays: Sequence[tuple[str, NDArray[Any]]],
    metadata: Mapping[str, str],
    stated: Stated,
) -> StoredTensor:
    """Make a tensor from the arrays of an MX file, and format and block that it states."""
    elements_name, scales_name = MX.names[0]
    facts, layout = facts_of_file(path, arrays, metadata), MX
    if stated.layout is MX_PACKED and shares_bytes(elements, MX_PACKED) and elements.ndim:
        layout, elements = MX_PACKED, outline(np.dtype(np.uint8), (*elements.shape[:-1], 2 * elements.shape[-1]))
        stated = replace(stated, format=stated.format or ELEMENT_FORMATS[MX_PACKED.elements["U8"]])
    fmt = element_format(path, elements_name, elements, facts.get("format"), stated)
    block = stated_block(path, facts.get("block"), stated)
    if block is None:
        block = implied_block(path, elements, scales, stated)
    codes = outline(np.dtype(np.uint8), elements.shape)
    return replace(StoredTensor.of(codes, scales, fmt, block, scales_name), layout=layout.name)


def _reader(
    opened: ExitStack, source: Source, meant: _Meant, elements: NDArray[Any], head: StoredTensor, max_size: float
) -> tuple[Callable[[int, int], _Codes], bool]:
    """Return the function that reads the codes of rows, which may lie along several axes, and whether columns lie together."""
    name, index, file = meant.pair.elements, meant.index, source.file(meant.pair.elements)
    width = 4 if shares_bytes(elements, LAYOUTS[head.layout]) else None
    count, first = math.prod(head.elements.shape[:-1]), 0
    if isinstance(file, TensorsFile):
        array, width = opened.enter_context(file.opened(name, index)), file.shared_width(name) or width
    else:
        stream, header = opened.enter_context(file.member(name))
        array = ArrayFile(source.path, stream, header.dtype, header.shape, fortran=header.fortran)
        first = 0 if index is None else index * count
    check_size(source.path, head.elements.shape[-1] if array.row_major else array.size, max_size)
    lines = math.prod(elements.shape[:-1]) // max(count, 1)

    def read(start: int, stop: int) -> _Codes:
        data = array.rows((first + start) * lines, (first + stop) * lines).view(np.uint8).reshape(stop - start, -1)
        return data if width is None else unpack(data, width)

    return read, not array.row_major
