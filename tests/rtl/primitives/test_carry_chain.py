"""Carry chains: their portable text against integers, and Yosys' model of the cells against that text, for all inputs."""

import random
import re

import pytest
from amaranth.sim import Simulator

from mxmac.errors import ToolError
from mxmac.primitives.carry_chain import CarryChain, CarryFunction
from mxmac.verilog.emit import component_verilog
from mxmac_sim.simulators.yosys import YOSYS_SHARE, run_yosys
from mxmac_sim.verify.flat import Flat

#: What each function adds, as of integers of ``mask``.
SUMS = {
    CarryFunction.ADD: lambda a, b, c, d, mask: a + b,
    CarryFunction.GATED: lambda a, b, c, d, mask: (a & b) + (c & d),
    CarryFunction.GATED_MINUS: lambda a, b, c, d, mask: (mask - (a & b)) + (c & d),
    CarryFunction.GATED_UNLESS: lambda a, b, c, d, mask: (a & b) + (c & (mask - d)),
    CarryFunction.EITHER: lambda a, b, c, d, mask: (a | (mask - b)) + (c | d),
    CarryFunction.COMPLEMENTED: lambda a, b, c, d, mask: (a ^ b) + (c ^ d),
    CarryFunction.CHOSEN: lambda a, b, c, d, mask: ((a & d) | (c & (mask - d))) + b,
}

#: The LUTs that Yosys' model of a carry cell consists of.
LUTS = """
module LUT4 #(parameter [15:0] INIT = 0) (input A, B, C, D, output Z); assign Z = INIT[{D, C, B, A}]; endmodule
module LUT2 #(parameter [3:0] INIT = 0) (input A, B, output Z); assign Z = INIT[{B, A}]; endmodule
"""

CHAINS = [
    pytest.param(width, function, carry, id=f"{function.value}-{width}{'-carry' * carry}")
    for function in CarryFunction
    for width, carry in ((1, False), (4, True), (5, True), (6, False), (7, False))
]


@pytest.mark.parametrize(("width", "function", "carry"), CHAINS)
def test_the_sum_is_that_of_integers(width, function, carry):
    dut, rng, mask = CarryChain(width, function, carry=carry), random.Random(width), (1 << width) - 1

    async def testbench(ctx):
        for _ in range(300):
            values = [rng.choice([0, mask, rng.randint(0, mask)]) for _ in range(4)]
            for name, value in zip("abcd", values, strict=True):
                if hasattr(dut, name):
                    ctx.set(getattr(dut, name), value)
            added = rng.randrange(2) if carry else 0
            if carry:
                ctx.set(dut.carry, added)
            await ctx.delay(1e-9)
            assert ctx.get(dut.sum) == (SUMS[function](*values, mask) + added) & mask, (values, added)

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()


def check_cells(text, folder):
    """Prove that the text with ``SYNTHESIS`` defined is the text without."""
    folder.joinpath("chain.v").write_text(text)
    model = (YOSYS_SHARE / "ecp5" / "ccu2c_sim.vh").read_text()
    folder.joinpath("cells.v").write_text(LUTS + re.sub(r"specify.*?endspecify", "", model, flags=re.S))
    commands = [
        "read_verilog -nosynthesis chain.v", "hierarchy -top chain", "flatten", "rename chain portable",
        "design -stash portable",
        "read_verilog cells.v chain.v", "hierarchy -check -top chain", "proc", "flatten", "select -assert-none chain/t:$add",
        "select -clear", "design -copy-from portable portable", "miter -equiv -flatten -make_outputs chain portable both",
        "sat -verify -prove trigger 0 -show-inputs both",
    ]  # fmt: skip
    run_yosys(commands, folder)


@pytest.mark.parametrize(("width", "function", "carry"), CHAINS)
def test_the_cells_do_what_the_portable_text_does(width, function, carry, tmp_path):
    check_cells(component_verilog(Flat({"": CarryChain(width, function, carry=carry)}), "chain"), tmp_path)


def test_a_wrong_cell_is_noticed(tmp_path):
    text = component_verilog(Flat({"": CarryChain(5, CarryFunction.GATED, carry=True)}), "chain")
    for right, wrong in (("16'h7888", "16'h7808"), ("16'h00aa", "16'h0000")):
        assert right in text
        with pytest.raises(ToolError, match="proof did fail"):
            check_cells(text.replace(right, wrong), tmp_path)
