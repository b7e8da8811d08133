"""Accumulation of exact block sums, by the rules of each accumulator.

Each rule is written twice: for all dot products at once in 64-bit integers or float64, and for one dot product in Python
integers, for numbers beyond the range of those. Both assume finite numbers; a last step applies infinities and NaN.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import RESULT_FORMATS, Format
from mxmac_sim.golden.blocks import BlockSums, Specials
from mxmac_sim.golden.rounding import INT_BITS, NV, NX, OF, UF, bit_length, round_array, round_to, round_to_odd_sum

__all__ = ["accumulate"]

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]
_Floats = NDArray[np.float64]
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
    never = np.full(sums.exps.shape[1:], len(sums.exps))
    match config.accumulator.value:
        case "exact":
            data, status, overflowed = *_exact(sums, config.output), never
        case "window":
            data, status, overflowed = *_window(sums, config), never
        case "fp32":
            data, status, overflowed = _fp32(sums, config.output)
        case other:
            raise ValueError(f"There is no golden model of the accumulator {other!r}")
    if sums.specials is not None:
        return _with_specials(sums.specials, data, status, overflowed, config.output)
    return data, status


# exact: one sum, rounded once


def _exact(sums: BlockSums, output: Format) -> tuple[_Codes, _Status]:
    values, fitting = sums.fitting()
    low, high, bits = _extent(values, sums.exps)
    done = fitting.all(0) & (bits + high - low + len(values).bit_length() <= INT_BITS)
    total = (values << np.clip(sums.exps - low, 0, INT_BITS)).sum(0)
    total[~done] = 0
    data, status = round_array(total, low + sums.zeros, output)
    for where, integers, exps in sums.one_by_one(~done):
        data[where], status[where] = _exact_one(integers, exps, output)
    return data, status


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


def _window(sums: BlockSums, config: MacConfig) -> tuple[_Codes, _Status]:
    values, fitting = sums.fitting()
    if config.window_lsb is None:
        first = (values != 0).argmax(0)  # the first block, if all are zero: then any window will do
        lsb = np.take_along_axis(sums.exps, first[np.newaxis], 0)[0] - config.window_guard_bits
    else:
        lsb = np.full(values.shape[1:], config.window_lsb)
    shifts = sums.exps + sums.zeros - lsb
    done: _Bools = np.asarray(fitting.all(0))
    wide = config.window_bits > INT_BITS
    width = np.full(lsb.shape, config.window_bits)
    if wide:
        # What there is of it must do: the window ends at INT_BITS bits, and without the lowest ones if no block reaches
        # down to them. If a sum leaves that, it is not known where the true window saturates.
        skipped = np.maximum(_extent(values, shifts)[0], 0)
        lsb, shifts, width = lsb + skipped, shifts - skipped, np.minimum(width - skipped, INT_BITS)
        done = np.logical_and(done, width > 0)
    end = np.left_shift(1, np.maximum(width, 1) - 1)

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
    if wide:
        done = np.logical_and(done, ~saturated)
    data, status = round_array(acc, lsb, config.output, floored | saturated)
    status[saturated] |= OF
    for where, integers, exps in sums.one_by_one(~done):
        data[where], status[where] = _window_one(integers, exps, config)
    return data, status


def _window_one(values: Sequence[int], exps: Sequence[int], config: MacConfig) -> tuple[int, int]:
    lsb = config.window_lsb
    if lsb is None:
        lsb = next((exp for value, exp in zip(values, exps, strict=True) if value), 0) - config.window_guard_bits
    end = 1 << config.window_bits - 1
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


def _fp32(sums: BlockSums, output: Format) -> tuple[_Codes, _Status, _Ints]:
    """Return results, flags, and the block at which each accumulator overflowed; the number of blocks if it did not."""
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
        total = round_to_odd_sum(acc, addend, finite)
        with np.errstate(over="ignore"):
            acc = total.astype(np.float32).astype(np.float64)
        inexact, overflow = acc != total, finite & np.isinf(acc)  # one that is infinite stays so exactly
        # Rounded to 24 bits, this and what is above it would be 2^emin or more.
        tiny = np.abs(total) < 2.0**_FP32.emin - 2.0 ** (_FP32.lsb_exp - 2)
        status |= np.where(inexact, NX, 0).astype(np.uint8)
        status |= np.where(inexact & tiny, UF, 0).astype(np.uint8)
        status |= np.where(overflow, OF, 0).astype(np.uint8)
        overflowed[overflow] = block
    for where, integers, exps in sums.one_by_one(~done):
        acc[where], status[where], overflowed[where] = _fp32_one(integers, exps)
    data, last = _convert(acc, output)
    return data, status | last, overflowed


def _convert(acc: _Floats, output: Format) -> tuple[_Codes, _Status]:
    """Round FP32 numbers, stored as float64 and not NaN, to the output."""
    if output == _FP32:
        return acc.astype(np.float32).view(np.uint32), np.zeros(acc.shape, np.uint8)
    infinite, precision = np.isinf(acc), _FP32.man_bits + 1
    fractions, exps = np.frexp(np.where(infinite, 0.0, acc))
    data, status = round_array(np.ldexp(fractions, precision).astype(np.int64), exps.astype(np.int64) - precision, output)
    data[infinite] = output.inf_code
    return data | np.signbit(acc).astype(np.uint32) << np.uint32(output.width - 1), status


def _fp32_one(values: Sequence[int], exps: Sequence[int]) -> tuple[float, int, int]:
    unit = min(*exps, _FP32.lsb_exp)
    acc, number, flags = 0, 0.0, 0
    for block, (value, exp) in enumerate(zip(values, exps, strict=True)):
        code, status = round_to(acc + (value << exp - unit), unit, _FP32)
        number, flags = float(np.uint32(code).view(np.float32)), flags | status
        if math.isinf(number):
            return number, flags, block
        acc = int(math.ldexp(number, -_FP32.lsb_exp)) << _FP32.lsb_exp - unit
    return number, flags, len(values)


# Infinities and NaN


def _with_specials(
    specials: Specials, data: _Codes, status: _Status, overflowed: _Ints, output: Format
) -> tuple[_Codes, _Status]:
    """Apply infinities and NaN to finite results; ``overflowed`` is the block that made an accumulator infinite."""
    pos, neg = specials.pos_inf.any(0), specials.neg_inf.any(0)
    # An accumulator that overflowed to an infinity meets the other one; a NaN before that hides it.
    infinite = specials.pos_inf | specials.neg_inf
    hiding = specials.nan | specials.invalid | (specials.pos_inf & specials.neg_inf)
    meets, hidden = _first(infinite), _first(hiding)
    negative = data >> np.uint32(output.width - 1) == 1
    clash = (overflowed < meets) & (meets < hidden) & np.where(negative, pos, neg)

    nv = specials.invalid.any(0) | (pos & neg) | clash
    nan = nv | specials.nan.any(0)
    infinity = np.where(neg, output.inf_code | 1 << (output.width - 1), output.inf_code)
    data = np.where(nan, output.nan_code, np.where(pos | neg, infinity, data)).astype(np.uint32)
    return data, np.where(nv, NV, np.where(nan | pos | neg, 0, status)).astype(np.uint8)


def _first(blocks: _Bools) -> _Ints:
    """Return the index of the first True along the first axis; its length if there is none."""
    return np.where(blocks.any(0), blocks.argmax(0), len(blocks))
