"""The second rounding of sums in binary32, to a narrower result."""

from amaranth.hdl import Cat, Const, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..formats import RESULT_FORMATS, Format
from ..primitives.bits import delay
from ..primitives.description import Description
from ..stages.layouts import result_layout
from ..stages.rounder import Rounder

__all__ = ["FP32", "NARROW_CLOCKS", "Fp32Narrower"]

#: Format of the sums.
FP32 = RESULT_FORMATS["FP32"]
#: Latency of the narrower of a unit, in cycles.
NARROW_CLOCKS = 3


class Fp32Narrower(wiring.Component):
    """Converter from a binary32 sum to a narrower format, with the flags of both roundings. Throughput one per cycle.

    Parameters
    ----------
    output : Format
    clocks : int
        Latency, as of :class:`~mxmac.stages.rounder.Rounder`.

    Members
    -------
    i : In(stream.Signature(result_layout(FP32), always_ready=True))
    o : Out(stream.Signature(result_layout(output), always_ready=True))
    """

    def __init__(self, output: Format, *, clocks: int):
        self.output, self.clocks = output, clocks
        super().__init__(
            {
                "i": In(stream.Signature(result_layout(FP32), always_ready=True)),
                "o": Out(stream.Signature(result_layout(output), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(f"Sum in binary32 to {self.output.name}, with the flags of both roundings.", self.clocks)

    def elaborate(self, platform):
        m = Module()
        code, status = self.i.payload.data, self.i.payload.status
        man, exp, neg = code[: FP32.man_bits], code[FP32.man_bits : -1], code[-1]
        normal, special = exp.any(), exp.all()
        sig = Cat(man, normal, Const(0, 1))
        m.submodules.rounder = rounder = Rounder(
            self.output, width=FP32.sig_bits + 1, exp_bits=FP32.exp_bits, exp_min=FP32.lsb_exp, clocks=self.clocks
        )
        total = rounder.i.payload
        # A sum that was rounded to zero has kept its sign, which an integer cannot.
        negative_zero = delay(m, neg & ~code[:-1].any(), self.clocks, name="negative_zero")
        m.d.comb += [
            rounder.i.valid.eq(self.i.valid),
            total.value.eq((sig ^ neg.replicate(len(sig))) + neg),
            total.exp.eq(exp - normal),
            total.specials.nan.eq(special & man.any()),
            total.specials.pos_inf.eq(special & ~man.any() & ~neg),
            total.specials.neg_inf.eq(special & ~man.any() & neg),
            self.o.valid.eq(rounder.o.valid),
            self.o.payload.data.eq(rounder.o.payload.data | (negative_zero << (self.output.width - 1))),
            self.o.payload.status.as_value().eq(
                rounder.o.payload.status.as_value() | delay(m, status.as_value(), self.clocks, name="status")
            ),
        ]
        return m
