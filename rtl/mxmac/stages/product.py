"""Product of two elements in floating point: sign, significand, exponent and class."""

from functools import partial
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig, Target
from ..primitives.bits import delay, register
from ..primitives.carry_chain import CarryFunction, chained
from ..primitives.description import Description
from ..primitives.up_shifter import float_layout
from .decoder import Decoder
from .layouts import SPECIALS

__all__ = [
    "ElementProduct",
    "Factors",
    "adds_raw_exponents",
    "decoded_pair",
    "element_ports",
    "exp_bits",
    "factors",
    "product_clocks",
    "product_zeros",
    "sig_bits",
]


#: Cycles from element codes to their product on FPGAs: decode, two rows, their sum.
_PRODUCT_CLOCKS = 3


def product_clocks(config: MacConfig) -> int:
    """Return the latency of an :class:`ElementProduct`, in cycles.

    For standard cells it is combinational, or has registers behind the decoders if the significands are wide for the levels of
    gates in a cycle.
    """
    if config.target is Target.ASIC:
        return int(sig_bits(config) > 2 * config.gate_levels)
    return _PRODUCT_CLOCKS


def exp_bits(config: MacConfig) -> int:
    """Bits of the exponent of a product; 0 if neither operand has one."""
    most = (1 << config.operand_a.exp_bits) + (1 << config.operand_b.exp_bits) - 2
    return most.bit_length()


def product_zeros(config: MacConfig) -> int:
    """Least exponent of a product: no floating-point element has 0, so the lowest places of the grid stay empty."""
    return config.product_lsb_exp - config.operand_a.grid - config.operand_b.grid


def sig_bits(config: MacConfig) -> int:
    """Bits of the significand of a product; the least integers have a product a bit shorter than two codes."""
    return min(config.operand_a.sig_bits + config.operand_b.sig_bits, config.product_bits + product_zeros(config))


def element_ports(config: MacConfig) -> dict[str, wiring.Member]:
    """Ports that take two elements: ``a`` and ``b``, and where there is a choice of formats ``format_a`` and ``format_b``."""
    ports = {}
    for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
        ports[side] = In(operand.width)
        if operand.selectable:
            ports[f"format_{side}"] = In(range(len(operand.formats)))
    return ports


def adds_raw_exponents(config: MacConfig) -> bool:
    """Whether carry cells make the exponents of subnormals 1: on ECP5, with one floating-point format a side."""
    sides = (config.operand_a, config.operand_b)
    return config.target is Target.ECP5 and not any(side.selectable or side.formats[0].is_integer for side in sides)


def decoded_pair(m: Module, component, *, exp: bool = True):
    """Decode the elements at the ports of a component, and drive its ``specials``, one cycle later.

    Returns
    -------
    a, b : decoded_layout(operand, exp=exp)
    neg : 1
        Sign of the product.
    """
    decoded = []
    for side, operand in (("a", component.config.operand_a), ("b", component.config.operand_b)):
        decoder = Decoder(operand, exp=exp)
        m.submodules[f"decoder_{side}"] = decoder
        m.d.comb += decoder.code.eq(getattr(component, side))
        if operand.selectable:
            m.d.comb += decoder.format.eq(getattr(component, f"format_{side}"))
        decoded.append(decoder.element)
    a, b = decoded
    neg = a.neg ^ b.neg
    zero_a, zero_b = ~a.sig.any(), ~b.sig.any()
    inf = (a.inf & ~zero_b & ~b.nan) | (b.inf & ~zero_a & ~a.nan)
    m.d.sync += [
        component.specials.nan.eq(a.nan | b.nan),
        component.specials.invalid.eq((a.inf & zero_b) | (zero_a & b.inf)),
        component.specials.pos_inf.eq(inf & ~neg),
        component.specials.neg_inf.eq(inf & neg),
    ]
    return a, b, neg


class Factors(NamedTuple):
    """Significands of two elements after one cycle, and the sum of their exponents after two.

    Members
    -------
    sig_a, sig_b : Value
    exp : Signal
        Exponents of both, counted from the grids.
    subnormal : Value, optional
        Complement of the highest bit of the shorter significand, from a register; a carry cell may need it as it is.
    """

    sig_a: Value
    sig_b: Value
    exp: Signal
    subnormal: Value | None


def factors(m: Module, component, a: data.View, b: data.View) -> Factors:
    """Return the factors of a component's product, of its decoded elements.

    On ECP5, the exponents of subnormals become 1 in the cells that add them, if there is one floating-point format a side.
    """
    config = component.config
    sides = (config.operand_a, config.operand_b)
    exp = Signal(exp_bits(config), reset_less=True)
    if not adds_raw_exponents(config):
        m.d.sync += exp.eq(register(m, a.exp, name="exp_a") + register(m, b.exp, name="exp_b"))
        return Factors(register(m, a.sig, name="sig_a"), register(m, b.sig, name="sig_b"), exp, None)
    pairs = [(a, component.a, sides[0].formats[0]), (b, component.b, sides[1].formats[0])]
    short = int(sides[1].sig_bits <= sides[0].sig_bits)
    exps = [register(m, code[fmt.man_bits : -1], name=f"exp_{side}") for (_, code, fmt), side in zip(pairs, "ab", strict=True)]
    subnormal = register(m, ~pairs[short][0].sig[-1], name="subnormal")
    sigs: list[Value] = [Const(0), Const(0)]
    sigs[short] = Cat(register(m, pairs[short][0].sig[:-1], name=f"sig_{'ab'[short]}"), ~subnormal)
    sigs[1 - short] = register(m, pairs[1 - short][0].sig, name=f"sig_{'ab'[1 - short]}")
    ones = Const(-1, len(exp) - 1)
    operands = (exps[1 - short], Cat(sigs[1 - short][-1], ones), exps[short], subnormal)
    m.d.sync += exp.eq(chained(m, "exponents", CarryFunction.EITHER, len(exp), *operands))
    return Factors(sigs[0], sigs[1], exp, subnormal)


