"""Exact sums of products inside blocks, and their infinities and NaN.

Everything here is integers: an element is one in units of its format's smallest subnormal. They are multiplied and
added by float64 arithmetic where all partial sums provably stay below 2^53 in any order; wider operands are
cut into chunks for which that holds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import SCALE_BIAS, SCALE_NAN, Format
from mxmac_sim.golden.rounding import INT_BITS
from mxmac_sim.tensors.mx_tensor import ELEMENT_DTYPES

__all__ = ["BlockSums", "Operand", "Specials", "sum_blocks"]

#: Integers up to 2^FLOAT_BITS are exact in float64.
FLOAT_BITS = 53

_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class _Decoded:
    """All codes of some formats, format after format, 256 each; special values count as the integer 0."""

    integers: NDArray[np.int64]
    sign: _Floats  # 1, 0 or -1, also of infinities
    nan: _Bools
    inf: _Bools


@cache
def _decoded(formats: tuple[Format, ...]) -> _Decoded:
    lsb = min(fmt.lsb_exp for fmt in formats)
    columns = []
    for fmt in formats:
        # Bytes of FP4 and FP6 may be dirty above the code.
        codes = (np.arange(256) & (1 << fmt.width) - 1).astype(np.uint8).view(ELEMENT_DTYPES[fmt.name])
        values = codes.astype(np.float64)
        if fmt.is_integer:
            values = np.ldexp(values, fmt.lsb_exp)
        columns.append(values)
    values = np.concatenate(columns)
    finite = np.isfinite(values)
    integers = np.ldexp(np.where(finite, values, 0.0), -lsb).astype(np.int64)
    nan = np.isnan(values)
    return _Decoded(integers, np.sign(np.where(nan, 0.0, values)), nan, np.isinf(values))


class Operand:
    """One side of many products, with the range of its elements measured.

    Parameters
    ----------
    codes : ndarray of uint8, shape (blocks, ..., block)
    scales : ndarray of uint8, shape (blocks, ...)
    formats : sequence of Format
        Those the elements may have.
    choice : ndarray of integers, shape (blocks, ...), optional
        Which of ``formats`` each block has; needed if there are several.
    """

    def __init__(
        self,
        codes: NDArray[np.uint8],
        scales: NDArray[np.uint8],
        formats: Sequence[Format],
        choice: NDArray[np.integer] | None = None,
    ):
        self._decoded = _decoded(tuple(formats))
        self.scales = scales
        self.lsb_exp = min(fmt.lsb_exp for fmt in formats)
        self._codes = codes if choice is None else codes + (np.asarray(choice, np.intp) << 8)[..., np.newaxis]
        used = np.bincount(self._codes.ravel(), minlength=self._decoded.integers.size) > 0
        present = self._decoded.integers[used]
        self.has_nan, self.has_inf = bool(self._decoded.nan[used].any()), bool(self._decoded.inf[used].any())
        #: Low bits that are zero in every element.
        self.zeros = _trailing_zeros(int(np.bitwise_or.reduce(present, initial=0)))
        #: Bits of the largest magnitude without those.
        self.bits = (int(np.abs(present).max(initial=0)) >> self.zeros).bit_length()

    def _gather(self, column: NDArray[np.generic]) -> _Floats:
        return np.take(column.astype(np.float64), self._codes)

    def chunks(self, bits: int) -> list[_Floats]:
        """The elements without their common zeros, cut into chunks of that many bits, the lowest first."""
        rest, columns = self._decoded.integers >> self.zeros, []
        for _ in range(bits, self.bits, bits):
            columns.append(rest & (1 << bits) - 1)
            rest = rest >> bits
        return [self._gather(column) for column in (*columns, rest)]

    @property
    def sign(self) -> _Floats:
        """1, 0 or -1 for positive, zero or NaN, and negative elements."""
        return self._gather(self._decoded.sign)

    @property
    def infinite(self) -> _Floats:
        """1 for infinite elements, 0 for others."""
        return self._gather(self._decoded.inf)

    @property
    def nan_blocks(self) -> _Bools:
        """Which blocks have a NaN, shape (blocks, ...)."""
        return np.asarray(np.take(self._decoded.nan, self._codes).any(-1))

    @property
    def zero(self) -> _Floats:
        """1 for elements that are zero, 0 for others."""
        return self._gather((self._decoded.sign == 0) & ~self._decoded.nan)


@dataclass(frozen=True)
class Specials:
    """Blocks with values that are not finite, shape (blocks, ...)."""

    #: There is a NaN, or a scale is one.
    nan: _Bools
    #: There is a product of an infinity and zero, +Inf, -Inf. All three are False where a scale is NaN.
    invalid: _Bools
    pos_inf: _Bools
    neg_inf: _Bools


@dataclass(frozen=True)
class BlockSums:
    """Exact sums of the finite products of blocks: Σ_k chunks[k] * 2^(k * chunk_bits) * 2^(zeros + exps).

    All arrays have the shape (blocks, ...) to which the scales of both operands broadcast.
    """

    chunks: list[_Floats]
    chunk_bits: int
    #: Zeros below the sums that were left out.
    zeros: int
    #: Exponent of the least significant bit that a block sum may have: that of the scales and of the formats.
    exps: NDArray[np.int64]
    #: None if all elements and scales are finite numbers.
    specials: Specials | None

    def fitting(self) -> tuple[NDArray[np.int64], _Bools]:
        """Sums without ``zeros``, and which of them have a magnitude below 2^62; the others are wrong."""
        values = self.chunks[0].astype(np.int64)
        if len(self.chunks) == 1:
            return values, np.ones((1,) * values.ndim, np.bool_)
        estimate = self.chunks[0].copy()
        for k, chunk in enumerate(self.chunks[1:], 1):
            # Wraps around where the sum is too large. The estimate is off by less than 2^-50 of it.
            values += chunk.astype(np.int64) * np.int64(1 << k * self.chunk_bits)
            estimate += chunk * 2.0 ** (k * self.chunk_bits)
        return values, np.abs(estimate) < 2.0 ** (INT_BITS - 1)

    def integers(self, where: Any = ()) -> NDArray[np.object_]:
        """Sums with ``zeros``, as Python integers; all of them, or those at an index."""
        total: Any = 0
        for k, chunk in enumerate(self.chunks):
            total = total + (chunk[where].astype(np.int64).astype(object) << k * self.chunk_bits)
        return np.asarray(total << self.zeros, object)

    def one_by_one(self, which: _Bools) -> Iterator[tuple[tuple[int, ...], list[int], list[int]]]:
        """Index of each dot product in ``which``, its sums with ``zeros``, and their exponents, as Python integers."""
        indices = np.nonzero(which)
        chosen: Any = (slice(None), *indices)
        lists = (column.tolist() for column in indices)
        sums, exps = self.integers(chosen).T.tolist(), self.exps[chosen].T.tolist()
        yield from zip(zip(*lists, strict=True), sums, exps, strict=True)


def sum_blocks(a: Operand, b: Operand, contract: Callable[[_Floats, _Floats], _Floats], block: int) -> BlockSums:
    """Multiply elements and add the products of each block.

    Parameters
    ----------
    a, b : Operand
        The scales of both have shapes that broadcast.
    contract : callable
        Sums of products of two arrays of elements, over the last axis.
    block : int
        Elements of a block.

    Returns
    -------
    BlockSums
    """
    # A sum of `block` products of b with chunks of a stays below 2^53.
    bits = FLOAT_BITS - max(b.bits, 1) - block.bit_length()
    (whole_b,) = b.chunks(max(b.bits, 1))
    chunks = [contract(chunk, whole_b) for chunk in a.chunks(bits)]
    scales = a.scales.astype(np.int64) + b.scales
    exps = scales - 2 * SCALE_BIAS + a.lsb_exp + b.lsb_exp
    return BlockSums(chunks, bits, a.zeros + b.zeros, exps, _specials(a, b, contract))


def _specials(a: Operand, b: Operand, contract: Callable[[_Floats, _Floats], _Floats]) -> Specials | None:
    scale_nan = (a.scales == SCALE_NAN) | (b.scales == SCALE_NAN)
    if not (a.has_nan or b.has_nan or a.has_inf or b.has_inf or scale_nan.any()):
        return None
    nan = a.nan_blocks | b.nan_blocks | scale_nan
    if not (a.has_inf or b.has_inf):
        none = np.zeros_like(nan)
        return Specials(nan, none, none, none)
    sign_a, sign_b, inf_a, inf_b = a.sign, b.sign, a.infinite, b.infinite
    # Products with an infinity, counted: those where it is a's, plus those where it is b's, minus those where it is
    # both. Weighted by their signs, once more; then half of sum and difference are those of either sign.
    count = contract(inf_a, abs(sign_b)) + contract(abs(sign_a), inf_b) - contract(inf_a, inf_b)
    signed_a, signed_b = inf_a * sign_a, inf_b * sign_b
    signed = contract(signed_a, sign_b) + contract(sign_a, signed_b) - contract(signed_a, signed_b)
    invalid = contract(inf_a, b.zero) + contract(a.zero, inf_b) > 0
    return Specials(nan, invalid & ~scale_nan, (count + signed > 0) & ~scale_nan, (count - signed > 0) & ~scale_nan)


def _trailing_zeros(number: int) -> int:
    return (number & -number).bit_length() - 1 if number else 0
