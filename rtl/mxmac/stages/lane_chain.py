"""Lanes in a chain of ECP5 carry cells, each of which adds its product to the sum of those before it.

A carry cell has inputs to spare: the last level of each lane's shifter is in the adder.
"""

from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Module, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..primitives.bits import delay, register, sign_extend
from ..primitives.carry_chain import CarryFunction, chained
from ..primitives.description import Description
from ..primitives.shared import shared
from ..primitives.up_shifter import shift_clocks, shifted_up
from .adder_tree import Term, sum_layout
from .layouts import SPECIALS
from .multiplier import Multiplier, multiplier_latency
from .product import ElementProduct, element_ports, exp_bits, product_clocks, product_zeros, sig_bits

__all__ = ["ChainPlan", "LaneChain", "PartialProduct", "partial_product_latency"]


def _first_clocks(config: MacConfig) -> int:
    """Cycles from element codes to the sum of the first lane."""
    return max(multiplier_latency(config), partial_product_latency(config) + 1)


def partial_product_latency(config: MacConfig) -> int:
    """Cycles from element codes to their product before the last level of its shift."""
    return product_clocks(config) + shift_clocks(exp_bits(config) - 1, config.lane_shift_levels)


class PartialProduct(wiring.Component):
    """Multiplier of two elements but for the last level of the shift.

    Latency ``partial_product_latency(config)`` cycles, throughput one pair per cycle.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, one of which has an exponent, and ``pipeline``.

    Members
    -------
    a, b : In(operand.width)
        Element codes.
    format_a, format_b : In(range(len(operand.formats)))
        Index of the code's format; there only with more than one.
    ones : Out(w)
        The product, shifted by all bits of its exponent but the highest, counted from 2^(operand_a.grid + operand_b.grid); its
        one's complement if it is negative.
    upper : Out(1)
        The highest bit of the exponent.
    neg : Out(1)
    specials : Out(SPECIALS)
        After one clock, for there is nothing to multiply.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        self._levels = exp_bits(config) - 1
        width = sig_bits(config) + (1 << self._levels) - 1
        outputs = {"ones": Out(width), "upper": Out(1), "neg": Out(1), "specials": Out(SPECIALS)}
        super().__init__({**element_ports(config), **outputs})

    def candidates(self, width: int) -> tuple[Value, Value]:
        """Return the product if ``upper`` is set, and if not, in ``width`` bits, in units of 2^config.product_lsb_exp."""
        zeros, sign = product_zeros(self.config), self.neg.replicate(width)
        moved = Cat(self.neg.replicate(1 << self._levels), self.ones, sign)
        return moved[zeros:][:width], Cat(self.ones, sign)[zeros:][:width]

    @property
    def description(self) -> Description:
        return Description(
            "Product of two elements but for the last level of its shift; its specials after one cycle.",
            partial_product_latency(self.config),
        )

    def elaborate(self, platform):
        return shared(platform, self, self.config, self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        m.submodules.element_product = multiply = ElementProduct(self.config)
        for name in element_ports(self.config):
            m.d.comb += getattr(multiply, name).eq(getattr(self, name))
        product, levels_per_clock = multiply.product, self.config.lane_shift_levels
        ones, upper, neg = shifted_up(m, product.sig, product.exp, product.neg, self._levels, levels_per_clock)
        m.d.comb += [
            self.ones.eq(register(m, ones, name="moved")),
            self.upper.eq(register(m, upper, name="highest")),
            self.neg.eq(register(m, neg, name="sign")),
            self.specials.eq(multiply.specials),
        ]
        return m


@dataclass(frozen=True)
class ChainPlan:
    """Parameters of a chain of lanes, and its timing in cycles.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, one of which has an exponent, and ``pipeline``.
    lanes : int
        Lanes of this chain.
    carry : bool
        Whether a carry is left over. If not, the first lane has an adder, too.
    wait : int
        Cycles that the elements of the first lane wait.
    """

    config: MacConfig
    lanes: int
    carry: bool
    wait: int

    @property
    def term(self) -> Term:
        """What is known of its sum."""
        return Term(self.lanes, self.carry)

    @property
    def latency(self) -> int:
        """Cycles from elements to their sum."""
        return self.wait + _first_clocks(self.config) + self.lanes - 1

    @property
    def specials_latency(self) -> int:
        """Cycles from elements to their specials."""
        return self.first_specials + self.lanes

    @property
    def first_specials(self) -> int:
        """Cycles from elements to the specials that are ORed first: those of a lane of either kind have come by then."""
        soonest = min(multiplier_latency(self.config), partial_product_latency(self.config) + 1)
        return self.wait + _first_clocks(self.config) - soonest + 1

    def waits(self, index: int) -> int:
        """Cycles that the elements of a lane wait."""
        first = self.wait + _first_clocks(self.config)
        if self.places(index):
            return first - multiplier_latency(self.config)
        return first + index - 1 - partial_product_latency(self.config)

    def places(self, index: int) -> bool:
        """Whether a lane brings its product to its place before it is added."""
        return index == 0 and self.carry


class LaneChain(wiring.Component):
    """Exact sum of the products of a few lanes. Latency ``plan.latency`` cycles, throughput one beat per cycle.

    The first lane brings its product to its place; each of the others does so in the cells that add it. So lane k works k
    cycles later than the first, on elements that wait for it.

    Parameters
    ----------
    plan : ChainPlan

    Members
    -------
    a, b : In(data.ArrayLayout(operand.width, plan.lanes))
        Element codes.
    format_a, format_b : In(range(len(operand.formats)))
        Index of the codes' format; there only with more than one.
    total : Out(sum_layout(plan.config, plan.term))
    specials : Out(SPECIALS)
        Of any lane, ``plan.specials_latency`` cycles later.
    """

    def __init__(self, plan: ChainPlan):
        self.plan, self.config, ports = plan, plan.config, {}
        for side, operand in (("a", self.config.operand_a), ("b", self.config.operand_b)):
            ports[side] = In(data.ArrayLayout(operand.width, plan.lanes))
            if operand.selectable:
                ports[f"format_{side}"] = In(range(len(operand.formats)))
        super().__init__({**ports, "total": Out(sum_layout(plan.config, plan.term)), "specials": Out(SPECIALS)})

    @property
    def description(self) -> Description:
        return Description(
            f"Chain of {self.plan.lanes} lanes: exact sum of their products{', sum + carry' * self.plan.carry}.",
            self.plan.latency,
        )

    def elaborate(self, platform):
        return shared(platform, self, self.plan, self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        total: Value = Const(0)
        carry: Value = Const(0, 1)
        specials: Value = Const(0, SPECIALS.size)
        for index in range(self.plan.lanes):
            lane: Multiplier | PartialProduct
            if self.plan.places(index):
                m.submodules.multiplier = lane = Multiplier(self.config)
                total, carry = lane.product.ones.as_signed(), lane.product.neg
            else:
                m.submodules[f"partial_product{index}"] = lane = PartialProduct(self.config)
                total, carry = self._added(m, lane, index, total, carry)
            self._feed(m, lane, index)
            early = self.plan.first_specials + index - self.plan.waits(index) - 1
            of_lane = delay(m, lane.specials.as_value(), early, name=f"specials_of_lane{index}")
            specials = register(m, specials | of_lane, name=f"specials{index}")
        m.d.comb += [self.total.sum.eq(total), self.specials.as_value().eq(specials)]
        if self.plan.carry:
            m.d.comb += self.total.carry.eq(carry)
        return m

    def _feed(self, m: Module, lane, index: int):
        """Connect the elements of a lane, which wait for the sum of those before it."""
        clocks = self.plan.waits(index)
        for side in "ab":
            codes = getattr(self, side)[index]
            m.d.comb += getattr(lane, side).eq(delay(m, codes, clocks, name=f"{side}{index}"))
        for name in element_ports(self.config).keys() - {"a", "b"}:
            m.d.comb += getattr(lane, name).eq(delay(m, getattr(self, name), clocks, name=f"{name}{index}"))

    def _added(self, m: Module, lane: PartialProduct, index: int, total: Value, carry: Value) -> tuple[Signal, Value]:
        """Add a product to the sum of those before it, and the carry of one; return the sum, and the carry left over."""
        width, neg = self.config.sum_bits(index + 1), lane.neg
        moved, still = lane.candidates(width)
        if self.plan.carry:
            adds, left = carry, register(m, neg, name=f"carry{index}")
        else:
            adds, left = neg, carry
        before = sign_extend(total, width)
        added = chained(
            m, f"adder{index}", CarryFunction.CHOSEN, width, moved, before, still, lane.upper.replicate(width), carry=adds
        )
        held = Signal(signed(width), name=f"sum{index}", reset_less=True)
        m.d.sync += held.eq(added)
        return held, left
