"""Random dot products: ordinary numbers, wide and narrow ranges, empty blocks, and a few NaN and infinities."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import SCALE_BIAS, SCALE_NAN, Format

from .dots import Dot
from .elements import Elements, elements

__all__ = ["random_dot"]

_Codes = NDArray[np.uint8]
_Rng = np.random.Generator

#: Largest scale code that is a number.
_TOP = SCALE_NAN - 1


def _any(rng: _Rng, kit: Elements, shape: tuple[int, ...]) -> _Codes:
    return rng.choice(kit.finite, shape)


def _close(rng: _Rng, kit: Elements, shape: tuple[int, ...]) -> _Codes:
    low, high = kit.exponents
    return rng.choice(kit.around(int(rng.integers(low, high + 1)), 2), shape)


def _sparse(rng: _Rng, kit: Elements, shape: tuple[int, ...]) -> _Codes:
    return np.where(rng.random(shape) < 0.85, rng.choice(kit.zeros, shape), _any(rng, kit, shape)).astype(np.uint8)


def _special(rng: _Rng, kit: Elements, shape: tuple[int, ...]) -> _Codes:
    special = np.concatenate([kit.nans[:1], kit.infs, kit.infs])
    codes = _sparse(rng, kit, shape) if rng.random() < 0.5 else _any(rng, kit, shape)
    if special.size:
        codes = np.where(rng.random(shape) < 1 / shape[-1], rng.choice(special, shape), codes).astype(np.uint8)
    return codes


def _near(rng: _Rng, blocks: int, _output: Format) -> NDArray[np.int64]:
    return rng.integers(SCALE_BIAS - 6, SCALE_BIAS + 7, (2, blocks))


def _anywhere(rng: _Rng, blocks: int, _output: Format) -> NDArray[np.int64]:
    return rng.integers(0, _TOP + 1, (2, blocks))


def _extreme(rng: _Rng, blocks: int, _output: Format) -> NDArray[np.int64]:
    return rng.choice(np.array([0, 1, 2, _TOP - 2, _TOP - 1, _TOP]), (2, blocks))


def _opposite(rng: _Rng, blocks: int, _output: Format) -> NDArray[np.int64]:
    scale_a = rng.integers(0, _TOP + 1, blocks)
    return np.stack([scale_a, np.clip(_TOP - scale_a + rng.integers(-4, 5, blocks), 0, _TOP)])


def _at_an_end(rng: _Rng, blocks: int, output: Format) -> NDArray[np.int64]:
    """Such that sums come out at the lower or upper end of the results."""
    end = int(rng.choice([output.emin - 14, output.emax - 17]))
    total = 2 * SCALE_BIAS + end + rng.integers(-16, 17, blocks)
    scale_a = np.clip(rng.integers(0, _TOP + 1, blocks), total - _TOP, total)
    return np.stack([scale_a, total - scale_a])


def _with_nan(rng: _Rng, blocks: int, output: Format) -> NDArray[np.int64]:
    return np.where(rng.random((2, blocks)) < 0.1, SCALE_NAN, _near(rng, blocks, output))


_ELEMENTS: tuple[Callable[[_Rng, Elements, tuple[int, ...]], _Codes], ...] = (_any, _any, _close, _close, _sparse, _special)
_SCALES: tuple[Callable[[_Rng, int, Format], NDArray[np.int64]], ...] = (
    _near, _near, _anywhere, _extreme, _opposite, _at_an_end, _at_an_end, _with_nan,
)  # fmt: skip


def random_dot(config: MacConfig, rng: _Rng, *, blocks: int | None = None, last_beats: int | None = None) -> Dot:
    """Make a dot product.

    Parameters
    ----------
    config : MacConfig
    rng : numpy.random.Generator
    blocks, last_beats : int, optional
        Its blocks, and beats of the last one; by default one to six blocks, the last often cut short. If the number of
        blocks is given, their scales lie close together, and without ``last_beats`` all of them are whole.
    """
    make_elements, make_scales = _ELEMENTS[rng.integers(len(_ELEMENTS))], _SCALES[rng.integers(len(_SCALES))]
    if blocks is None:
        blocks = int(rng.choice([1, 1, 2, 3, 4, 6]))
        last_beats = config.beats if rng.random() < 0.6 else int(rng.integers(1, config.beats + 1))
    else:
        make_scales = _near
    sides = []
    for formats in (config.a, config.b):
        choice = rng.integers(0, len(formats), blocks)
        sides.append((np.stack([make_elements(rng, elements(formats[index]), (config.block,)) for index in choice]), choice))
    if rng.random() < 0.15:
        sides[0][0][rng.integers(blocks)] = 0
    scales = make_scales(rng, blocks, config.output)
    kind = f"random: {make_elements.__name__} elements, {make_scales.__name__} scales".replace(" _", " ")
    return Dot.of(config, kind, sides, (scales[0], scales[1]), last_beats)
