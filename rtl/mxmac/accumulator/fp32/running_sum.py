"""The loop of an accumulator in binary32: a normalised block is added to the sum, and the result is rounded."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig
from ...primitives.bits import any_of_each, delay, delay_valid, register
from ...primitives.description import Description
from ..narrower import FP32
from .far_sum import FarSum
from .near_sum import NearSum
from .sizes import (
    EXP_LEAD,
    FINE_BITS,
    KEPT_BITS,
    LOOP_CLOCKS,
    SPARE_BITS,
    SUM_BITS,
    SumOperand,
    block_exp_bits,
    coarse_bits,
    sum_exp_bits,
    unpacked_layout,
)

__all__ = ["RunningSum"]

#: Bits of which it is seen in one step whether any is set, together with a condition.
_SEEN_AT_ONCE = 3


class _Total:
    """Registers of a sum before the last shift of its normalisation. They stay until the next block arrives at them.

    Attributes
    ----------
    value : Signal
        Highest bits of the sum, ``SPARE_BITS`` more than those of its larger operand.
    lost : Signal
        Not zero if any bit below them is set.
    top_exp : Signal
        Exponent of the highest bit below the sign, before all shifts.
    coarse : Signal
        Groups that the sum has been shifted by.
    by_two, by_one, by_one_less : Signal
        Whether the last shift may be one by 2 bits, and one by 1 bit: in any case, and after none by 2.
    """

    def __init__(self, config: MacConfig, lost_bits: int):
        self.value = Signal(KEPT_BITS, name="total", reset_less=True)
        self.lost = Signal(lost_bits, name="lost", reset_less=True)
        self.top_exp = Signal(sum_exp_bits(config), name="top_exp", reset_less=True)
        self.coarse = Signal(coarse_bits(config), name="coarse", reset_less=True)
        self.by_two = Signal(name="may_by_two", reset_less=True)
        self.by_one = Signal(name="may_by_one", reset_less=True)
        self.by_one_less = Signal(name="may_by_one_less", reset_less=True)


class RunningSum(wiring.Component):
    """Running sum in binary32, rounded to nearest, ties to even, after each block. Takes a block every ``LOOP_CLOCKS`` cycles.

    Operands whose exponents differ by 1 at the most (near) may cancel: their sum needs a long shift, but they need none.
    With all others (far) it is the other way round. So each addition has one long shift only.

    The increment of a rounding is added together with the next block: ones without end below the significand amount to it.
    Significands are in two's complement, in which a tie is broken as in sign and magnitude.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``addend``.

    Members
    -------
    exp : In(block_exp_bits(config))
        Exponent of a block, signed, ``EXP_LEAD`` cycles ahead of its value.
    first : In(1)
        Whether the block is the first of its dot product, with ``exp``.
    addend : In(32)
        Code that the dot product starts from, from ``exp`` to ``value``; absent if that is always +0.
    valid : In(1)
    value : In(config.block_sum_bits)
        A normalised block.
    o : Out(unpacked_layout(config))
        ``LOOP_CLOCKS`` cycles after ``value``, and for at least as long.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                **({} if config.addend is None else {"addend": In(config.addend.width)}),
                "exp": In(block_exp_bits(config)),
                "first": In(1),
                "valid": In(1),
                "value": In(config.block_sum_bits),
                "o": Out(unpacked_layout(config)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Sum in binary32 plus a block, rounded. Takes a block every {LOOP_CLOCKS} cycles; "
            f"its exponent comes {EXP_LEAD} cycles before its value.",
            LOOP_CLOCKS,
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.near = near = NearSum(self.config)
        m.submodules.far = far = FarSum(self.config, distance_bits=self._distance_bits)
        total = _Total(self.config, 1 + len(any_of_each(far.lost, _SEEN_AT_ONCE)))
        shamt = Cat(self._round(m, total), total.coarse)
        # Zero has the exponent of subnormal numbers, and they have it in any case.
        zero = ~total.value[-1 - (1 << FINE_BITS) :].any()
        m.d.sync += self.o.exp.eq(Mux(zero, 0, total.top_exp - shamt))
        self._add(m, near, far, total, self._distance(m, total, shamt, zero))
        return m

    @property
    def _distance_bits(self) -> int:
        return 1 + max(sum_exp_bits(self.config) + 1, len(self.exp))

    def _distance(self, m: Module, total: _Total, shamt: Value, zero: Value) -> Signal:
        """Return by how much the exponent of the sum exceeds that of the block, less 1, with ``value``.

        The exponent before the last normalisation is known early; ``shamt`` completes it.
        """
        first = register(m, self.first, name="first_exp")
        exp = self.exp.as_signed()
        late_exp = register(m, exp, name="late_block_exp")
        start, at_start = total.top_exp, first | zero
        if self.config.addend is not None:
            start = Mux(self.first, self._addend_operand().exp, total.top_exp)
            shamt, at_start = Mux(first, 0, shamt), ~first & zero
        unshifted = Signal(signed(self._distance_bits), reset_less=True)
        distance = Signal(signed(self._distance_bits), reset_less=True)
        # ~x is -x - 1.
        m.d.sync += [unshifted.eq(start + ~exp), distance.eq(Mux(at_start, ~late_exp, unshifted - shamt))]
        return distance

    def _operand(self, first: Value) -> SumOperand:
        """Return the sum as an operand: with the first block of a dot product it is the addend, or zero."""
        last = SumOperand(sig=self.o.sig.as_unsigned(), up=self.o.up, exp=self.o.exp)
        if self.config.addend is None:
            return SumOperand(*(value & ~first.replicate(len(value)) for value in last))
        return SumOperand(*(Mux(first, new, old) for new, old in zip(self._addend_operand(), last, strict=True)))

    def _addend_operand(self) -> SumOperand:
        exp, neg = self.addend[FP32.man_bits : -1], self.addend[-1]
        normal = exp.any()
        sig = Cat(self.addend[: FP32.man_bits], normal, Const(0, 1))
        return SumOperand(sig=sig ^ neg.replicate(len(sig)), up=neg, exp=(exp - normal)[: FP32.exp_bits])

    def _add(self, m: Module, near: NearSum, far: FarSum, total: _Total, distance: Signal):
        """Give the operands to both sums, and take the one that is meant: clocks 1 to 3."""
        acc = self._operand(delay(m, self.first, EXP_LEAD, name="first"))
        limit = Signal(len(total.top_exp), reset_less=True)
        m.d.sync += limit.eq(register(m, self.exp[: len(limit)], name="limit_block_exp") + SPARE_BITS)
        for part in (near, far):
            m.d.comb += [part.sig.eq(acc.sig), part.up.eq(acc.up), part.distance.eq(distance), part.value.eq(self.value)]
        m.d.comb += near.limit.eq(limit[FINE_BITS:])

        # Clock 1: which of the exponents decides on that of the sum. Of near operands, it is that of the block.
        is_near = register(m, (distance == 0) | distance[1:].all(), name="is_near")
        block_larger = register(m, distance[-1], name="block_larger")
        least_exp = register(m, ~acc.exp.any(), name="least_exp")
        exp, limit = register(m, acc.exp, name="exp"), register(m, limit, name="limit_q")
        # Clock 2.
        least_exp = register(m, ~block_larger & least_exp, name="far_bound")
        valid = delay_valid(m, self.valid, 1, name="valid")
        with m.If(valid):
            m.d.sync += total.top_exp.eq(Mux(is_near | block_larger, limit, exp + SPARE_BITS))
        is_near, limit = register(m, is_near, name="is_near_q"), register(m, limit[:FINE_BITS], name="limit_qq")
        # Clock 3: the sum of far operands is shifted by 1 to 3 bits, but by 2 at the most if it may be subnormal.
        bound, limit = Mux(is_near, near.bound, least_exp), Mux(is_near, limit, SPARE_BITS)
        with m.If(delay_valid(m, valid, 1, name="valid_late")):
            m.d.sync += [
                total.value.eq(Mux(is_near, near.o, Cat(far.o, far.o[-1]))),
                total.lost.eq(Mux(is_near, near.lost, Cat(Const(0, 1), any_of_each(far.lost, _SEEN_AT_ONCE)))),
                total.coarse.eq(Mux(is_near, near.coarse, 0)),
                total.by_two.eq(~bound | limit[1]),
                total.by_one.eq(~bound | limit[0]),
                total.by_one_less.eq(~bound | limit.any()),
            ]

    def _round(self, m: Module, total: _Total) -> Value:
        """Shift until the bit below the sign differs from it, or to the limit, and round: clock 4. Returns the distance."""
        same = [total.value[-2 - index] == total.value[-1] for index in range(3)]
        by_two, by_one = Signal(name="by_two"), Signal(name="by_one")
        m.d.comb += [
            by_two.eq(same[0] & same[1] & total.by_two),
            by_one.eq(Mux(by_two, same[2] & total.by_one, same[0] & total.by_one_less)),
        ]
        value = Mux(by_two, total.value << 2, total.value)[:KEPT_BITS]
        shifted = Signal(KEPT_BITS, name="normalised")
        m.d.comb += shifted.eq(Mux(by_one, value << 1, value))
        fraction, sig = shifted[:-SUM_BITS], shifted[-SUM_BITS:]
        half, below = fraction[-1], fraction[-2]
        sticky = total.lost.any() | fraction[:-2].any()
        m.d.sync += [
            self.o.sig.eq(sig),
            self.o.half.eq(half),
            self.o.below.eq(below),
            self.o.sticky.eq(sticky),
            self.o.up.eq(half & (below | sticky | sig[0])),
        ]
        return Cat(by_one, by_two)
