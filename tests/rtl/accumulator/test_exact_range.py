"""Exact accumulators have room for 2^16 blocks of the largest value, in every pairing of formats."""

from itertools import product

import pytest

from mxmac.accumulator.exact import serial, words
from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS

PAIRINGS = list(product(ELEMENT_FORMATS.values(), repeat=2))
#: Blocks of a dot product, and the largest sum of two scale codes.
BLOCKS, SCALES = 1 << 16, 2 * 254


def largest_sum(config):
    """The largest magnitude that a sum may have, in units of the smallest product at scales 0."""
    return BLOCKS * config.block * config.operand_a.max_integer * config.operand_b.max_integer << SCALES


@pytest.mark.parametrize("block", [32, 33, 1024])
def test_words_of_a_serial_accumulator_hold_the_largest_sum_of_either_sign(block):
    for a, b in PAIRINGS:
        config = MacConfig(a=[a], b=[b], block=block, lanes=1)
        bits = serial.SERIAL_WORD_BITS * serial._words(config)
        assert largest_sum(config) < 1 << bits - 1


@pytest.mark.parametrize("block", [1, 32, 1024])
def test_words_of_a_parallel_accumulator_hold_the_largest_sum_of_either_sign(block):
    for a, b in PAIRINGS:
        config = MacConfig(a=[a], b=[b], block=block, lanes=block)
        bits = words.word_bits(config) * (words.exact_words(config) + 1)
        assert largest_sum(config) < 1 << bits - 1
