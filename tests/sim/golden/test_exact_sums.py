"""``exact`` keeps its promise: any order of the blocks, over all the range of scales, for as many blocks as it says.

One unit that has all six formats on both sides, so that one simulation is enough for all pairings.
"""

from itertools import permutations

import numpy as np
import pytest

import oracle
from mxmac.config import EXACT_BLOCKS, Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, SCALE_BIAS
from mxmac_sim import golden
from mxmac_sim.simulators.bulk import BulkUnit
from shared_units import FORMATS, PAIRINGS, all_formats_unit, chosen


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    return all_formats_unit(tmp_path_factory)


BLOCK = 2


def one(fmt):
    """Code of 1."""
    return 1 << -fmt.lsb_exp if fmt.is_integer else fmt.bias << fmt.man_bits


def negated(codes, fmt):
    codes = np.asarray(codes, np.int64)
    return (-codes & 0xFF if fmt.is_integer else codes ^ (1 << (fmt.width - 1))).astype(np.uint8)


def finite(fmt):
    """All codes of finite elements whose negative is one too."""
    codes = [code for code in range(1 << fmt.width) if not oracle.is_nan(oracle.decode(code, fmt.name))]
    codes = [code for code in codes if not oracle.is_inf(oracle.decode(code, fmt.name))]
    return np.array([code for code in codes if not fmt.is_integer or code != 0x80], np.uint8)


# Any order.


def cancelling(rng, pairing, blocks):
    """Random blocks with scales close together, and as many with larger ones, each of which another one takes away."""
    fmt_a, fmt_b = (FORMATS[index] for index in pairing)
    a, b = (rng.choice(finite(fmt), (blocks, BLOCK)) for fmt in (fmt_a, fmt_b))
    scales = rng.integers(SCALE_BIAS - 8, SCALE_BIAS + 9, (2, blocks))
    third = blocks // 3
    scales[:, :third] = rng.integers(SCALE_BIAS, 255, (2, third))
    a[third : 2 * third], b[third : 2 * third] = negated(a[:third], fmt_a), b[:third]
    scales[:, third : 2 * third] = scales[:, :third]
    return a, scales[0].astype(np.uint8), b, scales[1].astype(np.uint8)


def test_ten_orders_of_the_blocks_give_the_same_bits_in_every_pairing(unit):
    rng, blocks, orders = np.random.default_rng(11), 30, 10
    pairings = [pairing for pairing in PAIRINGS for _ in range(4)]
    dots = [cancelling(rng, pairing, blocks) for pairing in pairings]
    shuffles = [np.arange(blocks), *(rng.permutation(blocks) for _ in range(orders - 1))]
    operands = [np.stack([part[order] for part in parts for order in shuffles]) for parts in zip(*dots, strict=True)]
    formats = chosen([pairing for pairing in pairings for _ in range(orders)], blocks)

    run = unit.run(*operands, **formats)

    found, status = run.data.reshape(-1, orders), run.status.reshape(-1, orders)
    np.testing.assert_array_equal(found, np.repeat(found[:, :1], orders, 1))
    np.testing.assert_array_equal(status, np.repeat(status[:, :1], orders, 1))
    expected = [expected_of(dot, pairing) for dot, pairing in zip(dots, pairings, strict=True)]
    assert list(zip(found[:, 0].tolist(), status[:, 0].tolist(), strict=True)) == expected
    # The order does matter to an accumulator that rounds after each block.
    rounding = MacConfig(a=FORMATS, b=FORMATS, block=BLOCK, lanes=1, accumulator=Accumulator.FP32)
    rounded, _ = golden.dot(*operands, rounding, **formats)
    assert np.mean([len(set(row)) > 1 for row in rounded.reshape(-1, orders).tolist()]) > 0.9


def expected_of(dot, pairing):
    """What the oracle makes of arrays a, scale_a, b, scale_b."""
    a, scale_a, b, scale_b = (part.tolist() for part in dot)
    names = (FORMATS[index].name for index in pairing)
    return oracle.dot(
        list(zip(a, b, scale_a, scale_b, strict=True)), **dict(zip(("fmt_a", "fmt_b"), names, strict=True)), accumulator="exact"
    )


# All the range.

