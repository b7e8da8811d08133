"""Accumulation of exact block sums, by the rules of each accumulator.

Each rule is there twice: for all dot products at once in 64-bit integers or float64, and for one dot product in Python
integers, which is used where the former might not hold the numbers. Both know finite numbers only; what infinities
and NaN make of the result is put on top.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import RESULT_FORMATS, Format
from mxmac_sim.blocks import BlockSums
from mxmac_sim.rounding import INT_BITS, NV, NX, OF, UF, bit_length, round_array, round_to

__all__ = ["accumulate"]

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]
_Codes = NDArray[np.uint32]
_Status = NDArray[np.uint8]

_FP32 = RESULT_FORMATS["FP32"]
#: An exponent beyond any other.
_FAR = 1 << 20


def accumulate(sums: BlockSums, config: MacConfig) -> tuple[_Codes, _Status]:
    """Add up the blocks along the first axis and round.

    Parameters
    ----------
    sums : BlockSums
        Of shape (blocks, ...), with at least one block.
    config : MacConfig

    Returns
    -------
    data : ndarray of uint32, shape (...)
    status : ndarray of uint8, shape (...)
    """
    blocks, *shape = sums.exps.shape
    overflowed = np.full(shape, blocks)
    accumulator = config.accumulator.value
    if accumulator == "exact":
        data, status, done = _exact(sums, config.output)
    elif accumulator == "window":
        data, status, done = _window(sums, config)
    else:
        data, status, overflowed, done = _fp32(sums, config.output)

    slow = np.nonzero(~done)
    rest = (slice(None), *slow)
    every = zip(*slow, sums.integers(rest).T.tolist(), sums.exps[rest].T.tolist(), strict=True)
    for *position, values, exps in every:
        where = tuple(position)
        if accumulator == "exact":
            data[where], status[where] = _exact_one(values, exps, config.output)
        elif accumulator == "window":
            data[where], status[where] = _window_one(values, exps, config)
        else:
            data[where], status[where], overflowed[where] = _fp32_one(values, exps, config.output)
    if sums.nan is not None:
        data, status = _specials(sums, data, status, overflowed, config.output)
    return data, status


# exact: one sum, rounded once


def _exact(sums: BlockSums, output: Format) -> tuple[_Codes, _Status, _Bools]:
    values, fitting = sums.fitting()
    low, high, bits = _extent(values, sums.exps)
    done = fitting.all(0) & (bits + high - low + len(values).bit_length() <= INT_BITS)
    total = (values << np.clip(sums.exps - low, 0, INT_BITS)).sum(0)
    total[~done] = 0
    return *round_array(total, low + sums.zeros, output, np.False_), done


def _exact_one(values: Sequence[int], exps: Sequence[int], output: Format) -> tuple[int, int]:
    low = min(exps)
    return round_to(sum(value << exp - low for value, exp in zip(values, exps, strict=True)), low, output)


def _extent(values: _Ints, exps: _Ints) -> tuple[_Ints, _Ints, _Ints]:
    """Smallest and largest exponent of the sums that are not zero (0 and 0 if all are), and bits of the largest sum."""
    live = values != 0
    low = np.where(live, exps, _FAR).min(0)
    high = np.where(live, exps, -_FAR).max(0)
    empty = low == _FAR
    low[empty] = high[empty] = 0
    return low, high, bit_length(np.maximum(values.max(0), -values.min(0)).astype(np.uint64))


# window: fixed point, floored and clamped after each block, rounded once


def _window(sums: BlockSums, config: MacConfig) -> tuple[_Codes, _Status, _Bools]:
    values, fitting = sums.fitting()
    if config.window_lsb is None:
        first = (values != 0).argmax(0)  # the first block, if all are zero: then any window will do
        lsb = np.take_along_axis(sums.exps, first[np.newaxis], 0)[0] - config.window_guard
    else:
        lsb = np.full(values.shape[1:], config.window_lsb)
    shifts = sums.exps + sums.zeros - lsb
    done = fitting.all(0)
    if config.window > INT_BITS:
        # Then the sum must be known not to leave a window of INT_BITS bits, which stands for the true one here.
        _, high, bits = _extent(values, shifts)
        done = done & (bits + high + len(values).bit_length() < INT_BITS)
    end = 1 << min(config.window, INT_BITS) - 1

    acc = np.zeros(values.shape[1:], np.int64)
    floored, saturated = np.zeros_like(acc, np.bool_), np.zeros_like(acc, np.bool_)
    for value, shift in zip(values, shifts, strict=True):
        left, right = np.clip(shift, 0, INT_BITS), np.clip(-shift, 0, INT_BITS + 1)
        steps = value >> right
        floored |= steps << right != value
        # What would leave the window from any place inside it may as well be 2^62.
        beyond = np.abs(steps) > 1 << INT_BITS >> left
        total = acc + np.where(beyond, np.sign(steps) << INT_BITS, steps << left)
        acc = np.clip(total, -end, end - 1)
        saturated |= acc != total
    data, status = round_array(acc, lsb, config.output, floored | saturated)
    return data, status | np.where(saturated, OF, 0).astype(np.uint8), done


def _window_one(values: Sequence[int], exps: Sequence[int], config: MacConfig) -> tuple[int, int]:
    lsb = config.window_lsb
    if lsb is None:
        lsb = next((exp for value, exp in zip(values, exps, strict=True) if value), 0) - config.window_guard
    end = 1 << config.window - 1
    acc, floored, saturated = 0, False, False
    for value, exp in zip(values, exps, strict=True):
        if exp >= lsb:
            steps = value << exp - lsb
        else:
            steps = value >> lsb - exp
            floored |= steps << lsb - exp != value
        total = acc + steps
        acc = max(-end, min(end - 1, total))
        saturated |= acc != total
    data, status = round_to(acc, lsb, config.output, inexact=floored or saturated)
    return data, status | (OF if saturated else 0)


# fp32: one rounding after each block


def _fp32(sums: BlockSums, output: Format) -> tuple[_Codes, _Status, NDArray[np.int64], _Bools]:
    """Also give the block at which each accumulator overflowed (as many as there are blocks, if it did not)."""
    values, fitting = sums.fitting()
    floats = values.astype(np.float64)
    done = (fitting & (floats.astype(np.int64) == values)).all(0)
    # Powers of two, from their bits: all are normal numbers.
    scaled = floats * (sums.exps + sums.zeros + 1023 << 52).view(np.float64)

    acc = np.zeros(values.shape[1:])
    status = np.zeros(acc.shape, np.uint8)
    overflowed = np.full(acc.shape, len(values))
    for block, addend in enumerate(scaled):
        finite = np.isfinite(acc)
        total = _round_to_odd_sum(acc, addend, finite)
        with np.errstate(over="ignore"):
            acc = total.astype(np.float32).astype(np.float64)
        inexact, overflow = finite & (acc != total), finite & np.isinf(acc)
        # Rounded to 24 bits, this and what is above it would be 2^emin or more.
        tiny = np.abs(total) < 2.0**_FP32.emin - 2.0 ** (_FP32.lsb_exp - 2)
        status |= np.where(inexact, NX, 0).astype(np.uint8)
        status |= np.where(inexact & tiny, UF, 0).astype(np.uint8)
        status |= np.where(overflow, OF, 0).astype(np.uint8)
        overflowed[overflow] = block
    codes = acc.astype(np.float32).view(np.uint32)
    data, last = _convert(codes, output)
    return data, status | last, overflowed, done


def _round_to_odd_sum(acc: NDArray[np.float64], addend: NDArray[np.float64], finite: _Bools) -> NDArray[np.float64]:
    """``acc + addend``, if inexact, then the one of the two neighbours whose last bit is 1.

    Such a sum has 53 bits of which the last tells that there is more, so that rounding it to 24 bits is the only
    rounding (Boldo and Melquiond, "Emulation of a FMA and correctly rounded sums", 2008).
    """
    with np.errstate(invalid="ignore"):  # an accumulator that is infinite has no error
        total = acc + addend
        # TwoSum (Knuth): exact, as nothing here comes near the ends of float64's range.
        addend_part = total - acc
        error = (acc - (total - addend_part)) + (addend - addend_part)
    bits = total.view(np.int64)
    move = finite & (error != 0) & (bits & 1 == 0)
    return (bits + np.where(move, np.where((error > 0) == (total > 0), 1, -1), 0)).view(np.float64)


def _convert(codes: _Codes, output: Format) -> tuple[_Codes, _Status]:
    """Round FP32 codes without NaN to the output."""
    if output == _FP32:
        return codes, np.zeros(codes.shape, np.uint8)
    value, exp = _fp32_parts(codes.astype(np.int64))
    data, status = round_array(value, exp, output, np.False_)
    infinite = codes & 0x7FFFFFFF == _FP32.inf_code
    data[infinite], status[infinite] = output.inf_code, 0
    sign = codes >> np.uint32(_FP32.width - output.width) & np.uint32(1 << (output.width - 1))
    return data | sign, status


def _fp32_parts(codes: _Ints) -> tuple[_Ints, _Ints]:
    """Signed integer and exponent of finite FP32 numbers."""
    exp, mantissa = codes >> 23 & 0xFF, codes & 0x7FFFFF
    magnitude = np.where(exp > 0, mantissa | 1 << 23, mantissa)
    return np.where(codes >> 31 & 1, -magnitude, magnitude), np.maximum(exp, 1) - 1 + _FP32.lsb_exp


def _fp32_one(values: Sequence[int], exps: Sequence[int], output: Format) -> tuple[int, int, int]:
    unit = min(*exps, _FP32.lsb_exp)
    acc, code, flags, overflowed = 0, 0, 0, len(values)
    for block, (value, exp) in enumerate(zip(values, exps, strict=True)):
        code, status = round_to(acc + (value << exp - unit), unit, _FP32)
        flags |= status
        if code & 0x7FFFFFFF == _FP32.inf_code:
            overflowed = block
            break
        magnitude = code & 0x7FFFFF | (1 << 23 if code >> 23 & 0xFF else 0)
        magnitude <<= max(code >> 23 & 0xFF, 1) - 1 + _FP32.lsb_exp - unit
        acc = -magnitude if code >> 31 else magnitude
    data, last = _convert(np.array([code], np.uint32), output)
    return int(data[0]), flags | int(last[0]), overflowed


# Infinities and NaN


def _specials(
    sums: BlockSums, data: _Codes, status: _Status, overflowed: NDArray[np.int64], output: Format
) -> tuple[_Codes, _Status]:
    assert sums.nan is not None and sums.invalid is not None  # noqa: PT018
    assert sums.pos_inf is not None and sums.neg_inf is not None  # noqa: PT018
    pos, neg = sums.pos_inf.any(0), sums.neg_inf.any(0)
    blocks = len(sums.exps)
    # An accumulator that overflowed to an infinity meets the other one; a NaN before that hides it.
    infinite = sums.pos_inf | sums.neg_inf
    meets = np.where(infinite.any(0), infinite.argmax(0), blocks)
    hidden = sums.nan | sums.invalid | (sums.pos_inf & sums.neg_inf)
    first_hidden = np.where(hidden.any(0), hidden.argmax(0), blocks)
    negative = data >> np.uint32(output.width - 1) == 1
    clash = (overflowed < meets) & (meets < first_hidden) & np.where(negative, pos, neg)

    nv = sums.invalid.any(0) | (pos & neg) | clash
    nan = nv | sums.nan.any(0)
    infinity = np.where(neg, output.inf_code | 1 << (output.width - 1), output.inf_code)
    data = np.where(nan, output.nan_code, np.where(pos | neg, infinity, data)).astype(np.uint32)
    return data, np.where(nv, NV, np.where(nan | pos | neg, 0, status)).astype(np.uint8)
