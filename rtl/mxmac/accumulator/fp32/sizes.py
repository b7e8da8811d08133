"""Widths, exponents and layouts of the accumulator in binary32."""

from typing import NamedTuple

from amaranth.hdl import Cat, Value, signed
from amaranth.lib import data

from ...config import MacConfig
from ..narrower import FP32

__all__ = [
    "EXP_LEAD",
    "FINE_BITS",
    "KEPT_BITS",
    "LOOP_CLOCKS",
    "SPARE_BITS",
    "SUM_BITS",
    "SumOperand",
    "block_exp",
    "block_exp_bits",
    "block_exp_range",
    "coarse_bits",
    "field_bits",
    "sum_exp_bits",
    "unpacked_layout",
]

#: Cycles of an addition, from the operands to the operands of the next.
LOOP_CLOCKS = 4
#: Cycles by which the exponent of a block comes ahead of its value.
EXP_LEAD = 2
#: Bits of a sum of two operands between its sign and the highest bit of the larger operand.
SPARE_BITS = 2
#: Width of the significand of a sum, with its sign.
SUM_BITS = FP32.sig_bits + 1
#: Bits of the distance by which a sum is shifted last.
FINE_BITS = 2
#: Bits of a sum before that shift: significand, round bit, the bit below it, and those that the shift may bring in.
KEPT_BITS = SUM_BITS + 2 + (1 << FINE_BITS) - 1


def block_exp(config: MacConfig) -> int:
    """Exponent of the bit below the sign of a block's sum whose two scale codes are 0, counted from ``FP32.emin``."""
    return config.block_exp_min + config.block_sum_bits - 2 - FP32.emin


def block_exp_range(config: MacConfig) -> range:
    """Exponents of normalised blocks, counted from ``FP32.emin``; 0, that of a sum of zero, is among them."""
    highest = block_exp(config)
    return range(min(0, highest - config.block_sum_bits + 1), max(0, highest + config.scale_sum_max) + 1)


def block_exp_bits(config: MacConfig) -> int:
    """Bits of the exponent of a normalised block, with its sign."""
    exps = block_exp_range(config)
    return 1 + max((-exps.start - 1).bit_length(), (exps.stop - 1).bit_length())


def sum_exp_bits(config: MacConfig) -> int:
    """Bits of the exponent of a sum, counted from ``FP32.emin``: enough for the first sum that overflows."""
    return (max(block_exp_range(config).stop - 1, FP32.emax - FP32.emin + 1) + 2).bit_length()


def field_bits(config: MacConfig) -> int:
    """Width of the sum of two aligned operands: at least a block with all its bits."""
    return max(config.block_sum_bits + SPARE_BITS, KEPT_BITS)


def coarse_bits(config: MacConfig) -> int:
    """Bits of the distance by which a sum of near operands is shifted first, in groups of 2^FINE_BITS bits."""
    return (-(-field_bits(config) >> FINE_BITS) - 1).bit_length()


class SumOperand(NamedTuple):
    """The sum as an operand of an addition: ``(sig + up) * 2^(exp + FP32.lsb_exp)``.

    Members
    -------
    sig : SUM_BITS
        Two's complement.
    up : 1
    exp : Value
        Unsigned.
    """

    sig: Value
    up: Value
    exp: Value

    @property
    def sign(self) -> Value:
        """Sign of ``sig``."""
        return self.sig[-1]

    def placed(self, width: int, sign_bits: int) -> Value:
        """Return ``sig`` below ``sign_bits`` more copies of its sign, in ``width`` bits; below it are ones if ``up`` is set."""
        return Cat(self.up.replicate(width - SUM_BITS - sign_bits), self.sig, self.sign.replicate(sign_bits))


def unpacked_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a sum that has been rounded but for the last addition: ``(sig + up) * 2^(exp + FP32.lsb_exp)``.

    Members
    -------
    sig : signed(SUM_BITS)
        Significand in two's complement, floored.
    up : 1
        Whether it is rounded up.
    half, below, sticky : 1
        Round bit, the bit below that, and whether any further one is set.
    exp : sum_exp_bits(config)
        0 for subnormal numbers, and zero.
    """
    return data.StructLayout(
        {"sig": signed(SUM_BITS), "up": 1, "half": 1, "below": 1, "sticky": 1, "exp": sum_exp_bits(config)}
    )
