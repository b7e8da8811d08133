"""The oracle's opinion on many random dot products: Python's integers, and MPFR for the last rounding.

Elements are decoded by the plain oracle, and nothing is shared with the golden model but the operands. Products and sums are
Python integers, of any length; roundings are MPFR's, with the precision, the range and the subnormals of the result.
"""

import math
from functools import cache, partial
from typing import NamedTuple

import gmpy2
import numpy as np

import dtypes
import oracle
from mxmac.config import Accumulator
from oracle import NV, NX, OF, UF

__all__ = ["fast_dots"]

#: Exponent of a unit in which every sum of an accumulator and of a block is an integer.
_UNIT = -400
#: Exponent of the unit of binary32.
_LEAST = -149


class _Result(NamedTuple):
    """A result format to MPFR, which counts significands from 1/2 up: its exponents are one more than IEEE's."""

    rounding: gmpy2.context
    unbounded: gmpy2.context
    smallest_normal: gmpy2.mpfr
    codes: object
    infinity: int
    nan: int
    sign: int


@cache
def _result(output):
    bits, precision, emin, emax, nan = oracle.OUTPUTS[output]
    return _Result(
        gmpy2.context(precision=precision, emin=emin - precision + 2, emax=emax + 1, subnormalize=True),
        gmpy2.context(precision=precision),
        gmpy2.exp2(emin),
        partial(dtypes.result_code, name=output.upper()),
        (emax - emin + 2) << (precision - 1),
        nan,
        1 << (bits - 1),
    )


def _rounded(value, exp, result):
    """``value * 2^exp``, which is not zero, as an mpfr of the format, with its flags and whether it is tiny."""
    exact, context = gmpy2.mpfr(value, max(2, value.bit_length())), result.rounding
    context.clear_flags()
    rounded = context.mul_2exp(exact, exp) if exp >= 0 else context.div_2exp(exact, -exp)
    if not context.inexact:
        return rounded, 0, abs(rounded) < result.smallest_normal
    if gmpy2.is_infinite(rounded):
        return rounded, OF | NX, False
    magnitude = abs(rounded)
    if magnitude == result.smallest_normal:
        # Only a rounding that has no smallest exponent tells whether it is tiny.
        magnitude = abs(result.unbounded.div_2exp(exact, -exp))
    tiny = magnitude < result.smallest_normal
    return rounded, NX | UF if tiny else NX, tiny


@cache
def _tables(fmt):
    """Of each code of a byte: its value in units of the smallest subnormal, and whether it is NaN, infinite, zero, negative."""
    lsb = oracle.ELEMENTS[fmt].lsb
    values = [oracle.decode(code % (1 << oracle.ELEMENTS[fmt].bits), fmt) for code in range(256)]
    special = [oracle.is_nan(value) or oracle.is_inf(value) for value in values]
    units = [0 if other else int(value / oracle.power(lsb)) for value, other in zip(values, special, strict=True)]
    truths = [
        [oracle.is_nan(value) for value in values],
        [oracle.is_inf(value) for value in values],
        [value == 0 for value in values],
        [value < 0 for value in values],
    ]
    return np.array(units, object), *(np.array(column, bool) for column in truths)


def _side(codes, choices, formats):
    """What ``_tables`` says of the elements, with units of the smallest subnormal of all formats."""
    lsbs = [oracle.ELEMENTS[fmt.name].lsb for fmt in formats]
    columns = []
    for fmt, lsb in zip(formats, lsbs, strict=True):
        units, *truths = _tables(fmt.name)
        columns.append([units * (1 << (lsb - min(lsbs))), *truths])
    stacked = [np.stack(column) for column in zip(*columns, strict=True)]
    return min(lsbs), [column[choices[..., None], codes] for column in stacked]


