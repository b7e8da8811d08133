"""Blocks of floats for the benches of the quantizer, and what the golden quantizer makes of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxmac.quantizer.config import QuantizerConfig
from mxmac_sim.golden.quantize import quantize

__all__ = ["Choices", "expected_blocks", "mixed_blocks", "values_of"]

_Codes = NDArray[np.int64]


@dataclass
class Choices:
    """Rule and overflow mode of every block, as indices into those of the configuration."""

    rule: NDArray[np.int64]
    overflow: NDArray[np.int64]

    @classmethod
    def random(cls, config: QuantizerConfig, blocks: int, rng: np.random.Generator) -> "Choices":
        """Choose them for a number of blocks."""
        return cls(rng.integers(len(config.rules), size=blocks), rng.integers(len(config.overflows), size=blocks))


def expected_blocks(
    config: QuantizerConfig, values: NDArray[np.float32], choices: Choices
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Element codes, shape (blocks, block), and scales of the blocks by the golden quantizer."""
    codes, scales = np.zeros(values.shape, np.uint8), np.zeros(len(values), np.uint8)
    for index, rule in enumerate(config.rules):
        for mode, overflow in enumerate(config.overflows):
            chosen = (choices.rule == index) & (choices.overflow == mode)
            if chosen.any():
                tensor = quantize(values[chosen], config.to, block=config.block, rule=rule, overflow=overflow)
                codes[chosen], scales[chosen] = tensor.elements & (1 << config.to.width) - 1, tensor.scales[:, 0]
    return codes, scales


# Blocks are made as codes of the source format, so that each value is exact in it.


def values_of(config: QuantizerConfig, codes: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return what codes of the source format stand for."""
    return (codes.astype(np.uint32) << (32 - config.source.width)).view(np.float32)


def mixed_blocks(config: QuantizerConfig, rng: np.random.Generator, blocks: int) -> NDArray[np.float32]:
    """Return at least ``blocks`` blocks of all kinds in random order, shape (blocks, config.block)."""
    makers: tuple[Callable[[QuantizerConfig, np.random.Generator, int], _Codes], ...] = (
        _spread, _tiny, _edges, _ties, _specials, _zeros
    )  # fmt: skip
    codes = np.concatenate([make(config, rng, 1 + blocks // len(makers)) for make in makers])
    return values_of(config, rng.permutation(codes))


def _signs(config: QuantizerConfig, rng: np.random.Generator, blocks: int) -> _Codes:
    return rng.integers(2, size=(blocks, config.block)) << (config.source.width - 1)


def _random(config: QuantizerConfig, rng: np.random.Generator, low: _Codes, high: _Codes) -> _Codes:
    """Random signs and mantissas, with exponent fields from ``low`` to ``high``, shape (blocks, 1)."""
    blocks, man_bits = len(low), config.source.man_bits
    shape = blocks, config.block
    # Few ones in some mantissas, for roundings that hinge on a single one.
    man, sparse = rng.integers(1 << man_bits, size=shape), rng.integers(1 << man_bits, size=(2, *shape))
    man &= np.where(rng.integers(2, size=shape), -1, sparse[0] & sparse[1])
    return _signs(config, rng, blocks) | rng.integers(low, high + 1, size=shape) << man_bits | man


def _spread(config: QuantizerConfig, rng: np.random.Generator, blocks: int) -> _Codes:
    """Largest exponents of every size, the others up to 30 binades below."""
    top = rng.integers(0, 255, size=(blocks, 1))
    return _random(config, rng, np.maximum(top - 30, 0), top)


def _tiny(config: QuantizerConfig, rng: np.random.Generator, blocks: int) -> _Codes:
    """Subnormals, alone and with small normal numbers."""
    return _random(config, rng, np.zeros((blocks, 1), np.int64), rng.choice([0, 0, 1, 4, 20], size=(blocks, 1)))


def _edges(config: QuantizerConfig, rng: np.random.Generator, blocks: int) -> _Codes:
    """Largest magnitudes within some units in the last place of where a rule changes its mind, in every binade."""
    man_bits, to = config.source.man_bits, config.to
    largest = int(to.max_value * 2 ** (man_bits - to.emax)) - (1 << man_bits)
    even = (1 << man_bits) - (1 << (man_bits - config.frac_bits - 1))
    near = rng.choice([0, largest, even], size=blocks) + rng.integers(-3, 4, size=blocks)
    amax = np.clip((rng.integers(0, 255, size=blocks) << man_bits) + near, 0, (255 << man_bits) - 1)
    sign = _signs(config, rng, blocks)
    magnitude = np.minimum(_spread(config, rng, blocks) & (1 << (config.source.width - 1)) - 1, amax[:, None])
    magnitude[np.arange(blocks), rng.integers(config.block, size=blocks)] = amax
    return sign | magnitude


def _ties(config: QuantizerConfig, rng: np.random.Generator, blocks: int) -> _Codes:
    """Elements, the points half-way between two, and their neighbours, times the scale that the largest of them gives."""
    to, shape = config.to, (blocks, config.block)
    steps = rng.integers(2 * to.max_integer + 1, size=shape) >> rng.integers(2 * to.max_integer.bit_length(), size=shape)
    # Half-way points have one bit more than a significand.
    beyond = np.maximum(np.frexp(steps.astype(np.float64))[1] - (config.frac_bits + 2), 0)
    values = np.ldexp((steps >> beyond << beyond).astype(np.float64), to.lsb_exp - 1)
    values[:, 0] = 2.0**to.emax
    exponents = rng.integers(-120, 127 - to.emax, size=(blocks, 1))
    codes = (np.ldexp(values, exponents).astype(np.float32).view(np.uint32) >> (32 - config.source.width)).astype(np.int64)
    return codes + rng.choice([0, 0, -1, 1], size=shape) * (codes > 0) | _signs(config, rng, blocks)


def _specials(config: QuantizerConfig, rng: np.random.Generator, blocks: int) -> _Codes:
    """NaN, Inf and zeros of either sign, alone and among other numbers."""
    man_bits, shape = config.source.man_bits, (blocks, config.block)
    inf = 0xFF << man_bits
    chosen = rng.choice([0, 0, inf, inf, inf + 1, inf + (1 << man_bits) - 1], size=shape) | _signs(config, rng, blocks)
    finite = np.where(rng.integers(2, size=(blocks, 1)), _spread(config, rng, blocks), 0)
    return np.where(rng.random(shape) < rng.choice([0.02, 0.5, 1.0], size=(blocks, 1)), chosen, finite)


def _zeros(config: QuantizerConfig, rng: np.random.Generator, blocks: int) -> _Codes:
    """Zeros of either sign."""
    return _signs(config, rng, blocks)
