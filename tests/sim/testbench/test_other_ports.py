"""The testbench of a unit with other ports: an AXI4-Stream around a unit, written by hand, with a reset that is active low."""

import re
import shutil

import pytest

from mxmac.config import MacConfig
from mxmac.verilog import generate
from mxmac.verilog.companions import companion_files
from testbench_checks import run_testbench

CONFIG = MacConfig(a="E2M1", b="E4M3", block=4, lanes=2, accumulator="window")

WRAPPER = """
module streamed (
  input aclk, input aresetn,
  input s_axis_tvalid, output s_axis_tready, input [23:0] s_axis_tdata, input [15:0] s_axis_tuser, input s_axis_tlast,
  output m_axis_tvalid, input m_axis_tready, output [31:0] m_axis_tdata, output [7:0] m_axis_tuser
);
  reg [1:0] release_stages;
  always @(posedge aclk or negedge aresetn)
    if (!aresetn) release_stages <= 2'b11; else release_stages <= {release_stages[0], 1'b0};
  wire ready, valid;
  wire rst = release_stages[1];
  assign s_axis_tready = ready && !rst;
  assign m_axis_tvalid = valid && !rst;
  assign m_axis_tuser[7:5] = 3'd0;
  inner unit (
    .clk(aclk), .rst(rst), .in_valid(s_axis_tvalid), .in_ready(ready), .in_a(s_axis_tdata[7:0]),
    .in_b(s_axis_tdata[23:8]), .in_scale_a(s_axis_tuser[7:0]), .in_scale_b(s_axis_tuser[15:8]), .in_last(s_axis_tlast),
    .out_valid(valid), .out_ready(m_axis_tready), .out_data(m_axis_tdata), .out_status(m_axis_tuser[4:0])
  );
endmodule
"""

#: Fields of each port, if its name is not that of a field.
FIELDS = {
    "s_axis_tdata": {"a_lane0": (0, 4), "a_lane1": (4, 4), "b_lane0": (8, 8), "b_lane1": (16, 8)},
    "s_axis_tuser": {"scale_a": (0, 8), "scale_b": (8, 8)},
    "s_axis_tlast": {"last": (0, 1)},
    "m_axis_tdata": {"data": (0, 32)},
    "m_axis_tuser": {flag: (index, 1) for index, flag in enumerate(("nx", "uf", "of", "dz", "nv"))},
}
ROLES = {"aclk": "clock", "aresetn": "reset", "tvalid": "valid", "tready": "ready"}


def manifest(design):
    """The manifest that the hand-written module would have."""
    ports = []
    for direction, width, name in re.findall(r"(input|output) (?:\[(\d+):0\] )?(\w+)", WRAPPER.partition(");")[0]):
        fields = [{"name": field, "lsb": lsb, "width": bits} for field, (lsb, bits) in FIELDS.get(name, {}).items()]
        role = ROLES.get(name.rpartition("_")[2], "data")
        ports.append({"name": name, "direction": direction, "width": int(width or 0) + 1, "role": role, "fields": fields})
    own = {"top": "streamed", "ports": ports, "clock": {"port": "aclk", "edge": "rising"}}
    return design.manifest | own | {"reset": {"port": "aresetn", "active": "low", "synchronous": False}}


@pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")
@pytest.mark.parametrize("wrong", [False, True])
def test_fields_are_found_wherever_they_are(tmp_path, wrong):
    design = generate(CONFIG, "inner")
    text = WRAPPER.replace("s_axis_tuser[7:0]", "s_axis_tuser[6:0], 1'b1") if wrong else WRAPPER
    (tmp_path / "streamed.v").write_text(
        re.sub(r"\(s_axis_tuser\[6:0\], 1'b1\)", "({s_axis_tuser[6:0], 1'b1})", text) + design.text
    )
    ((testbench, words),) = companion_files(manifest(design), tmp_path / "streamed.v", ["testbench"]).items()
    testbench.write_text(words)
    status, said = run_testbench(testbench, "Icarus")
    assert said.startswith("run 0: result" if wrong else "PASS: "), said
    assert (status != 0) == wrong
