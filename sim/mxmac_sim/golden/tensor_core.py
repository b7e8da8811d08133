"""Tensor cores as published, for comparison only: nothing that mxmac generates computes like this.

What MMA-Sim (Xie et al., 2025, arXiv:2511.10909) found NVIDIA's tensor cores to do with FP8, in this model's own words:
a few products and the accumulator are added in one step, as fixed-point numbers that are aligned to the largest exponent
among them and truncated toward zero. What is truncated away depends on the company that a product keeps, and so the
result depends on the order of the elements. F, the fraction bits kept, is 13 for FP8 on Hopper and 25 for FP8 and MXFP8 on
Blackwell.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import RESULT_FORMATS, SCALE_BIAS
from mxmac_sim.golden.quantize import dequantize
from mxmac_sim.tensors.mx_tensor import MxTensor, check_matrix

__all__ = ["tensor_core"]

_FP32 = RESULT_FORMATS["FP32"]
#: Exponent of zero: below all others.
_NOTHING = -(1 << 16)
#: Products that are in memory at a time.
_TILE = 1 << 20


def tensor_core(fraction_bits: int, *, group: int = 32) -> Callable[[MxTensor, MxTensor], NDArray[np.float32]]:
    """Matrix product of a tensor core that keeps ``fraction_bits`` bits below the largest exponent of a step.

    Parameters
    ----------
    fraction_bits : int
        F: 13 for Hopper, 25 for Blackwell.
    group : int
        Products that are added in one step, from 1 up; the last step of a dot product may have fewer.

    Returns
    -------
    callable
        Takes tensors of shapes (M, K) and (N, K), gives float32 of shape (M, N): FP32 numbers with at most
        ``fraction_bits`` fraction bits. Exponents of products are the sums of those of their factors, whether or not
        the product is 2 or more; an element that is subnormal has the exponent of the smallest normal one. Each step
        ends with a truncation to the result's own fraction bits. NaN and infinities follow float64 arithmetic.

    Raises
    ------
    ValueError
        If ``fraction_bits`` or ``group`` is below 1; from the callable, if K differs.
    UserError
        From the callable, if a tensor is no matrix.
    """
    if fraction_bits < 1 or group < 1:
        raise ValueError(f"Fraction bits and group must be at least 1, not {fraction_bits} and {group}")

    def multiply(a: MxTensor, b: MxTensor) -> NDArray[np.float32]:
        check_matrix(a, "a")
        check_matrix(b, "b")
        (values_a, exps_a), (values_b, exps_b) = _parts(a), _parts(b)
        (rows, k), (columns, other) = values_a.shape, values_b.shape
        if k != other:
            raise ValueError(f"a has K = {k}, but b has {other}")
        result = np.zeros((rows, columns), np.float32)
        height = max(1, _TILE // (columns * group))
        for top in range(0, rows, height):
            down = slice(top, top + height)
            acc = np.zeros(result[down].shape)
            for start in range(0, k, group):
                step = slice(start, start + group)
                products = values_a[down, np.newaxis, step] * values_b[:, step]
                acc = _add_step(acc, products, exps_a[down, np.newaxis, step] + exps_b[:, step], fraction_bits)
            with np.errstate(over="ignore"):
                result[down] = acc.astype(np.float32)
        return result

    return multiply


def _parts(tensor: MxTensor) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Scaled values, and the exponents that a multiplier sees; both of shape (rows, K)."""
    values = dequantize(tensor)
    smallest = 0 if tensor.format.is_integer else tensor.format.emin
    smallest_scaled = np.repeat(tensor.scales.astype(np.int32) - SCALE_BIAS + smallest, tensor.block, axis=-1)
    exps = np.maximum(np.frexp(values)[1] - 1, smallest_scaled)
    return values, np.where(values == 0, _NOTHING, exps).astype(np.int32)


def _add_step(
    acc: NDArray[np.float64], products: NDArray[np.float64], exps: NDArray[np.int32], fraction_bits: int
) -> NDArray[np.float64]:
    """Add the last axis of ``products`` to ``acc``; an accumulator of zero has the smallest exponent of FP32."""
    largest = np.maximum(exps.max(-1), _exponents(acc))
    up = fraction_bits - largest
    with np.errstate(invalid="ignore"):  # Inf - Inf
        # Integers that together stay far below 2^53, so that float64 adds them exactly.
        total = np.trunc(np.ldexp(acc, up)) + np.trunc(np.ldexp(products, up[..., np.newaxis])).sum(-1)
    total = np.ldexp(total, -up)
    # FP32 has 23 fraction bits; with F = 13 the accumulator has no more than 13 either.
    up = min(fraction_bits, _FP32.man_bits) - _exponents(total)
    truncated: NDArray[np.float64] = np.ldexp(np.trunc(np.ldexp(total, up)), -up)
    return truncated


def _exponents(values: NDArray[np.float64]) -> NDArray[np.int32]:
    # frexp's fraction is in [0.5, 1), and its exponent of zero is 0.
    return np.where(values == 0, _FP32.emin, np.maximum(np.frexp(values)[1] - 1, _FP32.emin)).astype(np.int32)