class ElementProduct(wiring.Component):
    """Multiplier of the significands of two elements, with their decoders. Throughput one pair per cycle.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands.

    Members
    -------
    a, b : In(operand.width)
        Element codes.
    format_a, format_b : In(range(len(operand.formats)))
        Index of the code's format; there only with more than one.
    product : Out(float_layout(sig_bits(config), exp_bits(config)))
        ``product_clocks(config)`` later, counted from 2^(operand_a.grid + operand_b.grid). It means nothing if one of
        ``specials`` is set.
    specials : Out(SPECIALS)
        One clock later already, for there is nothing to multiply.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        outputs = {"product": Out(float_layout(sig_bits(config), exp_bits(config))), "specials": Out(SPECIALS)}
        super().__init__({**element_ports(config), **outputs})

    @property
    def description(self) -> Description:
        return Description(
            "Product of two elements as sign, significand and exponent; its specials after one cycle.",
            product_clocks(self.config),
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        a, b, neg = decoded_pair(m, self, exp=not adds_raw_exponents(config))
        if config.target is Target.ASIC:
            self._multiply_at_once(m, a, b, neg)
            return m
        given = factors(m, self, a, b)
        m.d.comb += [
            self.product.sig.eq(self._multiply(m, given, sig_bits(config), config.target is Target.ECP5)),
            self.product.exp.eq(delay(m, given.exp, _PRODUCT_CLOCKS - 2, name="exp")),
            self.product.neg.eq(delay(m, neg, _PRODUCT_CLOCKS, name="neg")),
        ]
        return m

    def _multiply_at_once(self, m: Module, a, b, neg):
        """Multiply without registers between the rows."""
        clocks = product_clocks(self.config)
        sig_a, sig_b = delay(m, a.sig, clocks, name="sig_a"), delay(m, b.sig, clocks, name="sig_b")
        exp_a, exp_b = delay(m, a.exp, clocks, name="exp_a"), delay(m, b.exp, clocks, name="exp_b")
        m.d.comb += [
            self.product.sig.eq(sig_a * sig_b),
            self.product.exp.eq(exp_a + exp_b),
            self.product.neg.eq(delay(m, neg, clocks, name="neg")),
        ]

    @staticmethod
    def _multiply(m: Module, given: Factors, width: int, cells: bool) -> Signal:
        """Product of two significands in ``width`` bits, of which the shorter one makes up the rows, two cycles later.

        With ``cells``, a carry chain adds two gated rows.
        """
        long, short = (given.sig_a, given.sig_b) if len(given.sig_a) >= len(given.sig_b) else (given.sig_b, given.sig_a)
        half = len(short) // 2
        row = _row
        if len(short) == len(long) == 4 and not cells:
            # Both rows choose from the same four multiples.
            triple = Signal(5, name="triple_but_lowest")
            m.d.comb += triple.eq(_row(long, Const(3, 2))[1:])
            row = partial(_multiple, triple)
        low, high = short[:half], short[half:]
        row_low = Signal(_product_bits(long, low), reset_less=True)
        row_high = Signal(min(_product_bits(long, high), width - half), reset_less=True)
        product = Signal(width, name="sig_product", reset_less=True)
        m.d.sync += [
            row_low.eq(_row_of_cells(m, long, low, "low_rows") if cells else row(long, low)),
            row_high.eq(_row_of_cells(m, long, high, "high_rows", given.subnormal) if cells else row(long, high)),
            product.eq(Cat(row_low[:half], row_low[half:] + row_high)),
        ]
        return product


def _row_of_cells(m: Module, value: Value, by: Value, name: str, unless: Value | None = None) -> Value:
    """Product with a few bits, two at a time in a carry chain whose cells gate their operands.

    ``unless`` is the complement of the highest of the bits.
    """
    if len(by) > 2:
        rest = _row_of_cells(m, value, by[2:], f"{name}_above", unless)
        return _row_of_cells(m, value, by[:2], name) + (rest << 2)
    width = len(value) + len(by)
    if len(by) < 2:
        return value & by.replicate(len(value))
    once, twice = by[0].replicate(width), (by[1] if unless is None else unless).replicate(width)
    function = CarryFunction.GATED if unless is None else CarryFunction.GATED_UNLESS
    return chained(m, name, function, width, value, once, Cat(Const(0, 1), value), twice)


def _product_bits(x: Value, y: Value) -> int:
    return (((1 << len(x)) - 1) * ((1 << len(y)) - 1)).bit_length()


def _row(value: Value, by: Value) -> Value:
    """Product with a few bits, two at a time: those are written out as gates, a LUT less for each bit than a carry chain."""
    if len(by) > 2:
        return _row(value, by[:2]) + (_row(value, by[2:]) << 2)
    if len(by) < 2:
        return value & by.replicate(len(value))
    once, twice = (Cat(bit & by[index] for bit in value) for index in range(2))
    bits, carry = [once[0]], Const(0)
    for x, y in zip(Cat(once[1:], Const(0, 1)), twice, strict=True):
        bits.append(x ^ y ^ carry)
        carry = (x & y) | (carry & (x ^ y))
    return Cat(*bits, carry)


def _multiple(triple: Value, value: Value, by: Value) -> Value:
    """Product with two bits, where that by three is known, but for its lowest bit, which is that of the value."""
    zero = Const(0, 1)
    return Mux(by[0], Mux(by[1], Cat(value[0], triple), Cat(value, zero, zero)), Mux(by[1], Cat(zero, value, zero), 0))
