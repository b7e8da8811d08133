"""Units as components of someone else's Amaranth design."""

import struct
import subprocess
import sys

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.sim import Simulator

from mxmac.config import MacConfig
from mxmac.mac import MacUnit
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.unit import Quantizer

# Codes of E4M3: a sign, four bits of exponent with the bias 7, three of the fraction.
ONE, TWO, HALF, MINUS_THREE = 0x38, 0x40, 0x30, 0xC4


class Design(wiring.Component):
    """A unit between the streams of a design."""

    def __init__(self, unit):
        self.unit = unit
        super().__init__(unit.signature)

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = self.unit
        wiring.connect(m, wiring.flipped(self.i), self.unit.i)
        wiring.connect(m, self.unit.o, wiring.flipped(self.o))
        return m


def passed_through(unit, beats, results):
    """Send beats through a design with the unit in it, and return as many payloads as ``results``, as their fields."""
    dut, found = Design(unit), []

    async def sender(ctx):
        for beat in beats:
            ctx.set(dut.i.payload, beat)
            ctx.set(dut.i.valid, 1)
            await ctx.tick().until(dut.i.ready)
        ctx.set(dut.i.valid, 0)

    async def receiver(ctx):
        ctx.set(dut.o.ready, 1)
        for _ in range(results):
            payload, valid = await ctx.tick().sample(dut.o.payload, dut.o.valid).until(dut.o.valid)
            assert valid
            found.append(payload)

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(sender)
    simulator.add_testbench(receiver)
    simulator.run_until(1.2e-6)
    assert len(found) == results
    return found


@pytest.mark.parametrize("accumulator", ["exact", "window", "fp32"])
def test_a_dot_product_in_an_amaranth_design(accumulator):
    # Scales 2^1 · 2^0 and 2^-1 · 2^2: 2 · (1·1 + 2·0.5 + 0.5·0.5 - 3·2) + 2 · (1·2) = -3.5.
    first, second = {"scale_a": 128, "scale_b": 127}, {"scale_a": 126, "scale_b": 129}
    beats = [
        {"a": [ONE, TWO], "b": [ONE, HALF], **first, "last": 0},
        {"a": [HALF, MINUS_THREE], "b": [HALF, TWO], **first, "last": 0},
        {"a": [ONE, 0], "b": [TWO, 0], **second, "last": 1},
    ]
    unit = MacConfig(block=4, lanes=2, accumulator=accumulator).create()
    assert isinstance(unit, MacUnit)
    (result,) = passed_through(unit, beats, 1)
    assert struct.unpack("<f", struct.pack("<I", result.data)) == (-3.5,)
    assert result.status.as_bits() == 0


def test_a_quantizer_in_an_amaranth_design():
    codes = [struct.unpack("<I", struct.pack("<f", value))[0] for value in (448.0, -96.0, 1.0, 0.0)]
    unit = QuantizerConfig(block=4, lanes=2).create()
    assert isinstance(unit, Quantizer)
    beats = passed_through(unit, [{"data": codes[:2], "last": 0}, {"data": codes[2:], "last": 1}], 2)
    # The largest value is that of the format, so the scale is 2^0; -96 is -1.5 · 2^6.
    assert [beat.scale for beat in beats] == [127, 127]
    assert [[int(code) for code in beat.data] for beat in beats] == [[0x7E, 0xEC], [ONE, 0]]
    assert [beat.last for beat in beats] == [0, 1]


@pytest.mark.parametrize("module", ["mxmac.config", "mxmac.quantizer.config"])
def test_a_configuration_needs_no_amaranth(module):
    script = f"import sys, {module}; sys.exit('amaranth' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
