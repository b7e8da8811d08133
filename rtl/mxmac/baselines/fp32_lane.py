"""A lane that turns its elements into binary32 numbers first, and multiplies and adds those."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..errors import UserError
from ..formats import Operand
from ..primitives.bits import delay, delay_valid, register
from ..stages.decoder import Decoder
from ..stages.layouts import SPECIALS
from .float32 import FP32, PRODUCT_CLOCKS, Fp32Adder, significand_product, unpacked

__all__ = ["Fp32Lane"]

#: Registers in the rounding of a sum.
_ROUND_CLOCKS = 4


class Fp32Lane(wiring.Component):
    """Multiply and add in binary32, with one rounding: ``sum = round(a * b + sum)``. One pair a cycle.

    An addition takes as many cycles as there are dot products that take turns, so that each finds its own sum. There are no
    scales.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, one each, as :meth:`check` makes sure of.

    Members
    -------
    a, b : In(operand.width)
        Element codes.
    first : In(1)
        Whether the pair begins its dot product.
    o : Out(32)
        The sum with this pair, ``latency`` cycles later.
    """

    #: Dot products that take turns.
    turns = Fp32Adder.ADD_CLOCKS + _ROUND_CLOCKS + 1
    #: Cycles: decode, multiply, add.
    latency = 1 + 1 + PRODUCT_CLOCKS + turns

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {"a": In(config.operand_a.width), "b": In(config.operand_b.width), "first": In(1), "o": Out(FP32.width)}
        )

    @staticmethod
    def check(config: MacConfig):
        """Refuse a configuration with more than one format to choose from.

        Raises
        ------
        UserError
        """
        for side, formats in (("a", config.a), ("b", config.b)):
            if len(formats) > 1:
                raise UserError(side, "A lane in binary32 takes one format")

    def elaborate(self, platform):
        m = Module()
        codes = (("a", self.a, self.config.operand_a), ("b", self.b, self.config.operand_b))
        a, b = (
            unpacked(m, register(m, self._decode(m, side, code, operand), name=f"{side}_fp32"), name=f"{side}_number")
            for side, code, operand in codes
        )
        zero = ~a.normal | ~b.normal
        neg = a.neg ^ b.neg
        inf = (a.inf | b.inf) & ~zero
        specials = Signal(SPECIALS)
        m.d.comb += [
            specials.nan.eq(a.nan | b.nan),
            specials.invalid.eq((a.inf | b.inf) & zero),
            specials.pos_inf.eq(inf & ~neg),
            specials.neg_inf.eq(inf & neg),
        ]
        exp = Signal(FP32.exp_bits + 1, reset_less=True)
        m.d.sync += exp.eq(a.exp + b.exp)
        product = significand_product(m, register(m, a.sig, name="sig_a"), register(m, b.sig, name="sig_b"))

        # The first bit of a product may be one of two, of which the higher weighs twice as much as those of its factors.
        m.submodules.adder = adder = Fp32Adder(
            width=len(product), exp_bits=len(exp), exp_min=1 - 2 * FP32.bias, round_clocks=_ROUND_CLOCKS
        )
        total = register(m, adder.o, name="total")
        first = delay_valid(m, self.first, self.latency - self.turns, name="first")
        m.d.comb += [
            adder.sig.eq(product),
            adder.exp.eq(delay(m, exp, PRODUCT_CLOCKS, name="exp")),
            adder.neg.eq(delay(m, neg, 1 + PRODUCT_CLOCKS, name="neg")),
            adder.specials.eq(data.View(SPECIALS, delay(m, specials.as_value(), 1 + PRODUCT_CLOCKS, name="specials"))),
            adder.y.eq(Mux(first, 0, total)),
            self.o.eq(total),
        ]
        return m

    @staticmethod
    def _decode(m: Module, side: str, code: Value, operand: Operand) -> Value:
        """Code of an element in binary32, which has all of them, and none as a subnormal number."""
        m.submodules[f"decoder_{side}"] = decoder = Decoder(operand)
        m.d.comb += decoder.code.eq(code)
        element = decoder.element
        sig, top = element.sig, operand.sig_bits - 1
        man = Signal(FP32.man_bits, name=f"{side}_man")
        exp = Signal(FP32.exp_bits, name=f"{side}_exp")
        with m.If(element.nan):
            m.d.comb += Cat(man, exp).eq(FP32.nan_code)
        with m.Elif(element.inf):
            m.d.comb += Cat(man, exp).eq(FP32.inf_code)
        for zeros in range(operand.sig_bits):
            with m.Elif(sig[top - zeros]):
                below = top - zeros
                m.d.comb += [
                    man.eq(Cat(Const(0, FP32.man_bits - below), sig[:below])),
                    exp.eq(element.exp + (operand.grid + below + FP32.bias)),
                ]
        return Cat(man, exp, element.neg)
