"""Slow and plain second opinion on every number mxmac produces.

Written from the OCP specifications and from the design's contract alone, with rational numbers: no shift, no width
and no table is shared with the hardware or with the golden model. Nothing here is optimised, and nothing here should
be.

Where the documents are silent, this is what holds.

Special values: NV is raised by Inf·0 in a lane, and when products of +Inf and of -Inf both occur anywhere in the dot
product, in one block or in two, whatever NaN there may be besides. NaN elements raise nothing, and neither does
Inf·NaN. A block with a scale of 0xFF contributes a NaN and nothing else: its elements can neither raise NV nor be one
of the two infinities. A NaN result, or an infinite one that comes from infinite elements, reports NV alone or
nothing: the OF, UF and NX of other blocks are dropped.

``window``: after each block ``acc = clamp(acc + floor(block / 2^L))``; the sum is formed without bounds, then clamped
to W bits of two's complement. Saturation raises OF and NX, also if later blocks bring the sum back. Without
``window_lsb`` the first block whose exact sum is not zero sets ``L = (Xa + Xb - 254) + lsb_a + lsb_b - guard``, where
``lsb`` is the exponent of the smallest subnormal of the element format. The status is that of the final rounding,
or'ed with OF and NX of the window. UF says that the final rounding is tiny and that something was inexact, the window
included; a window value of zero is not tiny, and comes out as +0 even if a positive sum was floored away.

``fp32``: acc starts as +0, and each block is one addition with its own flags, or'ed over the blocks. A sum that is
exactly zero is +0, so a zero block turns an accumulator that underflowed to -0 into +0. An accumulator that
overflowed stays infinite under finite blocks without raising more flags; an infinite block of the other sign is then
Inf - Inf, hence NaN and NV. A NaN accumulator stays NaN, and what overflowed before it no longer counts for NV. BF16
and FP16 round the final acc, keeping the sign of a zero, and or the flags of that rounding in.

An addend is one more number in the sum, or with ``fp32`` the accumulator before the first block. A signalling NaN raises NV,
a quiet one nothing.

A block may be shorter than the block size: the rest counts as zeros. No blocks at all give +0.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from typing import NamedTuple

NV, DZ, OF, UF, NX = 16, 8, 4, 2, 1

INF = float("inf")
NAN = float("nan")

Value = Fraction | float  # the floats are INF, -INF and NAN only
Block = tuple[Sequence[int], Sequence[int], int, int]


class Element(NamedTuple):
    bits: int
    exp_bits: int  # 0: two's complement, in units of 2^lsb
    man_bits: int
    bias: int
    lsb: int  # exponent of the smallest subnormal
    # Codes whose exponent bits are all ones: "none" are special; "nan": NaN if the mantissa is all ones too;
    # "ieee": Inf with mantissa 0, else NaN.
    specials: str


ELEMENTS = {
    "E4M3": Element(8, 4, 3, 7, -9, "nan"),
    "E5M2": Element(8, 5, 2, 15, -16, "ieee"),
    "E3M2": Element(6, 3, 2, 3, -4, "none"),
    "E2M3": Element(6, 2, 3, 1, -3, "none"),
    "E2M1": Element(4, 2, 1, 1, -1, "none"),
    "INT8": Element(8, 0, 7, 0, -6, "none"),
}
OUTPUTS = {  # bits of a code; precision with the hidden bit; exponents of the smallest and largest binade; quiet NaN
    "fp32": (32, 24, -126, 127, 0x7FC00000),
    "bf16": (16, 8, -126, 127, 0x7FC0),
    "fp16": (16, 11, -14, 15, 0x7E00),
}


def is_nan(value: Value) -> bool:
    return value != value


def is_inf(value: Value) -> bool:
    return value in (INF, -INF)


def power(exponent: int) -> Fraction:
    return Fraction(2) ** exponent


@cache
def decode(code: int, fmt: str) -> Value:
    """Value of an element code. Zeros have no sign."""
    bits, exp_bits, man_bits, bias, lsb, specials = ELEMENTS[fmt]
    if not 0 <= code < 2**bits:
        raise ValueError(f"{fmt} has no code {code!r}")
    negative = code >= 2 ** (bits - 1)
    if exp_bits == 0:
        return (code - 2**bits if negative else code) * power(lsb)
    sign = -1 if negative else 1
    exp, man = code // 2**man_bits % 2**exp_bits, code % 2**man_bits
    if exp == 2**exp_bits - 1:
        if specials == "nan" and man == 2**man_bits - 1:
            return NAN
        if specials == "ieee":
            return NAN if man else sign * INF
    fraction = Fraction(man, 2**man_bits)
    return sign * (fraction * power(1 - bias) if exp == 0 else (1 + fraction) * power(exp - bias))


def decode_scale(code: int) -> Value:
    """Value of a UE8M0 code: a power of two, or NaN."""
    if not 0 <= code <= 0xFF:
        raise ValueError(f"UE8M0 has no code {code!r}")
    return NAN if code == 0xFF else power(code - 127)


def decode_output(code: int, output: str) -> Value:
    """Value of an FP32, BF16 or FP16 code. Zeros have no sign."""
    bits, precision, emin, emax, _ = OUTPUTS[output]
    hidden = 2 ** (precision - 1)
    sign = -1 if code >= 2 ** (bits - 1) else 1
    exp, man = divmod(code % 2 ** (bits - 1), hidden)
    if exp == emax - emin + 2:
        return NAN if man else sign * INF
    fraction = Fraction(man, hidden)
    return sign * (fraction * power(emin) if exp == 0 else (1 + fraction) * power(exp - 1 + emin))


def floor_log2(value: Fraction) -> int:
    """Exponent of the binade that holds a positive value."""
    exponent = value.numerator.bit_length() - value.denominator.bit_length()
    return exponent if power(exponent) <= value else exponent - 1


class Rounded(NamedTuple):
    code: int
    status: int
    tiny: bool  # after rounding: with an unbounded exponent the magnitude would still be below the smallest normal


def round_to(value: Value, output: str, *, negative_zero: bool = False) -> Rounded:
    """Round to nearest, ties to even; ``negative_zero`` says which zero a value of zero is."""
    bits, precision, emin, emax, nan = OUTPUTS[output]
    hidden = 2 ** (precision - 1)
    infinity = (emax - emin + 2) * hidden
    if is_nan(value):
        return Rounded(nan, 0, False)
    sign = 2 ** (bits - 1) if value < 0 or (value == 0 and negative_zero) else 0
    if value == 0 or is_inf(value):
        return Rounded(sign + (infinity if value else 0), 0, False)

    magnitude = abs(value)
    exponent = floor_log2(magnitude)
    ulp = power(exponent - precision + 1)
    tiny = round(magnitude / ulp) * ulp < power(emin)  # round() of a Fraction: to nearest, ties to even

    ulp = power(max(exponent, emin) - precision + 1)
    result = round(magnitude / ulp) * ulp
    inexact = result != magnitude
    if result >= power(emax + 1):
        return Rounded(sign + infinity, OF | NX, False)
    if result < power(emin):
        code = result / ulp
    else:
        exponent = floor_log2(result)
        code = (exponent - emin) * hidden + result / power(exponent - precision + 1)
    assert code.denominator == 1
    return Rounded(sign + int(code), (NX if inexact else 0) | (UF if inexact and tiny else 0), tiny)


class BlockSum(NamedTuple):
    value: Fraction  # exact sum of the finite products, scaled
    nan: bool
    invalid: bool  # Inf·0
    infinities: frozenset[float]


def block_sum(block: Block, fmt_a: str, fmt_b: str) -> BlockSum:
    a_codes, b_codes, scale_a, scale_b = block
    scale = decode_scale(scale_a) * decode_scale(scale_b)
    if is_nan(scale):
        return BlockSum(Fraction(0), True, False, frozenset())
    total, nan, invalid, infinities = Fraction(0), False, False, set()
    for a_code, b_code in zip(a_codes, b_codes, strict=True):
        a, b = decode(a_code, fmt_a), decode(b_code, fmt_b)
        if is_nan(a) or is_nan(b):
            nan = True
        elif not (is_inf(a) or is_inf(b)):
            total += a * b
        elif a == 0 or b == 0:
            invalid = True
        else:
            infinities.add(INF if (a > 0) == (b > 0) else -INF)
    return BlockSum(total * scale, nan, invalid, frozenset(infinities))


def add_fp32(sums: Iterable[BlockSum], start: int = 0) -> tuple[Value, int, bool]:
    """FP32 accumulator, its flags, and whether it is -0. NV says that it overflowed, then met the other infinity."""
    acc, code, flags = decode_output(start, "fp32"), start, 0
    if is_nan(acc):
        return NAN, 0, False
    for s in sums:
        if s.nan or s.invalid or len(s.infinities) == 2:
            return NAN, 0, False
        if s.infinities:
            (infinity,) = s.infinities
            if acc == -infinity:
                return NAN, NV, False
            acc = infinity
        elif not is_inf(acc):
            code, status, _ = round_to(acc + s.value, "fp32")
            acc = decode_output(code, "fp32")
            flags |= status
    return acc, flags, code == 0x80000000


def add_window(sums: Iterable[BlockSum], width: int, lsb: int) -> tuple[Fraction, int]:
    """Value of the window, and its flags."""
    acc, flags = 0, 0
    for s in sums:
        steps = s.value / power(lsb)
        if steps.denominator != 1:
            flags |= NX
        total = acc + steps.numerator // steps.denominator
        acc = max(-(2 ** (width - 1)), min(2 ** (width - 1) - 1, total))
        if acc != total:
            flags |= OF | NX
    return acc * power(lsb), flags


def dot(
    blocks: Sequence[Block],
    *,
    fmt_a: str,
    fmt_b: str,
    accumulator: str,
    output: str = "fp32",
    window: int = 80,
    window_guard: int = 16,
    window_lsb: int | None = None,
    addend: int | None = None,
) -> tuple[int, int]:
    """Code and status flags of the dot product of ``blocks``, each of them (a_codes, b_codes, scale_a, scale_b).

    To them a binary32 code may be added, in which a NaN without its leading fraction bit is a signalling one.
    """
    sums = [block_sum(block, fmt_a, fmt_b) for block in blocks]
    infinities = frozenset().union(*(s.infinities for s in sums))
    extra = Fraction(0) if addend is None else decode_output(addend, "fp32")
    if is_inf(extra):
        infinities |= {extra}
    signalling = is_nan(extra) and addend // 2**22 % 2 == 0
    negative_zero = False
    if addend is not None and accumulator == "window":
        raise ValueError("The window has no addend")
    if accumulator == "exact":
        acc, flags = sum((s.value for s in sums), Fraction(0)) + (0 if is_nan(extra) or is_inf(extra) else extra), 0
    elif accumulator == "fp32":
        acc, flags, negative_zero = add_fp32(sums or [block_sum(([], [], 0, 0), fmt_a, fmt_b)], addend or 0)
    elif accumulator == "window":
        if window_lsb is None:
            scales = [xa + xb - 254 for (_, _, xa, xb), s in zip(blocks, sums, strict=True) if s.value != 0]
            first = scales[0] if scales else 0  # nothing but zeros: any window will do
            window_lsb = first + ELEMENTS[fmt_a].lsb + ELEMENTS[fmt_b].lsb - window_guard
        acc, flags = add_window(sums, window, window_lsb)
    else:
        raise ValueError(f"Accumulator must be exact, window or fp32, not {accumulator!r}")

    invalid = any(s.invalid for s in sums) or len(infinities) == 2 or flags & NV or signalling
    if invalid or is_nan(extra) or any(s.nan for s in sums):
        return OUTPUTS[output][-1], NV if invalid else 0
    if infinities:
        return round_to(*infinities, output).code, 0
    rounded = round_to(acc, output, negative_zero=negative_zero)
    status = flags | rounded.status
    if accumulator == "window" and rounded.tiny and status & NX:
        status |= UF
    return rounded.code, status
