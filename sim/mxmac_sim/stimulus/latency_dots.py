"""Dot products whose results come as soon or as late as they may, in a unit of any kind."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import SCALE_NAN

from .directed_dots import VectorFactory, factories_of
from .dots import Dot

__all__ = ["latency_dots"]

#: Largest sum of two scales.
_TOP = 2 * (SCALE_NAN - 1)


def latency_dots(config: MacConfig, rng: np.random.Generator) -> Iterator[Dot]:
    """Yield them; each is to run alone.

    Parameters
    ----------
    config : MacConfig
    rng : numpy.random.Generator
    """
    factory = factories_of(config, rng)[0]
    # The least product on each of the places that it may have in a word of 16 bits: nothing has fewer words to go through.
    for place in range(16):
        yield _dot(factory, "one product", [1], [_TOP // 2 + place])
    for beats in sorted({1, config.beats}):
        # Apart as far as they may be: from the lowest word to the highest, with a block that follows at once upon the other.
        for totals in ([0, _TOP], [_TOP, 0]):
            yield _dot(factory, "far apart", [1, 1], totals, beats=beats)
        # A power of two, which the least product takes a carry through, down and up again; and blocks that have to wait.
        for count in (2, 12) if config.beats <= 32 else (2,):
            signs = [1, *(-1 if index % 2 else 1 for index in range(1, count))]
            yield _dot(factory, f"{count} carries", signs, [_TOP, *[0] * (count - 1)], beats=beats)


def _dot(factory: VectorFactory, kind: str, signs: list[int], totals: list[int], *, beats: int | None = None) -> Dot:
    """Blocks of one product, of the smallest powers of two that are elements."""

    def element(powers: dict[int, int]) -> NDArray[np.uint8]:
        return np.array([powers[min(powers)]], np.uint8)

    a = [element(factory.a.powers) if sign > 0 else factory.a.negated(element(factory.a.powers)) for sign in signs]
    b = [element(factory.b.powers)] * len(signs)
    return factory.dot(kind, a, b, [factory.split(total) for total in totals], beats=beats)