#: Sums of signed powers of two, (sign, exponent) each.
SUMS = {
    "a rest": [(1, 250), (1, 3), (-1, 250)],
    "a negative rest": [(-1, 250), (-1, -3), (1, 250)],
    "the smallest subnormal": [(1, 250), (1, -149), (-1, 250)],
    "a tie that underflows": [(1, 250), (-1, -150), (-1, 250)],
    "above that tie": [(1, 250), (-1, -150), (-1, -250), (-1, 250)],
    "below that tie": [(1, 250), (-1, -150), (1, -250), (-1, 250)],
    "far below everything": [(1, 250), (-1, -250), (-1, 250)],
    "nothing": [(1, 250), (1, -250), (-1, 250), (-1, -250)],
    "above a tie, by 2^-250": [(1, 250), (1, 0), (1, -24), (1, -250), (-1, 250)],
    "below a tie, by 2^-250": [(1, 250), (1, 0), (1, -24), (-1, -250), (-1, 250)],
    "a tie to even, and one away": [(1, 250), (1, 0), (1, -24), (1, -250), (-1, -250), (-1, 250)],
    "just below a power of two": [(1, 127), (-1, -250)],
    "a borrow from top to bottom": [(1, 250), (-1, -249), (-1, 250), (1, -100)],
    "halves of what goes": [(1, 250), (-1, 249), (-1, 249), (1, -126)],
    "overflow after all": [(1, 250), (-1, -250)],
    "overflow but for 2^-250": [(1, 128), (-1, 103), (-1, -250)],
    "the ends of the range": [(1, 254), (1, -60), (-1, 254), (-1, -254)],
}
#: As many orders of a sum as are tried.
ORDERS = 24


def powers(terms, pairing, rng):
    """Blocks of a power of two each."""
    fmt_a, fmt_b = (FORMATS[index] for index in pairing)
    ones = np.array([[one(fmt_a), 0], [one(fmt_b), 0]], np.uint8)
    a, b = (np.repeat(side[None], len(terms), 0) for side in ones)
    a[[sign < 0 for sign, _ in terms], 0] = negated(a[0, 0], fmt_a)
    total = np.array([exp + 2 * SCALE_BIAS for _, exp in terms])
    scale_a = rng.integers(np.maximum(0, total - 254), np.minimum(254, total) + 1)
    return a, scale_a.astype(np.uint8), b, (total - scale_a).astype(np.uint8)


@pytest.mark.parametrize("name", SUMS)
def test_cancellation_from_one_end_of_the_scales_to_the_other_is_right_to_the_last_bit(unit, name):
    rng, terms = np.random.default_rng(5), SUMS[name]
    orders = list(permutations(range(len(terms))))
    orders = [orders[index] for index in rng.permutation(len(orders))[:ORDERS]]
    dots = [powers(terms, pairing, rng) for pairing in PAIRINGS]
    operands = [np.stack([part[list(order)] for part in parts for order in orders]) for parts in zip(*dots, strict=True)]

    run = unit.run(*operands, **chosen([pairing for pairing in PAIRINGS for _ in orders], len(terms)))

    (expected,) = {expected_of(dot, pairing) for dot, pairing in zip(dots, PAIRINGS, strict=True)}
    assert set(zip(run.data.tolist(), run.status.tolist(), strict=True)) == {expected}


def test_random_blocks_that_go_leave_the_rest_right_to_the_last_bit(unit):
    """Huge, tiny, minus huge: everything that two blocks can be, and one that is left, 2^260 below or more."""
    rng, pairings = np.random.default_rng(6), [pairing for pairing in PAIRINGS for _ in range(20)]
    dots = []
    for pairing in pairings:
        fmt_a, fmt_b = (FORMATS[index] for index in pairing)
        a, b = (rng.choice(finite(fmt), (3, BLOCK)) for fmt in (fmt_a, fmt_b))
        a[2], b[2] = negated(a[0], fmt_a), b[0]
        high, low = rng.integers(230, 255, 2), rng.integers(60, 100, 2)
        scale_a, scale_b = (np.array([high[side], low[side], high[side]], np.uint8) for side in (0, 1))
        dots.append((a, scale_a, b, scale_b))

    run = unit.run(*(np.stack(part) for part in zip(*dots, strict=True)), **chosen(pairings, 3))

    expected = [expected_of(dot, pairing) for dot, pairing in zip(dots, pairings, strict=True)]
    assert list(zip(run.data.tolist(), run.status.tolist(), strict=True)) == expected
    assert len(set(expected)) > len(pairings) // 2


# As many blocks as promised.


