"""Examples with the simulators that `make test` leaves out."""

import re
import shutil
from pathlib import Path

import pytest
import pythondata_cpu_vexriscv

from example_runs import check_cocotb, check_verilog, copied, run_litex
from mxmac_sim.simulators.toolchain import has_icarus

needs_riscv = pytest.mark.skipif(
    shutil.which("riscv64-unknown-elf-gcc") is None, reason="riscv64-unknown-elf-gcc is not installed"
)


def test_cocotb_on_verilator(tmp_path):
    check_cocotb(copied(tmp_path) / "cocotb", "verilator")


def test_two_units_on_verilator_and_in_yosys(tmp_path):
    said = check_verilog(copied(tmp_path) / "verilog", "Generate", "Simulate in Verilator", "Synthesise")
    assert said.count("PASS: ") == 3
    assert "PASS: 40 results of each unit" in said
    assert "Found and reported 0 problems." in said


@needs_riscv
@pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")
def test_firmware_on_a_litex_system_passes_and_reports_a_wrong_unit(tmp_path):
    folder = copied(tmp_path / "with space") / "litex"
    status, said = run_litex(folder)
    assert (status, said.startswith("PASS: 40 dot products\n")) == (0, True), said
    processor = Path(pythondata_cpu_vexriscv.__file__).parent / "verilog" / "VexRiscv_Min.v"
    status, said = run_litex(folder, processor, bench="soc_tb")
    assert status != 0
    assert re.search(r"^dot product \d+: [0-9a-f]{8}, flags 00, not [0-9a-f]{8}, 01$", said, re.M), said
    assert re.search(r"^FAIL: \d+ dot products are wrong$", said, re.M), said


@needs_riscv
def test_firmware_on_a_litex_system_passes_on_verilator_with_another_unit(tmp_path):
    options = ("--simulator", "verilator", "--a", "E4M3,E2M1", "--lanes", "8", "--accumulator", "fp32", "--addend", "fp32")
    status, said = run_litex(copied(tmp_path) / "litex", *options)
    assert (status, "PASS: 40 dot products\n" in said) == (0, True), said
