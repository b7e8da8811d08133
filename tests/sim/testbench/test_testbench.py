"""The testbench in Verilog: correct units pass, and units with a mistake fail with an exit status that is not 0."""

import re
import shutil
from dataclasses import replace

import pytest

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig
from mxmac_sim.testbench.vectors import vectors_of
from testbench_checks import commands, run_testbench, written
from tops import WRONG_AXIS, mistaken

UNITS = {
    "exact": MacConfig(a="E2M1", b="E2M1", block=4, lanes=2),
    "window, formats at run time": MacConfig(a=["E2M1", "E4M3"], b="E3M2", block=2, lanes=1, accumulator="window"),
    "fp32": MacConfig(a="E2M1", b="INT8", block=2, lanes=2, accumulator="fp32", output="fp16", reset="sync-low", bus="axis"),
    "long blocks": MacConfig(a="E2M1", b="E2M1", block=512, lanes=1, accumulator="window"),
    "quantizer": QuantizerConfig(to="E4M3", block=4, lanes=2, rules=["floor", "even"], overflows=["sat", "ovf"]),
    "quantizer of one lane": QuantizerConfig(source="bf16", to="E2M1", block=1, lanes=1, reset="async-high"),
    "quantizer on a bus": QuantizerConfig(to="E2M3", block=2, lanes=1, rules=["floor", "even"], reset="async-low", bus="axis"),
}
SMALLEST = MacConfig(a="E2M1", b="E2M1", block=1, lanes=1, accumulator="window", window=24, window_guard=0)

icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="iverilog is not installed")


@icarus
@pytest.mark.parametrize("name", UNITS)
def test_units_pass_in_icarus(name, tmp_path):
    status, said = run_testbench(written(UNITS[name], tmp_path), "Icarus")
    assert re.fullmatch(r"PASS: (\d+) beats, (\d+) results, 3 runs\n", said), said
    assert status == 0


def test_the_smallest_unit_passes_in_verilator(tmp_path):
    status, said = run_testbench(written(SMALLEST, tmp_path), "Verilator")
    assert said.startswith("PASS: "), said
    assert status == 0


@icarus
def test_no_result_arrives_wrong_unnoticed(tmp_path):
    testbench = written(SMALLEST, tmp_path)
    vectors = re.findall(r"results\[(\d+)\] = \d+'h([0-9a-f]+);", testbench.read_text())
    assert len(vectors) > 100
    text = testbench.read_text()
    for index, word in (vectors[0], vectors[-1]):
        flipped = f"{int(word, 16) ^ 1:0{len(word)}x}"
        testbench.write_text(re.sub(rf"(results\[{index}\] = \d+'h){word};", rf"\g<1>{flipped};", text))
        status, said = run_testbench(testbench, "Icarus")
        assert status != 0
        assert f"result {index} is {word}, not {flipped}" in said
        assert "FAIL: " in said
        assert "PASS" not in said


#: Mistakes of the top module's ports: each with the line that it is found by.
MISTAKES = {
    "a flag is lost": (
        ".out_status(out_status)",
        ".out_status({out_status[4:1], open})",
        "wire open; assign out_status[0] = 1'b0;",
        "is",
    ),
    "the last beat is not seen": (".in_last(in_last)", ".in_last(1'b1)", "", "is|too many"),
    "the reset is not connected": (".rst(rst)", ".rst(1'b0)", "", "is|too many|unknown"),
    "a result is not held": (".out_ready(out_ready)", ".out_ready(1'b1)", "", "has changed|is|FAIL"),
    "a result is given twice": (".out_ready(out_ready)", ".out_ready(out_ready && !again)", "AGAIN", "is|too many"),
    "nothing comes out": (".out_valid(out_valid)", ".out_valid(never)", "wire never; assign out_valid = 1'b0;", "FAIL"),
    "a valid is unknown": (".out_valid(out_valid)", ".out_valid()", "assign out_valid = 1'bx;", "unknown"),
}


@icarus
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_unit_with_a_mistake_fails(mistake, tmp_path):
    before, after, more, said_by = MISTAKES[mistake]
    testbench = written(MacConfig(a="E2M1", b="E2M1", block=2, lanes=1, accumulator="window"), tmp_path)
    unit = (tmp_path / "unit.v").read_text()
    header = re.search(r"^module unit \((.*?)\);\n", unit, re.M | re.S)[1]
    ports = re.findall(r"(\w+),?$", header, re.M)
    inside = ", ".join(f".{port}({port})" for port in ports)
    assert before in inside
    more = more.replace(
        "AGAIN", "reg again; initial again = 0; always @(posedge clk) again <= out_valid && out_ready && !again;"
    )
    broken = f"module unit ({header});\n{more}\nright inside ({inside.replace(before, after)});\nendmodule\n"
    (tmp_path / "unit.v").write_text(
        broken.replace("output reg ", "output wire ") + re.sub(r"\bmodule unit \(", "module right (", unit)
    )
    status, said = run_testbench(testbench, "Icarus")
    assert status != 0, said
    assert re.search(said_by, said), said
    assert "FAIL: " in said


#: Mistakes of a top with AXI4-Stream, besides those of its packing, and in its reset.
WRONG_TOP = WRONG_AXIS | {
    "padding of elements counts": (r"s_axis_tdata\[3:0\]", "(s_axis_tdata[3:0] | s_axis_tdata[7:4])"),
    "the reset has the other level": (r"assign asserted = ~aresetn;", "assign asserted = aresetn;"),
    "the reset does not reach the unit": (r"\.rst\(held\)", ".rst(1'h0)"),
}


@icarus
@pytest.mark.parametrize("mistake", WRONG_TOP)
def test_a_top_with_axi4_stream_and_a_mistake_fails(mistake, tmp_path):
    testbench = written(replace(SMALLEST, bus="axis", reset="async-low"), tmp_path)
    unit = tmp_path / "unit.v"
    unit.write_text(mistaken(unit.read_text(), *WRONG_TOP[mistake]))
    status, said = run_testbench(testbench, "Icarus")
    assert status != 0, said
    assert "FAIL: " in said


@pytest.mark.parametrize("name", UNITS)
def test_vectors_are_the_same_every_time(name):
    assert vectors_of(UNITS[name]) == vectors_of(UNITS[name])


def test_commands_are_one_line_each_without_folders(tmp_path):
    found = commands(written(SMALLEST, tmp_path))
    assert set(found) == {"Icarus", "Verilator"}
    assert not any(str(tmp_path) in command for command in found.values())
