"""Multiplier in a DSP block of ECP5, with the block's own registers."""

from amaranth.hdl import ClockSignal, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .description import Description
from .shared import shared

__all__ = ["DSP_BITS", "DSP_CLOCKS", "DspMultiplier"]

#: Bits of a factor of a DSP block, unsigned.
DSP_BITS = 18
#: Cycles of a product: registers of both factors and of the product, all of them in the block.
DSP_CLOCKS = 2

_REGISTERS = ("REG_INPUTA_CLK", "REG_INPUTB_CLK", "REG_OUTPUT_CLK")
_CONSTANTS = {"SIGNEDA": 0, "SIGNEDB": 0, "SOURCEA": 0, "SOURCEB": 0, "CE0": 1, "RST0": 0}


class DspMultiplier(wiring.Component):
    """Unsigned multiplier. Latency ``DSP_CLOCKS`` cycles, throughput one product per cycle.

    On a library of modules and on platforms without such blocks it is a portable multiplication, and the generated text has the
    block beside it: see :mod:`~mxmac.verilog.emit`. On a platform for ECP5 it is the block, a MULT18X18D.

    Members
    -------
    a, b : In(DSP_BITS)
    product : Out(2 * DSP_BITS)
    """

    #: Name of the module that all of them share.
    shared_name = "dsp_multiplier"

    a: In(DSP_BITS)
    b: In(DSP_BITS)
    product: Out(2 * DSP_BITS)

    @property
    def description(self) -> Description:
        return Description("Unsigned multiplier with registers for its factors and its product.", DSP_CLOCKS)

    @property
    def cells(self) -> str:
        """The same as a DSP block, in Verilog."""
        parameters = ",\n".join(f'    .{name}("CLK0")' for name in _REGISTERS)
        ports = [f"    .{port}(1'b{value})" for port, value in _CONSTANTS.items()] + ["    .CLK0(clk)"]
        for port, signal in (("A", self.a), ("B", self.b), ("P", self.product)):
            name = {"A": "a", "B": "b", "P": "product"}[port]
            ports += [f"    .{port}{index}({name}[{index}])" for index in range(len(signal))]
        return f"  MULT18X18D #(\n{parameters}\n  ) dsp_block (\n" + ",\n".join(ports) + "\n  );\n"

    def elaborate(self, platform):
        if str(getattr(platform, "device", "")).startswith("LFE5U"):
            return self._instance()
        return shared(platform, self, (), self._elaborated)

    def _elaborated(self) -> Module:
        m = Module()
        factor_a = Signal.like(self.a, reset_less=True)
        factor_b = Signal.like(self.b, reset_less=True)
        held = Signal.like(self.product, reset_less=True)
        m.d.sync += [factor_a.eq(self.a), factor_b.eq(self.b), held.eq(factor_a * factor_b)]
        m.d.comb += self.product.eq(held)
        return m

    def _instance(self) -> Instance:
        ports = {f"i_{name}": value for name, value in _CONSTANTS.items()}
        for way, port, signal in (("i", "A", self.a), ("i", "B", self.b), ("o", "P", self.product)):
            ports |= {f"{way}_{port}{index}": bit for index, bit in enumerate(signal)}
        return Instance("MULT18X18D", **{f"p_{name}": "CLK0" for name in _REGISTERS}, **ports, i_CLK0=ClockSignal())
