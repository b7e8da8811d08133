"""A MAC unit inside a component of your own: ``python relu.py`` simulates it and writes relu.v.

The component computes max(0, a · b): a unit gives the dot product, and a negative result becomes zero.
"""

import struct
from pathlib import Path

from amaranth.hdl import Module, Mux
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from mxmac import MacConfig
from mxmac.verilog.emit import component_verilog

#: E4M3 codes of 1, 2 and -3, and the UE8M0 code of 2^0.
ONE, TWO, MINUS_THREE, SCALE_ONE = 0x38, 0x40, 0xC4, 127


class Relu(wiring.Component):
    """Dot products of MX blocks with negative results cut off. Latency and rate are those of the unit.

    Members
    -------
    i : In(stream of beats)
        As of the unit.
    o : Out(stream.Signature(32))
        binary32.
    """

    def __init__(self, config: MacConfig):
        self.mac = config.create()
        super().__init__({"i": In(self.mac.signature.members["i"].signature.flip()), "o": Out(stream.Signature(32))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.mac = mac = self.mac
        wiring.connect(m, wiring.flipped(self.i), mac.i)
        negative = mac.o.payload.data[31]
        m.d.comb += [
            self.o.valid.eq(mac.o.valid),
            mac.o.ready.eq(self.o.ready),
            self.o.payload.eq(Mux(negative, 0, mac.o.payload.data)),
        ]
        return m


def simulate(dut: Relu) -> list[float]:
    """Send two dot products of one beat, and return their results."""
    found = []

    async def send(ctx):
        for a, b in (((ONE, TWO), (TWO, TWO)), ((ONE, TWO), (MINUS_THREE, ONE))):
            ctx.set(dut.i.payload, {"a": a, "b": b, "scale_a": SCALE_ONE, "scale_b": SCALE_ONE, "last": 1})
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def receive(ctx):
        ctx.set(dut.o.ready, 1)
        while len(found) < 2:
            (code,) = await ctx.tick().sample(dut.o.payload).until(dut.o.valid)
            found.append(struct.unpack("<f", struct.pack("<I", code))[0])

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(send)
    simulator.add_testbench(receive)
    simulator.run()
    return found


if __name__ == "__main__":
    config = MacConfig(block=2, lanes=2, accumulator="window")
    # 1·2 + 2·2, and 1·(-3) + 2·1.
    print("Results:", *simulate(Relu(config)))
    Path("relu.v").write_text(component_verilog(Relu(config), "relu"))
    print("Wrote relu.v")
