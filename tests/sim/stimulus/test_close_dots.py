"""Dot products that are rare by chance are what they are called, by the oracle, and vectors have them."""

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest

import oracle
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.vectors import PASSAGES, make_vectors
from mxmac_sim.stimulus.close_dots import far_apart, long_sum, near_ties, remainders

CONFIG = MacConfig(a=[ELEMENT_FORMATS["E5M2"]], b=[ELEMENT_FORMATS["E4M3"]], lanes=4, accumulator=Accumulator.FP32)
SMALL = MacConfig(a=[ELEMENT_FORMATS["E2M1"]], b=[ELEMENT_FORMATS["E2M1"]], block=4, lanes=2, accumulator=Accumulator.EXACT)


def values(dot) -> list[Fraction]:
    """Exact values of the blocks."""
    blocks = zip(dot.a.tolist(), dot.b.tolist(), dot.scale_a.tolist(), dot.scale_b.tolist(), strict=True)
    return [oracle.block_sum(block, "E5M2", "E4M3").value for block in blocks]


def halves(value: Fraction) -> Fraction:
    """In halves of the distance between neighbouring results."""
    quantum = max(oracle.floor_log2(abs(value)) - 23, -149)
    return value / oracle.power(quantum - 1)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_sums_are_ties_or_next_to_one(rng):
    sums = [total for total in (sum(values(dot)) for dot in near_ties(CONFIG, rng, 300)) if total]
    ties = [total for total in sums if halves(total).denominator == 1 and halves(total).numerator % 2]
    beside = [total for total in sums if halves(total).denominator > 1]
    assert len(ties) > 20
    assert len(beside) > 100
    # A bit far below decides: as far as no binary64 has it.
    assert any(halves(total).denominator > 1 << 30 for total in beside)


def test_what_is_left_is_smaller_than_what_was_there_by_any_distance(rng):
    lost = []
    for dot in remainders(CONFIG, rng, 300):
        blocks = values(dot)
        if sum(blocks) and blocks[0]:
            lost.append(oracle.floor_log2(abs(blocks[0])) - oracle.floor_log2(abs(sum(blocks))))
    assert max(lost) > 40
    assert len(set(lost)) > 30


def test_a_long_sum_is_of_so_many_of_the_largest(rng):
    blocks = values(long_sum(CONFIG, rng, 50))
    assert blocks == [57344 * 448 * 32 * oracle.power(1)] * 50


def test_scales_are_as_far_apart_as_they_can_be(rng):
    dots = far_apart(CONFIG, rng, 100)
    lengths = Counter(len(dot.a) for dot in dots)
    assert lengths[2] > 4 * lengths[1] > 0
    assert all(set(dot.scale_a.tolist()) == {0, 254} for dot in dots if len(dot.a) == 2)
    assert all(dot.last_beats == 1 for dot in dots)


def test_vectors_have_all_of_them_for_formats_that_reach_nowhere():
    vectors = make_vectors(SMALL, randoms=20, seed=1)
    kinds = Counter(dot.kind for dot in vectors.dots)
    assert kinds["next to a tie"] == kinds["what is left of larger numbers"] == 4
    assert kinds["a very long sum of the largest"] == 1
    assert kinds["scales far apart"] > 100


def test_the_first_vectors_end_where_their_last_dot_product_does():
    vectors = make_vectors(SMALL, randoms=20, seed=1)
    size = len(vectors.beats) // sum(dot.beats(SMALL) for dot in vectors.dots)
    some = vectors.first(5, SMALL)
    last = some.beats.reshape(-1, size)[:, -1]
    assert (len(some.dots), len(some.data), len(some.status), int(last.sum()), int(last[-1])) == (5, 5, 5, 5, 1)
    assert vectors.first(0, SMALL) is vectors


def test_a_reset_comes_at_every_clock_of_what_a_beat_takes():
    works = sorted(passage.work for passage in PASSAGES if passage.dots)
    assert works == list(range(works[0], works[0] + len(works)))
    assert len(works) >= 32
