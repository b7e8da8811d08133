"""The golden model: specified results of the hardware, bit for bit, status flags included.

Independent of the hardware: elements are decoded by ml_dtypes, sums are exact integers, and rounding happens where the
definition of the accumulator has it, once. Special values, flags and accumulators are as the numerics page of the
documentation defines them.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import Format
from mxmac_sim.golden.accumulation import accumulate
from mxmac_sim.golden.addend import with_addend
from mxmac_sim.golden.blocks import Operand, Specials, sum_blocks
from mxmac_sim.golden.folded import exact_products, fold
from mxmac_sim.golden.rounding import DZ, NV, NX, OF, UF, round_floats, round_to
from mxmac_sim.golden.sides import Side, checked, side_of
from mxmac_sim.tensors.mx_tensor import MxTensor, check_matrix

__all__ = ["DZ", "NV", "NX", "OF", "UF", "ExactSums", "block_sums", "dot", "matmul", "product", "round_to"]

_Codes = NDArray[np.uint8]
_Data = NDArray[np.uint32]
_Status = NDArray[np.uint8]
#: What is worked on at a time, if a dot product is not longer: results, as few as fill the caches; block sums and elements
#: of one operand, 16 MB an array.
_RESULTS, _SUMS, _ELEMENTS = 1 << 13, 1 << 21, 1 << 21
#: Dot products of matrices that are computed at a time, if the scales are folded into the elements: 8 MB.
_TOTALS = 1 << 20
#: Products of one block that OpenBLAS adds up without starting threads, which for so little take more time than they save.
_PRODUCTS = 1 << 18


class ExactSums(NamedTuple):
    """Exact products or sums of products; all arrays of one shape."""

    #: Sum of the finite products as Python integers, in units of 2^(lsb_a + lsb_b).
    value: NDArray[np.object_]
    #: Whether there is a NaN, a product of an infinity and zero, and one that is +Inf or -Inf.
    nan: NDArray[np.bool_]
    invalid: NDArray[np.bool_]
    pos_inf: NDArray[np.bool_]
    neg_inf: NDArray[np.bool_]


def product(a_codes: _Codes, b_codes: _Codes, fmt_a: Format, fmt_b: Format) -> ExactSums:
    """Multiply elements exactly.

    Parameters
    ----------
    a_codes, b_codes : ndarray of uint8
        Element codes of shapes that broadcast. Bits above the width of a format do not count.
    fmt_a, fmt_b : Format

    Returns
    -------
    ExactSums
        Of the broadcast shape.
    """
    a_codes, b_codes = np.broadcast_arrays(np.asarray(a_codes), np.asarray(b_codes))
    return block_sums(a_codes[..., np.newaxis], b_codes[..., np.newaxis], fmt_a, fmt_b)


def block_sums(a: _Codes, b: _Codes, fmt_a: Format, fmt_b: Format) -> ExactSums:
    """Sum products along the last axis exactly, without a scale.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (..., elements)
        Element codes, of one shape. Bits above the width of a format do not count.
    fmt_a, fmt_b : Format

    Returns
    -------
    ExactSums
        Of shape (...).
    """
    a, b = checked("a", a), checked("b", b)
    if a.shape != b.shape:
        raise ValueError(f"The codes of a and b must have one shape, not {a.shape} and {b.shape}")
    scales = np.zeros(a.shape[:-1], np.uint8)
    sums = sum_blocks(Operand(a, scales, (fmt_a,)), Operand(b, scales, (fmt_b,)), np.vecdot, a.shape[-1])
    none = np.zeros(scales.shape, np.bool_)
    found = sums.specials or Specials(none, none, none, none)
    return ExactSums(sums.integers(), found.nan, found.invalid, found.pos_inf, found.neg_inf)


def dot(
    a: _Codes,
    scale_a: _Codes,
    b: _Codes,
    scale_b: _Codes,
    config: MacConfig,
    *,
    format_a: NDArray[np.integer] | None = None,
    format_b: NDArray[np.integer] | None = None,
    addend: NDArray[np.uint32] | None = None,
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Compute dot products of sequences of blocks (MX v1.0, 6.2). Leading axes of all arrays broadcast.

    Parameters
    ----------
    a, b : ndarray of uint8, shape (..., blocks, block)
        Element codes, one a byte. Code 0 is zero in every format: pad a last block that is shorter with it. Bits above
        the width of a format do not count.
    scale_a, scale_b : ndarray of uint8, shape (..., blocks)
        UE8M0 codes.
    config : MacConfig
        Formats, block, accumulator with its window, and output; lanes do not matter. With several formats an element
        counts in units of the least lsb of them, and that is what anchors a window:
        L = Xa + Xb - 254 + min lsb_a + min lsb_b - guard.
    format_a, format_b : ndarray of integers, shape (..., blocks), optional
        Index into ``config.a`` and ``config.b`` for each block; needed if there are several.
    addend : ndarray of uint32, shape (...), optional
        Codes of ``config.addend`` that are added to the dot products; by default zeros.

    Returns
    -------
    data : ndarray of uint32, shape (...)
        Codes of ``config.output``. No blocks at all are a block of zeros.
    status : ndarray of uint8, shape (...)
        Flags {NV, DZ, OF, UF, NX} in bits 4 to 0.

    Raises
    ------
    ValueError
        If the shapes do not fit, the codes are no uint8, a format is not chosen or does not exist, or addends are given for a
        configuration that has none.
    """
    addends = _addends(addend, config)
    sides = (
        side_of("a", a, scale_a, config.a, format_a, config.block),
        side_of("b", b, scale_b, config.b, format_b, config.block),
    )
    blocks = sides[0].scales.shape[-1]
    if sides[1].scales.shape[-1] != blocks:
        raise ValueError(f"a has {blocks} blocks, but b has {sides[1].scales.shape[-1]}")
    lead = np.broadcast_shapes(*(side.scales.shape[:-1] for side in sides), () if addends is None else addends.shape)
    count = math.prod(lead)
    data, status = np.zeros(count, np.uint32), np.zeros(count, np.uint8)
    flat = [side.flat(lead) for side in sides]
    step = max(1, min(_RESULTS, min(_SUMS, _ELEMENTS // config.block) // max(1, blocks)))
    if addends is not None:
        addends = np.broadcast_to(addends, lead).reshape(count)
    for start in range(0, count if blocks or addends is not None else 0, step):
        part = slice(start, start + step)
        sums = sum_blocks(flat[0].operand(part), flat[1].operand(part), np.vecdot, config.block)
        if addends is not None:
            sums = with_addend(sums, addends[part])
        data[part], status[part] = accumulate(sums, config)
    return data.reshape(lead), status.reshape(lead)


def matmul(
    a: MxTensor, b: MxTensor, config: MacConfig, *, addend: NDArray[np.uint32] | None = None
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Compute the dot product of every row of ``a`` with every row of ``b``, as a layer with the weights ``b`` does.

    Works in tiles, in memory that does not grow with the tensors. ``exact`` is a float64 product where
    :mod:`mxmac_sim.golden.folded` proves that to be exact, and elsewhere the sum of its blocks.

    Parameters
    ----------
    a, b : MxTensor
        Of shapes (M, K) and (N, K), with formats that ``config`` has and its block.
    config : MacConfig
    addend : ndarray of uint32, optional
        Codes of ``config.addend`` that are added, of a shape that broadcasts to (M, N); by default zeros.

    Returns
    -------
    data : ndarray of uint32, shape (M, N)
    status : ndarray of uint8, shape (M, N)
        As in :func:`dot`.

    Raises
    ------
    UserError
        If a tensor is not a matrix.
    ValueError
        If K differs, a format or block is not that of the configuration, or it has no addends.
    """
    addends = _addends(addend, config)
    sides = []
    for name, tensor, formats in (("a", a, config.a), ("b", b, config.b)):
        check_matrix(tensor, name)
        if tensor.format not in formats:
            accepted = ", ".join(fmt.name for fmt in formats)
            raise ValueError(f"{name} is {tensor.format.name}, but the configuration has {accepted} there")
        if tensor.block != config.block:
            raise ValueError(f"{name} has blocks of {tensor.block}, but the configuration of {config.block}")
        codes = tensor.elements.reshape(*tensor.scales.shape, config.block)
        choices = np.full(tensor.scales.shape, list(formats).index(tensor.format)) if len(formats) > 1 else None
        sides.append(Side(codes, tensor.scales, choices, formats))
    (rows, blocks), (columns, others) = (side.scales.shape for side in sides)
    if blocks != others:
        raise ValueError(f"a has K = {blocks * config.block}, but b has {others * config.block}")
    if addends is not None:
        addends = np.broadcast_to(addends, (rows, columns))
    elif config.accumulator is Accumulator.EXACT:
        return _folded(sides, (a.format, b.format), config)
    return _by_blocks(sides[0], sides[1], config, addends)


def _folded(sides: Sequence[Side], formats: Sequence[Format], config: MacConfig) -> tuple[_Data, _Status]:
    """Exact dot products of every row of two matrices: with scales folded into elements if possible, else block by block."""
    (rows, blocks), (columns, _) = (side.scales.shape for side in sides)
    data, status = np.zeros((rows, columns), np.uint32), np.zeros((rows, columns), np.uint8)
    size = max(1, min(math.isqrt(_TOTALS), _ELEMENTS // (blocks * config.block)))
    for left in range(0, columns, size):
        b = sides[1].part(slice(left, left + size))
        folded_b = fold(b.codes, b.scales, formats[1])
        for top in range(0, rows, size):
            a = sides[0].part(slice(top, top + size))
            for down, across, totals in exact_products(fold(a.codes, a.scales, formats[0]), folded_b):
                where = np.ix_(top + down, left + across)
                if totals is None:
                    data[where], status[where] = _by_blocks(a.part(down), b.part(across), config)
                else:
                    data[where], status[where] = round_floats(totals, config.output)
    return data, status


def _by_blocks(a: Side, b: Side, config: MacConfig, addends: NDArray[np.uint32] | None = None) -> tuple[_Data, _Status]:
    """Dot products of every row of two matrices, each by the sums of its blocks; addends of shape (rows, columns)."""
    (rows, blocks), (columns, _) = a.scales.shape, b.scales.shape
    data, status = np.zeros((rows, columns), np.uint32), np.zeros((rows, columns), np.uint8)
    # Tiles are square if they can be, as that is the least work for the operands.
    results = max(1, min(_RESULTS, _SUMS // blocks, _PRODUCTS // config.block))
    height = min(rows, math.isqrt(results))
    width = max(1, min(columns, results // height, _ELEMENTS // (blocks * config.block)))
    for left in range(0, columns, width):
        across = slice(left, left + width)
        right = b.operand(across, axis=1)
        for top in range(0, rows, height):
            down = slice(top, top + height)
            sums = sum_blocks(a.operand(down, axis=2), right, _outer, config.block)
            if addends is not None:
                sums = with_addend(sums, addends[down, across])
            data[down, across], status[down, across] = accumulate(sums, config)
    return data, status


def _outer(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of products for every pair of a row of a (blocks, rows, 1, block) and one of b (blocks, 1, columns, block)."""
    sums: NDArray[np.float64] = np.matmul(a[:, :, 0], b[:, 0].swapaxes(1, 2))
    return sums


def _addends(codes: NDArray[np.uint32] | None, config: MacConfig) -> NDArray[np.uint32] | None:
    """Return the addends of a configuration, zeros if none are given; None if it has none."""
    if codes is None:
        return None if config.addend is None else np.zeros((), np.uint32)
    codes = np.asarray(codes)
    if config.addend is None:
        raise ValueError("addend must be left out: the configuration has none")
    if codes.dtype != np.uint32:
        raise ValueError(f"addend must be codes of dtype uint32, not {codes.dtype}")
    return codes
