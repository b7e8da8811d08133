"""Examples with the simulators that `make test` leaves out."""

from example_runs import check_cocotb, copied


def test_cocotb_on_verilator(tmp_path):
    check_cocotb(copied(tmp_path) / "cocotb", "verilator")
