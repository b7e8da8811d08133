"""``mxmac verify --verilog`` on a netlist for an ECP5, with the models of its cells, and with one cell changed."""

import json
import re
from pathlib import Path

from mxmac.config import MacConfig
from mxmac.verilog import generate, write
from mxmac_sim.simulators.yosys import YOSYS_SHARE, run_yosys
from verify_checks import run

CONFIG = MacConfig(a="E2M1", b="E2M1", block=4, lanes=2, accumulator="window", window=24, output="fp16")
CELLS = YOSYS_SHARE / "ecp5" / "cells_sim.v"


def test_a_netlist_passes_and_one_with_another_cell_fails(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(generate(CONFIG, "dut"), Path("dut.v"))
    run_yosys(["read_verilog dut.v", "synth_ecp5 -top dut", "write_verilog -noattr netlist.v"], Path())
    Path("netlist.json").write_text(Path("dut.json").read_text())
    options = ("--verilog", CELLS, "--effort", "quick", "--seed", 1, "--json")
    status, out, err = run(capsys, "--verilog", "netlist.v", *options)
    assert (status, json.loads(out)["passed"]) == (0, True), err

    text = Path("netlist.v").read_text()
    luts = list(re.finditer(r"\.INIT\(16'h([0-9a-f]{4})\)", text))
    middle = luts[len(luts) // 2]
    inverted = f"{int(middle[1], 16) ^ 0xFFFF:04x}"
    Path("netlist.v").write_text(text[: middle.start(1)] + inverted + text[middle.end(1) :])
    status, out, err = run(capsys, "--verilog", "netlist.v", *options)
    found = json.loads(out)
    assert (status, found["passed"]) == (1, False), err
    assert found["benches"][0]["first_mismatches"]
