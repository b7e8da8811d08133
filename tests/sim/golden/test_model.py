"""The golden model's dot products against the oracle, to the bit and the flag."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import oracle
from golden_checks import arrays, check, config, e4m3, python_integers, scales, window_of
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import golden
from mxmac_sim.golden import blocks as blocks_module
from oracle import NV, NX, OF, UF

PAIRS = list(product(ELEMENT_FORMATS, ELEMENT_FORMATS))
ACCUMULATORS = ["exact", "window", "fp32"]
OUTPUTS = ["FP32", "BF16", "FP16"]
#: Product bits grow to 64 a pair and 70 a block, where the pairing is the widest.
NARROW, WIDE = ("E4M3", "E4M3"), ("E5M2", "E5M2")

each_accumulator = pytest.mark.parametrize("accumulator", ACCUMULATORS)
each_output = pytest.mark.parametrize("output", OUTPUTS)
unhurried = settings(deadline=None, max_examples=150)


@st.composite
def dots(draw):
    """Formats and a few blocks that interact: close in exponent or far apart, cancelling, at the ends of all ranges."""
    fmt_a, fmt_b = draw(st.sampled_from([NARROW, WIDE, *PAIRS]))
    centre = draw(st.sampled_from([-254, -170, -140, -20, 0, 100, 254]))
    spread = draw(st.sampled_from([0, 2, 12, 40, 508]))
    size = draw(st.integers(1, 4))

    def codes(fmt):
        code = st.integers(0, (1 << ELEMENT_FORMATS[fmt].width) - 1)
        finite = code.filter(lambda value: not isinstance(oracle.decode(value, fmt), float))
        special = draw(st.sampled_from([False] * 6 + [True]))
        return st.lists(st.one_of(st.sampled_from([0, 1]), code if special else finite), min_size=size, max_size=size)

    a_codes, b_codes = codes(fmt_a), codes(fmt_b)
    blocks = []
    for _ in range(draw(st.integers(1, 5))):
        if blocks and draw(st.integers(0, 3)) == 0:  # an earlier block again; with signs flipped, if that is a bit
            a, b, *pair = draw(st.sampled_from(blocks))
            flip = 0 if ELEMENT_FORMATS[fmt_a].is_integer else 1 << ELEMENT_FORMATS[fmt_a].width - 1
            blocks.append(([code ^ flip for code in a], b, *pair))
            continue
        total = min(508, max(0, 254 + centre + draw(st.integers(-spread, spread))))
        scale_a = draw(st.integers(max(0, total - 254), min(254, total)))
        if draw(st.integers(0, 40)) == 0:
            scale_a = 255
        blocks.append((draw(a_codes), draw(b_codes), scale_a, total - scale_a if scale_a < 255 else 127))
    return fmt_a, fmt_b, size, blocks


@given(dots(), st.sampled_from(OUTPUTS), st.sampled_from(["exact", "fp32"]))
@unhurried
def test_exact_and_fp32_match_the_oracle(drawn, output, accumulator):
    fmt_a, fmt_b, size, blocks = drawn
    check(blocks, config(fmt_a, fmt_b, accumulator, output, size))


@given(
    dots(),
    st.sampled_from(OUTPUTS),
    st.sampled_from([0, 1, 2, 10, 30, 200]),
    st.integers(0, 30),
    st.sampled_from([None, -310, -160, -60, -18, 0, 200]),
)
@unhurried
def test_window_matches_the_oracle(drawn, output, room, guard, lsb):
    fmt_a, fmt_b, size, blocks = drawn
    least = config(fmt_a, fmt_b, "exact", block=size).block_sum_bits
    window = least + room
    place = {"window_guard": min(guard, window - 1)} if lsb is None else {"window_lsb": lsb}
    cfg = config(fmt_a, fmt_b, "window", output, size, window=window, **place)
    check(blocks, cfg)


@pytest.mark.parametrize(("fmt_a", "fmt_b"), PAIRS)
@each_accumulator
def test_random_codes_of_every_pairing_match_the_oracle(fmt_a, fmt_b, accumulator):
    rng = np.random.default_rng([*f"{fmt_a}{fmt_b}{accumulator}".encode()])
    block, count = 4, 12
    for output in OUTPUTS:
        cfg = config(fmt_a, fmt_b, accumulator, output, block)
        a, b = (rng.integers(0, 1 << ELEMENT_FORMATS[fmt].width, (count, 3, block)).astype(np.uint8) for fmt in (fmt_a, fmt_b))
        scale_a, scale_b = rng.integers(127 - 8, 127 + 9, (2, count, 3)).astype(np.uint8)
        data, status = golden.dot(a, scale_a, b, scale_b, cfg)
        for each in range(count):
            lists = (array[each].tolist() for array in (a, b, scale_a, scale_b))
            assert (int(data[each]), int(status[each])) == check(list(zip(*lists, strict=True)), cfg)


# Infinities and NaN: every sequence of three of these blocks.

_ONE, _INF, _NEGATIVE_INF, _NAN = 0x3C, 0x7C, 0xFC, 0x7E
SPECIAL = {
    "zero": ([0, 0], [_ONE, 0], 127, 127),
    "one": ([_ONE, 0], [_ONE, 0], 127, 127),
    "overflow": ([_ONE, 0], [_ONE, 0], 254, 254),
    "-overflow": ([0x7B, 0xFB], [0xFB, 0x7B], 254, 254),
    "inf": ([_INF, 1], [1, 1], 127, 127),
    "scale over +inf": ([_INF, 1], [1, 1], 0xFF, 0),
    "-inf": ([1, 1], [1, _NEGATIVE_INF], 0, 0),
    "inf - inf": ([_INF, 0x81], [1, _INF], 127, 127),
    "inf * 0": ([_INF, 1], [0x80, 1], 127, 127),
    "inf * nan": ([_INF, 1], [_NAN, 1], 127, 127),
    "nan": ([1, 0xFF], [1, 0], 127, 127),
    "scale": ([1, 1], [1, 1], 0xFF, 0),
    "scale over -inf and inf * 0": ([_INF, _NEGATIVE_INF], [0, 1], 0, 0xFF),
}


@each_accumulator
def test_every_sequence_of_special_blocks_matches_the_oracle(accumulator):
    cfg = config(*WIDE, accumulator, block=2, **window_of(accumulator, window=70))
    sequences = list(product(SPECIAL.values(), repeat=3))
    columns = [np.stack(column) for column in zip(*(arrays(blocks, 2) for blocks in sequences), strict=True)]
    expected = [oracle.dot(each, fmt_a="E5M2", fmt_b="E5M2", accumulator=accumulator, window=70) for each in sequences]
    data, status = golden.dot(*columns, cfg)
    assert list(zip(data.tolist(), status.tolist(), strict=True)) == expected
    with python_integers():
        np.testing.assert_array_equal(golden.dot(*columns, cfg), (data, status))
    assert {NV, 0, OF | NX} <= set(status.tolist())


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (["overflow", "-inf"], NV),
        (["overflow", "inf"], 0),
        (["overflow", "nan", "-inf"], 0),
        (["inf", "-overflow", "inf"], 0),
        (["overflow", "-inf", "nan"], NV),
        (["nan", "inf * 0"], NV),
        (["inf", "nan", "-inf"], NV),
        (["scale over -inf and inf * 0"], 0),
        (["inf * nan"], 0),
    ],
)
def test_invalid_operations_of_fp32_are_flagged_where_they_happen(names, status):
    assert check([SPECIAL[name] for name in names], config(*WIDE, "fp32", block=2))[1] == status


# fp32: each block is rounded exactly once, however far apart its bits and the accumulator's are.


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("odd", [False, True])
def test_fp32_rounds_a_sum_of_more_bits_than_float64_has_once(sign, odd):
    # 2^41 (and 2^18 if odd) + 2^17 is a tie; ± 2^-18 decides it, 59 bits below.
    start = e4m3(41, sign)
    last_place = e4m3(18, sign if odd else 0)
    half = 0x78 if sign > 0 else 0xF8  # ±2^8 * 2^9 below
    for extra in (0x01, 0x81, 0x00):
        decider = ([half, extra], [0x78, 0x01], *scales(1))
        check([start, last_place, decider], config(accumulator="fp32"))
        check([start, last_place, decider], config("E5M2", "E4M3", accumulator="fp32"))


@pytest.mark.parametrize("sign", [0, 0x80])
def test_fp32_sees_the_last_bit_of_a_sum_that_float64_cannot_hold(sign):
    # 2^27 * 2^27 + 2^15 * 2^15 is a tie of two neighbours in FP32; 1 * 1 decides it.
    block = [0x68 | sign, 0x38 | sign, 0x01 | sign], [0x68, 0x38, 0x01], *scales(32)
    rounded = oracle.round_to(2**54 + 2**31, "fp32").code | sign << 24
    assert check([block], config(*WIDE, "fp32")) == (rounded, NX)


def test_fp32_finds_tininess_after_rounding_to_24_bits():
    cfg = config(accumulator="fp32")
    normal, code = e4m3(-126, 1), 0x00800000
    assert check([normal, e4m3(-151, -1)], cfg) == (code, NX)  # a tie that goes up to 2^-126
    assert check([normal, e4m3(-151, -1.5)], cfg) == (code, NX | UF)
    assert check([normal, e4m3(-150, -1)], cfg) == (code, NX | UF)
    assert check([normal, e4m3(-149, -1)], cfg) == (code - 1, 0)


def test_fp32_keeps_the_sign_of_an_accumulator_that_underflowed():
    cfg = config(accumulator="fp32")
    underflow, zero = e4m3(-200, "-tiny"), e4m3(0, 0)
    assert check([underflow], cfg) == (0x80000000, UF | NX)
    assert check([underflow, zero], cfg) == (0, UF | NX)
    assert check([e4m3(-100, 1), e4m3(-100, -1)], cfg) == (0, 0)
    for output in ("BF16", "FP16"):
        assert check([underflow], config(accumulator="fp32", output=output)) == (0x8000, UF | NX)


@each_output
def test_fp32_stays_infinite_after_an_overflow(output):
    cfg = config(accumulator="fp32", output=output)
    top, bottom = e4m3(140, 1), e4m3(140, -1)
    assert check([top, bottom], cfg) == (cfg.output.inf_code, OF | NX)
    assert check([bottom, e4m3(0, "tiny"), top, top], cfg)[1] == OF | NX


def test_fp32_rounds_every_block_and_not_only_the_last():
    ulps = [e4m3(0, 1), *[e4m3(-24, 1)] * 4]
    assert check(ulps, config(accumulator="fp32")) == (0x3F800000, NX)
    assert check(ulps, config(accumulator="exact")) == (0x3F800002, 0)


# Results.


@each_accumulator
@each_output
def test_results_at_the_ends_of_the_range_match_the_oracle(accumulator, output):
    cfg = config(accumulator=accumulator, output=output)
    fmt = cfg.output
    tops, bottoms = (fmt.emax, fmt.emax + 1), range(fmt.lsb_exp - 3, fmt.lsb_exp + 4)
    statuses = set()
    for exponent in (*tops, *bottoms, fmt.emin - 1, fmt.emin, -254, 254):
        for signs in ((1,), (-1,), (1.5,), (-1.5, 1, 1, 1), (1, 1, 1, -1), (1, "tiny"), (1, "-tiny"), ("tiny",)):
            statuses.add(check([e4m3(exponent, *signs)], cfg)[1])
            statuses.add(check([e4m3(exponent, *signs), e4m3(exponent - fmt.man_bits - 1, *signs)], cfg)[1])
    assert {0, NX, OF | NX, UF | NX} <= statuses


@each_accumulator
def test_scales_at_their_ends_match_the_oracle(accumulator):
    for pair in (NARROW, WIDE, ("INT8", "E2M1")):
        cfg = config(*pair, accumulator, block=1)
        blocks = [([0x31 & (1 << fmt.width) - 1 for fmt in cfg.a], [0x2], *pair) for pair in ((0, 0), (254, 254))]
        for chosen in (blocks, blocks[::-1], blocks[:1], blocks[1:], [*blocks, blocks[0]]):
            check(chosen, cfg)


def test_exact_does_not_depend_on_the_order_and_survives_cancellation():
    blocks = [e4m3(250, 1.5), e4m3(-20, "tiny"), e4m3(250, -1.5), e4m3(-250, 1), e4m3(0, 1), e4m3(0, -1)]
    orders = np.random.default_rng(1).permuted([range(len(blocks))] * 10, axis=1)
    results = {check([blocks[index] for index in order], config()) for order in orders}
    assert results == {oracle.round_to(oracle.power(-29) + oracle.power(-250), "fp32")[:2]}


# Both ways to compute.


@each_accumulator
@pytest.mark.parametrize("pair", [NARROW, WIDE, ("INT8", "E5M2")])
def test_arrays_and_python_integers_agree(accumulator, pair):
    rng = np.random.default_rng(7)
    a, b = rng.integers(0, 256, (2, 60, 5, 8)).astype(np.uint8)
    a[rng.random(a.shape) < 0.3], b[rng.random(b.shape) < 0.7] = 0, 0x38
    scale_a, scale_b = rng.integers(120, 134, (2, 60, 5)).astype(np.uint8)
    cfg = config(*pair, accumulator, block=8, **window_of(accumulator, window=90))
    direct = golden.dot(a, scale_a, b, scale_b, cfg)
    with python_integers():
        np.testing.assert_array_equal(direct, golden.dot(a, scale_a, b, scale_b, cfg))


@pytest.mark.parametrize("pair", [NARROW, WIDE, ("E5M2", "INT8"), ("INT8", "E5M2")])
def test_narrower_chunks_give_the_same_sums(pair, monkeypatch):
    rng = np.random.default_rng(8)
    codes = rng.integers(0, 256, (2, 50, 32)).astype(np.uint8)
    formats = [ELEMENT_FORMATS[name] for name in pair]
    direct = golden.block_sums(*codes, *formats)
    monkeypatch.setattr(blocks_module, "FLOAT_BITS", 43)
    narrow = golden.block_sums(*codes, *formats)
    assert direct.value.tolist() == narrow.value.tolist()
