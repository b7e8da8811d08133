"""Exact accumulators have room for 2^16 blocks of the largest value, in every pairing of formats."""

from itertools import product

import pytest

from mxmac.accumulator.exact import chunked, serial, words
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
        own = words.parallel_words(config)
        assert largest_sum(config) < 1 << own.bits * (own.count + 1) - 1


@pytest.mark.parametrize(("block", "lanes"), [(3, 1), (32, 8), (32, 4), (32, 2), (1023, 33), (1024, 256)])
@pytest.mark.parametrize("addend", [None, "fp32"])
def test_words_of_a_chunked_accumulator_hold_the_largest_sum_and_what_any_word_keeps(block, lanes, addend):
    for a, b in PAIRINGS:
        config = MacConfig(a=[a], b=[b], block=block, lanes=lanes, addend=addend)
        own = chunked.chunked_words(config)
        assert own.span < config.beats
        assert largest_sum(config) < 1 << own.bits * own.count - 1
        # The highest chunk of the least term, shifted as far as possible, and a carry into it, 2^16 times. If there is only
        # its sign, half as often: between two carries of the same sign another term has to refill the word below.
        term = max(config.block * config.operand_a.max_integer * config.operand_b.max_integer, (1 << 24) if addend else 0)
        highest = (-term << own.bits - 1) >> own.bits * (own.span - 1)
        kept = BLOCKS // 2 + 1 if highest == -1 else BLOCKS * (1 - highest)
        assert kept + 1 < 1 << own.bits


@pytest.mark.parametrize("output", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("lanes", [4, 8, 16])
def test_the_lowest_word_that_is_rounded_from_can_lead_a_normal_result(output, lanes):
    for a, b in PAIRINGS:
        config = MacConfig(a=[a], b=[b], lanes=lanes, output=output)
        own = words.parallel_words(config) if lanes == 16 else chunked.chunked_words(config)
        highest_bits = [config.block_exp_min + own.bits * (word + 1) - 1 for word in range(own.count)]
        assert own.floor == next(word for word, exp in enumerate(highest_bits) if exp >= config.output.emin)
