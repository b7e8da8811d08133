"""What one side of the multiplier may be given."""

from dataclasses import dataclass

from .formats import Format

__all__ = ["Operand"]


@dataclass(frozen=True)
class Operand:
    """What one side of the multiplier may be given: the formats to choose from, brought to one grid.

    A finite element of any of the formats is ``significand * 2^(exponent + grid)``: significands are aligned at their
    hidden bit, so that a narrower format only has zeros below, and a biased exponent is the same for all formats.
    """

    formats: tuple[Format, ...]

    @property
    def width(self) -> int:
        """Bits of the widest code."""
        return max(fmt.width for fmt in self.formats)

    @property
    def sig_bits(self) -> int:
        """Bits of the significand, with the hidden bit."""
        return max(fmt.sig_bits for fmt in self.formats)

    @property
    def bias(self) -> int:
        """Exponent bias of the common exponent; an integer counts as having the exponent 1."""
        return max(-1 if fmt.is_integer else fmt.bias for fmt in self.formats)

    @property
    def exp_bits(self) -> int:
        """Bits of the common exponent; 0 if there is nothing to shift by."""
        return max(1 + self.bias if fmt.is_integer else fmt.exp_max + self.bias - fmt.bias for fmt in self.formats).bit_length()

    @property
    def grid(self) -> int:
        """Exponent of the least significant bit of a significand whose exponent is 0."""
        return 1 - self.sig_bits - self.bias

    @property
    def lsb_exp(self) -> int:
        """Every finite element of any of the formats is an integer times 2^lsb_exp."""
        return min(fmt.lsb_exp for fmt in self.formats)

    @property
    def max_integer(self) -> int:
        """Largest finite magnitude as a multiple of 2^lsb_exp."""
        return max(fmt.max_integer << (fmt.lsb_exp - self.lsb_exp) for fmt in self.formats)
