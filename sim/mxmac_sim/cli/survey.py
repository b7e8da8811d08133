"""Figures of one tensor for ``mxmac show``, read a slice of rows at a time."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from mxmac.formats import SCALE_BIAS, SCALE_NAN, Format
from mxmac_sim.golden.sqnr import Sqnr
from mxmac_sim.tensors.archives import widened
from mxmac_sim.tensors.array_file import ArrayFile
from mxmac_sim.tensors.mx_tensor import element_values
from mxmac_sim.tensors.quantized import StoredRows
from mxmac_sim.tensors.stored import StoredTensor

from .progress import Advance
from .rows import refuse_whole, slices

__all__ = ["Block", "Counts", "Errors", "Exponents", "block_at", "element_counts", "float_counts", "largest_scale"]


@dataclass
class Exponents:
    """Numbers by n, the exponent of the power of two that is not above their magnitude.

    Members
    -------
    counts : dict of int to int
        Numbers of each n, of those that are finite and not zero.
    nan, zero, inf : int
        Numbers that are NaN, zero and infinite.
    others : int
        Numbers in ``counts`` that are not powers of two, or negative.
    """

    counts: dict[int, int] = field(default_factory=dict)
    nan: int = 0
    zero: int = 0
    inf: int = 0
    others: int = 0

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Count the numbers of a part."""
        wide = widened(values)
        finite = wide[np.isfinite(wide)]
        fractions, exponents = np.frexp(finite[finite != 0])
        for exponent, count in zip(*np.unique(exponents - 1, return_counts=True), strict=True):
            self.counts[int(exponent)] = self.counts.get(int(exponent), 0) + int(count)
        self.nan += int(np.count_nonzero(np.isnan(wide)))
        self.inf += int(np.count_nonzero(np.isinf(wide)))
        self.zero += int(np.count_nonzero(wide == 0))
        self.others += int(np.count_nonzero(fractions != 0.5))


@dataclass(frozen=True)
class Counts:
    """Elements of each kind; ``largest`` is finite ones of the format's largest magnitude, which may have been clipped."""

    elements: int
    nan: int
    inf: int
    zero: int
    subnormal: int
    largest: int


@dataclass
class Errors:
    """Errors of a quantized tensor against the floats that it was made from.

    Members
    -------
    elements : int
    clipped : int
        Floats beyond the largest element times the scale of their block.
    largest : float
        Largest absolute difference; NaN if one is not finite.
    up_to : float
        Largest magnitude of the floats.
    sqnr : Sqnr
    """

    elements: int = 0
    clipped: int = 0
    largest: float = 0.0
    up_to: float = 0.0
    sqnr: Sqnr = field(default_factory=Sqnr)

    def add(self, floats: NDArray[np.floating[Any]], part: StoredTensor) -> None:
        """Add rows; those of ``part`` may have been filled with zeros."""
        exact = widened(floats)
        values = np.atleast_2d(part.values())[:, : exact.shape[-1]]
        with np.errstate(invalid="ignore"):
            errors = np.abs(exact - values)
        self.elements += exact.size
        self.clipped += int(np.count_nonzero(np.abs(exact) > _limits(part)[:, : exact.shape[-1]]))
        self.largest = float(np.maximum(self.largest, errors.max()))
        self.up_to = float(np.maximum(self.up_to, np.abs(exact).max()))
        self.sqnr.add(exact, values)


@dataclass(frozen=True, eq=False)
class Block:
    """One block of a tensor.

    Members
    -------
    row : int
        Counted through all leading axes.
    index : int
        In its row.
    place : tuple of int
        Indices of its first element.
    scale : float
    codes : ndarray of uint8
    values, products : ndarray of float64
        Elements without and with their scale.
    floats : ndarray of float64, optional
        Numbers that they were made from; fewer, if the block was filled with zeros.
    format : Format
    """

    row: int
    index: int
    place: tuple[int, ...]
    scale: float
    codes: NDArray[np.uint8]
    values: NDArray[np.float64]
    products: NDArray[np.float64]
    floats: NDArray[np.float64] | None
    format: Format

    @property
    def exponent(self) -> int | None:
        """Exponent of a scale that is a power of two; None for others."""
        fraction, exponent = math.frexp(self.scale) if math.isfinite(self.scale) else (0.0, 0)
        return exponent - 1 if fraction == 0.5 else None

    @property
    def scale_code(self) -> int | None:
        """UE8M0 code of the scale; None if it has none."""
        if math.isnan(self.scale):
            return SCALE_NAN
        return None if self.exponent is None else self.exponent + SCALE_BIAS

    def notes(self) -> list[str]:
        """Return the special properties of each element, in words."""
        kinds = _kinds(self.format)
        notes = [[name for name, codes in kinds.items() if codes[code]] for code in self.codes]
        if self.floats is not None:
            limit = float(self.format.max_value) * self.scale
            for note, number in zip(notes, self.floats, strict=False):
                note += ["clipped"] * bool(abs(number) > limit)
        return [", ".join(note) for note in notes]


