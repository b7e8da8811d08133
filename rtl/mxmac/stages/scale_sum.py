"""Shared scale of the product of two blocks."""

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..formats import SCALE_NAN, SCALE_WIDTH
from ..primitives.description import Description
from .layouts import SPECIALS, scale_sum_layout

__all__ = ["ScaleSum", "specials_of_block"]


class ScaleSum(wiring.Component):
    """Shared scale of a product of two blocks (MX v1.0, 5.4.1 and 6.1). Combinational.

    Members
    -------
    scale_a, scale_b : In(8)
        UE8M0 codes.
    scale : Out(scale_sum_layout())
    """

    scale_a: In(SCALE_WIDTH)
    scale_b: In(SCALE_WIDTH)
    scale: Out(scale_sum_layout())

    @property
    def description(self) -> Description:
        # Two neighbours in a beat are one port.
        both = data.StructLayout({"scale_a": SCALE_WIDTH, "scale_b": SCALE_WIDTH})
        return Description(
            "Sum of the scale codes of two blocks, with both biases, and whether either is NaN.", 0, renamed={"port": both}
        )

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [
            self.scale.exp.eq(self.scale_a + self.scale_b),
            self.scale.nan.eq((self.scale_a == SCALE_NAN) | (self.scale_b == SCALE_NAN)),
        ]
        return m


def specials_of_block(specials: data.View, nan: Value) -> data.View:
    """Return the ``SPECIALS`` of a block whose scale may be NaN.

    It makes all elements of the block NaN (MX v1.0, 6.1), so no Inf is left to be seen or subtracted.
    """
    rest = [specials[name] & ~nan for name in SPECIALS.members if name != "nan"]
    return data.View(SPECIALS, Cat(specials.nan | nan, *rest))
