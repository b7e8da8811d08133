"""Sum of a block and a running sum whose exponents differ by more than 1."""

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...primitives.bits import add_unsigned_with_carry, register, sign_extend
from ...primitives.description import Description
from .sizes import KEPT_BITS, SPARE_BITS, SUM_BITS, SumOperand, field_bits

__all__ = ["FarSum"]

#: Levels of the alignment before the first register.
_EARLY_LEVELS = 3


class _Operands(NamedTuple):
    """Operands ordered by size, on their way through the alignment.

    Members
    -------
    larger : Value
    smaller, sign : Value
        The smaller one, and its sign, which is shifted in.
    sticky : 1
        Whether a bit was shifted out that counts.
    shamt : Value
        Distance that remains to be shifted.
    fill : 1
        Bits without end below the smaller one.
    up : 1
        Whether the sum, smaller or larger, has ones there.
    """

    larger: Value
    smaller: Value
    sign: Value
    sticky: Value
    shamt: Value
    fill: Value
    up: Value


class FarSum(wiring.Component):
    """Sum of far operands: the smaller one is shifted right, and bits that leave the field count as sticky. Latency 2 cycles.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, and ``block``.
    distance_bits : int

    Members
    -------
    sig : In(SUM_BITS)
    up : In(1)
        The sum, as of ``SumOperand``.
    distance : In(distance_bits)
        By how much its exponent exceeds that of the block, less 1.
    value : In(config.block_sum_bits)
        A normalised block.
    o : Out(KEPT_BITS - 1)
        Highest bits of the sum, whose sign is to be repeated once.
    lost : Out
        Not zero if any bit below them is set.
    """

    def __init__(self, config: MacConfig, *, distance_bits: int):
        self.config, self._field = config, field_bits(config)
        super().__init__(
            {
                "sig": In(SUM_BITS),
                "up": In(1),
                "distance": In(distance_bits),
                "value": In(config.block_sum_bits),
                "o": Out(KEPT_BITS - 1),
                "lost": Out(1 + self._field - KEPT_BITS),
            }
        )

    @property
    def description(self) -> Description:
        return Description("Sum of a block and a running sum of another size: aligned with a sticky bit.", 2)

    def elaborate(self, platform):
        m = Module()
        operands = self._ordered()
        levels = len(operands.shamt)
        for level in range(levels):
            operands = self._shift(m, operands, min(1 << level, len(operands.smaller)))
            if level in (_EARLY_LEVELS - 1, levels - 1):
                names = (f"{name}_{level}" for name in operands._fields)
                operands = _Operands(*(register(m, value, name=name) for name, value in zip(names, operands, strict=True)))
        # If all bits shifted out are ones, and so are those without end below them, they amount to a carry.
        carry = operands.up & ~(operands.fill & operands.sticky)
        smaller = Cat(operands.smaller, operands.sign)
        # The operands have two bits less than the field, so its two highest bits are the same.
        width, kept = self._field - 1, KEPT_BITS - 1
        x, y = (sign_extend(value, width).as_unsigned() for value in (operands.larger, smaller))
        total = add_unsigned_with_carry(m, x, y, carry, width, name="total")
        m.d.comb += [
            self.o.eq(total[-kept:]),
            self.lost.eq(Cat(operands.sticky, total[:-kept])),
        ]
        return m

    def _ordered(self) -> "_Operands":
        width = self._field - SPARE_BITS
        acc = SumOperand(sig=self.sig, up=self.up, exp=Const(0, 1)).placed(width, 0)
        block = Cat(Const(0, width - len(self.value)), self.value)
        block_larger = self.distance[-1]
        # The distance is at least 2: a smaller block is shifted by 1 at once, and by the distance less 1 after that.
        smaller = Mux(block_larger, acc, Cat(block[1:], block[-1]))
        # However far beyond the field: the late levels together leave nothing of it.
        levels = (width - 1 + (1 << _EARLY_LEVELS) - 1).bit_length()
        apart = self.distance[:-1] ^ block_larger.replicate(len(self.distance) - 1)
        beyond = apart[levels:].any()
        return _Operands(
            larger=Mux(block_larger, block, acc),
            smaller=smaller[:-1],
            sign=smaller[-1],
            sticky=block[0] & ~block_larger,
            shamt=Cat(apart[:_EARLY_LEVELS], apart[_EARLY_LEVELS:levels] | beyond.replicate(levels - _EARLY_LEVELS)),
            fill=self.up & block_larger,
            up=self.up,
        )

    def _shift(self, m: Module, operands: "_Operands", amount: int) -> "_Operands":
        """Shift the smaller one right if the next bit of the distance is set.

        Bits that equal those without end below them do not count as sticky.
        """
        value, take = operands.smaller, operands.shamt[0]
        moved = Signal(len(value), name=f"aligned{amount}")
        m.d.comb += moved.eq(Mux(take, Cat(value[amount:], operands.sign.replicate(amount)), value))
        lost = (value[:amount] ^ operands.fill.replicate(amount)).any()
        return operands._replace(smaller=moved, sticky=operands.sticky | (take & lost), shamt=operands.shamt[1:])
