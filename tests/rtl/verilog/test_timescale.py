"""A unit without a timescale beside a file with one, before it or after it, is nothing to warn of."""

import shutil

import pytest

from linters import run
from mxmac.config import Accumulator, MacConfig
from mxmac.verilog import generate
from mxmac_sim.simulators.toolchain import VERILATOR, environment

USER = """`timescale 1ns/1ps
module user (
  input wire clk,
  input wire rst,
  input wire valid,
  input wire [7:0] element,
  output wire ready,
  output wire [38:0] result
);
  unit mac (
    .clk(clk), .rst(rst), .in_valid(valid), .in_ready(ready), .in_a(element), .in_b(element), .in_scale_a(8'd127),
    .in_scale_b(8'd127), .in_last(valid), .out_valid(result[38]), .out_ready(1'b1), .out_data(result[31:0]),
    .out_status(result[36:32])
  );
  assign result[37] = 1'b0;
endmodule
"""

ORDERS = [("unit.v", "user.v"), ("user.v", "unit.v")]


@pytest.fixture(scope="module")
def text():
    return generate(MacConfig(lanes=1, block=1, accumulator=Accumulator.WINDOW, window_lsb=-40), "unit").text


def put(folder, text):
    (folder / "unit.v").write_text(text)
    (folder / "user.v").write_text(USER)
    return folder


def verilator(folder, files):
    _, out, err = run(
        VERILATOR, "--lint-only", "-Wall", "-Wno-DECLFILENAME", "--top", "user", *files, folder=folder, env=environment()
    )
    return "\n".join(line for line in (out + err).splitlines() if line and not line.startswith("- "))


@pytest.mark.parametrize("files", ORDERS, ids=" ".join)
def test_verilator_is_silent(tmp_path, text, files):
    assert verilator(put(tmp_path, text), files) == ""


def test_verilator_warns_without_the_waiver(tmp_path, text):
    waiver = "// verilator lint_off TIMESCALEMOD\n"
    assert waiver in text
    assert "TIMESCALEMOD" in verilator(put(tmp_path, text.replace(waiver, "")), ORDERS[0])


@pytest.mark.skipif(not shutil.which("iverilog"), reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("files", ORDERS, ids=" ".join)
def test_icarus_is_silent_with_the_option_of_the_manual(tmp_path, text, files):
    options = ("-g2005", "-Wall", "-Wno-timescale", "-tnull", "-s", "user")
    assert run("iverilog", *options, *files, folder=put(tmp_path, text)) == (0, "", "")
