"""Rounding of exact values, once, with status flags: plain integers one at a time, or 64-bit ones in arrays.

Round to nearest, ties to even, with subnormals (IEEE 754-2019, 4.3.1). Tininess is detected after rounding (7.5): a
value is tiny if, rounded as if the exponent had no lower end, it is below the smallest normal number.
"""

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import Format
from mxmac_sim.tensors.mx_tensor import RESULT_DTYPES

__all__ = [
    "DZ",
    "INT_BITS",
    "NV",
    "NX",
    "OF",
    "UF",
    "bit_length",
    "round_array",
    "round_floats",
    "round_to",
    "round_to_odd_sum",
]

#: Status flags in the order of RISC-V's fflags.
NV, DZ, OF, UF, NX = 16, 8, 4, 2, 1

#: Magnitudes in arrays are below 2^INT_BITS, so that the sum of two of them fits an int64.
INT_BITS = 62


def round_to(value: int, exp: int, output: Format, *, inexact: bool = False) -> tuple[int, int]:
    """Round ``value * 2^exp``.

    Parameters
    ----------
    value, exp : int
        Of any size. A value of zero is +0.
    output : Format
        FP32, BF16 or FP16.
    inexact : bool
        Whether something was lost before: raises NX, and UF if the value is tiny. Zero is not tiny.

    Returns
    -------
    code, status : int
        An overflow gives ±Inf and raises OF and NX; a value that rounds to zero keeps its sign.
    """
    if value == 0:
        return 0, NX if inexact else 0
    magnitude, precision = abs(value), output.man_bits + 1
    binade_end = magnitude.bit_length() + exp  # the value is below this power of two, and not below half of it
    free_ulp = binade_end - precision
    ulp = max(free_ulp, output.lsb_exp)
    significand, lost = _nearest_even(magnitude, ulp - exp)
    tiny = _nearest_even(magnitude, free_ulp - exp)[0].bit_length() + free_ulp <= output.emin

    # Codes count upwards through subnormals and binades alike: the hidden bit adds one to the exponent field, and so
    # does a carry out of rounding.
    code = (ulp - output.lsb_exp << output.man_bits) + significand
    inexact |= lost
    status = (NX if inexact else 0) | (UF if inexact and tiny else 0)
    if code >= output.inf_code:
        code, status = output.inf_code, OF | NX
    return code | (value < 0) << (output.width - 1), status


def _nearest_even(magnitude: int, shift: int) -> tuple[int, bool]:
    """``magnitude / 2^shift`` rounded to an integer, and whether that is inexact."""
    if shift <= 0:
        return magnitude << -shift, False
    quotient, rest = divmod(magnitude, 1 << shift)
    half = 1 << (shift - 1)
    return quotient + (rest > half or (rest == half and quotient % 2 == 1)), rest != 0


