"""Conversion of tensors of any size to MX, a slice of rows at a time.

In memory are the result, a slice of the input, and less than 256 MB. A quantized input is in memory, too, and its elements make
way for those of the result.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac.formats import Format
from mxmac_sim.golden import quantize as golden
from mxmac_sim.golden.quantize import Overflow, ScaleRule
from mxmac_sim.golden.sqnr import Sqnr
from mxmac_sim.tensors import deepseek
from mxmac_sim.tensors.archives import widened
from mxmac_sim.tensors.array_file import ArrayFile
from mxmac_sim.tensors.mx_tensor import MxTensor
from mxmac_sim.tensors.packing import pack_four_bits
from mxmac_sim.tensors.stored import StoredTensor
from mxmac_sim.tensors.writing import FileTensor

__all__ = ["Losses", "Range", "Rows", "convert", "float_rows", "product_rows", "quantize_rows"]

#: Elements that are worked on at a time, each in about a hundred bytes.
_SLICE = 1 << 18

_Advance = Callable[[int], object]


@dataclass(frozen=True, eq=False)
class Rows:
    """Floats that are read, or computed, a slice of rows at a time.

    Members
    -------
    source : Path
        Their file, for messages.
    shape : tuple of int
    dtype : dtype
    read : function
        From the first row of a slice and the one after it, counted through all leading axes, to an array of shape (rows, K).
    by_columns : bool
        Whether the first index runs fastest, and so is to run in the result.
    contiguous : ArrayFile, optional
        The array itself, if its elements are in a file in the order of the rows.
    reusable : ndarray of uint8, optional
        An array of the same shape for the elements of the result, of which ``read`` needs no rows before those that it reads.
    """

    source: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[int, int], NDArray[Any]]
    by_columns: bool = False
    contiguous: ArrayFile | None = None
    reusable: NDArray[np.uint8] | None = None


@dataclass
class Range:
    """Scales of blocks that are not all zero, and the number of blocks that are, or of tiles of blocks."""

    zeros: int = 0
    #: Smallest and largest code; None if all blocks are zero. Blocks of zeros have code 0 by convention.
    low: int | None = None
    high: int | None = None

    def add(self, tensor: MxTensor, values: NDArray[np.float64], rows: int) -> None:
        """Count blocks of these values, or, if several rows share a scale, tiles."""
        zero = np.asarray(~values.reshape(*tensor.scales.shape, tensor.block).any(axis=-1))
        codes = tensor.scales[~zero]
        if codes.size:
            low, high = int(codes.min()), int(codes.max())
            self.low = low if self.low is None else min(self.low, low)
            self.high = high if self.high is None else max(self.high, high)
        if rows > 1:
            zero = np.logical_and.reduceat(zero, np.arange(0, len(zero), rows), axis=-2)
        self.zeros += int(np.count_nonzero(zero))


@dataclass
class Losses:
    """Errors of a quantization."""

    #: Elements beyond the largest one, and elements that became Inf or NaN.
    clipped: int = 0
    lost: int = 0
    sqnr: Sqnr = field(default_factory=Sqnr)


@dataclass
class _Faults:
    """Values that cannot be quantized: counts, and the first of either kind."""

    special: int = 0
    first_special: int = 0
    large: int = 0
    first_large: float = 0.0

    def add(self, values: NDArray[Any], place: int) -> bool:
        """Count those of a slice that starts at an index of the flat tensor; whether there were any up to now."""
        special, large = ~np.isfinite(widened(values)), golden.beyond_fp32(values)
        if special.any():
            self.first_special = self.first_special if self.special else place + int(special.argmax())
            self.special += int(np.count_nonzero(special))
        if large.any():
            self.first_large = self.first_large if self.large else float(values[large][0])
            self.large += int(np.count_nonzero(large))
        return bool(self.special or self.large)

    def refuse(self, source: Path, shape: tuple[int, ...]) -> None:
        if self.special:
            first = [int(index) for index in np.unravel_index(self.first_special, shape)]
            message = f"{self.special} of {math.prod(shape)} values are NaN or Inf, the first at {first}"
            raise UserError(str(source), f"{message}; their blocks would have NaN scales, finite values are needed")
        if self.large:
            raise golden.too_large(self.large, self.first_large)


def float_rows(source: Path, array: ArrayFile) -> Rows:
    """Return the floats of an open file."""
    contiguous = array if array.row_major else None
    return Rows(source, array.shape, array.dtype, array.rows, by_columns=not array.row_major, contiguous=contiguous)


def product_rows(source: Path, stored: StoredTensor) -> Rows:
    """Return the products of elements and scales; the result of a quantization may take the place of the elements.

    Raises
    ------
    UserError
        Here or in ``read``, if the arrays do not make a tensor, or the scales are of no type that scales have.
    """
    elements = stored.elements
    if not stored.fitting or int(elements.max()) >> stored.format.width:
        _refuse_whole(source, stored.floats)

    def read(start: int, stop: int) -> NDArray[np.float32]:
        try:
            return stored.rows(start, stop).floats().reshape(stop - start, -1)
        except UserError as error:
            raise UserError(str(source), error.message) from error

    reusable = elements if elements.flags.c_contiguous and elements.flags.writeable else None
    return Rows(source, elements.shape, np.dtype(np.float32), read, reusable=reusable)


def _refuse_whole(source: Path, use: Callable[[], object]) -> None:
    """Raise what the whole tensor raises: its message counts through all of it."""
    try:
        use()
    except UserError as error:
        raise UserError(str(source), error.message) from error


def quantize_rows(
    floats: Rows,
    fmt: Format,
    *,
    block: int,
    rows: int,
    rule: ScaleRule,
    overflow: Overflow,
    pad: bool,
    packed: bool = False,
    advance: _Advance = lambda elements: None,
) -> tuple[FileTensor, Range, Losses]:
    """Quantize a tensor: :func:`mxmac_sim.golden.quantize.quantize`, slice by slice.

    Parameters
    ----------
    floats : Rows
    fmt, block, rows, rule, overflow
        As there.
    pad : bool
        Fill a short last block with zeros.
    packed : bool
        Put two codes into a byte; the block must be even.
    advance : callable
        Called with the number of elements that are done, each time that some are.

    Raises
    ------
    UserError
        As there, and if a value is NaN or Inf.
    """
    shape = floats.shape
    whole = (*shape[:-1], shape[-1] + (-shape[-1] % block if pad else 0))
    golden.check_blocks(whole, block, rows)
    read, inner, k = floats.read, shape, whole[-1]
    if floats.contiguous is not None and rows == 1 and k == shape[-1]:
        # Rows may be of any length, and blocks are independent.
        inner, k = (math.prod(shape) // block, block), block
        read = floats.contiguous.in_rows_of(block).rows
    # Column by column, as the input: a reshaped input is row-major.
    by_columns = floats.by_columns and rows == 1 and k == shape[-1]
    shared = 2 if packed else 1
    elements, scales = _empty((*inner[:-1], k // shared), by_columns), _empty((*inner[:-1], k // block), by_columns)
    if floats.reusable is not None and elements.shape == shape:
        elements = floats.reusable
    faults, found, losses = _Faults(), Range(), Losses()
    for start, stop in _slices(inner, rows):
        values = read(start, stop)
        if not faults.add(values, start * inner[-1]):
            for columns in _columns(stop - start, k, block):
                part = deepseek.padded(values[:, columns], block)
                tensor = golden.quantize(part, fmt, block=block, rows=rows, rule=rule, overflow=overflow)
                _put(elements, start, stop, columns, tensor.elements, shared)
                _put(scales, start, stop, slice(columns.start // block, columns.stop // block), tensor.scales)
                quantized = golden.dequantize(tensor)
                found.add(tensor, quantized, rows)
                losses.clipped += int(np.count_nonzero(golden.clipped(part, tensor)))
                losses.lost += int(np.count_nonzero(~np.isfinite(quantized)))
                losses.sqnr.add(part, quantized)
        advance(values.size)
    faults.refuse(floats.source, shape)
    elements = elements.reshape(*whole[:-1], whole[-1] // shared)
    scales = scales.reshape(*whole[:-1], whole[-1] // block)
    return FileTensor(elements, scales, fmt, block, packed), found, losses


def convert(
    source: Path, stored: StoredTensor, *, packed: bool = False, advance: _Advance = lambda elements: None
) -> tuple[FileTensor, Range]:
    """Return a quantized tensor as the hardware takes it: :meth:`StoredTensor.mx`, slice by slice.

    Parameters
    ----------
    source : Path
        Its file, for messages.
    stored : StoredTensor
    packed : bool
        Put two codes into a byte; the block must be even.
    advance : callable
        Called with the number of elements that are done, each time that some are.

    Raises
    ------
    UserError
        If a scale is NaN or not a power of two from 2^-127 to 2^127, or the arrays do not make a tensor.
    """
    if not stored.fitting:
        _refuse_whole(source, stored.mx)
    shape, block = stored.elements.shape, stored.block
    k, tile = shape[-1] + -shape[-1] % block, deepseek.TILE_ROWS if stored.tiled else 1
    shared = 2 if packed else 1
    # Whole blocks stay where they are.
    kept = k == shape[-1] and not packed
    elements = stored.elements if kept else _empty((*shape[:-1], k // shared), by_columns=False)
    scales = _empty((*shape[:-1], k // block), stored.tile_rows == 1 and np.isfortran(stored.scales))
    found = Range()
    for start, stop in _slices(shape, tile):
        try:
            tensor = _matrix(stored.rows(start, stop).mx())
        except UserError as error:
            _refuse_whole(source, stored.mx)
            raise UserError(str(source), error.message) from error
        if not kept:
            _put(elements, start, stop, slice(0, k), tensor.elements, shared)
        _put(scales, start, stop, slice(None), tensor.scales)
        for columns in _columns(stop - start, k, block):
            blocks = slice(columns.start // block, columns.stop // block)
            part = MxTensor(tensor.elements[:, columns], tensor.scales[:, blocks], stored.format, block)
            found.add(part, golden.dequantize(part), tile)
        advance((stop - start) * shape[-1])
    return FileTensor(elements, scales, stored.format, block, packed), found


def _matrix(tensor: MxTensor) -> MxTensor:
    """Return a tensor with one row as a matrix."""
    elements, scales = np.atleast_2d(tensor.elements), np.atleast_2d(tensor.scales)
    return MxTensor(elements, scales, tensor.format, tensor.block)


def _empty(shape: tuple[int, ...], by_columns: bool) -> NDArray[np.uint8]:
    return np.empty(shape, np.uint8, "F" if by_columns else "C")


def _put(result: NDArray[np.uint8], start: int, stop: int, columns: slice, part: NDArray[np.uint8], shared: int = 1) -> None:
    """Write columns of rows, counted through all leading axes; ``shared`` columns, one or two, to a byte."""
    if shared > 1:
        part, columns = pack_four_bits(part), slice(columns.start // shared, columns.stop // shared)
    if result.flags.c_contiguous:
        result.reshape(-1, result.shape[-1])[start:stop, columns] = part
    else:
        place: Any = (*np.unravel_index(np.arange(start, stop), result.shape[:-1]), columns)
        result[place] = part


def _slices(shape: tuple[int, ...], tile: int) -> Iterator[tuple[int, int]]:
    """Slices of rows, counted through all leading axes; if there are tiles, each in one matrix and from a tile on."""
    count, height = math.prod(shape[:-1]), shape[-2] if tile > 1 else math.prod(shape[:-1])
    step = max(1, _SLICE // (shape[-1] * tile)) * tile
    for matrix in range(0, count, height):
        for start in range(matrix, matrix + height, step):
            yield start, min(start + step, matrix + height)


def _columns(rows: int, k: int, block: int) -> Iterator[slice]:
    """Parts of the columns of a slice, in whole blocks."""
    step = max(1, _SLICE // (rows * block)) * block
    for start in range(0, k, step):
        yield slice(start, min(start + step, k))
