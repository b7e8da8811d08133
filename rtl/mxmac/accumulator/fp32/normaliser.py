"""Normalisation of the sum of a block, before it is added to a sum in binary32."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...formats import SCALE_WIDTH
from ...primitives.bits import delay, register
from ...primitives.description import Description
from .sizes import EXP_LEAD, block_exp, block_exp_bits

__all__ = ["BlockNormaliser", "normaliser_clocks"]

#: Levels of a shift by 2 bits and by 1 bit: they share a cycle, and larger ones have one each.
_SMALL_LEVELS = 2


def _levels(config: MacConfig) -> int:
    return (config.block_sum_bits - 1).bit_length()


def normaliser_clocks(config: MacConfig) -> int:
    """Cycles from the sum of a block to its normalised value."""
    return max(1, 1 + _levels(config) - _SMALL_LEVELS) + 1 + EXP_LEAD


class BlockNormaliser(wiring.Component):
    """Normaliser: shifts the sum of a block left until the bit below the sign differs from it.

    Throughput one block per cycle. A negative power of two becomes the least number of its width.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, and ``block``.

    Members
    -------
    sum : In(config.block_sum_bits)
    scale_exp : In(9)
        Sum of the two scale codes.
    exp : Out(block_exp_bits(config))
        Exponent of the bit below the sign, counted from ``FP32.emin``; 0 if the sum is zero. It comes ``EXP_LEAD`` cycles
        ahead of ``value``.
    value : Out(config.block_sum_bits)
        ``normaliser_clocks(config)`` cycles later.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "sum": In(config.block_sum_bits),
                "scale_exp": In(SCALE_WIDTH + 1),
                "exp": Out(block_exp_bits(config)),
                "value": Out(config.block_sum_bits),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Normaliser of the sum of a block; the exponent comes {EXP_LEAD} cycles before the value.",
            normaliser_clocks(self.config),
        )

    def elaborate(self, platform):
        m = Module()
        value, exp = self.sum, self.scale_exp
        taken: list[Value] = []
        for level in reversed(range(_levels(self.config))):
            value, take = self._shift(m, value, level)
            taken = [take, *taken]
            if level == 0 or level >= _SMALL_LEVELS:
                value = register(m, value, name=f"moved{level}_q")
                exp = register(m, exp, name=f"exp{level}_q")
                taken = list(register(m, Cat(taken), name=f"taken{level}_q"))
        # The exponent of zero must not exceed that of a sum by more than 1.
        m.d.sync += [
            self.exp.eq(Mux(value[-2:].any(), exp - Cat(taken) + block_exp(self.config), 0)),
            self.value.eq(delay(m, value, EXP_LEAD, name="value")),
        ]
        return m

    def _shift(self, m: Module, value: Value, level: int) -> tuple[Value, Signal]:
        """Shift by 2^level if the bits that this removes equal the one below them."""
        amount = 1 << level
        top = value[-min(len(value), amount + 1) :]
        # Groups of four bits, of which neighbours share one.
        groups = (top[start : start + 4] for start in range(0, len(top) - 1, 3))
        take = Signal(name=f"take{level}")
        moved = Signal(len(value), name=f"moved{level}")
        m.d.comb += [
            take.eq(~Cat(group.any() & ~group.all() for group in groups).any()),
            moved.eq(Mux(take, value << amount, value)),
        ]
        return moved, take
