"""What the tests of the oracle share: facts about formats from ml_dtypes, rounding by MPFR, and dot products to compare."""

from fractions import Fraction
from itertools import product

import gmpy2
import ml_dtypes
import numpy as np
from gmpy2 import mpq

import dtypes
from dtypes import result_code
from oracle import NX, OF, UF, dot

__all__ = [
    "CODES",
    "FINITE",
    "INFINITY",
    "NAN",
    "OUTPUTS",
    "PAIRS",
    "SIGN",
    "SMALLEST",
    "VALUES",
    "block",
    "e4m3",
    "e5m2",
    "mpfr_round",
    "mpq_blocks",
    "one",
    "random_dot",
    "two",
]

#: Number of codes of each element format, and all its values in the order of the codes.
CODES = {fmt: 1 << dtypes.code_bits(fmt) for fmt in dtypes.ELEMENTS}
VALUES = {fmt: dtypes.element_values(fmt).tolist() for fmt in dtypes.ELEMENTS}
FINITE = {fmt: np.flatnonzero(np.isfinite(VALUES[fmt])).tolist() for fmt in dtypes.ELEMENTS}
SMALLEST = {fmt: Fraction(min(value for value in VALUES[fmt] if value > 0)) for fmt in dtypes.ELEMENTS}
PAIRS = list(product(dtypes.ELEMENTS, repeat=2))

#: Result formats, by the names that the oracle has for them.
OUTPUTS = [name.lower() for name in dtypes.RESULTS]
INFINITY = {name.lower(): result_code(np.inf, name) for name in dtypes.RESULTS}
NAN = {name.lower(): result_code(np.nan, name) for name in dtypes.RESULTS}
SIGN = {name.lower(): result_code(-0.0, name) for name in dtypes.RESULTS}


def _mpfr(dtype):
    """Context of MPFR for a result format, and the exponent of its smallest normal number.

    MPFR counts a significand as a fraction in [1/2, 1), so that its exponents are one more than IEEE's, and its emin is that
    of the smallest subnormal.
    """
    info = ml_dtypes.finfo(dtype)
    emin = int(info.minexp) - info.nmant + 1
    return gmpy2.context(precision=info.nmant + 1, emin=emin, emax=int(info.maxexp), subnormalize=True), int(info.minexp)


MPFR = {name.lower(): _mpfr(dtype) for name, dtype in dtypes.RESULTS.items()}


def two(exponent):
    return Fraction(2) ** exponent


def mpfr_round(value, output):
    """Code, status and tininess of a rational number, by MPFR."""
    context, emin = MPFR[output]
    with context:
        rounded = gmpy2.mpfr(mpq(value))
    with gmpy2.context(precision=context.precision):
        tiny = value != 0 and abs(gmpy2.mpfr(mpq(value))) < gmpy2.exp2(emin)
    overflow = gmpy2.is_infinite(rounded)
    inexact = overflow or mpq(rounded) != value
    status = (OF if overflow else 0) | (UF if inexact and tiny else 0) | (NX if inexact else 0)
    return result_code(float(rounded), output.upper()), status, tiny


def block(a_codes, b_codes, exponent=0):
    """A block whose two scales together weigh 2^exponent."""
    return a_codes, b_codes, 127 + exponent // 2, 127 + exponent - exponent // 2


def one(exponent, sign=1):
    """An E4M3 block of value ±2^exponent: 1.0 is 0x38."""
    return block([0x38 if sign > 0 else 0xB8], [0x38], exponent)


def e4m3(blocks, accumulator, **options):
    return dot(blocks, fmt_a="E4M3", fmt_b="E4M3", accumulator=accumulator, **options)


def e5m2(blocks, accumulator="exact", **options):
    return dot(blocks, fmt_a="E5M2", fmt_b="E5M2", accumulator=accumulator, **options)


def random_dot(rng, fmt_a, fmt_b, centres=(-254, -150, -120, -20, -8, 0, 8, 110, 254), spread=(0, 4, 30)):
    """Finite blocks at one place of the exponent range or spread around it, some of them cancelling earlier ones."""
    centre, width = rng.choice(centres), rng.choice(spread)
    lanes = rng.choice([1, 4, 9])
    blocks = []
    for _ in range(rng.randrange(1, 6)):
        if blocks and rng.random() < 0.2:  # an earlier block, with the signs of b flipped where the format has a sign bit
            a, b, scale_a, scale_b = rng.choice(blocks)
            blocks.append((a, b if fmt_b in dtypes.INTEGERS else [code ^ CODES[fmt_b] // 2 for code in b], scale_a, scale_b))
            continue
        total = min(508, max(0, 254 + centre + rng.randint(-width, width)))
        scale_a = rng.randint(max(0, total - 254), min(254, total))
        a, b = rng.choices(FINITE[fmt_a], k=lanes), rng.choices(FINITE[fmt_b], k=lanes)
        blocks.append((a, [0] * lanes if rng.random() < 0.1 else b, scale_a, total - scale_a))
    return blocks


def mpq_blocks(blocks, fmt_a, fmt_b):
    """Values of finite blocks, from ml_dtypes' decoding and GMP's arithmetic."""
    for a, b, scale_a, scale_b in blocks:
        lanes = (mpq(VALUES[fmt_a][i]) * mpq(VALUES[fmt_b][j]) for i, j in zip(a, b, strict=True))
        yield sum(lanes, mpq(0)) * mpq(2) ** (scale_a + scale_b - 254)
