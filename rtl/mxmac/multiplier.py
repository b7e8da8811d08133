"""The element multiplier: an exact product, as an integer."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .bits import delay, register, shift_left_stage
from .config import MacConfig
from .decoder import Decoder
from .operand import Operand

__all__ = ["SPECIALS", "Multiplier", "multiplier_latency", "product_layout"]

#: What a product may be besides a finite number: NaN because an element is, NaN because it is Inf times 0, plus or minus Inf.
SPECIALS = data.StructLayout({"nan": 1, "invalid": 1, "pos_inf": 1, "neg_inf": 1})

#: Levels of the barrel shifter between two registers.
SHIFT_LEVELS_PER_CLOCK = 2


def product_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a product: ``ones + neg``, in units of 2^config.product_lsb_exp.

    Members
    -------
    ones : signed(config.product_bits + 1)
        The product, or its one's complement if it is negative: what it lacks to two's complement is ``neg``, left to the
        carry inputs of the adders behind.
    neg : 1
        Whether the product is negative (or a negative zero).
    """
    return data.StructLayout({"ones": config.product_bits + 1, "neg": 1})


def _shift_bits(config: MacConfig) -> int:
    most = (1 << config.operand_a.exp_bits) + (1 << config.operand_b.exp_bits) - 2
    return most.bit_length()


def multiplier_latency(config: MacConfig) -> int:
    """Clocks from element codes to their product: decode, two rows, their sum, and the shifter."""
    return 3 + max(1, -(-_shift_bits(config) // SHIFT_LEVELS_PER_CLOCK))


class Multiplier(wiring.Component):
    """Multiplier of two elements. One pair a clock.

    Significands are multiplied in two rows, and the product moved up by the sum of the exponents, fine steps first.

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
    product : Out(product_layout(config))
        Exact product, ``multiplier_latency(config)`` clocks later. It means nothing if one of ``specials`` is set.
    specials : Out(SPECIALS)
        One clock later already, for there is nothing to multiply.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        ports = {"product": Out(product_layout(config)), "specials": Out(SPECIALS)}
        for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
            ports[side] = In(operand.width)
            if len(operand.formats) > 1:
                ports[f"format_{side}"] = In(range(len(operand.formats)))
        super().__init__(ports)

    def elaborate(self, platform):
        """Build the multiplier."""
        m = Module()
        config = self.config
        a, b = (self._decode(m, side, operand) for side, operand in (("a", config.operand_a), ("b", config.operand_b)))
        m.d.sync += [
            self.specials.nan.eq(a.nan | b.nan),
            self.specials.invalid.eq((a.inf & b.zero) | (a.zero & b.inf)),
        ]
        inf = (a.inf & ~b.zero & ~b.nan) | (b.inf & ~a.zero & ~a.nan)
        neg = a.neg ^ b.neg
        m.d.sync += [self.specials.pos_inf.eq(inf & ~neg), self.specials.neg_inf.eq(inf & neg)]

        sig_a, sig_b = register(m, a.sig, name="sig_a"), register(m, b.sig, name="sig_b")
        shamt = Signal(_shift_bits(config), reset_less=True)
        m.d.sync += shamt.eq(a.exp + b.exp)
        value = self._multiply(m, sig_a, sig_b)
        shamt = delay(m, shamt, 2, name="shamt")
        neg = delay(m, neg, 3, name="neg")
        self._shift(m, value, shamt, neg)
        return m

    def _decode(self, m: Module, side: str, operand: Operand):
        decoder = Decoder(operand)
        m.submodules[f"decoder_{side}"] = decoder
        m.d.comb += decoder.code.eq(getattr(self, side))
        if len(operand.formats) > 1:
            m.d.comb += decoder.format.eq(getattr(self, f"format_{side}"))
        return decoder.element

    def _multiply(self, m: Module, sig_a: Signal, sig_b: Signal) -> Signal:
        half = len(sig_b) // 2
        row_low = Signal(len(sig_a) + half, reset_less=True)
        row_high = Signal(len(sig_a) + len(sig_b) - half, reset_less=True)
        product = Signal(len(sig_a) + len(sig_b), name="sig_product", reset_less=True)
        m.d.sync += [
            row_low.eq(sig_a * sig_b[:half]),
            row_high.eq(sig_a * sig_b[half:]),
            product.eq(Cat(row_low[:half], row_low[half:] + row_high)),
        ]
        return product

    def _shift(self, m: Module, value, shamt, neg):
        """Move up by ``shamt``, and complement in the last level if ``neg``: a 2:1 multiplexer has an input to spare."""
        config = self.config
        # No exponent of a floating-point element is 0, so the lowest places of the grid stay empty.
        zeros = config.product_lsb_exp - config.operand_a.grid - config.operand_b.grid
        width = config.product_bits + zeros
        levels = len(shamt)
        for level in range(levels - 1):
            moved = Signal(min(len(value) + (1 << level), width), name=f"shifted{level}")
            m.d.comb += moved.eq(shift_left_stage(value, 1 << level, shamt[0], len(moved)))
            value, shamt = moved, shamt[1:]
            if level % SHIFT_LEVELS_PER_CLOCK == SHIFT_LEVELS_PER_CLOCK - 1:
                value = register(m, value, name=f"shifted{level}_q")
                shamt = register(m, shamt, name=f"shamt{level}_q")
                neg = register(m, neg, name=f"neg{level}_q")
        if levels:
            value = shift_left_stage(value, 1 << (levels - 1), shamt[0], width)
        value = Cat(value, Const(0, max(0, width - len(value))))[zeros:width]
        m.d.sync += [
            self.product.ones.eq(Cat(value ^ neg.replicate(len(value)), neg)),
            self.product.neg.eq(neg),
        ]
