"""Block sums with their scales, as accumulators take them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from mxmac.config import MacConfig
from mxmac.formats import SCALE_BIAS, Format

from .specials import NO_SPECIALS, SPECIALS, block_specials

__all__ = ["SCALED_BLOCK", "ScaledBlock", "between_results", "largest_sum", "value_of"]

#: Fields of the stream.
SCALED_BLOCK = ("block_sum", *(f"block_specials_{name}" for name in SPECIALS), "block_dot_last", "scale_exp", "scale_nan")


def largest_sum(config: MacConfig) -> int:
    """Return the largest magnitude of a block's sum."""
    return config.block * config.operand_a.max_integer * config.operand_b.max_integer


def value_of(code: int, fmt: Format) -> tuple[int, int]:
    """Return a finite code of a result as an integer and the exponent of its least significant bit."""
    fraction, field = code & (1 << fmt.man_bits) - 1, code >> fmt.man_bits & (1 << fmt.exp_bits) - 1
    magnitude = fraction | (1 << fmt.man_bits if field else 0)
    return (-magnitude if code >> (fmt.width - 1) else magnitude), max(field, 1) - 1 + fmt.lsb_exp


def between_results(config: MacConfig, rng: Random) -> tuple[int, int]:
    """A value and its exponent: halfway between two results or next to that, or where a result stops being subnormal."""
    output, sign = config.output, rng.choice((-1, 1))
    precision, below = output.man_bits + 1, output.lsb_exp - 1
    tie = 2 * (1 << precision - 1 | rng.getrandbits(precision - 1)) + 1
    value, exp = rng.choice(
        (
            (tie, rng.randint(-300, 250)),
            (tie, output.emax - output.man_bits - 1),
            ((2 << precision) - 1, output.emax - output.man_bits - 1),  # halfway between the largest number and the next
            (2 * rng.getrandbits(precision - 1) + 1, below),
            ((1 << precision) - 1, below),
            ((2 << precision) - 1, below - 1),
            ((2 << precision) - 3, below - 1),
            (1, below),
        )
    )
    far = rng.choice((0, 0, 2, 6))
    return sign * (value << far) + (rng.choice((-1, 1)) if far else 0), exp - far


@dataclass(frozen=True)
class ScaledBlock:
    """A block.

    Members
    -------
    config : MacConfig
    sum : int
        In units of 2^config.product_lsb_exp.
    scale : int
        Sum of its two scale codes.
    scale_nan : int
        Whether one of them is NaN.
    specials : tuple of int
        Of its products.
    """

    config: MacConfig
    sum: int
    scale: int
    scale_nan: int = 0
    specials: Sequence[int] = NO_SPECIALS

    @staticmethod
    def random(config: MacConfig, rng: Random, scale: int) -> "ScaledBlock":
        """Make a block with a sum of any magnitude, or one at the ends of its range."""
        limit = largest_sum(config)
        value = rng.randint(-limit, limit) >> rng.randrange(limit.bit_length())
        power = 1 << rng.randrange(limit.bit_length())
        return ScaledBlock(config, rng.choice((value, value, value, 0, 1, -1, limit, -limit, power, -power)), scale)

    @staticmethod
    def of(config: MacConfig, rng: Random, value: int, exp: int) -> "ScaledBlock | None":
        """Make a block that is ``value * 2^exp``; None if there is no such block."""
        zeros = (value & -value).bit_length() - 1 if value else 0
        limit, lowest = largest_sum(config), -2 * SCALE_BIAS + config.product_lsb_exp
        odd = value >> zeros
        room = [shift for shift in range(limit.bit_length()) if abs(odd << shift) <= limit]
        scales = {shift: exp + zeros - shift - lowest for shift in room}
        fitting = [shift for shift, scale in scales.items() if 0 <= scale <= config.scale_sum_max]
        if not fitting:
            return None
        shift = rng.choice(fitting)
        return ScaledBlock(config, odd << shift, scales[shift])

    def made_special(self, rng: Random) -> "ScaledBlock":
        """Return it with an infinity or a NaN, among elements or scales."""
        if rng.random() < 0.2:
            return replace(self, scale_nan=1)
        specials = [0] * len(SPECIALS)
        for kind in rng.sample(range(len(SPECIALS)), rng.choice((1, 1, 2))):
            specials[kind] = 1
        return replace(self, specials=tuple(specials))

    @property
    def exp(self) -> int:
        """Exponent of the least significant bit of ``sum``, with the scales."""
        return self.scale - 2 * SCALE_BIAS + self.config.product_lsb_exp

    @property
    def seen(self) -> tuple[int, ...]:
        """Specials of the block as a whole."""
        return block_specials(self.specials, self.scale_nan)

    def vector(self, *, last: bool) -> tuple[int, ...]:
        """Return the values of the fields ``SCALED_BLOCK``."""
        return self.sum, *self.specials, int(last), self.scale, self.scale_nan
