"""Conversion of tensors of any size to MX, a slice of rows at a time.

In memory are the result, a slice of the input, the scales of a quantized one, and less than 256 MB.
"""

import math
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
from mxmac_sim.tensors.mx_tensor import MxTensor
from mxmac_sim.tensors.packing import pack_four_bits
from mxmac_sim.tensors.quantized import StoredRows
from mxmac_sim.tensors.writing import FileTensor

from .progress import Advance
from .rows import Faults, Rows, about, column_parts, slices

__all__ = ["Losses", "Range", "convert", "quantize_rows"]


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

    def add(self, values: NDArray[Any], tensor: MxTensor, quantized: NDArray[np.float64]) -> None:
        """Add a part: floats, the tensor that they were quantized to, and its values."""
        self.clipped += int(np.count_nonzero(golden.clipped(values, tensor)))
        self.lost += int(np.count_nonzero(~np.isfinite(quantized)))
        self.sqnr.add(values, quantized)


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
    advance: Advance = lambda elements: None,
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
    faults, found, losses = Faults(), Range(), Losses()
    for start, stop in slices(inner, rows):
        values = read(start, stop)
        if not faults.add(values, start * inner[-1]):
            for columns in column_parts(stop - start, k, block):
                part = deepseek.padded(values[:, columns], block)
                tensor = golden.quantize(part, fmt, block=block, rows=rows, rule=rule, overflow=overflow)
                _put(elements, start, stop, columns, tensor.elements, shared)
                _put(scales, start, stop, slice(columns.start // block, columns.stop // block), tensor.scales)
                quantized = golden.dequantize(tensor)
                found.add(tensor, quantized, rows)
                losses.add(part, tensor, quantized)
        advance(values.size)
    faults.refuse(floats.source, shape)
    elements = elements.reshape(*whole[:-1], whole[-1] // shared)
    scales = scales.reshape(*whole[:-1], whole[-1] // block)
    return FileTensor(elements, scales, fmt, block, packed), found, losses


def convert(
    source: Path, stored: StoredRows, *, packed: bool = False, advance: Advance = lambda elements: None
) -> tuple[FileTensor, Range]:
    """Return a quantized tensor as the hardware takes it: :meth:`StoredTensor.mx`, slice by slice.

    Parameters
    ----------
    source : Path
        Its file, for messages.
    stored : StoredRows
    packed : bool
        Put two codes into a byte; the block must be even.
    advance : callable
        Called with the number of elements that are done, each time that some are.

    Raises
    ------
    UserError
        If a scale is NaN or not a power of two from 2^-127 to 2^127, or the arrays do not make a tensor.
    """
    head = stored.head
    with about(source):
        head.check_shapes()
    shape, block = head.elements.shape, head.block
    k, tile = shape[-1] + -shape[-1] % block, deepseek.TILE_ROWS if head.tiled else 1
    shared = 2 if packed else 1
    elements = _empty((*shape[:-1], k // shared), stored.by_columns and k == shape[-1] and not packed)
    scales = _empty((*shape[:-1], k // block), head.tile_rows == 1 and np.isfortran(head.scales))
    found = Range()
    for start, stop in slices(shape, tile):
        with about(source, stored):
            try:
                tensor = _matrix(stored.rows(start, stop).mx())
            except UserError:
                head.check_scales()
                raise
        _put(elements, start, stop, slice(0, k), tensor.elements, shared)
        _put(scales, start, stop, slice(None), tensor.scales)
        for columns in column_parts(stop - start, k, block):
            blocks = slice(columns.start // block, columns.stop // block)
            part = MxTensor(tensor.elements[:, columns], tensor.scales[:, blocks], head.format, block)
            found.add(part, golden.dequantize(part), tile)
        advance((stop - start) * shape[-1])
    return FileTensor(elements, scales, head.format, block, packed), found


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
