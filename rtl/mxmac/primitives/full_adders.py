"""Full adders side by side: three numbers to two with the same sum."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .description import Description
from .shared import shared

__all__ = ["FullAdders"]


class FullAdders(wiring.Component):
    """Row of full adders, without a carry from one to the next: ``x + y + z = sum + 2 * carry``. Combinational.

    It is a module of its own so that synthesis can map it to the full adders of a library of standard cells.

    Parameters
    ----------
    width : int

    Members
    -------
    x, y, z : In(width)
    sum, carry : Out(width)
    """

    def __init__(self, width: int):
        self.width = width
        super().__init__({**dict.fromkeys("xyz", In(width)), **dict.fromkeys(("sum", "carry"), Out(width))})

    @property
    def description(self) -> Description:
        return Description("Full adders side by side: x + y + z = sum + 2 * carry.", 0)

    def elaborate(self, platform):
        return shared(platform, self, self.width, self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        x, y, z = self.x, self.y, self.z
        m.d.comb += [self.sum.eq(x ^ y ^ z), self.carry.eq((x & y) | (y & z) | (z & x))]
        return m
