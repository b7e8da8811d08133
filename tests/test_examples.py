"""The examples of docs/examples, run as their readers run them."""

import pytest

from example_runs import EXAMPLES, check_cocotb, copied, run_python
from linters import yosys_says
from mxmac_sim.simulators.toolchain import has_icarus


@pytest.fixture
def place(tmp_path):
    return copied(tmp_path)


def test_every_example_is_in_the_list():
    listed = (EXAMPLES / "README.md").read_text()
    for folder in EXAMPLES.iterdir():
        assert not folder.is_dir() or folder.name == "__pycache__" or f"[{folder.name}]({folder.name})" in listed


def test_amaranth(place):
    done = run_python(place / "amaranth" / "relu.py")
    assert (done.returncode, done.stdout) == (0, "Results: 6.0 0.0\nWrote relu.v\n"), done.stderr
    assert yosys_says(place / "amaranth" / "relu.v") == ""


def test_cocotb(place):
    # The faster one; tests/long has the other one, too.
    check_cocotb(place / "cocotb", "icarus" if has_icarus() else "verilator")


@pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")
def test_the_bench_of_the_cocotb_example_fails_if_the_design_is_wrong(place):
    design = place / "cocotb" / "largest_dot.v"
    text = design.read_text()
    assert text.count("key > best") == 1
    design.write_text(text.replace("key > best", "key < best"))
    done = run_python(place / "cocotb" / "run.py", SIM="icarus")
    assert done.returncode == 1
    assert "FAIL=1" in done.stdout
