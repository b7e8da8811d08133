"""Product of two elements that are two's complement integers."""

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig, Target
from ..primitives.bits import add_with_carry, register, sign_extend
from ..primitives.carry_chain import CarryFunction, chained
from ..primitives.description import Description

__all__ = ["IntegerProduct", "integer_product_latency"]

#: Bits of the shorter factor that make up one row.
_ROW_BITS = 2


class _Rows(NamedTuple):
    """Sum of some rows: ``value + carry``, in two's complement.

    Members
    -------
    value : Value
    carry : Value, optional
    bits : int
        Bits of the shorter factor in these rows.
    """

    value: Value
    carry: Value | None
    bits: int


def _levels(config: MacConfig) -> int:
    """Return the number of additions that a row takes part in; a single row still has a carry to be added."""
    rows = -(-min(config.operand_a.width, config.operand_b.width) // _ROW_BITS)
    return max(1, (rows - 1).bit_length())


def integer_product_latency(config: MacConfig) -> int:
    """Cycles from two codes to their product: one for the rows, and one for each level of their sum."""
    return 1 + _levels(config)


class IntegerProduct(wiring.Component):
    """Multiplier of two's complement integers, without magnitudes.

    Latency ``integer_product_latency(config)`` cycles, throughput one pair per cycle. A row is the longer factor times two
    bits of the shorter one, whose highest bit has a negative weight. Rows are added in pairs, with a register after each
    addition. On ECP5, a row is one chain of carry cells.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, both two's complement integers, and ``target``.

    Members
    -------
    a, b : In(operand.width)
        Element codes.
    product : Out(operand_a.width + operand_b.width)
        Exact product in two's complement, ``integer_product_latency(config)`` cycles later.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        a, b = config.operand_a.width, config.operand_b.width
        super().__init__({"a": In(a), "b": In(b), "product": Out(a + b)})

    @property
    def description(self) -> Description:
        return Description("Product of two integers in two's complement.", integer_product_latency(self.config))

    def elaborate(self, platform):
        m = Module()
        total = Signal(len(self.product), reset_less=True)
        m.d.comb += self.product.eq(total)
        x, y = (self.a, self.b) if len(self.a) >= len(self.b) else (self.b, self.a)
        starts = range(0, len(y), _ROW_BITS)
        sums = [self._row(m, x, y[start : start + _ROW_BITS], start, last=start == starts[-1]) for start in starts]
        for level in range(_levels(self.config)):
            held = [self._held(m, rows, f"level{level}_{index}") for index, rows in enumerate(sums)]
            sums = [self._join(held[index : index + 2], len(x)) for index in range(0, len(held), 2)]
        m.d.sync += total.eq(sums[0].value)
        return m

    @staticmethod
    def _held(m: Module, rows: _Rows, name: str) -> _Rows:
        carry = None if rows.carry is None else register(m, rows.carry, name=f"{name}_carry")
        return _Rows(register(m, rows.value, name=name), carry, rows.bits)

    def _row(self, m: Module, x: Value, digit: Value, start: int, *, last: bool) -> _Rows:
        """Return ``x`` times two bits of the other factor, or one; the highest bit of the last has a negative weight.

        A negative multiple is a one's complement and a carry.
        """
        width = len(x) + len(digit)
        low, high = digit[0] if len(digit) > 1 else Const(0), digit[-1]
        once, top = sign_extend(x, width), sign_extend(Cat(Const(0, len(digit) - 1), x), width)
        if self.config.target is Target.ECP5:
            function = CarryFunction.GATED_MINUS if last else CarryFunction.GATED
            operands = (top, high.replicate(width), once, low.replicate(width))
            carry = Const(1, 1) if last else None
            return _Rows(chained(m, f"row{start // _ROW_BITS}", function, width, *operands, carry=carry), None, len(digit))
        both = top - once if last else top + once
        if last:
            value = Mux(high, ~Mux(low, once, top), Mux(low, once, 0))
            return _Rows(value[:width], high, len(digit))
        value = Mux(high, Mux(low, both[:width], top), Mux(low, once, 0))
        return _Rows(value[:width], None, len(digit))

    @staticmethod
    def _join(pair: list[_Rows], x_bits: int) -> _Rows:
        """Return the sum of rows, the second of which are as many bits higher as the first have taken of the other factor."""
        low = pair[0]
        if len(pair) == 1:
            return _Rows(_sum(low.value, Const(0, 1), low.carry, len(low.value)), None, low.bits)
        high = pair[1]
        upper = _sum(low.value[low.bits :], high.value, high.carry, x_bits + high.bits)
        return _Rows(Cat(low.value[: low.bits], upper), None, low.bits + high.bits)


def _sum(x: Value, y: Value, carry: Value | None, width: int) -> Value:
    """Return ``x + y`` of two's complement numbers in ``width`` bits, plus a carry if there is one."""
    if carry is None:
        return (sign_extend(x, width) + sign_extend(y, width))[:width]
    return add_with_carry(x, y, carry, width)
