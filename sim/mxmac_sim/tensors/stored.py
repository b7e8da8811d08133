"""Quantized tensors in the layouts of files.

The hardware takes UE8M0 codes, one for each row and block. Files also have scales as floats, as DeepGEMM's words of four, and
one for a tile of 128 rows; and rows whose last block is shorter than the others.
"""

from dataclasses import dataclass, replace
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac.formats import SCALE_BIAS, SCALE_NAN, Format
from mxmac_sim.tensors import deepseek
from mxmac_sim.tensors.archives import is_float, outline, widened
from mxmac_sim.tensors.mx_tensor import MxTensor, element_values

__all__ = ["SCALE_DTYPE", "StoredTensor", "implied_blocks", "in_words"]

#: UE8M0.
SCALE_DTYPE = np.dtype(ml_dtypes.float8_e8m0fnu)
#: Elements per scale where four scales share a word.
_WORD_BLOCKS = (32, deepseek.BLOCK)
#: Scales that are looked at together, if any of them is wrong.
_PART = 1 << 18
_NAN = "NaN", "every result would be NaN: quantize finite floats instead"


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A quantized tensor whose scales are not yet known to be UE8M0.

    Parameters
    ----------
    elements : ndarray of uint8, shape (..., K) or (..., rows, K)
        One element code a byte. The last block may be shorter than ``block``.
    scales : ndarray of uint8, float8_e8m0fnu or floats
        Of shape (..., ceil(K / block)) or (..., ceil(rows / tile_rows), ceil(K / block)): UE8M0 codes or numbers.
    format : Format
        Of the elements.
    block : int
        Elements per block.
    name : str
        Name of the scales in the file, for messages.
    tile_rows : int
        Rows that share a scale.
    layout : str
        Name of the layout of the file.
    tensor : str
        Name of the tensor in a checkpoint, without the suffix of elements; empty in an MX file.
    """

    elements: NDArray[np.uint8]
    scales: NDArray[Any]
    format: Format
    block: int
    name: str
    tile_rows: int = 1
    layout: str = "mx"
    tensor: str = ""

    @classmethod
    def of(
        cls, elements: NDArray[np.uint8], scales: NDArray[Any], fmt: Format, block: int, name: str = "scales"
    ) -> "StoredTensor":
        """Make one from the arrays of an MX file: int32 scales have four codes in a word, as
        :func:`mxmac_sim.tensors.deepseek.pack_scales` makes it. In blocks of 128, ceil(rows / 128) rows of scales are those
        of tiles.

        Raises
        ------
        UserError
            If the number of words does not fit the number of blocks.
        """
        if in_words(scales) and block > 0 and elements.ndim and scales.ndim:
            k = elements.shape[-1]
            blocks = -(-k // block)
            words = deepseek.packed_length(blocks)
            if scales.shape[-1] != words:
                message = f"{name!r} has {scales.shape[-1]} words of four scales a row, but K = {k} in blocks of {block}"
                raise UserError("scales", f"{message} needs {words}")
            scales = deepseek.unpack_scales(scales, blocks)
        shape, tile_rows = elements.shape, 1
        if block == deepseek.BLOCK and len(shape) > 1 and scales.shape[:-1] != shape[:-1]:
            tiles = (*shape[:-2], -(-shape[-2] // deepseek.TILE_ROWS))
            tile_rows = deepseek.TILE_ROWS if scales.shape[:-1] == tiles else 1
        return cls(elements, scales, fmt, block, name, tile_rows)

    @property
    def tiled(self) -> bool:
        """Whether its scales are those of tiles of 128 x 128 elements."""
        return (self.tile_rows, self.block) == (deepseek.TILE_ROWS, deepseek.BLOCK)

    @property
    def fitting(self) -> bool:
        """Whether elements and scales make a tensor, by their shapes."""
        shape = self.elements.shape
        if not (shape and self.elements.size and self.block > 0):
            return False
        lead = shape[:-1]
        if self.tile_rows > 1:
            lead = (*shape[:-2], -(-shape[-2] // self.tile_rows)) if len(shape) > 1 else ()
        return self.scales.shape == (*lead, -(-shape[-1] // self.block))

    def rows(self, start: int, stop: int) -> "StoredTensor":
        """Return rows, counted through all leading axes, of a tensor that is :attr:`fitting`.

        Returns
        -------
        StoredTensor
            With elements of shape (stop - start, K), and a row of scales for each.
        """
        if self.elements.ndim < 2:
            return self
        numbers = np.arange(start, stop)
        elements = self.elements[np.unravel_index(numbers, self.elements.shape[:-1])]
        if self.tile_rows > 1:
            matrices, inside = np.divmod(numbers, self.elements.shape[-2])
            numbers = matrices * self.scales.shape[-2] + inside // self.tile_rows
        scales = self.scales[np.unravel_index(numbers, self.scales.shape[:-1])]
        return replace(self, elements=elements, scales=scales, tile_rows=1)

    def check_shapes(self) -> None:
        """Raise the error of :meth:`mx` about shapes and the type of scales, if there is one, without the elements.

        Raises
        ------
        UserError
            As there.
        """
        _check_scale_type(self.scales, self.name)
        if not self.fitting:
            shape = self.elements.shape
            if self._in_blocks:
                shape = (*shape[:-1], self.scales.shape[-1] * self.block)
            codes, scales = (outline(np.dtype(np.uint8), axes) for axes in (shape, self.scales.shape))
            replace(self, elements=codes, scales=scales).mx()

    def check_scales(self) -> None:
        """Raise the error of :meth:`mx` about scales that are not UE8M0, counted through all of them, if there is one.

        Raises
        ------
        UserError
            As there.
        """
        _check_scales(self.scales, self.name)

    def mx(self) -> MxTensor:
        """Return it as the hardware takes it: a UE8M0 code for each row and block, and zeros after a short last block.

        Raises
        ------
        UserError
            If a scale is NaN or not a power of two from 2^-127 to 2^127, or the arrays do not make a tensor.
        """
        return MxTensor(self._whole(), self._of_rows(_scale_codes(self.scales, self.name)), self.format, self.block)

    def floats(self) -> NDArray[np.float32]:
        """Return elements times scales, with scales of any value: FP32 products, as DeepSeek's own code forms them.

        Returns
        -------
        ndarray of float32, shape of the elements

        Raises
        ------
        UserError
            If the arrays do not make a tensor, or the scales are of no type that scales have.
        """
        products: NDArray[np.float32] = self._products(np.dtype(np.float32))
        return products

    def values(self) -> NDArray[np.float64]:
        """Return the exact products of elements and scales, which are FP32 numbers of any value.

        Returns
        -------
        ndarray of float64, shape of the elements

        Raises
        ------
        UserError
            As :meth:`floats`.
        """
        products: NDArray[np.float64] = self._products(np.dtype(np.float64))
        return products

    def scale_values(self) -> NDArray[np.float32]:
        """Return the scales as numbers, in the shape in which they are stored.

        Raises
        ------
        UserError
            If they are of no type that scales have.
        """
        return _scale_values(self.scales, self.name)

    def _products(self, dtype: np.dtype[Any]) -> NDArray[Any]:
        scales = self._of_rows(self.scale_values())
        # With zeros as scales, for the checks of shapes alone.
        tensor = MxTensor(self._whole(), np.zeros(scales.shape, np.uint8), self.format, self.block)
        with np.errstate(over="ignore", invalid="ignore"):
            values = element_values(tensor.elements, self.format).astype(dtype)
            products: NDArray[Any] = values * np.repeat(scales.astype(dtype), self.block, axis=-1)
        return products[..., : self.elements.shape[-1]]

    def _whole(self) -> NDArray[np.uint8]:
        """Return the elements in whole blocks, if their number is that of the scales."""
        return deepseek.padded(self.elements, self.block) if self._in_blocks else self.elements

    @property
    def _in_blocks(self) -> bool:
        """Whether there are as many scales to a row as blocks, of which the last may be shorter."""
        k, blocks = (array.shape[-1] if array.ndim else 0 for array in (self.elements, self.scales))
        return self.block > 0 and k > 0 and blocks == -(-k // self.block)

    def _of_rows(self, scales: NDArray[Any]) -> NDArray[Any]:
        return scales if self.tile_rows == 1 else deepseek.scales_of_rows(scales, self.elements.shape[-2], self.tile_rows)


def implied_blocks(elements: NDArray[np.generic], scales: NDArray[np.generic]) -> list[int]:
    """Return the blocks that elements and scales of these shapes may have: none, one, or several.

    Considered are the block that divides a row evenly, and powers of two with a shorter last block. A single scale to a row
    makes the row one block. Scales in words (DeepGEMM) are of 32 or 128 elements.

    Parameters
    ----------
    elements : ndarray, shape (..., K)
    scales : ndarray, shape (..., blocks) or, in words, (..., ceil(blocks / 4))

    Returns
    -------
    list of int
        In ascending order.
    """
    if not (elements.ndim and scales.ndim and elements.size and scales.size):
        return []
    k, count = elements.shape[-1], scales.shape[-1]
    if in_words(scales):
        return [block for block in _WORD_BLOCKS if deepseek.packed_length(-(-k // block)) == count]
    if count == 1:
        return [k]
    even = {k // count} if k % count == 0 else set()
    return sorted(even | {1 << bits for bits in range(k.bit_length()) if -(-k >> bits) == count})


def in_words(scales: NDArray[np.generic]) -> bool:
    """Whether scales are four codes in a word."""
    return scales.dtype.kind == "i" and scales.dtype.itemsize == 4


def _scale_values(scales: NDArray[Any], name: str) -> NDArray[np.float32]:
    _check_scale_type(scales, name)
    if not is_float(scales.dtype):
        codes = scales.view(np.uint8)
        return np.where(codes == SCALE_NAN, np.nan, np.ldexp(1.0, codes.astype(np.int64) - SCALE_BIAS)).astype(np.float32)
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return scales.astype(np.float32)


def _scale_codes(scales: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return the UE8M0 codes of scales that are stored as codes or as floats."""
    _check_scale_type(scales, name)
    if not is_float(scales.dtype):
        codes: NDArray[np.uint8] = scales.view(np.uint8)
        wrong = codes == SCALE_NAN
    else:
        codes, faults = _of_floats(scales)
        wrong = np.logical_or.reduce([fault for fault, _, _ in faults])
    if wrong.any():
        _check_scales(scales, name)
    return codes


