"""Words of an exact sum, and the layout of the value that a result is rounded from."""

from amaranth.lib import data

from ...config import EXACT_BLOCKS, MacConfig
from ...stages.layouts import total_layout

__all__ = [
    "GROWTH",
    "below_bits",
    "exact_limits",
    "exact_range",
    "exact_total_exp_min",
    "exact_total_layout",
    "exact_words",
    "word_bits",
]

#: Bits of a word for what is added to it: 2^16 blocks, and a sign.
GROWTH = 17


def exact_limits(config: MacConfig) -> dict[str, int]:
    """Return the limits of an exact sum, for the manifest. An addend counts as a block."""
    return {"blocks_per_dot": EXACT_BLOCKS - (config.addend is not None)}


def exact_range(config: MacConfig) -> tuple[str, ...]:
    """Return the range of an exact sum in words, as lines of the header."""
    (blocks,) = exact_limits(config).values()
    return (f"A dot product may have {blocks} blocks of any values. A longer one may overflow unnoticed.",)


def word_bits(config: MacConfig) -> int:
    """Bits of a word, without those for growth: the least power of two for which a block falls into two words.

    No less than what is carried out of the highest one, which one more has to hold.
    """
    return 1 << max(config.term_bits - 2, GROWTH - 2).bit_length()


def exact_words(config: MacConfig) -> int:
    """Words of a sum: the even ones lie in one memory, and the odd ones in another."""
    return config.scale_sum_max // word_bits(config) + 2


def below_bits(config: MacConfig) -> int:
    """Bits of the next lower word that rounding may need."""
    return config.output.man_bits + 3


def exact_total_layout(config: MacConfig) -> data.StructLayout:
    """Layout of the sum: its highest word that matters with a sign above, bits of the next lower word, and a sticky bit."""
    return total_layout(1 + word_bits(config) + below_bits(config) + 1, (word_bits(config) * exact_words(config)).bit_length())


def exact_total_exp_min(config: MacConfig) -> int:
    """Exponent of the least significant bit of a sum whose ``exp`` is 0."""
    return config.block_exp_min - below_bits(config) - 1
