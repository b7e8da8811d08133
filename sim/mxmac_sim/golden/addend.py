"""An addend as one more block: a binary32 number is an integer times a power of two, an infinity or a NaN."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import RESULT_FORMATS
from mxmac_sim.golden.blocks import BlockSums, Specials

__all__ = ["with_addend"]

_FP32 = RESULT_FORMATS["FP32"]


def with_addend(sums: BlockSums, codes: NDArray[np.uint32]) -> BlockSums:
    """Return the blocks with the addends of the dot products before them.

    To the accumulator ``fp32`` that is the same as to start from them, as 0 + C is exact.

    Parameters
    ----------
    sums : BlockSums
        Of shape (blocks, ...).
    codes : ndarray of uint32, shape (...)
        Addends in binary32.
    """
    codes = np.broadcast_to(np.asarray(codes, np.uint32), sums.exps.shape[1:])
    values = codes.view(np.float32) if codes.flags.c_contiguous else np.ascontiguousarray(codes).view(np.float32)
    finite, nan, infinite = np.isfinite(values), np.isnan(values), np.isinf(values)
    with np.errstate(invalid="ignore"):  # signalling NaN
        fractions, exps = np.frexp(np.where(finite, values, np.float32(0)).astype(np.float64))
    integers = np.ldexp(fractions, _FP32.sig_bits)
    first = np.concatenate
    chunks = [
        first([(integers if index == 0 else np.zeros_like(integers))[np.newaxis], chunk])
        for index, chunk in enumerate(sums.chunks)
    ]
    places = exps.astype(np.int64) - _FP32.sig_bits - sums.zeros
    found = sums.specials
    if found is None and not finite.all():
        found = Specials(*(np.zeros(sums.exps.shape, np.bool_) for _ in range(4)))
    if found is not None:
        signalling = nan & (codes >> np.uint32(_FP32.man_bits - 1) & np.uint32(1) == 0)
        own = (nan, signalling, infinite & (values > 0), infinite & (values < 0))
        kinds = (found.nan, found.invalid, found.pos_inf, found.neg_inf)
        found = Specials(*(first([new[np.newaxis], old]) for new, old in zip(own, kinds, strict=True)))
    return replace(sums, chunks=chunks, exps=first([places[np.newaxis], sums.exps]), specials=found)
