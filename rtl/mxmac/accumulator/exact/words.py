"""Words of an exact sum, and the layout of the value that a result is rounded from."""

from dataclasses import dataclass

from amaranth.lib import data

from ...config import EXACT_BLOCKS, MacConfig
from ...stages.layouts import total_layout

__all__ = ["GROWTH", "Words", "exact_limits", "exact_range", "parallel_words"]

#: Bits that 2^16 blocks need above those of one: of a word, they include a sign.
GROWTH = 17


def exact_limits(config: MacConfig) -> dict[str, int]:
    """Return the limits of an exact sum, for the manifest. An addend counts as a block."""
    return {"blocks_per_dot": EXACT_BLOCKS - (config.addend is not None)}


def exact_range(config: MacConfig) -> tuple[str, ...]:
    """Return the range of an exact sum in words, as lines of the header."""
    (blocks,) = exact_limits(config).values()
    return (f"A dot product may have {blocks} blocks of any values. A longer one may overflow unnoticed.",)


@dataclass(frozen=True)
class Words:
    """Words that an exact sum is kept in.

    Members
    -------
    config : MacConfig
    bits : int
        Bits from one word to the next, a power of two.
    count : int
        Words of a sum.
    """

    config: MacConfig
    bits: int
    count: int

    @property
    def span(self) -> int:
        """Words that a term falls into."""
        return self.count - self.config.scale_sum_max // self.bits

    @property
    def shamt_bits(self) -> int:
        """Lower bits of the scale of a block, by which it is shifted within its words."""
        return self.bits.bit_length() - 1

    @property
    def below_bits(self) -> int:
        """Bits below a word that rounding may need."""
        return self.config.output.man_bits + 3

    @property
    def floor(self) -> int:
        """Index of the lowest word that can hold the leading bit of a normal result.

        A sum is rounded from this word or a higher one, so none that is rounded is small compared with subnormal results.
        """
        return max(0, -(-(self.config.output.emin + 1 - self.config.block_exp_min) // self.bits) - 1)

    @property
    def total_layout(self) -> data.StructLayout:
        """Layout of the sum: its highest word that matters with a sign above, bits below it, and a sticky bit."""
        return total_layout(1 + self.bits + self.below_bits + 1, (self.bits * (self.count - self.floor)).bit_length())

    @property
    def total_exp_min(self) -> int:
        """Exponent of the least significant bit of a sum whose ``exp`` is 0."""
        return self.config.block_exp_min + self.bits * self.floor - self.below_bits - 1


def parallel_words(config: MacConfig) -> Words:
    """Return the words of a sum: the even ones lie in one memory, and the odd ones in another.

    They have the least power of two of bits for which a block falls into two words, and no fewer than what is carried out of
    the highest one, which one more has to hold.
    """
    bits = 1 << max(config.term_bits - 2, GROWTH - 2).bit_length()
    return Words(config, bits, config.scale_sum_max // bits + 2)
