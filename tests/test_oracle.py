"""The oracle against facts that it does not know: ml_dtypes, numpy, MPFR, and sums worked by hand."""

import random
import sys
from fractions import Fraction
from itertools import permutations, product
from pathlib import Path

import gmpy2
import ml_dtypes
import numpy as np
import pytest
from gmpy2 import mpq

sys.path.insert(0, str(Path(__file__).parent))
import oracle
from oracle import INF, NV, NX, OF, UF, dot

ELEMENTS = {
    "E4M3": ml_dtypes.float8_e4m3fn,
    "E5M2": ml_dtypes.float8_e5m2,
    "E3M2": ml_dtypes.float6_e3m2fn,
    "E2M3": ml_dtypes.float6_e2m3fn,
    "E2M1": ml_dtypes.float4_e2m1fn,
    "INT8": np.int8,
}
CODES = {"E4M3": 256, "E5M2": 256, "E3M2": 64, "E2M3": 64, "E2M1": 16, "INT8": 256}
PAIRS = list(product(ELEMENTS, ELEMENTS))
OUTPUTS = ["fp32", "bf16", "fp16"]
# MPFR counts a significand as a fraction in [1/2, 1): its exponents are one more than IEEE's. Its emin is that of the
# smallest subnormal. Last, the exponent of the smallest normal number, IEEE's way.
MPFR = {
    "fp32": (gmpy2.context(precision=24, emin=-148, emax=128, subnormalize=True), -126),
    "bf16": (gmpy2.context(precision=8, emin=-132, emax=128, subnormalize=True), -126),
    "fp16": (gmpy2.context(precision=11, emin=-23, emax=16, subnormalize=True), -14),
}
INFINITY = {"fp32": 0x7F800000, "bf16": 0x7F80, "fp16": 0x7C00}
NAN = {"fp32": 0x7FC00000, "bf16": 0x7FC0, "fp16": 0x7E00}
SIGN = {"fp32": 0x80000000, "bf16": 0x8000, "fp16": 0x8000}


def two(exponent):
    return Fraction(2) ** exponent


def values(fmt):
    """All values of an element format in the order of their codes, by ml_dtypes."""
    decoded = np.arange(CODES[fmt]).astype(np.uint8).view(ELEMENTS[fmt]).astype(np.float64)
    return (decoded / 64 if fmt == "INT8" else decoded).tolist()


VALUES = {fmt: values(fmt) for fmt in ELEMENTS}
FINITE = {fmt: np.flatnonzero(np.isfinite(VALUES[fmt])).tolist() for fmt in ELEMENTS}


