"""Random dot products in arrays, many at a time, biased towards what is rare: the stimulus of long campaigns.

Elements come by class and scales by region, so that all of them meet; blocks cancel the one before, and sums lie at the ends of
the result's range.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import SCALE_BIAS, SCALE_NAN, Format

from .elements import elements

__all__ = ["CLASSES", "REGIONS", "Batch", "element_classes", "random_batch"]

_Codes = NDArray[np.uint8]
_Rng = np.random.Generator

#: What an element may be. A format has some of these.
CLASSES = ("zero", "subnormal", "normal", "largest", "nan", "infinite")
#: Regions of scale codes: first and last code of each.
REGIONS = {"0": (0, 0), "low": (1, 31), "middle": (32, 222), "high": (223, 253), "254": (254, 254), "NaN": (255, 255)}

#: Largest scale code that is a number, and the sum of two that is a factor of 1.
_TOP, _ONE = SCALE_NAN - 1, 2 * SCALE_BIAS
#: Chances that a block opposes the one before, that it has a few NaN or infinities, and that a scale is NaN.
_OPPOSITE, _SPECIAL, _NAN_SCALE = 0.15, 0.15, 0.01
#: Columns of a table of codes.
_COLUMNS = 256


@dataclass(frozen=True)
class Batch:
    """Dot products of whole blocks.

    Members
    -------
    a, b : ndarray of uint8, shape (dots, blocks, block)
        Element codes.
    scale_a, scale_b : ndarray of uint8, shape (dots, blocks)
    format_a, format_b : ndarray of uint8, shape (dots, blocks)
        Indices into the formats of the configuration.
    """

    a: _Codes
    b: _Codes
    scale_a: _Codes
    scale_b: _Codes
    format_a: _Codes
    format_b: _Codes

    def cut(self, lengths: NDArray[np.integer]) -> "Batch":
        """Return the same with zeros after the first ``lengths`` elements of each last block, as after an early end."""
        past = np.arange(self.a.shape[-1]) >= np.asarray(lengths)[:, None]
        a, b = self.a.copy(), self.b.copy()
        a[:, -1][past] = b[:, -1][past] = 0
        return Batch(a, b, self.scale_a, self.scale_b, self.format_a, self.format_b)


def element_classes(fmt: Format) -> dict[str, _Codes]:
    """Return the codes of each class that a format has.

    The largest element of INT8 is the most negative one, and no other code of it is apart from the rest.
    """
    kit = elements(fmt)
    named = {"zero": kit.zeros, "subnormal": kit.subnormals, "largest": kit.largest, "nan": kit.nans, "infinite": kit.infs}
    named["normal"] = np.setdiff1d(kit.finite, np.concatenate([kit.zeros, kit.subnormals, kit.largest]))
    return {name: named[name] for name in CLASSES if named[name].size}


@cache
def _tables(formats: tuple[Format, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Codes of shape (formats, classes and "any", columns), and opposites of shape (formats, codes).

    A class that a format has not is "any": all finite numbers. That of specials, NaN and infinities, takes its columns in turn.
    """
    codes = np.zeros((len(formats), len(CLASSES) + 1, _COLUMNS), np.uint8)
    opposites = np.zeros((len(formats), 256), np.uint8)
    for row, opposite, fmt in zip(codes, opposites, formats, strict=True):
        kit, classes = elements(fmt), element_classes(fmt)
        for index, name in enumerate((*CLASSES, "any")):
            row[index] = np.resize(classes.get(name, kit.finite), _COLUMNS)
        every = np.arange(1 << fmt.width, dtype=np.uint8)
        opposite[: len(every)] = kit.negated(every)
    return codes, opposites


def _elements(rng: _Rng, formats: Sequence[Format], choice: _Codes, special: NDArray[np.bool_]) -> _Codes:
    """Elements of blocks: most of one class, some of any, and NaN or infinities where ``special`` says so."""
    codes, _ = _tables(tuple(formats))
    any_class = len(CLASSES)
    chances = {"zero": 0.1, "subnormal": 0.15, "normal": 0.15, "largest": 0.2}
    kinds = [*map(CLASSES.index, chances), any_class]
    main = rng.choice(kinds, choice.shape, p=[*chances.values(), 1 - sum(chances.values())])
    purity = rng.choice([1.0, 0.8, 0.4], choice.shape)[..., None]
    picked = np.where(rng.random(special.shape) < purity, main[..., None], any_class)
    picked = np.where(special, rng.choice([CLASSES.index("nan"), CLASSES.index("infinite")], special.shape), picked)
    return codes[choice[..., None], picked, rng.integers(0, _COLUMNS, special.shape)]