def _of_floats(scales: NDArray[Any]) -> tuple[NDArray[np.uint8], list[tuple[NDArray[np.bool_], str, str]]]:
    """Codes of scales, and which are wrong, with what that means and what to do."""
    values = widened(scales)
    nan = np.isnan(values)
    # Exact, without a logarithm: frexp gives 2^e the fraction 0.5 and the exponent e + 1.
    fraction, exponent = np.frexp(values)
    codes = exponent.astype(np.int64) - 1 + SCALE_BIAS
    power = fraction == 0.5
    outside = power & ((codes < 0) | (codes >= SCALE_NAN))
    remedy = "UE8M0 has powers of two only: quantize anew with `mxmac quantize --requantize`, or from the original floats"
    return codes.astype(np.uint8), [
        (~nan & ~power, "not powers of two", remedy),
        (outside, "outside 2^-127 to 2^127", "UE8M0 has nothing there: quantize floats instead"),
        (nan, *_NAN),
    ]


def _check_scales(scales: NDArray[Any], name: str) -> None:
    """Refuse scales of which any is wrong: how many are, and which is the first. Works on parts of them."""
    _check_scale_type(scales, name)
    counts: dict[str, int] = {}
    first: dict[str, tuple[int, str]] = {}
    flat = np.atleast_1d(scales)
    step = max(1, _PART * len(flat) // max(1, flat.size))
    for start in range(0, len(flat), step):
        part = flat[start : start + step]
        for wrong, what, remedy in _of_floats(part)[1] if is_float(part.dtype) else [(part.view(np.uint8) == SCALE_NAN, *_NAN)]:
            counts[what] = counts.get(what, 0) + int(np.count_nonzero(wrong))
            if wrong.any() and what not in first:
                first[what] = start * (flat.size // len(flat)) + int(wrong.argmax()), remedy
    for what in counts:
        if what in first:
            place, remedy = first[what]
            index = [int(i) for i in np.unravel_index(place, scales.shape)]
            message = f"{counts[what]} of {scales.size} {scales.dtype} scales in {name!r} are {what}"
            raise UserError("scales", f"{message}, the first {scales[tuple(index)]!s} at {index}; {remedy}")


def _check_scale_type(scales: NDArray[Any], name: str) -> None:
    if scales.dtype not in (np.dtype(np.uint8), SCALE_DTYPE) and not is_float(scales.dtype):
        accepted = "uint8 (UE8M0 codes), int32 (four of them a word), or float32 powers of two"
        raise UserError("scales", f"{name!r} has dtype {scales.dtype}; accepted: {accepted}")