def mpfr_code(value, output):
    """Code of an mpfr that the output format holds."""
    if output == "fp16":
        return int(np.float16(float(value)).view(np.uint16))
    return int(np.float32(float(value)).view(np.uint32)) >> (16 if output == "bf16" else 0)


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
    return mpfr_code(rounded, output), status, tiny


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
            blocks.append((a, b if fmt_b == "INT8" else [code ^ CODES[fmt_b] // 2 for code in b], scale_a, scale_b))
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


class TestDecode:
    @pytest.mark.parametrize("fmt", ELEMENTS)
    def test_every_element_code_matches_ml_dtypes(self, fmt):
        assert [float(oracle.decode(code, fmt)) for code in range(CODES[fmt])] == pytest.approx(
            VALUES[fmt], rel=0, abs=0, nan_ok=True
        )

    @pytest.mark.parametrize(
        ("fmt", "largest", "min_normal", "min_subnormal"),
        [
            ("E4M3", 448, two(-6), two(-9)),
            ("E5M2", 57344, two(-14), two(-16)),
            ("E3M2", 28, two(-2), two(-4)),
            ("E2M3", Fraction(15, 2), 1, two(-3)),
            ("E2M1", 6, 1, two(-1)),
            ("INT8", Fraction(127, 64), two(-6), two(-6)),
        ],
    )
    def test_limits_are_those_of_the_ocp_tables(self, fmt, largest, min_normal, min_subnormal):
        finite = [oracle.decode(code, fmt) for code in FINITE[fmt]]
        assert max(finite) == largest
        assert min(v for v in finite if v > 0) == min_subnormal == two(oracle.ELEMENTS[fmt][-1])
        man_bits = {"E4M3": 3, "E5M2": 2, "E3M2": 2, "E2M3": 3, "E2M1": 1, "INT8": 0}[fmt]
        assert oracle.decode(1 << man_bits, fmt) == min_normal

    def test_int8_minus_128_is_minus_two(self):
        assert oracle.decode(0x80, "INT8") == -2

    @pytest.mark.parametrize("fmt", ELEMENTS)
    @pytest.mark.parametrize("beyond", [-1, 0])
    def test_codes_beyond_the_format_are_refused(self, fmt, beyond):
        with pytest.raises(ValueError, match=f"{fmt} has no code"):
            oracle.decode(beyond if beyond < 0 else CODES[fmt], fmt)

    def test_every_scale_matches_ml_dtypes(self):
        expected = np.arange(256).astype(np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float64)
        assert [float(oracle.decode_scale(code)) for code in range(256)] == pytest.approx(
            expected.tolist(), rel=0, abs=0, nan_ok=True
        )
        assert oracle.decode_scale(0) == two(-127)

    @pytest.mark.parametrize(("output", "dtype"), [("bf16", ml_dtypes.bfloat16), ("fp16", np.float16)])
    def test_every_16_bit_output_matches_its_library_and_rounds_to_itself(self, output, dtype):
        with np.errstate(invalid="ignore"):  # some of the NaN are signalling
            expected = np.arange(2**16).astype(np.uint16).view(dtype).astype(np.float64).tolist()
        for code, value in enumerate(expected):
            decoded = oracle.decode_output(code, output)
            if value != value:
                assert decoded != decoded
            else:
                assert decoded == value
                if code % 5:  # enough of them
                    continue
                rounded = oracle.round_to(decoded, output, negative_zero=code == 0x8000)
                assert rounded[:2] == (code, 0)

    def test_fp32_outputs_match_numpy_and_round_to_themselves(self):
        rng = random.Random(1)
        for code in [0x7F7FFFFF, 0x00800000, 0x007FFFFF, 1, *(rng.randrange(0x7F800000) for _ in range(3000))]:
            for signed in (code, code | 0x80000000):
                decoded = oracle.decode_output(signed, "fp32")
                assert decoded == float(np.uint32(signed).view(np.float32))
                assert oracle.round_to(decoded, "fp32")[:2] == (signed, 0)


class TestRounding:
    @pytest.mark.parametrize("output", OUTPUTS)
    def test_random_values_match_mpfr(self, output):
        rng = random.Random(output)
        _, precision, emin, emax, _ = oracle.OUTPUTS[output]
        for _ in range(3000):
            exponent = rng.choice([rng.randint(emin - precision - 3, emin + 3), rng.randint(emin, emax + 2)])
            width = rng.choice([precision, precision + 1, precision + 2, 80])
            value = rng.choice([1, -1]) * rng.randrange(2 ** (width - 1), 2**width) * two(exponent - width + 1)
            assert oracle.round_to(value, output) == mpfr_round(mpq(value), output), value

    @pytest.mark.parametrize("output", OUTPUTS)
    def test_values_on_and_next_to_every_kind_of_edge_match_mpfr(self, output):
        _, precision, emin, emax, _ = oracle.OUTPUTS[output]
        ulp = two(emin - precision + 1)
        edges = [k * ulp / 8 for k in range(40)]  # the smallest subnormals
        edges += [two(emin) + k * ulp / 8 for k in range(-40, 40)]  # subnormal to normal, where tininess is decided
        edges += [two(emax + 1) - two(emax - precision + 1) * k / 8 for k in range(-20, 20)]  # overflow
        for binade in (emin + 1, -1, 0, emax - 1):  # ties below and above a power of two, even and odd
            edges += [two(binade) + k * two(binade - precision - 1) for k in range(-12, 12)]
        edges += [two(-1000), two(1000), two(-300) / 3, two(300) / 3]
        offsets = (0, two(emin - precision - 40), -two(emin - precision - 40), two(-2000), -two(-2000))
        for edge, offset, sign in product(edges, offsets, (1, -1)):
            value = sign * (edge + offset)
            assert oracle.round_to(value, output) == mpfr_round(mpq(value), output), value

    @pytest.mark.parametrize(
        ("value", "code"),
        [
            (1 + two(-24), 0x3F800000),  # tie, even below: not ties-away, not RUP
            (1 + 3 * two(-24), 0x3F800002),  # tie, even above: not RTZ, not RDN
            (1 + two(-24) + two(-200), 0x3F800001),  # a sticky bit far below
            (-1 - two(-24), 0xBF800000),  # not RDN
            (-1 - 3 * two(-24), 0xBF800002),  # not RUP
            (2 - two(-24), 0x40000000),  # carries into the next binade
            (two(-149) * Fraction(3, 2), 0x00000002),  # ties among subnormals
            (two(-149) * Fraction(5, 2), 0x00000002),
            (two(-149) * Fraction(1, 3), 0x00000000),
            (-two(-149) / 2, 0x80000000),  # keeps its sign
            (two(-149) / 2 + two(-300), 0x00000001),
        ],
    )
    def test_nearest_even_and_nothing_else(self, value, code):
        assert oracle.round_to(value, "fp32").code == code

    def test_tininess_is_found_after_rounding(self):
        # Below 2^-126 an unbounded exponent has steps of 2^-150, FP32's subnormals have steps of 2^-149.
        # 2^-126 - 2^-151 is half such a step below: ties to even give 2^-126 both ways. Tiny before, not after.
        assert oracle.round_to(two(-126) - two(-151), "fp32") == (0x00800000, NX, False)
        # 2^-126 - 2^-150 stands as it is in the unbounded range, so it is tiny; in FP32 it is a tie, to 2^-126.
        assert oracle.round_to(two(-126) - two(-150), "fp32") == (0x00800000, UF | NX, True)
        # 2^-126 - 2^-149 is the largest subnormal: tiny but exact.
        assert oracle.round_to(two(-126) - two(-149), "fp32") == (0x007FFFFF, 0, True)

    def test_overflow_starts_half_a_step_above_the_largest_number(self):
        # The largest FP32 is 2^128 - 2^104, the next would be 2^128: a tie between them goes to the even 2^128.
        assert oracle.round_to(two(128) - two(103) - two(-9), "fp32") == (0x7F7FFFFF, NX, False)
        assert oracle.round_to(two(128) - two(103), "fp32") == (0x7F800000, OF | NX, False)
        assert oracle.round_to(-two(128), "fp32") == (0xFF800000, OF | NX, False)

    @pytest.mark.parametrize("output", OUTPUTS)
    def test_zeros_infinities_and_nan_pass_without_flags(self, output):
        assert oracle.round_to(Fraction(0), output) == (0, 0, False)
        assert oracle.round_to(Fraction(0), output, negative_zero=True) == (SIGN[output], 0, False)
        assert oracle.round_to(INF, output) == (INFINITY[output], 0, False)
        assert oracle.round_to(-INF, output) == (SIGN[output] | INFINITY[output], 0, False)
        assert oracle.round_to(oracle.NAN, output) == (NAN[output], 0, False)


class TestExact:
    @pytest.mark.parametrize(("fmt_a", "fmt_b"), PAIRS)
    def test_random_dots_match_gmp_and_mpfr(self, fmt_a, fmt_b):
        rng = random.Random(fmt_a + fmt_b)
        for _ in range(25):
            blocks = random_dot(rng, fmt_a, fmt_b)
            total = sum(mpq_blocks(blocks, fmt_a, fmt_b), mpq(0))
            for output in OUTPUTS:
                code, status = dot(blocks, fmt_a=fmt_a, fmt_b=fmt_b, accumulator="exact", output=output)
                assert (code, status) == mpfr_round(total, output)[:2], blocks

    def test_one_times_one(self):
        assert e4m3([one(0)], "exact") == (0x3F800000, 0)

    def test_a_dot_worked_by_hand(self):
        # E4M3: 0x41 = S0 E1000 M001 = 2.25; 0xBC = -1.5; 0x01 = 2^-9; 0x7E = 448.
        # INT8: 0x20 = 0.5; 0xC0 = -1; 0x80 = -2.
        # 2.25·0.5 + -1.5·-1 + 2^-9·-2 + 448·0 = 1.125 + 1.5 - 2^-8 = 2.62109375; scales 2^3·2^-1 = 4: 10.484375.
        # 10.484375 = 1.310546875·2^3; the fraction is 159/512 = 0.0100 1111 1 in binary: 0 10000010 01001111100...
        blocks = [([0x41, 0xBC, 0x01, 0x7E], [0x20, 0xC0, 0x80, 0x00], 130, 126)]
        assert dot(blocks, fmt_a="E4M3", fmt_b="INT8", accumulator="exact") == (0x4127C000, 0)
        # BF16 keeps 0100111|11: up to 0101000. FP16 keeps 0100111110|0: exact, exponent field 15 + 3 = 18.
        assert dot(blocks, fmt_a="E4M3", fmt_b="INT8", accumulator="exact", output="bf16") == (0x4128, NX)
        assert dot(blocks, fmt_a="E4M3", fmt_b="INT8", accumulator="exact", output="fp16") == (0x493E, 0)

    def test_scale_product_may_leave_the_fp32_range_though_the_result_does_not(self):
        # 2^140 · 2^-9 · 2^-9 = 2^122, and 2^-160 · 256 · 256 = 2^-144, the subnormal 2^5 · 2^-149.
        assert e4m3([block([1], [1], 140)], "exact") == ((122 + 127) << 23, 0)
        assert e4m3([block([0x78], [0x78], -160)], "exact") == (1 << 5, 0)

    def test_extreme_scales(self):
        assert e4m3([([1], [1], 0xFE, 0xFE)], "exact") == (0x7F800000, OF | NX)  # 2^254 · 2^-18
        assert e4m3([([0x81], [1], 0, 0)], "exact") == (0x80000000, UF | NX)  # -2^-254 · 2^-18
        assert e4m3([([0x38], [0x38], 0, 0xFE)], "exact") == (0x3F800000, 0)  # 2^-127 · 2^127

    def test_what_is_left_after_total_cancellation_survives_in_any_order(self):
        blocks = [one(200), one(-140), one(200, -1), one(-149)]
        for order in permutations(blocks):
            assert e4m3(order, "exact") == ((1 << 9) + 1, 0)  # 2^-140 + 2^-149

    def test_zero_sums_are_positive(self):
        assert e4m3([block([0xB8, 0x38], [0x38, 0x38])], "exact") == (0, 0)
        assert e4m3([block([0x80], [0x38])], "exact") == (0, 0)  # -0 · 1
        assert e4m3([one(3, -1), one(3)], "exact") == (0, 0)
        assert e4m3([], "exact") == (0, 0)

    def test_short_last_block(self):
        assert e4m3([block([0x38] * 4, [0x38] * 4), block([0x38], [0x38])], "exact") == (0x40A00000, 0)

    def test_unequal_operands_and_unknown_accumulators_are_refused(self):
        with pytest.raises(ValueError, match="zip"):
            e4m3([([0x38], [0x38, 0x38], 127, 127)], "exact")
        with pytest.raises(ValueError, match="must be exact, window or fp32, not 'fp64'"):
            e4m3([], "fp64")


class TestFp32:
    def test_e2m1_dots_match_numpy_float32_additions(self):
        rng = random.Random(32)
        seen = 0
        for _ in range(150):
            base, span = rng.choice([(-147, 3), (-147, 20), (-30, 3), (0, 30), (116, 2)])
            pool_a, pool_b = rng.choices([range(16), range(8), range(4, 8), range(12, 16)], k=2)
            acc, flags, blocks = np.float32(0), 0, []
            for _ in range(rng.randrange(2, 9)):
                exponent = base + rng.randrange(span)
                a, b = rng.choices(pool_a, k=32), rng.choices(pool_b, k=32)
                blocks.append(block(a, b, exponent))
                lanes = [VALUES["E2M1"][i] * VALUES["E2M1"][j] for i, j in zip(a, b, strict=True)]
                value = np.float32(np.ldexp(sum(lanes), exponent))  # 14 bits of a multiple of 2^-149: exact
                with np.errstate(over="ignore"):
                    total = acc + value
                if np.isinf(total):
                    flags |= 0 if np.isinf(acc) else OF | NX
                elif Fraction(float(acc)) + Fraction(float(value)) != Fraction(float(total)):
                    flags |= NX
                acc = total
            expected = int(acc.view(np.uint32)), flags
            assert dot(blocks, fmt_a="E2M1", fmt_b="E2M1", accumulator="fp32") == expected, blocks
            seen |= flags
        assert seen == OF | NX

    @pytest.mark.parametrize(("fmt_a", "fmt_b"), PAIRS)
    def test_random_dots_match_mpfr_block_by_block(self, fmt_a, fmt_b):
        rng = random.Random(fmt_b + fmt_a)
        for _ in range(25):
            blocks = random_dot(rng, fmt_a, fmt_b)
            acc, code, flags = mpq(0), 0, 0
            for value in mpq_blocks(blocks, fmt_a, fmt_b):
                code, status, _ = mpfr_round(acc + value, "fp32")
                flags |= status
                if status & OF:
                    break
                acc = mpq(float(np.uint32(code).view(np.float32)))
            assert dot(blocks, fmt_a=fmt_a, fmt_b=fmt_b, accumulator="fp32") == (code, flags), blocks
            for output in ("bf16", "fp16"):
                if flags & OF:
                    final = (SIGN[output] if code >> 31 else 0) | INFINITY[output], flags
                else:
                    rounded, status, _ = mpfr_round(acc, output)
                    final = rounded | (SIGN[output] if code >> 31 else 0), flags | status
                assert dot(blocks, fmt_a=fmt_a, fmt_b=fmt_b, accumulator="fp32", output=output) == final, blocks

    def test_rounds_once_per_block(self):
        # 2^24 + 1 is a tie that goes back to 2^24, each time; exact: 2^24 + 2.
        blocks = [one(24), one(0), one(0)]
        assert e4m3(blocks, "fp32") == ((24 + 127) << 23, NX)
        assert e4m3(blocks, "exact") == (((24 + 127) << 23) + 1, 0)
        # In one block there is no rounding in between: 256·256 · 2^8 = 2^24, 1/16·1/16 · 2^8 = 1 (0x78, 0x18).
        assert e4m3([block([0x78, 0x18, 0x18], [0x78, 0x18, 0x18], 8)], "fp32") == (((24 + 127) << 23) + 1, 0)

    def test_depends_on_the_order_of_the_blocks(self):
        assert e4m3([one(0), one(0), one(24)], "fp32") == (((24 + 127) << 23) + 1, 0)
        assert e4m3([one(30), one(0), one(30, -1)], "fp32") == (0, NX)

    def test_an_exactly_zero_sum_is_positive_and_an_underflow_keeps_its_sign(self):
        assert e4m3([one(0, -1), one(0)], "fp32") == (0, 0)
        assert e4m3([one(-151, -1)], "fp32") == (0x80000000, UF | NX)
        assert e4m3([one(-151, -1)], "fp32", output="bf16") == (0x8000, UF | NX)
        assert e4m3([one(-151, -1), block([0], [0])], "fp32") == (0, UF | NX)
        assert e4m3([one(-151, -1), one(-151)], "fp32") == (0, UF | NX)  # -0, then 2^-151 alone

    def test_overflow_sticks_without_more_flags(self):
        assert e4m3([one(128), one(200, -1), one(0)], "fp32") == (0x7F800000, OF | NX)
        assert e4m3([one(128, -1), one(0)], "fp32", output="fp16") == (0xFC00, OF | NX)
        assert e4m3([one(128), one(128, -1)], "exact") == (0, 0)

    def test_narrow_outputs_are_rounded_twice(self):
        # 1 + 2^-8 is a tie of BF16 (8 bits), and FP32 loses the 2^-40 above it: rounded once, up; twice, to even.
        blocks = [one(0), one(-8), one(-40)]
        assert e4m3(blocks, "exact", output="bf16") == (0x3F81, NX)
        assert e4m3(blocks, "fp32", output="bf16") == (0x3F80, NX)
        # 2^16 is no FP16 number, but FP32 holds it and comes back from it.
        assert e4m3([one(16)], "fp32", output="fp16") == (0x7C00, OF | NX)
        assert e4m3([one(16), one(16, -1), one(0)], "fp32", output="fp16") == (0x3C00, 0)

    def test_underflow_of_the_final_rounding_asks_for_inexactness_there(self):
        # 1 + 2^-30 is inexact, minus 1 leaves 0, plus 2^-24 is FP16's smallest subnormal: tiny, exact there, so no UF.
        assert e4m3([one(0), one(-30), one(0, -1), one(-24)], "fp32", output="fp16") == (1, NX)
        assert e4m3([one(-24), one(-25)], "fp32", output="fp16") == (2, UF | NX)  # 1.5 steps: to even, 2


def window_reference(blocks, fmt_a, fmt_b, output, width, guard, lsb):
    """The window in integers: every block value is a multiple of 2^-300."""
    acc, flags = 0, 0
    steps = [int(value * 2**300) for value in mpq_blocks(blocks, fmt_a, fmt_b)]
    for (_, _, scale_a, scale_b), value in zip(blocks, steps, strict=True):
        if lsb is None and value:
            smallest = [
                Fraction(1, 64) if fmt == "INT8" else Fraction(float(ml_dtypes.finfo(dtype).smallest_subnormal))
                for fmt, dtype in ((fmt_a, ELEMENTS[fmt_a]), (fmt_b, ELEMENTS[fmt_b]))
            ]
            lsb = scale_a + scale_b - 254 - (1 / (smallest[0] * smallest[1])).numerator.bit_length() + 1 - guard
        if not value:
            continue
        shift = lsb + 300
        shifted = value >> shift if shift >= 0 else value << -shift
        if shift > 0 and value & ((1 << shift) - 1):
            flags |= NX
        acc += shifted
        if acc >> (width - 1) not in (0, -1):
            acc = (1 << (width - 1)) - 1 if acc > 0 else -(1 << (width - 1))
            flags |= OF | NX
    code, status, tiny = mpfr_round(acc * mpq(2) ** (lsb or 0), output)
    status |= flags
    return code, status | (UF if tiny and status & NX else 0)


class TestWindow:
    @pytest.mark.parametrize(("fmt_a", "fmt_b"), PAIRS)
    def test_random_dots_match_integer_arithmetic(self, fmt_a, fmt_b):
        rng = random.Random(fmt_a * 2 + fmt_b)
        for _ in range(40):
            blocks = random_dot(rng, fmt_a, fmt_b)
            centre = blocks[0][2] + blocks[0][3] - 254
            width, guard = rng.choice([24, 36, 48, 80, 128]), rng.choice([0, 3, 16])
            lsb = rng.choice([None, None, centre + rng.randint(-50, 10)])
            for output in OUTPUTS:
                options = {"output": output, "window": width, "window_guard": guard, "window_lsb": lsb}
                result = dot(blocks, fmt_a=fmt_a, fmt_b=fmt_b, accumulator="window", **options)
                assert result == window_reference(blocks, fmt_a, fmt_b, output, width, guard, lsb), (blocks, options)

    def test_no_nx_means_that_the_result_is_exact(self):
        rng = random.Random(5)
        proofs = 0
        for _ in range(300):
            blocks = random_dot(rng, "E4M3", "E4M3")
            code, status = e4m3(blocks, "window", window=rng.choice([36, 48, 80]))
            if not status & NX:
                assert (code, status) == e4m3(blocks, "exact")
                proofs += 1
        assert 50 < proofs < 300

    def test_a_window_over_the_whole_range_is_exact(self):
        rng = random.Random(6)
        for _ in range(100):
            blocks = random_dot(rng, "E5M2", "E5M2")
            assert e5m2(blocks, "window", window=640, window_lsb=-286) == e5m2(blocks)

    def test_bits_below_the_anchor_are_floored(self):
        # 2^10 anchors L = 10 - 9 - 9 - 16 = -24. ±2^-25 is half a step: 0 or -1 steps. What remains is 0 or -2^-24.
        assert e4m3([one(10), one(-25), one(10, -1)], "window") == (0, NX)
        assert e4m3([one(10), one(-25, -1), one(10, -1)], "window") == (0x80000000 | (127 - 24) << 23, NX)
        assert e4m3([one(10), one(-24, -1), one(10, -1)], "window") == (0x80000000 | (127 - 24) << 23, 0)
        # One more guard bit keeps it.
        assert e4m3([one(10), one(-25), one(10, -1)], "window", window_guard=17) == ((127 - 25) << 23, 0)

    @pytest.mark.parametrize(
        ("fmt", "lsb"), [("E4M3", -9), ("E5M2", -16), ("E3M2", -4), ("E2M3", -3), ("E2M1", -1), ("INT8", -6)]
    )
    def test_anchor_counts_from_the_smallest_subnormals_of_both_formats(self, fmt, lsb):
        # 1·1 anchors L = lsb - 9 - 5 if the other operand is E4M3. 1 + 2^L - 1 leaves 2^L; half of that is floored.
        unit = VALUES[fmt].index(1.0)
        for exponent, expected in ((lsb - 14, ((127 + lsb - 14) << 23, 0)), (lsb - 15, (0, NX))):
            blocks = [block([unit], [0x38]), block([unit], [0x38], exponent), block([unit], [0xB8])]
            assert dot(blocks, fmt_a=fmt, fmt_b="E4M3", accumulator="window", window_guard=5) == expected
            reverse = [(b, a, scale_a, scale_b) for a, b, scale_a, scale_b in blocks]
            assert dot(reverse, fmt_a="E4M3", fmt_b=fmt, accumulator="window", window_guard=5) == expected

    def test_anchor_includes_both_scales(self):
        # 2^-44: L = -44 - 9 - 9 - 16 = -78.
        blocks = [([0x38], [0x38], 107, 103), one(-78), one(-79), ([0x38], [0xB8], 103, 107)]
        assert e4m3(blocks, "window") == ((127 - 78) << 23, NX)

    def test_zero_blocks_do_not_anchor(self):
        zeros = [block([0], [0], 100), block([0x38, 0xB8], [0x38, 0x38], 100)]
        assert e4m3([*zeros, one(0)], "window", window_guard=0) == (0x3F800000, 0)
        assert e4m3([block([0], [0], -100), one(0)], "window", window=24) == e4m3([one(0)], "window", window=24)
        assert e4m3(zeros, "window") == (0, 0)
        assert e4m3([], "window") == (0, 0)

    def test_the_first_block_anchors_even_if_its_value_is_far_above_its_own_least_significant_bit(self):
        # 448·448 = 200704 has 18 bits before the point, and L = -34 puts 34 behind it: 52 bits and a sign.
        # 200704 = 49·2^12, so that is 49·2^46: a 53-bit window holds it, and a 52-bit one does not.
        assert e4m3([block([0x7E], [0x7E])], "window", window=53) == (0x48440000, 0)
        # The largest number of 52 bits is (2^51 - 1)·2^-34 = 2^17 - 2^-34, which FP32 rounds to 2^17.
        assert e4m3([block([0x7E], [0x7E])], "window", window=52) == ((127 + 17) << 23, OF | NX)
        assert e4m3([block([0xFE], [0x7E])], "window", window=52) == (0x80000000 | (127 + 17) << 23, OF | NX)

    def test_saturation_is_remembered_and_does_not_wrap(self):
        # Window of 20 bits at L = 0: -524288 … 524287. 2^19 saturates to 524287, minus 2^19 leaves -1.
        options = {"window": 20, "window_lsb": 0}
        assert e4m3([one(19), one(19, -1)], "window", **options) == (0xBF800000, OF | NX)
        assert e4m3([one(19, -1)], "window", **options) == (0x80000000 | (127 + 19) << 23, 0)  # -2^19 fits
        assert e4m3([one(18), one(18)], "window", **options) == (0x48FFFFE0, OF | NX)  # 524287 = 1.(18 ones)·2^18
        # The sum of accumulator and block counts, not the block alone: -2^18 + 2^19 = 2^18.
        assert e4m3([one(18, -1), one(19)], "window", **options) == ((127 + 18) << 23, 0)

    def test_underflow_is_judged_on_the_whole_result(self):
        # 2^-140 + 2^-158 above L = -140: 2^-140 is a subnormal that FP32 holds, but it is not the sum.
        assert e4m3([one(-140), one(-158)], "window", window_lsb=-140) == (1 << 9, UF | NX)
        assert e4m3([one(-140)], "window", window_lsb=-140) == (1 << 9, 0)
        assert e4m3([one(-150, -1)], "window", window_lsb=-140) == (0x80000000 | 1 << 9, UF | NX)
        assert e4m3([one(-150)], "window", window_lsb=-140) == (0, NX)  # nothing is left, and nothing is not tiny
        assert e4m3([one(-150)], "window", window_lsb=-160) == (0, UF | NX)
        # Inexact and not tiny; and tiny in FP16 though not in FP32.
        assert e4m3([one(-20), one(-40)], "window", window_lsb=-30) == ((127 - 20) << 23, NX)
        assert e4m3([one(-20), one(-40)], "window", window_lsb=-30, output="fp16") == (1 << 4, UF | NX)


ZERO, ONE, PINF, MINF, QNAN = 0x00, 0x3C, 0x7C, 0xFC, 0x7E  # E5M2


@pytest.mark.parametrize("accumulator", ["exact", "window", "fp32"])
class TestSpecials:
    @pytest.mark.parametrize(
        ("a", "b", "code", "status"),
        [
            ([QNAN], [ONE], 0x7FC00000, 0),
            ([0x7D], [ONE], 0x7FC00000, 0),  # E5M2 has three NaN codes to each sign, none of them signalling here
            ([0xFF], [ZERO], 0x7FC00000, 0),
            ([QNAN], [PINF], 0x7FC00000, 0),
            ([PINF], [ZERO], 0x7FC00000, NV),
            ([0x80], [MINF], 0x7FC00000, NV),
            ([PINF], [0x01], 0x7F800000, 0),  # Inf times the smallest subnormal
            ([PINF], [MINF], 0xFF800000, 0),
            ([MINF], [MINF], 0x7F800000, 0),
            ([PINF, PINF], [ONE, ONE], 0x7F800000, 0),
            ([PINF, ONE], [ONE, MINF], 0x7FC00000, NV),
            ([PINF, QNAN, MINF], [ONE, ONE, ONE], 0x7FC00000, NV),
            ([QNAN, PINF], [ONE, ZERO], 0x7FC00000, NV),
            ([PINF, QNAN], [ONE, ONE], 0x7FC00000, 0),
        ],
    )
    def test_lanes_of_one_block(self, accumulator, a, b, code, status):
        assert e5m2([block(a, b)], accumulator) == (code, status)
        # Finite blocks around it that overflow or are inexact change nothing, and their flags are dropped.
        finite = block([ONE], [ONE], -200)
        assert e5m2([block([ONE], [ONE], 0), finite, block(a, b), finite], accumulator) == (code, status)

    def test_infinities_of_two_blocks_clash(self, accumulator):
        plus, minus, nan = block([PINF], [ONE]), block([ONE], [MINF], -9), block([QNAN], [ONE])
        assert e5m2([plus, plus], accumulator) == (0x7F800000, 0)
        assert e5m2([minus, plus], accumulator) == (0x7FC00000, NV)
        for order in permutations([plus, nan, minus]):
            assert e5m2(order, accumulator) == (0x7FC00000, NV)

    def test_a_nan_scale_makes_nan_whatever_the_elements(self, accumulator):
        elements = [
            ([ZERO], [ZERO]),
            ([ONE], [ONE]),
            ([PINF], [ZERO]),
            ([PINF, MINF], [ONE, ONE]),
            ([QNAN], [ONE]),
            ([], []),
        ]
        for a, b in elements:
            for scales in ((0xFF, 127), (0, 0xFF), (0xFF, 0xFF)):
                assert e5m2([(a, b, *scales)], accumulator) == (0x7FC00000, 0)
        # Its infinities are no infinities: no clash with those of other blocks.
        assert e5m2([([PINF], [ONE], 0xFF, 127), block([MINF], [ONE])], accumulator) == (0x7FC00000, 0)

    @pytest.mark.parametrize("output", OUTPUTS)
    def test_codes_of_every_output(self, accumulator, output):
        assert e5m2([block([QNAN], [ONE])], accumulator, output=output) == (NAN[output], 0)
        assert e5m2([block([PINF], [ONE])], accumulator, output=output) == (INFINITY[output], 0)
        assert e5m2([block([MINF], [ONE])], accumulator, output=output) == (SIGN[output] | INFINITY[output], 0)

    def test_e4m3_nan_wins_over_zero_and_there_is_no_infinity(self, accumulator):
        for nan in (0x7F, 0xFF):
            assert e4m3([block([nan], [0])], accumulator) == (0x7FC00000, 0)
        assert e4m3([block([0x7C], [0x38])], accumulator) == (0x43C00000, 0)  # E5M2's Inf is E4M3's 384

    def test_overflow_before_an_infinite_element_leaves_no_flags(self, accumulator):
        big = block([ONE], [ONE], 200)
        assert e5m2([big, block([PINF], [ONE])], accumulator) == (0x7F800000, 0)
        assert e5m2([block([MINF], [ONE]), big], accumulator) == (0xFF800000, 0)
        assert e5m2([big, block([QNAN], [ONE])], accumulator) == (0x7FC00000, 0)

    def test_only_an_fp32_accumulator_that_overflowed_clashes_with_an_infinity(self, accumulator):
        big, minus, nan = block([ONE], [ONE], 200), block([MINF], [ONE]), block([QNAN], [ONE])
        clash = (0x7FC00000, NV) if accumulator == "fp32" else (0xFF800000, 0)
        assert e5m2([big, minus], accumulator) == clash
        assert e5m2([minus, big], accumulator) == (0xFF800000, 0)
        assert e5m2([big, nan, minus], accumulator) == (0x7FC00000, 0)

    def test_random_specials_match_the_flags_of_the_processor(self, accumulator):
        rng = random.Random(9)
        pool = [ZERO, 0x80, ONE, 0xBC, 0x3E, ONE, 0xC1, PINF, MINF, QNAN]
        weights = [3, 3, 8, 8, 8, 8, 8, 1, 1, 1]
        seen = set()
        for _ in range(400):
            blocks = [block(*(rng.choices(pool, weights, k=3) for _ in "ab")) for _ in range(rng.randint(1, 3))]
            a, b = (np.array([VALUES["E5M2"][code] for blk in blocks for code in blk[side]]) for side in (0, 1))
            invalid = False
            try:
                with np.errstate(invalid="raise"):
                    products = a * b
            except FloatingPointError:
                invalid = True
                with np.errstate(invalid="ignore"):
                    products = a * b
            try:
                with np.errstate(invalid="raise"):
                    np.add.accumulate(products[~np.isnan(products)])
            except FloatingPointError:
                invalid = True
            with np.errstate(invalid="ignore"):
                total = np.float32(sum(products.tolist()))
            code = 0x7FC00000 if np.isnan(total) else int((total + np.float32(0)).view(np.uint32))
            assert e5m2(blocks, accumulator) == (code, NV if invalid else 0), blocks
            seen.add((code if np.isnan(total) or np.isinf(total) else 0, invalid))
        assert seen == {(0x7FC00000, True), (0x7FC00000, False), (0x7F800000, False), (0xFF800000, False), (0, False)}
