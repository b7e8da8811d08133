"""Examples with the simulators that `make test` leaves out."""

from example_runs import check_cocotb, check_verilog, copied


def test_cocotb_on_verilator(tmp_path):
    check_cocotb(copied(tmp_path) / "cocotb", "verilator")


def test_two_units_on_verilator_and_in_yosys(tmp_path):
    said = check_verilog(copied(tmp_path) / "verilog", "Generate", "Simulate in Verilator", "Synthesise")
    assert said.count("PASS: ") == 3
    assert "PASS: 40 results of each unit" in said
    assert "Found and reported 0 problems." in said
