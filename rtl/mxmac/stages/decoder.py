"""Element code to sign, significand, exponent and class."""

from amaranth.hdl import Cat, Const, Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..formats import Format, Operand, Specials
from ..primitives.description import Description

__all__ = ["Decoder", "decoded_layout"]


def decoded_layout(operand: Operand, *, exp: bool = True) -> data.StructLayout:
    """Layout of a decoded element.

    Parameters
    ----------
    operand : Operand
    exp : bool
        Whether there is an exponent.

    Members
    -------
    sig : operand.sig_bits
        Significand, unsigned, hidden bit included.
    exp : operand.exp_bits
        Common exponent: a finite element is ``sig * 2^(exp + operand.grid)``. Only zeros have a ``sig`` of 0.
    neg, nan, inf : 1
        Sign, and whether the element is NaN or infinite. ``sig`` and ``exp`` then mean nothing else.
    """
    exponent = {"exp": operand.exp_bits} if exp else {}
    return data.StructLayout({"sig": operand.sig_bits, **exponent, "neg": 1, "nan": 1, "inf": 1})


class Decoder(wiring.Component):
    """Decoder of one element (MX v1.0, 5.3; OFP8 v1.0, table 1). Combinational.

    Parameters
    ----------
    operand : Operand
        The formats that the element may have.
    exp : bool
        Whether the exponent is wanted; without, there is one floating-point format.

    Members
    -------
    code : In(operand.width)
        Element code, in the low bits if its format is narrower.
    format : In(range(len(operand.formats)))
        Index of its format; there only with more than one.
    element : Out(decoded_layout(operand, exp=exp))
    """

    def __init__(self, operand: Operand, *, exp: bool = True):
        self.operand, self._has_exp = operand, exp
        choice = {"format": In(range(len(operand.formats)))} if operand.selectable else {}
        super().__init__({"code": In(operand.width), **choice, "element": Out(decoded_layout(operand, exp=exp))})

    @property
    def description(self) -> Description:
        formats = ", ".join(fmt.name for fmt in self.operand.formats)
        return Description(f"Element code to sign, significand, exponent and class ({formats}).", 0)

    def elaborate(self, platform):
        m = Module()
        if len(self.operand.formats) == 1:
            self._decode(m, self.operand.formats[0])
        else:
            with m.Switch(self.format):
                for index, fmt in enumerate(self.operand.formats):
                    with m.Case(index):
                        self._decode(m, fmt)
        return m

    def _decode(self, m: Module, fmt: Format):
        element, below = self.element, self.operand.sig_bits - fmt.sig_bits
        code = self.code[: fmt.width]
        sign = code[-1]
        m.d.comb += element.neg.eq(sign)
        if fmt.is_integer:
            # Negation keeps the bits up to the lowest one that is set, and takes no carry chain.
            magnitude = Cat(bit ^ (sign & code[:index].any()) for index, bit in enumerate(code))
            m.d.comb += [element.sig.eq(Cat(Const(0, below), magnitude)), element.exp.eq(1 + self.operand.bias)]
            return
        man, exp = code[: fmt.man_bits], code[fmt.man_bits : -1]
        normal = exp.any()
        # Biases are all ones, so the difference of two of them fills up between the highest bit and the others.
        wider = (~exp[-1]).replicate(self.operand.exp_bits - fmt.exp_bits)
        m.d.comb += element.sig.eq(Cat(Const(0, below), man, normal))
        if self._has_exp:
            # Subnormals count with the exponent of the smallest normal numbers: 1.
            m.d.comb += element.exp.eq(Cat(exp[0] | ~normal, exp[1:-1], wider, exp[-1]))
        if fmt.specials is Specials.NAN:
            m.d.comb += element.nan.eq(exp.all() & man.all())
        elif fmt.specials is Specials.IEEE:
            m.d.comb += [element.nan.eq(exp.all() & man.any()), element.inf.eq(exp.all() & ~man.any())]
