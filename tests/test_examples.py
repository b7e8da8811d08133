"""The examples of docs/examples, run as their readers run them."""

import re

import pytest

from example_runs import EXAMPLES, check_cocotb, check_fusesoc, check_verilog, copied, run_litex, run_python
from linters import yosys_says
from mxmac_sim.simulators.toolchain import has_icarus
from tops import mistaken


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


def test_fusesoc_lints_a_core_whose_unit_it_generates(place, tmp_path):
    status, said = check_fusesoc(place / "fusesoc", tmp_path, "lint")
    assert (status, "%Warning" in said) == (0, False), said
    assert "--lint-only\n-Wall\n" in next((tmp_path / "build").glob("**/*.vc")).read_text()


@pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")
def test_fusesoc_simulates_a_core_whose_unit_it_generates(place, tmp_path):
    status, said = check_fusesoc(place / "fusesoc", tmp_path, "sim")
    assert (status, "PASS: 4 results" in said) == (0, True), said


@pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")
def test_the_bench_of_the_fusesoc_example_fails_if_the_unit_is_another_one(place, tmp_path):
    core = place / "fusesoc" / "dots.core"
    core.write_text(core.read_text().replace("a: E4M3", "a: INT8"))
    status, said = check_fusesoc(place / "fusesoc", tmp_path, "sim")
    assert status != 0
    assert "FAIL: result 0" in said


def test_the_generator_passes_a_mistake_on(place, tmp_path):
    core = place / "fusesoc" / "dots.core"
    core.write_text(core.read_text().replace("lanes: 8", "lanes: 7"))
    status, said = check_fusesoc(place / "fusesoc", tmp_path, "lint")
    assert status != 0
    assert "mxmac: --lanes: must divide the block of 32 elements, which 7 does not" in said


@pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")
def test_litex_without_a_processor_and_a_wrong_unit_is_found(tmp_path):
    folder = copied(tmp_path / "with space") / "litex"
    # Registers of several words, and of a format.
    options = ("--a", "E2M1,E3M2", "--lanes", "16", "--accumulator", "window", "--reset", "async-low")
    status, said = run_litex(folder, "--no-cpu", *options)
    assert status == 0, said
    assert re.fullmatch(r"PASS: 80 words in \d+ cycles\n", said)
    header = (folder / "build" / "generated" / "csr.h").read_text()
    assert "#define CSR_UNIT_A_SIZE 3\n" in header
    assert "#define CSR_UNIT_FORMAT_A_SIZE 1\n" in header
    status, said = run_litex(folder, bench="bus_tb")
    assert status != 0
    assert " words are wrong" in said


LITEX_MISTAKES = {
    "an option": (("--lanes", "3"), 2, "mxmac: --lanes: must divide the block of 32 elements, which 3 does not"),
    "a bus": (("--bus", "axis", "--lanes", "1"), 2, "the unit must be one of dot products with plain ports"),
    "no compiler": (("--lanes", "1"), 3, "the RISC-V compiler cannot be started: .*'riscv64-unknown-elf-gcc'"),
}


@pytest.mark.parametrize("mistake", LITEX_MISTAKES)
def test_a_mistake_with_litex_is_one_line(place, mistake):
    options, status, line = LITEX_MISTAKES[mistake]
    found, said = run_litex(place / "litex", *options, "--accumulator", "window", PATH="/nowhere")
    assert found == status
    assert re.fullmatch(f"run.py: {line}\n", said)


def test_two_units_lint(place):
    said = check_verilog(place / "verilog", "Generate", "Lint")
    assert "%Warning" not in said


@pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")
def test_two_units_simulate_and_a_wrong_one_is_found(place):
    said = check_verilog(place / "verilog", "Generate", "Simulate in Icarus Verilog")
    assert said.count("PASS: ") == 3
    assert "PASS: 40 results of each unit" in said
    # A flag that the bench of the design finds first.
    unit = place / "verilog" / "build" / "precise.v"
    unit.write_text(mistaken(unit.read_text(), r"\{3'h0, (o__payload\[36):32\]", r"{3'h0, \1:33], 1'h1"))
    with pytest.raises(AssertionError, match="FAIL: 42000000, flags 00001"):
        check_verilog(place / "verilog", "Simulate in Icarus Verilog")