@pytest.mark.parametrize("name", ["E5M2", "E4M3", "E2M1", "INT8"])
def test_as_many_blocks_as_promised_may_have_any_values(unit, name):
    """The smallest negative block fills the word that it falls into with ones, the largest blocks that above it."""
    index = list(ELEMENT_FORMATS).index(name)
    fmt, codes = FORMATS[index], finite(FORMATS[index])
    values = [oracle.decode(code, name) for code in codes.tolist()]
    largest, smallest = codes[int(np.argmax(values))], one(fmt) if name == "E2M1" else 1
    dots = [
        (negated(np.uint8(smallest), fmt), smallest, 126, 127),
        (largest, largest, 127, 127),
        (negated(largest, fmt), largest, 127, 126),
        (largest, largest, 0, 0),
    ]
    a, b, scale_a, scale_b = (np.array(part, np.uint8) for part in zip(*dots, strict=True))
    shape = (len(dots), EXACT_BLOCKS)
    operands = [np.broadcast_to(part[:, None, None], (*shape, BLOCK)) for part in (a, b)]
    scales = [np.broadcast_to(part[:, None], shape) for part in (scale_a, scale_b)]

    run = unit.run(operands[0], scales[0], operands[1], scales[1], **chosen([(index, index)] * len(dots), EXACT_BLOCKS))

    # All blocks of a dot product are the same one: what they come to is known without adding them up.
    totals = [
        BLOCK * EXACT_BLOCKS * oracle.decode(int(x), name) * oracle.decode(int(y), name) * oracle.power(int(xa) + int(xb) - 254)
        for x, y, xa, xb in zip(a, b, scale_a, scale_b, strict=True)
    ]
    expected = [oracle.round_to(total, "fp32")[:2] for total in totals]
    assert list(zip(run.data.tolist(), run.status.tolist(), strict=True)) == expected


def test_many_blocks_of_the_narrowest_sums_are_added_up(tmp_path):
    fmt = ELEMENT_FORMATS["E2M1"]
    config = MacConfig(a=[fmt], b=[fmt], block=1, lanes=1)
    unit = BulkUnit(config, tmp_path)
    largest = np.full((1, EXACT_BLOCKS, 1), 0b0111, np.uint8)
    for scale in (127, 134):
        scales = np.full((1, EXACT_BLOCKS), scale, np.uint8)
        run = unit.run(largest, scales, largest, scales)
        assert run.data.view(np.float32)[0] == 36.0 * EXACT_BLOCKS * 4.0 ** (scale - SCALE_BIAS)
        assert run.status[0] == 0


# The ends of the range, and back.

#: Blocks that go to an end of the range, and as many that come back: with one more, all that a dot product may have but one.
HALF = EXACT_BLOCKS // 2 - 1


def there_and_back(fmt, block):
    """Operands of two dot products, up or down as far as they may go and back to one block of the smallest element."""
    codes = finite(fmt)
    largest = codes[int(np.argmax([oracle.decode(code, fmt.name) for code in codes.tolist()]))]
    smallest, opposite = 1, negated(largest, fmt)
    counts = [HALF, HALF, 1]
    a = np.stack([np.repeat([*ways, smallest], counts) for ways in ((largest, opposite), (opposite, largest))])
    b, scale = np.repeat([largest, largest, smallest], counts), np.repeat([254, 254, SCALE_BIAS], counts)
    sides = (np.broadcast_to(side.astype(np.uint8)[..., None], (*a.shape, block)) for side in (a, b))
    return *sides, np.broadcast_to(scale.astype(np.uint8), a.shape)


def assert_come_back(run, fmt, block):
    """Only the last block is left: a sum of equal powers of two."""
    assert run.data.view(np.float32).tolist() == [float(block * oracle.decode(1, fmt.name) ** 2)] * 2
    assert run.status.tolist() == [0, 0]


@pytest.mark.parametrize("name", ["E4M3", "E2M1"])
def test_sums_that_go_to_an_end_of_the_range_come_back_to_the_last_bit(unit, name):
    index = list(ELEMENT_FORMATS).index(name)
    a, b, scales = there_and_back(FORMATS[index], BLOCK)
    run = unit.run(a, scales, b, scales, **chosen([(index, index)] * 2, len(a[0])))
    assert_come_back(run, FORMATS[index], BLOCK)


def test_a_unit_that_adds_word_by_word_comes_back_to_the_last_bit_too(tmp_path):
    fmt, block = ELEMENT_FORMATS["E2M1"], 32
    unit = BulkUnit(MacConfig(a=[fmt], b=[fmt], block=block, lanes=1), tmp_path)
    a, b, scales = there_and_back(fmt, block)
    assert_come_back(unit.run(a, scales, b, scales), fmt, block)
