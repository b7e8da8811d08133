"""Exact matrix products by float64 matrix products, with the scales folded into the elements.

**Bound.** Let every element of row a, times its scale, be a multiple of u_a, a power of two, and every one of row b a multiple
of u_b. Then all products and all sums of them are multiples of u = u_a u_b. The magnitude of any partial sum, in any order and
with fused multiply-adds or without, is at most Σ|a_k b_k|, and that is at most ‖a‖ ‖b‖ (Cauchy-Schwarz). A multiple of u up to
2^53 u is a float64 number: exponents stay between those of 2^-300 and 2^300. So if ‖a‖/u_a · ‖b‖/u_b <= 2^53, no operation of
the float64 product rounds, and its result is the exact sum.

The norms are themselves computed in float64, with a relative error below 2^-21 for fewer than 2^32 elements. The limit here is
2^53 (1 - 2^-20), which allows for both.

**Split.** A row beyond the bound is cut in two: multiples of a coarser unit, and rests of at most half of that. If each part is
within the bound, two products are exact, and their sum is rounded to odd, so that rounding it to a result is the only rounding.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import SCALE_BIAS, SCALE_NAN, Format
from mxmac_sim.golden.blocks import FLOAT_BITS
from mxmac_sim.golden.rounding import round_to_odd_sum
from mxmac_sim.tensors.mx_tensor import element_values

__all__ = ["LIMIT", "Folded", "Part", "exact_products", "fold"]

#: Largest product of two weights whose rows have an exact product.
LIMIT = 2.0**FLOAT_BITS * (1 - 2.0**-20)

#: Exponents of units beyond any other: of zero, and of values that are not finite, also when a scale is added.
_NO_UNIT, _NOT_FINITE = 4096, -4096

#: Bits of weight within which rows of b are computed together, if not all of them can be.
_BAND = 4

_Floats = NDArray[np.float64]
_Indices = NDArray[np.intp]


class Folded(NamedTuple):
    """Rows of a matrix with the scales folded in.

    Members
    -------
    values : ndarray of float64, shape (rows, K)
        Exact. Elements that are not finite are 0.
    units : ndarray of float64, shape (rows,)
        Power of two that divides all values of a row; 1 if all are zero.
    weights : ndarray of float64, shape (rows,)
        Euclidean norm of a row in its unit; 1 if all are zero, Inf if an element is not finite or a scale is NaN.
    """

    values: _Floats
    units: _Floats
    weights: _Floats


class Part(NamedTuple):
    """Some rows of both operands, and their dot products.

    Members
    -------
    rows, columns : ndarray of integers
        Indices of rows of a and b.
    totals : ndarray of float64, shape (rows, columns), or None
        Exact, or rounded to odd; None if neither is possible.
    """

    rows: _Indices
    columns: _Indices
    totals: _Floats | None


class _Table(NamedTuple):
    """All codes of a format: values, 0 if not finite, and exponents of their units."""

    values: _Floats
    units: NDArray[np.int16]


@cache
def _table(fmt: Format) -> _Table:
    values = element_values(np.arange(1 << fmt.width).astype(np.uint8), fmt)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0.0)
    integers = np.ldexp(values, -fmt.lsb_exp).astype(np.int64)
    lowest = np.frexp((integers & -integers).astype(np.float64))[1] - 1 + fmt.lsb_exp
    units = np.where(finite, np.where(integers == 0, _NO_UNIT, lowest), _NOT_FINITE)
    return _Table(values, units.astype(np.int16))


@cache
def _scales() -> _Table:
    """All scale codes, as :func:`_table` has those of elements."""
    exponents = np.arange(256) - SCALE_BIAS
    exponents[SCALE_NAN] = 0
    values = np.ldexp(1.0, exponents)
    exponents[SCALE_NAN] = 2 * _NOT_FINITE  # not finite even beside zeros alone
    return _Table(values, exponents.astype(np.int16))


def fold(codes: NDArray[np.uint8], scales: NDArray[np.uint8], fmt: Format) -> Folded:
    """Multiply elements and scales, and weigh the rows.

    Parameters
    ----------
    codes : ndarray of uint8, shape (rows, blocks, block)
        Element codes, with no bits above the width of the format.
    scales : ndarray of uint8, shape (rows, blocks)
        UE8M0 codes.
    fmt : Format
        Of the elements.
    """
    values = np.take(_table(fmt).values, codes)
    values *= np.take(_scales().values, scales)[..., np.newaxis]
    units = np.take(_table(fmt).units, codes).min(-1)
    units += np.take(_scales().units, scales)
    exponents = units.min(-1)
    zero = exponents > _NO_UNIT // 2
    finite = exponents > _NOT_FINITE // 2
    powers = np.ldexp(1.0, np.where(zero | ~finite, 0, exponents))
    values = values.reshape(len(codes), -1)
    weights = np.where(zero, 1, _norms(values) / powers)
    return Folded(values, powers, np.where(finite, weights, np.inf))


def exact_products(a: Folded, b: Folded) -> Iterator[Part]:
    """Compute the dot product of every row of ``a`` with every row of ``b``: exactly, by few float64 products.

    Parameters
    ----------
    a, b : Folded

    Yields
    ------
    Part
        Each pair of rows is in one of them.
    """
    everything = np.arange(len(a.weights))
    finite = np.isfinite(b.weights)
    bands = np.where(finite, np.frexp(b.weights)[1] // _BAND, _NO_UNIT)
    if a.weights.max() * b.weights.max() <= LIMIT:
        bands[:] = 0
    for band in np.unique(bands):
        columns = np.flatnonzero(bands == band)
        if band == _NO_UNIT:
            yield Part(everything, columns, None)
            continue
        of_band = _chosen(b, columns)
        fitting = a.weights * of_band.weights.max() <= LIMIT
        if fitting.any():
            rows = np.flatnonzero(fitting)
            yield Part(rows, columns, _chosen(a, rows).values @ of_band.values.T)
        finite_rows = np.isfinite(a.weights)
        rows = np.flatnonzero(finite_rows & ~fitting)
        if len(rows):
            for part in _by_split(_chosen(a, rows), of_band):
                yield Part(rows[part.rows], columns[part.columns], part.totals)
        if not finite_rows.all():
            yield Part(np.flatnonzero(~finite_rows), columns, None)


def _by_split(a: Folded, b: Folded) -> Iterator[Part]:
    """Compute dot products of rows that are finite by two products each, with the wider side split."""
    widest = b.weights.max()
    if widest > a.weights.max():
        for part in _by_split(b, a):
            yield Part(part.columns, part.rows, None if part.totals is None else part.totals.T)
        return
    high, low = _split(a, widest)
    exact = np.maximum(high.weights, low.weights) * widest <= LIMIT
    rows, rest, columns = np.flatnonzero(exact), np.flatnonzero(~exact), np.arange(len(b.weights))
    if len(rows):
        high, low = _chosen(high, rows), _chosen(low, rows)
        totals = round_to_odd_sum(high.values @ b.values.T, low.values @ b.values.T)
        yield Part(rows, columns, totals)
    if len(rest):
        yield Part(rest, columns, None)


def _split(rows: Folded, widest: float) -> tuple[Folded, Folded]:
    """Cut rows into multiples of the finest unit that lets them fit beside a weight, or nearly so, and rests."""
    # Half of the limit at most, as rounding to multiples makes a row longer.
    factors = np.ldexp(1.0, np.frexp(rows.weights * widest / LIMIT)[1] + 1)
    units = rows.units * factors
    high = np.rint(rows.values / units[:, np.newaxis]) * units[:, np.newaxis]
    low = rows.values - high
    return Folded(high, units, _norms(high) / units), Folded(low, rows.units, _norms(low) / rows.units)


def _norms(values: _Floats) -> _Floats:
    norms: _Floats = np.sqrt(np.vecdot(values, values))
    return norms


def _chosen(folded: Folded, rows: _Indices) -> Folded:
    """Return some rows, in ascending order: without a copy if they are all."""
    return folded if len(rows) == len(folded.weights) else Folded(*(array[rows] for array in folded))
