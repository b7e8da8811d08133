"""Multiplication and addition of binary32 numbers."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..formats import RESULT_FORMATS
from ..primitives.bits import add_with_carry, delay, register
from ..stages.layouts import SPECIALS
from ..stages.rounder import Rounder

__all__ = ["FLOAT", "FP32", "PRODUCT_CLOCKS", "Fp32Adder", "Fp32Multiplier", "significand_product", "unpacked"]

FP32 = RESULT_FORMATS["FP32"]
#: A number taken apart. The exponent is biased, and 1 for a subnormal number, whose significand has no hidden bit.
FLOAT = data.StructLayout({"sig": FP32.sig_bits, "exp": FP32.exp_bits, "neg": 1, "normal": 1, "nan": 1, "inf": 1})
#: Bits of a significand that a row of the product multiplies by.
_ROW_BITS = 6
#: Cycles of a product of significands: rows, two sums of two, and their sum.
PRODUCT_CLOCKS = 3


def unpacked(m: Module, code: Value, *, name: str) -> data.View:
    """Return a binary32 code as a ``FLOAT``."""
    number = Signal(FLOAT, name=name)
    man, exp = code[: FP32.man_bits], code[FP32.man_bits : -1]
    special = exp.all()
    m.d.comb += [
        number.sig.eq(Cat(man, number.normal)),
        number.exp.eq(Cat(exp[0] | ~number.normal, exp[1:])),
        number.neg.eq(code[-1]),
        number.normal.eq(exp.any()),
        number.nan.eq(special & man.any()),
        number.inf.eq(special & ~man.any()),
    ]
    return number


def significand_product(m: Module, x: Value, y: Value) -> Value:
    """Return the product of two significands, ``PRODUCT_CLOCKS`` cycles later."""
    rows = [register(m, x * y[first : first + _ROW_BITS], name=f"row{first}") for first in range(0, FP32.sig_bits, _ROW_BITS)]
    low, high = (
        register(m, below + (above << _ROW_BITS), name=f"rows_{name}")
        for name, below, above in (("low", rows[0], rows[1]), ("high", rows[2], rows[3]))
    )
    product = Signal(2 * FP32.sig_bits, name="sig_product", reset_less=True)
    m.d.sync += product.eq(low + (high << (2 * _ROW_BITS)))
    return product


class Fp32Multiplier(wiring.Component):
    """Product of two binary32 numbers, rounded to nearest, ties to even. One pair a cycle.

    Subnormal numbers count as zeros, and results that would be subnormal, rounded to 24 bits, become zeros: that is the
    cheapest multiplier there is.

    Members
    -------
    a, b : In(32)
    o : Out(32)
        ``latency`` cycles later.
    """

    a: In(FP32.width)
    b: In(FP32.width)
    o: Out(FP32.width)
    #: Cycles: unpack, multiply, round, pack.
    latency = 1 + PRODUCT_CLOCKS + 2

    def elaborate(self, platform):
        m = Module()
        a, b = unpacked(m, self.a, name="a_number"), unpacked(m, self.b, name="b_number")
        zero = ~a.normal | ~b.normal
        nan = a.nan | b.nan | ((a.inf | b.inf) & zero)
        flags = Cat(a.neg ^ b.neg, nan, a.inf | b.inf, zero)
        neg, nan, inf, zero = delay(m, flags, self.latency - 1, name="flags")
        exp = Signal(FP32.exp_bits + 1, reset_less=True)
        m.d.sync += exp.eq(a.exp + b.exp)
        exp = delay(m, exp, PRODUCT_CLOCKS, name="exp")
        product = significand_product(m, register(m, a.sig, name="sig_a"), register(m, b.sig, name="sig_b"))

        # Between 1 and 4: the first bit is one of two.
        large, below = product[-1], FP32.sig_bits - 1
        sig = Mux(large, product[below + 1 :], product[below:-1])
        half = Mux(large, product[below], product[below - 1])
        rest = product[: below - 1].any() | (large & product[below - 1])
        rounded = Signal(signed(FP32.man_bits + FP32.exp_bits + 2), reset_less=True)
        biased = Signal(signed(FP32.exp_bits + 2))
        m.d.comb += biased.eq(exp + large - FP32.bias)
        m.d.sync += rounded.eq(Cat(sig[:-1], biased).as_signed() + (half & (rest | sig[0])))

        exp = rounded[FP32.man_bits :].as_signed()
        code = Signal(FP32.width - 1)
        with m.If(nan):
            m.d.comb += code.eq(FP32.nan_code)
        with m.Elif(inf | (~zero & (exp >= (1 << FP32.exp_bits) - 1))):
            m.d.comb += code.eq(FP32.inf_code)
        with m.Elif(~zero & (exp > 0)):
            m.d.comb += code.eq(rounded)
        packed = Signal(FP32.width, reset_less=True)
        m.d.sync += packed.eq(Cat(code, neg & ~nan))
        m.d.comb += self.o.eq(packed)
        return m


class Fp32Adder(wiring.Component):
    """Sum of a number with a significand of any width and a binary32 number, rounded once: to nearest, ties to even.

    Subnormal numbers count, as operands and as sums. One pair a cycle.

    Parameters
    ----------
    width, exp_bits, exp_min : int
        Of the first operand: its significand, its exponent, and what the exponent counts from.
    round_clocks : int
        Registers in the rounding.

    Members
    -------
    sig : In(width)
        Its most significant bit weighs 2^(exp + exp_min); unless there is nothing as small, it is set.
    exp : In(exp_bits)
    neg : In(1)
    specials : In(SPECIALS)
        If any is set, ``sig`` and ``exp`` mean nothing.
    y : In(32)
        The other operand.
    o : Out(32)
        ``latency`` cycles later.
    """

    #: Cycles before the rounding: compare, align, add.
    ADD_CLOCKS = 3

    def __init__(self, *, width: int, exp_bits: int, exp_min: int, round_clocks: int):
        self.exp_min, self.round_clocks = exp_min, round_clocks
        super().__init__(
            {
                "sig": In(width),
                "exp": In(exp_bits),
                "neg": In(1),
                "specials": In(SPECIALS),
                "y": In(FP32.width),
                "o": Out(FP32.width),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from operands to their sum."""
        return self.ADD_CLOCKS + self.round_clocks

    def elaborate(self, platform):
        m = Module()
        # Three bits below both significands keep what rounding has to know.
        field = max(len(self.sig), FP32.sig_bits) + 3
        y = unpacked(m, self.y, name="y_number")
        exp_bits = max(len(self.exp), (1 - FP32.bias - self.exp_min + (1 << FP32.exp_bits)).bit_length())

        # Clock 1: compare, and let the one with the larger exponent stand at the top of the field.
        x_exp = Signal(exp_bits)
        y_exp = Signal(exp_bits)
        distance = Signal(signed(exp_bits + 1))
        m.d.comb += [
            x_exp.eq(Mux(self.sig.any(), self.exp, 0)),
            y_exp.eq(y.exp - FP32.bias - self.exp_min),
            distance.eq(y_exp - x_exp),
        ]
        y_larger = ~distance[-1]
        x_field, y_field = (Cat(Const(0, field - len(sig)), sig) for sig in (self.sig, y.sig))
        apart = Mux(y_larger, distance, -distance)
        levels = field.bit_length()
        shamt = Signal(levels, reset_less=True)
        m.d.sync += shamt.eq(Mux(apart[levels:].any(), (1 << levels) - 1, apart))
        larger = register(m, Mux(y_larger, y_field, x_field), name="larger")
        smaller = register(m, Mux(y_larger, x_field, y_field), name="smaller")
        exp = register(m, Mux(y_larger, y_exp, x_exp), name="exp_larger")
        # Of two negative numbers the magnitudes are added, and the sign comes back at the end.
        both = self.neg & y.neg
        signs = Cat(Mux(y_larger, y.neg, self.neg) & ~both, Mux(y_larger, self.neg, y.neg) & ~both)
        signs = register(m, signs, name="signs")

        # Clock 2: align, and complement what is negative.
        sticky = Const(0, 1)
        for level in range(levels):
            amount = min(1 << level, field)
            moved = Signal(field, name=f"aligned{level}")
            lost = Signal(name=f"sticky{level}")
            m.d.comb += [
                moved.eq(Mux(shamt[level], smaller[amount:], smaller)),
                lost.eq(sticky | (shamt[level] & smaller[:amount].any())),
            ]
            smaller, sticky = moved, lost
        addends = [
            register(m, Cat(value ^ neg.replicate(field + 1), neg), name=f"addend_{name}")
            for name, value, neg in (
                ("large", Cat(Const(0, 1), larger), signs[0]),
                ("small", Cat(sticky, smaller), signs[1]),
            )
        ]
        carry = register(m, signs[0] | signs[1], name="carry")
        exp = register(m, exp, name="exp_aligned")

        # Clock 3: add
        total = Signal(signed(field + 3), reset_less=True)
        m.d.sync += total.eq(add_with_carry(addends[0], addends[1], carry, field + 3))
        self._round(m, y, total, register(m, exp, name="exp_added"), both, field)
        return m

    def _round(self, m: Module, y: data.View, total: Value, exp: Value, both: Value, field: int):
        m.submodules.rounder = rounder = Rounder(
            FP32, width=len(total), exp_bits=len(exp), exp_min=self.exp_min - field, clocks=self.round_clocks
        )
        specials = Signal(SPECIALS)
        m.d.comb += [
            specials.nan.eq(self.specials.nan | y.nan),
            specials.invalid.eq(self.specials.invalid),
            specials.pos_inf.eq(self.specials.pos_inf | (y.inf & ~y.neg)),
            specials.neg_inf.eq(self.specials.neg_inf | (y.inf & y.neg)),
        ]
        specials_late = delay(m, specials.as_value(), self.ADD_CLOCKS, name="specials")
        negate = delay(m, both & ~specials.as_value().any(), self.latency, name="negate")
        total_in = rounder.i.payload
        m.d.comb += [
            total_in.value.eq(total),
            total_in.exp.eq(exp),
            total_in.specials.as_value().eq(specials_late),
            self.o.eq(rounder.o.payload.data ^ Cat(Const(0, FP32.width - 1), negate)),
        ]
