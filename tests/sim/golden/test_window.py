"""The window accumulator of the golden model at its corners, against the oracle."""

from itertools import product

import pytest

import oracle
from golden_checks import check, config, e4m3, scales
from oracle import NX, OF, UF


def steps(log2, sign=1):
    """A block of ±2^log2 units of a window without guard bits that ``steps(0)`` has anchored."""
    return [0x01], [0x01 if sign > 0 else 0x21], *scales(log2 - 100)


@pytest.mark.parametrize("window", [13, 30, 61, 62, 63, 64, 80, 200])
def test_window_saturates_at_both_ends_and_comes_back(window):
    cfg = config("E2M3", "E2M3", "window", block=1, window=window, window_guard=0)
    one, minus, half = steps(0), steps(0, -1), window - 1
    # From zero: the lowest value is one of the window's, its opposite is not, nor is what lies one below.
    assert check([one, minus, steps(half, -1)], cfg)[1] == 0
    assert check([one, minus, steps(half)], cfg)[1] & OF
    assert check([one, minus, steps(half, -1), minus], cfg)[1] & OF
    # The highest value lies one below that opposite.
    assert check([minus, steps(half - 1), steps(half - 1)], cfg)[1] & OF == 0
    assert check([minus, steps(half - 1), steps(half - 1), one], cfg)[1] & OF
    # Saturated, then brought back, by so much that it makes a difference: the flags stay.
    for log2, sign in product((half, window, window + 1, 350), (1, -1)):
        saturated = [steps(0, sign), steps(0, sign), steps(log2, sign)]
        for back in (0, half - 1, half, window):
            assert check([*saturated, steps(back, -sign)], cfg)[1] == OF | NX


@pytest.mark.parametrize("window", [13, 62, 63, 80, 300])
def test_window_floors_negative_values(window):
    cfg = config("E2M3", "E2M3", "window", block=1, window=window, window_guard=2)
    anchor, cancel = ([0x01], [0x01], *scales(0)), ([0x01], [0x21], *scales(0))
    below, far_below = ([0x01], [0x21], *scales(-3)), ([0x01], [0x21], *scales(-200))
    floored = oracle.round_to(-oracle.power(-6 - 2), "fp32").code
    assert check([anchor, cancel, below], cfg) == (floored, NX)
    assert check([anchor, cancel, far_below], cfg) == (floored, NX)
    above, far_above = ([0x01], [0x01], *scales(-3)), ([0x01], [0x01], *scales(-200))
    assert check([anchor, cancel, above], cfg) == (0, NX)
    assert check([anchor, cancel, far_above], cfg) == (0, NX)


def test_window_is_anchored_by_the_first_block_whose_sum_is_not_zero():
    cfg = config(accumulator="window", window=43, window_guard=0)
    zeros = [e4m3(200, 0, 0), e4m3(100, 1, -1)]
    assert check([*zeros, e4m3(0, "tiny"), e4m3(-1, 1)], cfg)[1] == 0
    assert check([*zeros, e4m3(0, 1), e4m3(-200, "tiny")], cfg)[1] == NX
    assert check([e4m3(0, 1), *zeros, e4m3(-18, 1)], cfg)[1] == 0
    assert check(zeros, cfg) == (0, 0)


@pytest.mark.parametrize("lsb", [-1024, -300, -149, -18, 0, 300, 1024])
@pytest.mark.parametrize("window", [41, 62, 63, 100])
def test_window_at_a_fixed_place_matches_the_oracle(lsb, window):
    cfg = config(accumulator="window", window=window, window_lsb=lsb)
    for exponent in (-254, -100, lsb, lsb + 8, lsb + 9, lsb + window - 2, lsb + window - 1, lsb + window, 254):
        if abs(exponent) <= 254:
            for signs in ((1,), (-1,), (1.5, "tiny"), ("-tiny",)):
                check([e4m3(exponent, *signs)], cfg)
                check([e4m3(exponent, *signs), e4m3(exponent, -1)], cfg)


def test_underflow_of_a_window_tells_what_it_lost_before_the_last_rounding():
    cfg = config("E2M1", "E2M1", "window", block=1, window=40, window_lsb=-149)
    least, tenth = ([0x01], [0x01], *scales(-147)), ([0x01], [0x01], *scales(-170))
    assert check([least], cfg) == (1, 0)
    assert check([least, tenth], cfg) == (1, NX | UF)
    assert check([tenth], cfg) == (0, NX)  # a window value of zero is not tiny
