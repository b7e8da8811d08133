"""Left barrel shifter for standard cells, from significand and exponent to an integer."""

from amaranth.hdl import Cat, Const, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .bits import register
from .description import Description
from .up_shifter import fine_bits, float_layout, ones_layout

__all__ = ["GateShifter"]


class GateShifter(wiring.Component):
    """Left barrel shifter: inverts a significand if it is negative, and shifts it by its exponent.

    Latency one cycle, throughput one per cycle. The one register comes before the shift: behind it, it would be several times
    as wide, and gates behind it have a part of a cycle left. The fine shift precedes the choice of a place, as in an
    :class:`~mxmac.primitives.up_shifter.UpShifter`.

    Parameters
    ----------
    sig_bits, exp_bits : int
    zeros : int
        Number of least significant result bits that are always zero, and omitted.
    width : int
        Width of the largest magnitude of a result.

    Members
    -------
    i : In(float_layout(sig_bits, exp_bits))
    o : Out(ones_layout(width))
        One cycle later; not a register.
    """

    def __init__(self, *, sig_bits: int, exp_bits: int, zeros: int, width: int):
        self._zeros, self._width = zeros, width
        self._fine = fine_bits(sig_bits, exp_bits)
        super().__init__({"i": In(float_layout(sig_bits, exp_bits)), "o": Out(ones_layout(width))})

    @property
    def description(self) -> Description:
        return Description("Left barrel shifter: significand and exponent to an integer, ones + neg.", 1)

    def elaborate(self, platform):
        m = Module()
        # The bits beside the significand are copies of its sign.
        value = register(m, self.i.sig ^ self.i.neg.replicate(len(self.i.sig)), name="ones")
        exp = register(m, self.i.exp, name="exp")
        neg = register(m, self.i.neg, name="neg")
        for level in range(self._fine):
            beside = neg.replicate(1 << level)
            value = Mux(exp[level], Cat(beside, value), Cat(value, beside))
        width = self._width + self._zeros
        if len(exp) > self._fine:
            value = self._place(value, exp[self._fine :], neg, width)
        value = Cat(value, neg.replicate(max(0, width - len(value))))[self._zeros : width]
        m.d.comb += [self.o.ones.eq(Cat(value, neg)), self.o.neg.eq(neg)]
        return m

    def _place(self, value, position, neg, width: int):
        """Return ``value`` at one of the places, a stride apart, between copies of its sign."""
        stride, places = 1 << self._fine, 1 << len(position)
        at = [position == place for place in range(places)]
        bits = []
        for index in range(width):
            place, offset = divmod(index, stride)
            candidates = []
            if place < places:
                candidates.append((at[place], value[offset]))
            if 0 < place <= places and offset + stride < len(value):
                candidates.append((at[place - 1], value[offset + stride]))
            outside = neg
            bit = Const(0)
            for comes, candidate in candidates:
                outside &= ~comes
                bit |= comes & candidate
            bits.append(bit | outside)
        return Cat(*bits)