def _specials(rng: _Rng, shape: tuple[int, ...]) -> list[NDArray[np.bool_]]:
    """Where elements of a and of b, shape (dots, blocks, block), are NaN or infinite: in few blocks, sometimes in both."""
    blocks = shape[:-1]
    a, b = ((rng.random(blocks) < _SPECIAL)[..., None] & (rng.random(shape) < 1.5 / shape[-1]) for _ in range(2))
    return [a, np.where((rng.random(blocks) < 0.3)[..., None], a, b)]


def _region(rng: _Rng, shape: tuple[int, ...], end: int) -> NDArray[np.int64]:
    """Scale codes of the first ``end`` regions, each as likely."""
    low, high = np.array(list(REGIONS.values()))[rng.integers(0, end, shape)].T
    return rng.integers(low, high + 1).T


def _summing_to(rng: _Rng, total: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of scale codes with these sums, as far as there are such."""
    total = np.clip(total, 0, 2 * _TOP)
    first = rng.integers(np.maximum(0, total - _TOP), np.minimum(_TOP, total) + 1)
    return np.stack([first, total - first])


def _scales(rng: _Rng, config: MacConfig, dots: int, blocks: int) -> NDArray[np.int64]:
    """Scale codes, shape (2, dots, blocks): each dot product has a style of its own."""
    shape, output = (dots, blocks), config.output
    largest = config.operand_a.max_integer * config.operand_b.max_integer
    typical = config.product_lsb_exp + largest.bit_length() - 3
    near = rng.integers(SCALE_BIAS - 6, SCALE_BIAS + 7, (2, *shape))

    far = np.where(rng.random((dots, 1)) < 0.5, rng.choice([-45, -25, 0, 25, 45], shape), rng.integers(-12, 13, shape))

    def around(exponent: int, reach: int) -> NDArray[np.int64]:
        """Scales that bring typical products next to an exponent, a block above or below another."""
        return _summing_to(rng, _ONE + exponent - typical + rng.integers(-reach, reach + 1, (dots, 1)) + far)

    base = rng.integers(0, 2 * _TOP + 1, (dots, 1))
    styles: tuple[Callable[[], NDArray[np.int64]], ...] = (
        lambda: near,
        lambda: _region(rng, (2, *shape), len(REGIONS) - 1),
        lambda: _region(rng, (2, *shape), len(REGIONS)),
        lambda: _summing_to(rng, base + far),
        lambda: around(output.emax + 1, 8),
        lambda: around(output.lsb_exp, 8),
        lambda: around(output.emin, 40),
    )
    style = rng.choice(len(styles), (dots, 1), p=[0.2, 0.1, 0.1, 0.15, 0.15, 0.15, 0.15])
    scales = np.select([np.broadcast_to(style == index, shape) for index in range(len(styles))], [make() for make in styles])
    return np.where(rng.random(scales.shape) < _NAN_SCALE, SCALE_NAN, scales)


def random_batch(config: MacConfig, rng: _Rng, dots: int, blocks: int) -> Batch:
    """Make dot products.

    Parameters
    ----------
    config : MacConfig
        Formats, block, and the output, to whose ends some sums come close.
    rng : numpy.random.Generator
    dots, blocks : int
        How many, and the blocks of each.
    """
    choices = [rng.integers(0, len(formats), (dots, blocks)).astype(np.uint8) for formats in (config.a, config.b)]
    special = _specials(rng, (dots, blocks, config.block))
    a, b = (_elements(rng, *side) for side in zip((config.a, config.b), choices, special, strict=True))
    scales = _scales(rng, config, dots, blocks).astype(np.uint8)
    _, opposites = _tables(tuple(config.a))
    for block in range(1, blocks):
        # A block becomes the opposite of the one before, now and then but for its first pair.
        same = rng.random(dots) < _OPPOSITE
        for array in (b, *scales, *choices):
            array[same, block] = array[same, block - 1]
        before = a[same, block - 1]
        opposed = np.take_along_axis(opposites[choices[0][same, block]], before.astype(np.intp), axis=1)
        but_one = (rng.random(len(opposed)) < 0.5)[:, None] & (np.arange(config.block) == 0)
        a[same, block] = np.where(but_one, before, opposed)
    return Batch(a, b, scales[0], scales[1], choices[0], choices[1])
