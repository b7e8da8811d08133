"""The multiplier in a DSP block: its portable text against integers, and how the block is connected."""

import json
import random

from amaranth.sim import Simulator

from mxmac.primitives.dsp_block import DSP_BITS, DSP_CLOCKS, DspMultiplier
from mxmac.verilog.emit import component_verilog
from mxmac_sim.simulators.yosys import run_yosys
from mxmac_sim.verify.flat import Flat

LARGEST = (1 << DSP_BITS) - 1


def test_products_are_those_of_integers_and_come_one_a_clock():
    dut, rng = DspMultiplier(), random.Random(1)
    pairs = [(LARGEST, LARGEST), (0, LARGEST), (1, LARGEST)]
    pairs += [*((rng.randint(0, LARGEST), rng.randint(0, LARGEST)) for _ in range(50))]

    async def testbench(ctx):
        for clock in range(len(pairs) + DSP_CLOCKS):
            if clock < len(pairs):
                ctx.set(dut.a, pairs[clock][0])
                ctx.set(dut.b, pairs[clock][1])
            _, _, product = await ctx.tick().sample(dut.product)
            if clock >= DSP_CLOCKS:
                a, b = pairs[clock - DSP_CLOCKS]
                assert product == a * b

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_the_block_has_all_bits_and_the_registers_that_the_portable_text_has(tmp_path):
    text = component_verilog(Flat({"": DspMultiplier()}), "unit")
    (tmp_path / "unit.v").write_text(text)
    commands = ["read_verilog -lib +/ecp5/cells_bb.v", "read_verilog unit.v", "hierarchy -check -top unit"]
    run_yosys([*commands, "write_json unit.json"], tmp_path)
    module = json.loads((tmp_path / "unit.json").read_text())["modules"]["unit__dsp_multiplier"]
    (block,) = module["cells"].values()
    assert block["type"] == "MULT18X18D"
    ports = {name: port["bits"] for name, port in module["ports"].items()}
    connected = {name: bits[0] for name, bits in block["connections"].items()}
    for port, letter in (("a", "A"), ("b", "B"), ("product", "P")):
        assert [connected[f"{letter}{index}"] for index in range(len(ports[port]))] == ports[port]
    assert connected["CLK0"] == ports["clk"][0]
    assert {name: connected[name] for name in ("SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB", "CE0", "RST0")} == {
        "SIGNEDA": "0", "SIGNEDB": "0", "SOURCEA": "0", "SOURCEB": "0", "CE0": "1", "RST0": "0"
    }  # fmt: skip
    assert {name: value for name, value in block["parameters"].items() if value != "NONE"} == {
        "REG_INPUTA_CLK": "CLK0", "REG_INPUTB_CLK": "CLK0", "REG_OUTPUT_CLK": "CLK0"
    }  # fmt: skip