def element_counts(
    file: Path, opened: StoredRows, advance: Advance, floats: ArrayFile | None = None
) -> tuple[Counts, Errors | None]:
    """Count the elements of a tensor by their kind, and compare it with floats.

    Parameters
    ----------
    file : Path
        For messages.
    opened : StoredRows
    advance : callable
        Called with the number of elements that are done.
    floats : ArrayFile, optional
        Of the same rows.

    Raises
    ------
    UserError
        If a code has more bits than the format, or the file is damaged.
    """
    fmt, errors = opened.head.format, Errors() if floats is not None else None
    codes = np.zeros(256, np.int64)
    for start, stop in slices(opened.head.elements.shape):
        part = opened.rows(start, stop)
        codes += np.bincount(part.elements.ravel(), minlength=256)
        if codes[1 << fmt.width :].any():
            refuse_whole(file, part.floats)
        if floats is not None and errors is not None:
            errors.add(floats.rows(start, stop), part)
        advance(part.elements.size)
    return Counts(int(codes.sum()), **{name: int(codes[kind].sum()) for name, kind in _kinds(fmt).items()}), errors


def float_counts(array: ArrayFile, advance: Advance) -> tuple[Exponents, int]:
    """Return the exponents of floats, and the number of subnormal ones."""
    exponents, subnormal = Exponents(), 0
    smallest = float(ml_dtypes.finfo(array.dtype).smallest_normal)
    for start, stop in slices(array.shape):
        values = array.rows(start, stop)
        exponents.add(values)
        wide = widened(values)
        subnormal += int(np.count_nonzero((wide != 0) & (np.abs(wide) < smallest)))
        advance(values.size)
    return exponents, subnormal


def largest_scale(head: StoredTensor) -> tuple[int, int]:
    """Return row and block of the first of the largest scales; 0, 0 if all are NaN."""
    scales = head.scale_values()
    if np.isnan(scales).all():
        return 0, 0
    *matrix, line, index = np.unravel_index(int(np.nanargmax(scales)), (1, *scales.shape) if scales.ndim < 2 else scales.shape)
    rows = head.elements.shape[-2] if head.elements.ndim > 1 else 1
    number = int(np.ravel_multi_index(tuple(matrix), scales.shape[:-2])) if matrix else 0
    return number * rows + int(line) * head.tile_rows, int(index)


def block_at(file: Path, opened: StoredRows, row: int, index: int, floats: ArrayFile | None = None) -> Block:
    """Read one block.

    Raises
    ------
    UserError
        As :func:`element_counts`.
    """
    head, part = opened.head, opened.rows(row, row + 1)
    if int(part.elements.max()) >> head.format.width:
        refuse_whole(file, part.floats)
    columns = slice(index * head.block, (index + 1) * head.block)
    codes = part.elements.reshape(-1)[columns]
    lead = map(int, np.unravel_index(row, head.elements.shape[:-1])) if head.elements.ndim > 1 else ()
    numbers = None if floats is None else widened(floats.rows(row, row + 1).reshape(-1)[columns])
    return Block(
        row=row,
        index=index,
        place=(*lead, columns.start),
        scale=float(part.scale_values().reshape(-1)[index]),
        codes=codes,
        values=element_values(codes, head.format),
        products=part.values().reshape(-1)[columns],
        floats=numbers,
        format=head.format,
    )


def _limits(part: StoredTensor) -> NDArray[np.float64]:
    """Largest magnitude that each element could have."""
    scales = np.atleast_2d(part.scale_values()).astype(np.float64)
    return np.repeat(float(part.format.max_value) * scales, part.block, axis=-1)


def _kinds(fmt: Format) -> dict[str, NDArray[np.bool_]]:
    """Which codes are of each kind; False for those that have too many bits."""
    values = element_values(np.arange(1 << fmt.width, dtype=np.uint8), fmt)
    magnitudes = np.abs(values)
    smallest = 0.0 if fmt.is_integer else 2.0**fmt.emin
    kinds = {
        "nan": np.isnan(values),
        "inf": np.isinf(values),
        "zero": values == 0,
        "subnormal": (values != 0) & (magnitudes < smallest),
        "largest": np.isfinite(values) & (magnitudes >= float(fmt.max_value)),
    }
    return {name: np.pad(kind, (0, 256 - len(kind))) for name, kind in kinds.items()}
