"""Dot products that are rare by chance: a single bit decides, larger numbers cancel, or the accumulator takes its longest."""

from collections.abc import Iterator

import numpy as np

from mxmac.config import MacConfig
from mxmac.formats import SCALE_NAN

from .directed_dots import factories_of
from .dots import Dot

__all__ = ["far_apart", "long_sum", "near_ties", "remainders"]

#: Largest scale code that is a number.
_TOP = SCALE_NAN - 1

_Rng = np.random.Generator
_Term = tuple[int, int]


def near_ties(config: MacConfig, rng: _Rng, count: int) -> Iterator[Dot]:
    """Make sums that lie halfway between two results, or a single power of two, however small, beside that.

    Parameters
    ----------
    config : MacConfig
        Its output says where halfway is; some of the sums are at its ends, and subnormal.
    rng : numpy.random.Generator
    count : int
        How many.
    """
    output = config.output
    factories = factories_of(config, rng)
    while count:
        factory, top = factories[rng.integers(len(factories))], _exponent(config, rng)
        half = max(top - output.man_bits, output.lsb_exp) - 1
        sign = int(rng.choice([1, -1]))
        terms = _copies(rng, sign, top)
        # An odd neighbour, which a tie goes away from.
        terms += [(sign, half + 1)] * int(rng.integers(0, 2))
        terms.append((sign * int(rng.choice([1, 1, -1])), half - int(rng.choice([0, 0, 0, 1]))))
        tip = int(rng.choice([1, -1])), half - int(rng.integers(1, factory.high - factory.low + 8))
        terms += [tip] * int(rng.random() < 0.8)
        if rng.random() < 0.2:
            terms = [terms[index] for index in rng.permutation(len(terms))]
        dot = factory.sum_of("next to a tie", terms)
        if dot is not None:
            yield dot
            count -= 1


def remainders(config: MacConfig, rng: _Rng, count: int) -> Iterator[Dot]:
    """Make sums of which a block takes away all that was there before, and leaves something smaller by any distance.

    Parameters
    ----------
    config : MacConfig
    rng : numpy.random.Generator
    count : int
        How many.
    """
    factories = factories_of(config, rng)
    while count:
        factory, top, sign = factories[rng.integers(len(factories))], _exponent(config, rng), int(rng.choice([1, -1]))
        gap = int(rng.integers(0, factory.high - factory.low + 1))
        # What is left may be near an end of the result's range, instead of what cancels.
        top += gap * int(rng.integers(0, 2))
        largest = [
            (sign, top),
            *((int(rng.choice([1, -1])), top - int(rng.integers(1, 24))) for _ in range(rng.integers(0, 3))),
        ]
        left = top - gap
        rest = [(int(rng.choice([1, -1])), left)]
        rest += [(int(rng.choice([1, -1])), left - int(rng.integers(0, 40))) for _ in range(rng.integers(0, 3))]
        # A block of its own is what the next one takes away; what is left may come in that one, or in a third.
        opposite = [(-each, exp) for each, exp in largest]
        groups = [largest, [*opposite, *rest]] if rng.random() < 0.7 else [largest, opposite, rest]
        dot = factory.sum_of_blocks("what is left of larger numbers", groups)
        if dot is not None:
            yield dot
            count -= 1


def long_sum(config: MacConfig, rng: _Rng, blocks: int) -> Dot:
    """Make a sum of ``blocks`` blocks of the largest numbers, far beyond a single one of them."""
    factory = factories_of(config, rng)[0]
    sides = [[np.full(config.block, each.largest.min())] * blocks for each in (factory.a, factory.b)]
    # Right below a multiple of the width of any word of an accumulator.
    return factory.dot("a very long sum of the largest", sides[0], sides[1], [factory.split(255)] * blocks)


def far_apart(config: MacConfig, rng: _Rng, count: int) -> list[Dot]:
    """Make short dot products with the least and the largest scale, to come one after the other until queues are full."""
    factory, dots = factories_of(config, rng)[0], []
    for _ in range(count):
        a, b = zip(*(factory.ordinary(config.block) for _ in range(2)), strict=True)
        scales = [(0, 0), (_TOP, _TOP)][:: int(rng.choice([1, -1]))]
        # Now and then a single block: more results are asked for than blocks wait.
        blocks = int(rng.choice([1, 2], p=[0.1, 0.9]))
        dots.append(factory.dot("scales far apart", a[:blocks], b[:blocks], scales[:blocks], beats=1))
    return dots


def _copies(rng: _Rng, sign: int, exp: int) -> list[_Term]:
    """A power of two as a sum of equal ones, enough for a block's sum to reach beyond every product."""
    doublings = int(rng.choice([0, 0, 1, 2, 3]))
    return [(sign, exp - doublings)] * (1 << doublings)


def _exponent(config: MacConfig, rng: _Rng) -> int:
    """Exponent of the largest term: ordinary, near one of the ends of the result's range, or any that a block has."""
    output = config.output
    match rng.integers(5):
        case 0:
            return int(rng.integers(-40, 41))
        case 1:
            return output.emin + int(rng.integers(-output.man_bits - 4, 5))
        case 2:
            return output.emin + int(rng.integers(-output.man_bits - 4, 70))
        case 3:
            return output.emax + int(rng.integers(-4, 3))
    return int(rng.integers(config.block_exp_min, config.block_exp_min + config.scale_sum_max + config.block_sum_bits))