def fast_dots(batch, config, addends=None):
    """Codes and status flags of a batch of dot products, with codes in binary32 that are added to them."""
    lsb_a, (a, nan_a, inf_a, zero_a, neg_a) = _side(batch.a, batch.format_a, config.a)
    lsb_b, (b, nan_b, inf_b, zero_b, neg_b) = _side(batch.b, batch.format_b, config.b)
    live = ((batch.scale_a != 255) & (batch.scale_b != 255))[..., None]
    infinite = (inf_a | inf_b) & ~nan_a & ~nan_b & live
    bad = infinite & (zero_a | zero_b)
    infinite &= ~bad
    negative = neg_a ^ neg_b
    plus, minus = (infinite & ~negative).any(axis=-1), (infinite & negative).any(axis=-1)
    nan, invalid = (nan_a | nan_b | ~live).any(axis=-1), bad.any(axis=-1)
    sums = np.where(live[..., 0], (a * b).sum(axis=-1), 0)
    exps = batch.scale_a.astype(int) + batch.scale_b - 254 + lsb_a + lsb_b
    add = {Accumulator.EXACT: _exact, Accumulator.WINDOW: _window, Accumulator.FP32: _fp32}[config.accumulator]
    codes, flags = [], []
    extras = np.zeros(len(sums), np.float32) if addends is None else addends.view(np.float32)
    # The accumulator starts from an infinite or no number, as from a block of that kind.
    quiet = (extras.view(np.uint32) >> 22) % 2 == 1
    invalid |= (np.isnan(extras) & ~quiet)[:, None]
    plus, minus = plus | (extras == np.inf)[:, None], minus | (extras == -np.inf)[:, None]
    nan = nan | np.isnan(extras)[:, None]
    extras = np.where(np.isfinite(extras), extras, 0)
    specials = zip(*(array.tolist() for array in (plus, minus, nan | invalid)), strict=True)
    always = (invalid.any(axis=-1) | (plus.any(axis=-1) & minus.any(axis=-1))).tolist()
    result = _result(config.output.name.lower())
    rows = zip(sums.tolist(), exps.tolist(), specials, always, extras.tolist(), strict=True)
    for values, places, (up, down, no_number), wrong, extra in rows:
        if any(no_number) or wrong:
            code, status = (
                result.nan,
                NV if wrong or (add is _fp32 and _meets_overflow(values, places, up, down, no_number, extra)) else 0,
            )
        elif any(up) or any(down):
            if add is _fp32 and _meets_overflow(values, places, up, down, no_number, extra):
                code, status = result.nan, NV
            else:
                code, status = result.infinity + (result.sign if any(down) else 0), 0
        else:
            code, status = add(values, places, config, result, extra)
        codes.append(code)
        flags.append(status)
    return np.array(codes, np.uint32), np.array(flags, np.uint8)


def _final(value, exp, result):
    if not value:
        return 0, 0, False
    rounded, status, tiny = _rounded(value, exp, result)
    return result.codes(float(rounded)), status, tiny


def _exact(values, places, _config, result, extra):
    total = sum(value << (exp - _UNIT) for value, exp in zip(values, places, strict=True))
    code, status, _ = _final(total + int(math.ldexp(extra, -_LEAST)) * (1 << (_LEAST - _UNIT)), _UNIT, result)
    return code, status


def _window(values, places, config, result, _extra):
    lsb, total, flags = config.window_lsb, 0, 0
    most = 1 << (config.window - 1)
    for value, exp in zip(values, places, strict=True):
        if lsb is None and value:
            lsb = exp - config.window_guard
        if not value:
            continue
        if exp >= lsb:
            total += value << (exp - lsb)
        else:
            whole = value >> (lsb - exp)
            flags |= NX if whole << (lsb - exp) != value else 0
            total += whole
        if not -most <= total < most:
            total, flags = max(-most, min(most - 1, total)), flags | OF | NX
    code, status, tiny = _final(total, lsb or 0, result)
    status |= flags
    return code, status | (UF if tiny and status & NX else 0)


def _add_fp32(values, places, extra):
    """Accumulators after each block, as mpfr, and the flags of the additions."""
    fp32, acc, flags = _result("fp32"), gmpy2.mpfr(extra), 0
    for value, exp in zip(values, places, strict=True):
        if gmpy2.is_infinite(acc):
            yield acc, flags
            continue
        mantissa, acc_exp = map(int, acc.as_mantissa_exp())
        total = (mantissa << (acc_exp - _UNIT) if mantissa else 0) + (value << (exp - _UNIT))
        acc, status = _rounded(total, _UNIT, fp32)[:2] if total else (gmpy2.mpfr(0), 0)
        flags |= status
        yield acc, flags


def _fp32(values, places, _config, result, extra):
    *_, (acc, flags) = _add_fp32(values, places, extra)
    with result.rounding:
        rounded = result.rounding.plus(acc)
    status = 0
    if gmpy2.is_finite(acc) and acc:
        value, exp = acc.as_mantissa_exp()
        rounded, status, _ = _rounded(int(value), int(exp), result)
    return result.codes(float(rounded)), status | flags


def _meets_overflow(values, places, up, down, no_number, extra):
    """Whether the finite blocks overflowed before an infinity of the other sign came, and before there was no number."""
    acc = gmpy2.mpfr(0)
    for (after, _), plus, minus, none in zip(_add_fp32(values, places, extra), up, down, no_number, strict=True):
        if none or (plus and minus):
            return False
        if plus or minus:
            return bool(gmpy2.is_infinite(acc) and (acc > 0) != plus)
        acc = after
    return False
