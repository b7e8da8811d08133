"""Floats, and products of elements and scales, that are read a slice of rows at a time."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac_sim.golden import quantize as golden
from mxmac_sim.tensors.archives import widened
from mxmac_sim.tensors.array_file import ArrayFile
from mxmac_sim.tensors.mx_tensor import MxTensor
from mxmac_sim.tensors.quantized import StoredRows

__all__ = ["Faults", "Rows", "about", "column_parts", "float_rows", "parts", "product_rows", "refuse_whole", "slices"]

#: Elements that are worked on at a time, each in about a hundred bytes.
_SLICE = 1 << 18


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
    """

    source: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[int, int], NDArray[Any]]
    by_columns: bool = False
    contiguous: ArrayFile | None = None


@dataclass
class Faults:
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
        """Raise ``UserError`` if there were any in a tensor of this shape."""
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


def product_rows(source: Path, stored: StoredRows) -> Rows:
    """Return the products of elements and scales of a tensor that is read in slices.

    Raises
    ------
    UserError
        Here or in ``read``, if the arrays do not make a tensor, or the scales are of no type that scales have.
    """
    with about(source):
        stored.head.check_shapes()

    def read(start: int, stop: int) -> NDArray[np.float32]:
        with about(source, stored):
            return stored.rows(start, stop).floats().reshape(stop - start, -1)

    return Rows(source, stored.head.elements.shape, np.dtype(np.float32), read)


@contextmanager
def about(source: Path, stored: StoredRows | None = None) -> Iterator[None]:
    """Name the file in an error about its tensor. An error about a code of some rows names the largest code of all of them."""
    try:
        yield
    except UserError as error:
        if stored is not None and error.parameter == "elements":
            head = stored.head
            largest = max(int(stored.read(start, stop).max()) for start, stop in slices(head.elements.shape))
            with about(source):
                MxTensor(np.full(head.block, largest, np.uint8), np.zeros(1, np.uint8), head.format, head.block)
        raise UserError(str(source), error.message) from error


def refuse_whole(source: Path, use: Callable[[], object]) -> None:
    """Raise the error of the whole tensor, whose message counts through all of it."""
    try:
        use()
    except UserError as error:
        raise UserError(str(source), error.message) from error


def parts(floats: Rows, unit: int) -> Iterator[NDArray[Any]]:
    """Yield all rows of a tensor in parts of bounded size, each of whole blocks of ``unit`` elements, which divides K.

    Raises
    ------
    UserError
        After the last part that is finite, if a value is NaN or Inf, or a float64 beyond FP32.
    """
    read, inner = floats.read, floats.shape
    if floats.contiguous is not None:
        inner = (math.prod(inner) // unit, unit)
        read = floats.contiguous.in_rows_of(unit).rows
    faults = Faults()
    for start, stop in slices(inner):
        values = read(start, stop)
        if not faults.add(values, start * inner[-1]):
            for columns in column_parts(stop - start, inner[-1], unit):
                yield values[:, columns]
    faults.refuse(floats.source, floats.shape)


def slices(shape: tuple[int, ...], tile: int = 1) -> Iterator[tuple[int, int]]:
    """Yield slices of rows, counted through all leading axes; if there are tiles, each in one matrix and from a tile on."""
    count, height = math.prod(shape[:-1]), shape[-2] if tile > 1 else math.prod(shape[:-1])
    step = max(1, _SLICE // (shape[-1] * tile)) * tile
    for matrix in range(0, count, height):
        for start in range(matrix, matrix + height, step):
            yield start, min(start + step, matrix + height)


def column_parts(rows: int, k: int, block: int) -> Iterator[slice]:
    """Yield parts of the columns of a slice, in whole blocks."""
    step = max(1, _SLICE // (rows * block)) * block
    for start in range(0, k, step):
        yield slice(start, min(start + step, k))
