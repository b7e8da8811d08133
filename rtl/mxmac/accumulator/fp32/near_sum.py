"""Sum of a block and a running sum whose exponents differ by 1 at the most, which may cancel."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...primitives.bits import add_with_carry, delay, register
from ...primitives.description import Description
from .sizes import FINE_BITS, KEPT_BITS, SPARE_BITS, SUM_BITS, SumOperand, coarse_bits, field_bits, sum_exp_bits

__all__ = ["NearSum"]

_GROUP = 1 << FINE_BITS
#: Levels of the shift that take place one cycle after the decision on them; those above take place at once.
_LATE_LEVELS = 3


class NearSum(wiring.Component):
    """Sum of near operands, exact, shifted left by whole groups of 2^FINE_BITS bits. Latency 2 cycles.

    The exponent of the smallest normal number limits the shift. The limit sets the flag of its group, as a leading bit does.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, and ``block``.

    Members
    -------
    sig : In(SUM_BITS)
    up : In(1)
        The sum, as of ``SumOperand``.
    distance : In(2)
        By how much its exponent exceeds that of the block, less 1, modulo 4.
    value : In(config.block_sum_bits)
        A normalised block.
    limit : In(sum_exp_bits(config) - FINE_BITS)
        Greatest distance to shift by, in groups.
    o : Out(KEPT_BITS)
        Highest bits of the sum.
    lost : Out(1)
        Whether any bit below them is set.
    coarse : Out(coarse_bits(config))
        Distance that it was shifted by, in groups.
    bound : Out(1)
        Whether that is all that the limit leaves for ``coarse``.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "sig": In(SUM_BITS),
                "up": In(1),
                "distance": In(2),
                "value": In(config.block_sum_bits),
                "limit": In(sum_exp_bits(config) - FINE_BITS),
                "o": Out(KEPT_BITS),
                "lost": Out(1),
                "coarse": Out(coarse_bits(config)),
                "bound": Out(1),
            }
        )

    @property
    def description(self) -> Description:
        return Description(f"Sum of a block and a running sum of about the same size, normalised to {1 << FINE_BITS} bits.", 2)

    def elaborate(self, platform):
        m = Module()
        total = self._add(m)
        groups = -(-len(total) // _GROUP)
        stops = register(m, Cat(self.limit == group for group in range(groups - 1)), name="stops")
        coarse = self._leading_group(m, total, stops)
        value, lost = total, Const(0, 1)
        for level in reversed(range(len(coarse))):
            if level == _LATE_LEVELS - 1:
                value, lost = register(m, value, name="shifted"), register(m, lost, name="lost_early")
                coarse = register(m, coarse, name="coarse_q")
            value, lost = self._shift(m, value, lost, level, coarse[level])
        m.d.comb += [
            self.o.eq(value),
            self.lost.eq(lost),
            self.coarse.eq(coarse),
            self.bound.eq(delay(m, self.limit, 2, name="limit_q") == coarse),
        ]
        return m

    def _add(self, m: Module) -> Value:
        """Add: clock 1. The block stands still."""
        width, block = field_bits(self.config), self.value
        acc = SumOperand(sig=self.sig, up=self.up, exp=Const(0, 1))
        above, level, below = (acc.placed(width, SPARE_BITS - moved) for moved in (1, 0, -1))
        other = Mux(self.distance[1], Mux(self.distance[0], level, below), above)
        block = Cat(Const(0, width - SPARE_BITS - len(block)), block, block[-1].replicate(SPARE_BITS))
        return register(m, add_with_carry(other.as_signed(), block.as_signed(), self.up, width), name="total").as_unsigned()

    def _leading_group(self, m: Module, total: Value, stops: Value) -> Value:
        """Find the highest group with a bit that differs from the one above it, or with the limit: clock 2."""
        padded = Cat(Const(0, 1 + (len(stops) + 1) * _GROUP - len(total)), total)
        found = []
        for group in range(len(stops)):
            end = len(padded) - group * _GROUP
            bits = padded[end - _GROUP - 1 : end]
            found.append((bits.any() & ~bits.all()) | stops[group])
        coarse = Signal(coarse_bits(self.config), name="coarse_found")
        m.d.comb += coarse.eq(_first_set([*found, Const(1)])[1])
        return coarse

    def _shift(self, m: Module, value: Value, lost: Value, level: int, take: Value) -> tuple[Value, Value]:
        """Shift by 2^level groups, and cut off the bits that the further levels cannot bring back."""
        amount = _GROUP << level
        kept = min(len(value), KEPT_BITS + amount - _GROUP)
        cut = len(value) - kept
        moved = Signal(kept, name=f"moved{level}")
        m.d.comb += moved.eq(Mux(take, Cat(Const(0, amount), value)[cut : len(value)], value[cut:]))
        # No more is cut off than zeros are shifted in.
        return moved, lost | (value[:cut].any() & ~take)


def _first_set(flags: Sequence[Value]) -> tuple[Value, Value]:
    """Return whether any flag is set, and the index of the first that is."""
    if len(flags) == 1:
        return flags[0], Const(0, 0)
    half = 1 << (len(flags) - 1).bit_length() - 1
    (upper, upper_index), (lower, lower_index) = _first_set(flags[:half]), _first_set(flags[half:])
    return upper | lower, Cat(Mux(upper, upper_index, lower_index)[: len(upper_index)], ~upper)
