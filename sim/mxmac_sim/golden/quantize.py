"""The golden quantizer: floats to MX elements with UE8M0 scales, and back (MX v1.0, 6.3; OFP8 v1.0).

All of it is arithmetic on exponents and on integers that float64 holds exactly; no logarithm is taken, and nothing is
shared with the hardware but :mod:`mxmac.formats` and the names of the rules.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mxmac.errors import UserError
from mxmac.formats import SCALE_BIAS, SCALE_NAN, Format
from mxmac.quantizer.rules import Overflow, ScaleRule
from mxmac_sim.golden.sqnr import sqnr_db
from mxmac_sim.tensors.archives import is_float, widened
from mxmac_sim.tensors.mx_tensor import MxTensor, element_values

__all__ = [
    "Overflow",
    "ScaleRule",
    "beyond_fp32",
    "block_scales",
    "check_blocks",
    "clipped",
    "dequantize",
    "encode",
    "quantize",
    "sqnr_db",
    "too_large",
]


def block_scales(amax: ArrayLike, fmt: Format, rule: ScaleRule = ScaleRule.RCEIL) -> NDArray[np.uint8]:
    """Return the UE8M0 codes of blocks with these largest magnitudes.

    Parameters
    ----------
    amax : float32, any shape
        Non-negative. Subnormals count as what they are; other float types are rounded to FP32 first.
    fmt : Format
        Of the elements.
    rule : ScaleRule

    Returns
    -------
    ndarray of uint8, same shape
        Codes 0 to 254, clamped to that range; 0 for an all-zero block; 0xFF, which is NaN, if amax is NaN or Inf.
    """
    bits = np.asarray(amax, np.float32).view(np.uint32).astype(np.int64)
    biased, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    # A subnormal is its fraction times 2^-149. As an integer below 2^24 that fraction is itself a float32, and its
    # exponent field says how far to move the leading one to where normal numbers have their hidden bit. That field is 0
    # for zero, so that the exponent of zero ends below all others and is clamped to code 0.
    length = (fraction.astype(np.float32).view(np.uint32) >> 23).astype(np.int64) - 126
    subnormal = biased == 0
    exponent = np.where(subnormal, length - 150, biased - 127)
    significand = np.where(subnormal, fraction << np.clip(24 - length, 0, 24), fraction | 1 << 23)

    # Whether this significand, from 2^23 up to 2^24, needs twice the scale that FLOOR gives.
    if rule is ScaleRule.FLOOR:
        bump: NDArray[np.bool_] = np.zeros(bits.shape, np.bool_)
    elif rule is ScaleRule.CEIL:
        bump = significand > 1 << 23
    elif rule is ScaleRule.RCEIL:
        bump = significand > int(fmt.max_value * 2 ** (23 - fmt.emax))
    else:
        # Half a unit in the last place of the element's significand, which in INT8 has no hidden bit. The tie at the
        # top of a binade goes up, as the power of two above is the even one, and no other tie matters here.
        half = 1 << (22 - fmt.man_bits + fmt.is_integer)
        bump = significand + half >= 1 << 24
    codes = np.clip(exponent + bump - fmt.emax + SCALE_BIAS, 0, SCALE_NAN - 1)
    return np.where(biased == 0xFF, SCALE_NAN, codes).astype(np.uint8)


def encode(values: ArrayLike, fmt: Format, overflow: Overflow = Overflow.SAT) -> NDArray[np.uint8]:
    """Return the element codes nearest to these values, ties to the even code (MX v1.0, 6.3; OFP8 v1.0).

    Rounded once, from the float64 (ml_dtypes 0.6 goes through FP32 and so rounds twice). Overflow is what is beyond the
    largest element after rounding: 464 is a tie that goes down to 448 in E4M3.

    Parameters
    ----------
    values : float64, any shape
        Already divided by the scale of their block.
    fmt : Format
    overflow : Overflow

    Returns
    -------
    ndarray of uint8, same shape
        One code a byte. NaN gives the quiet NaN (positive), or code 0 in a format that has none: there the scale of its
        block, which is NaN too, has to tell. INT8 saturates to -127 and 127: MX v1.0, 5.3.4, lets -128 stay unused to
        keep the range symmetric, so that negated values have negated codes, as in every other format.
    """
    values = np.asarray(values, np.float64)
    nan, magnitude = np.isnan(values), np.abs(values)
    if fmt.is_integer:
        largest = fmt.max_integer - 1
        steps = np.rint(np.ldexp(np.clip(np.where(nan, 0.0, values), -2.0, 2.0), -fmt.lsb_exp))
        codes: NDArray[np.int8] = np.clip(steps, -largest, largest).astype(np.int8)
        return codes.view(np.uint8)

    finite = np.where(np.isfinite(values), magnitude, 0.0)
    # Exponent of the binade, floored at that of the subnormals; frexp's fraction is in [0.5, 1), but 0 for zero.
    binade = np.where(finite == 0, fmt.emin, np.maximum(np.frexp(finite)[1].astype(np.int64) - 1, fmt.emin))
    significand = np.rint(np.ldexp(finite, fmt.man_bits - binade)).astype(np.int64)
    # Magnitude codes count upwards through subnormals and binades alike: the hidden bit adds one to the exponent field,
    # and so does a carry out of rounding.
    codes = (binade - fmt.emin << fmt.man_bits) + significand
    largest = beyond = _largest_code(fmt)
    if overflow is Overflow.OVF and fmt.has_nan:
        beyond = fmt.inf_code if fmt.has_inf else fmt.nan_code
    codes = np.where((codes > largest) | np.isinf(values), beyond, codes)
    codes |= np.signbit(values).astype(np.int64) << (fmt.width - 1)
    return np.where(nan, fmt.nan_code if fmt.has_nan else 0, codes).astype(np.uint8)


def quantize(
    x: ArrayLike,
    fmt: Format,
    *,
    block: int = 32,
    rows: int = 1,
    rule: ScaleRule = ScaleRule.RCEIL,
    overflow: Overflow = Overflow.SAT,
) -> MxTensor:
    """Convert floats to blocks along the last axis that share a scale (MX v1.0, 6.3).

    Parameters
    ----------
    x : float16, bfloat16, float32 or float64, shape (..., K)
        K is a multiple of ``block``. float64 is rounded to FP32 first, to nearest, ties to even.
    fmt : Format
        Of the elements.
    block : int
        Elements per block.
    rows : int
        Rows, along the last axis but one, whose blocks share one scale: 128 for the weights of DeepSeek. The last such tile
        may have fewer.
    rule : ScaleRule
    overflow : Overflow

    Returns
    -------
    MxTensor
        With a scale for every row and block, also where rows share it. If a block holds a NaN or Inf, its scale is 0xFF and
        all its elements are NaN, or 0 in a format without NaN: so a reader that ignores the scale also gets NaN where the
        format has it.

    Raises
    ------
    UserError
        If ``x`` is not of a float type or has no elements, K is not a multiple of ``block``, there are no rows to share
        scales, or a finite float64 is beyond the range of FP32.
    """
    values = _as_float32(np.asarray(x))
    check_blocks(values.shape, block, rows)
    blocks = values.reshape(*values.shape[:-1], -1, block)
    amax = np.abs(blocks).max(axis=-1)
    if rows > 1:
        amax = np.maximum.reduceat(amax, np.arange(0, values.shape[-2], rows), axis=-2)
        amax = np.repeat(amax, rows, axis=-2)[..., : values.shape[-2], :]
    scales = block_scales(amax, fmt, rule)
    # Exact: the quotient has the significand of an FP32 number, and float64 has exponents to spare.
    with np.errstate(invalid="ignore"):  # a signalling NaN
        quotients = np.ldexp(widened(blocks), SCALE_BIAS - scales.astype(np.int64)[..., np.newaxis])
    quotients[scales == SCALE_NAN] = np.nan
    return MxTensor(encode(quotients, fmt, overflow).reshape(values.shape), scales, fmt, block)


def check_blocks(shape: tuple[int, ...], block: int, rows: int = 1) -> None:
    """Refuse a shape that :func:`quantize` cannot cut into blocks.

    Parameters
    ----------
    shape : tuple of int
    block, rows : int
        As of :func:`quantize`.

    Raises
    ------
    UserError
        If there are no elements, K is not a multiple of ``block``, or there are no rows to share scales.
    """
    if not shape or 0 in shape:
        raise UserError("tensor", f"The tensor has shape {shape}; an axis, and no empty one, is needed")
    k = shape[-1]
    if block < 1 or k % block:
        message = f"K = {k}, the length of the last axis, is not a multiple of the block of {block} elements"
        raise UserError("block", f"{message}; give a block that divides {k}, or pad the tensor with zeros")
    if rows > 1 and len(shape) < 2:
        raise UserError("tensor", f"The tensor has shape {shape}; a matrix is needed for scales of {rows} rows")


def dequantize(tensor: MxTensor) -> NDArray[np.float64]:
    """Return the exact values of an MX tensor: each element times the scale of its block (MX v1.0, 5.1).

    Returns
    -------
    ndarray of float64, shape (..., K)
        All values of a block whose scale is 0xFF are NaN.
    """
    values = element_values(tensor.elements, tensor.format)
    scales = tensor.scales.astype(np.int64)[..., np.newaxis]
    blocks = np.ldexp(values.reshape(*tensor.scales.shape, tensor.block), scales - SCALE_BIAS)
    return np.where(scales == SCALE_NAN, np.nan, blocks).reshape(values.shape)


def clipped(x: ArrayLike, tensor: MxTensor) -> NDArray[np.bool_]:
    """Return which values of ``x`` lie beyond the largest element times the scale of their block.

    Parameters
    ----------
    x : float, shape (..., K)
        What ``tensor`` was made from.
    tensor : MxTensor

    Returns
    -------
    ndarray of bool, shape (..., K)
    """
    magnitude = np.abs(widened(np.asarray(x)))
    limits = np.ldexp(float(tensor.format.max_value), tensor.scales.astype(np.int64) - SCALE_BIAS)
    return magnitude > np.repeat(limits, tensor.block, axis=-1)


def _largest_code(fmt: Format) -> int:
    """Code of the largest finite number of a floating-point format."""
    return (fmt.exp_max - 1 << fmt.man_bits) + (fmt.max_integer >> fmt.exp_max - 1)


def _as_float32(x: NDArray[Any]) -> NDArray[np.float32]:
    if not is_float(x.dtype):
        raise UserError("tensor", f"The tensor has dtype {x.dtype}; float16, bfloat16, float32 or float64 is needed")
    lost = beyond_fp32(x)
    if lost.any():
        raise too_large(int(np.count_nonzero(lost)), float(x[lost][0]))
    with np.errstate(under="ignore", invalid="ignore"):  # invalid: a signalling NaN
        return x.astype(np.float32)


def beyond_fp32(x: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which float64 values are finite, and not as FP32 numbers; False for other types."""
    if x.dtype.itemsize < 8:
        return np.zeros((1,) * x.ndim, np.bool_)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # invalid: a signalling NaN
        beyond: NDArray[np.bool_] = np.isinf(x.astype(np.float32)) & ~np.isinf(x)
    return beyond


def too_large(count: int, first: float) -> UserError:
    """Return the error about a number of float64 values beyond FP32, of which one is the first."""
    message = f"{count} float64 values, the first {first:.6g}, are too large for FP32"
    return UserError("tensor", f"{message}; the range of FP32 is needed")