def round_array(
    values: NDArray[np.int64], exps: NDArray[np.int64], output: Format, inexact: NDArray[np.bool_] | bool = False
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Round as :func:`round_to` does, for arrays of one shape; magnitudes must be below 2^62.

    Returns
    -------
    code : ndarray of uint32
    status : ndarray of uint8
    """
    magnitudes, precision = np.abs(values).astype(np.uint64), output.man_bits + 1
    lengths = bit_length(magnitudes)
    free_ulp = lengths + exps - precision
    ulp = np.maximum(free_ulp, output.lsb_exp)
    significands, lost = _nearest_even_array(magnitudes, ulp - exps)
    free_significands, _ = _nearest_even_array(magnitudes, lengths - precision)
    zero = values == 0
    tiny = (bit_length(free_significands) + free_ulp <= output.emin) & ~zero

    codes = (ulp - output.lsb_exp << output.man_bits) + significands.astype(np.int64)
    codes[zero] = 0
    overflow = codes >= output.inf_code
    codes = np.minimum(codes, output.inf_code) | (values < 0).astype(np.int64) << (output.width - 1)
    inexact = inexact | lost | overflow
    status = np.where(inexact, NX, 0) | np.where(inexact & tiny, UF, 0) | np.where(overflow, OF, 0)
    return codes.astype(np.uint32), status.astype(np.uint8)


def round_floats(values: NDArray[np.float64], output: Format) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Round as :func:`round_to` does, for finite float64 numbers that are exact or rounded to odd; -0 gives +0.

    Returns
    -------
    code : ndarray of uint32
    status : ndarray of uint8
    """
    values = values + 0.0
    with np.errstate(over="ignore", under="ignore"):
        dtype = RESULT_DTYPES[output.name]
        rounded = (values if dtype == np.float32 else _on_grid(values, output)).astype(np.float32)
        codes = rounded.astype(dtype).view(f"u{output.width // 8}").astype(np.uint32)
    magnitudes = np.abs(values)
    overflow = np.abs(rounded) > float(output.max_value)
    inexact = (rounded != values) | overflow
    # Rounded to the precision of the output, this and numbers above it would be 2^emin or more.
    tiny = inexact & (magnitudes < 2.0**output.emin - 2.0 ** (output.lsb_exp - 2))
    status = inexact.view(np.uint8) * np.uint8(NX)
    # Of few results, if any.
    if tiny.any():
        status[tiny] |= UF
    if overflow.any():
        status[overflow] |= OF
    return codes, status


def _on_grid(values: NDArray[np.float64], output: Format) -> NDArray[np.float64]:
    """Round to the precision of a format and its subnormals, as if it had no largest number."""
    binades = (values.view(np.int64) >> 52 & 0x7FF) - 1023
    ulps = np.maximum(binades - output.man_bits, output.lsb_exp)
    # float64 has the same ulp from 2^52 of them on, and rounds to it. The half more is for negative values.
    anchors = ((ulps + 52 + 1023 << 52) | 1 << 51).view(np.float64)
    on_grid: NDArray[np.float64] = np.copysign((values + anchors) - anchors, values)
    return on_grid


def round_to_odd_sum(
    first: NDArray[np.float64], second: NDArray[np.float64], finite: NDArray[np.bool_] | np.bool_ = np.True_
) -> NDArray[np.float64]:
    """Return ``first + second``; if that is inexact, then the one of the two neighbours whose last bit is 1.

    Such a sum has 53 bits of which the last tells that there is more, so that rounding it to 24 bits is the only
    rounding (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008).

    Parameters
    ----------
    first, second : ndarray of float64
        Magnitudes are far from both ends of the range of float64; ``first`` may be infinite.
    finite : ndarray of bool
        Whether ``first`` is finite.
    """
    with np.errstate(invalid="ignore"):  # an infinite number has no error
        total = first + second
        # TwoSum (Knuth): exact, as nothing here comes near the ends of float64's range.
        second_part = total - first
        error = (first - (total - second_part)) + (second - second_part)
    bits = total.view(np.int64)
    move = finite & (error != 0) & (bits & 1 == 0)
    return (bits + np.where(move, np.where((error > 0) == (total > 0), 1, -1), 0)).view(np.float64)


def _nearest_even_array(
    magnitudes: NDArray[np.uint64], shifts: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    left = np.clip(-shifts, 0, 63).astype(np.uint64)
    # A magnitude below 2^62 is less than half of 2^63 already: further than that, it stays zero and inexact.
    right = np.clip(shifts, 0, 63).astype(np.uint64)
    one = np.uint64(1)
    quotients = magnitudes << left >> right
    rests = magnitudes & ((one << right) - one)
    halves = one << right >> one  # 0 if there is nothing to round off; then the rest is 0, too, and no tie
    up = (rests > halves) | ((rests == halves) & (right > 0) & (quotients & one == one))
    return quotients + up, rests != 0


def bit_length(magnitudes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the bit length of each number; 0 for zero."""
    # The exponent of a float64, taken from 32 bits at a time: a conversion of more than 53 could round up.
    high = magnitudes >> np.uint64(32)
    low = magnitudes & np.uint64(0xFFFFFFFF)
    lengths = np.where(high > 0, np.frexp(high.astype(np.float64))[1] + 32, np.frexp(low.astype(np.float64))[1])
    return lengths.astype(np.int64)
