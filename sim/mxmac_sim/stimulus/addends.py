"""Addends of dot products: corner cases, random ones of any magnitude, and those that a sum cancels."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig

from .dots import Dot, expected_results

__all__ = ["ADDENDS", "addends_near", "mixed_addends", "random_addends", "with_addends"]

_Codes = NDArray[np.uint32]

_MAGNITUDES = (
    0x00000000,
    0x00000001,
    0x00000002,
    0x007FFFFF,  # the largest subnormal
    0x00800000,  # the smallest normal number
    0x00800001,
    0x3F7FFFFF,
    0x3F800000,  # 1
    0x3F800001,
    0x7F7FFFFF,  # the largest number
    0x7F800000,  # Inf
    0x7F800001,  # signalling NaN
    0x7FBFFFFF,
    0x7FC00000,  # quiet NaN
    0x7FFFFFFF,
)
#: Corner cases, of either sign.
ADDENDS = tuple(sign | code for code in _MAGNITUDES for sign in (0, 0x80000000))


def random_addends(rng: np.random.Generator, count: int) -> _Codes:
    """Make addends: any code, numbers around 1, subnormals, and corner cases."""
    codes = rng.integers(0, 1 << 32, count, np.uint32)
    around = (codes & np.uint32(0x807FFFFF)) | (rng.integers(100, 150, count).astype(np.uint32) << np.uint32(23))
    subnormal = codes & np.uint32(0x807FFFFF)
    corner = rng.choice(np.array(ADDENDS, np.uint32), count)
    style = rng.choice(4, count, p=[0.3, 0.4, 0.1, 0.2])
    return np.choose(style, [codes, around, subnormal, corner]).astype(np.uint32)


def addends_near(sums: NDArray[np.uint32], rng: np.random.Generator) -> _Codes:
    """Return addends that cancel sums, given as codes in binary32, to nothing or to a few last bits; or nearly so."""
    opposite = sums.astype(np.uint32) ^ np.uint32(0x80000000)
    step = rng.choice(np.array([0, 0, 1, -1, 2, 1 << 12, 1 << 23, -(1 << 23)]), sums.shape)
    codes = opposite.astype(np.int64) + step
    # No step goes from one sign to the other.
    return np.where(codes >> 31 == opposite.astype(np.int64) >> 31, codes, opposite).astype(np.uint32)


def mixed_addends(sums: NDArray[np.uint32], rng: np.random.Generator) -> _Codes:
    """Make an addend for each sum, given as codes in binary32: a third are zero, and a third cancel it or nearly so."""
    choices = [np.zeros(len(sums), np.uint32), addends_near(sums, rng), random_addends(rng, len(sums))]
    return np.choose(rng.integers(0, 3, len(sums)), choices)


def with_addends(dots: Sequence[Dot], config: MacConfig, rng: np.random.Generator) -> list[Dot]:
    """Return dot products with addends, if the configuration has any: a third are zero, and a third cancel or nearly so."""
    if config.addend is None or not dots:
        return list(dots)
    # The exact sums without an addend, in binary32.
    exact = MacConfig(a=config.a, b=config.b, block=config.block, lanes=config.lanes)
    sums = np.array([code for code, _ in expected_results(dots, exact)], np.uint32)
    codes = mixed_addends(sums, rng)
    return [replace(dot, addend=code) for dot, code in zip(dots, codes.tolist(), strict=True)]
