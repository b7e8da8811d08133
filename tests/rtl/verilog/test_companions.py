"""Companion files: each is read by a tool that did not produce it, together with the real unit."""

import re
import subprocess
import sys

import pytest
import yaml

from companion_files import UNITS, each_unit, needs, ports_of, run, slang
from linters import needs_verible, verible_says
from mxmac_sim.simulators.toolchain import VERILATOR, environment
from stand_in import users_environment


@needs("sta")
@each_unit
def test_opensta_reads_the_constraints_and_finds_one_clock_at_the_port(folder, top, tmp_path):
    # A netlist of one cell with the ports of the unit is all that constraints of ports need.
    percent = {"input_threshold": 50, "output_threshold": 50, "slew_lower_threshold": 20, "slew_upper_threshold": 80}
    thresholds = "".join(f"{name}_pct_{edge} : {value};\n" for name, value in percent.items() for edge in ("rise", "fall"))
    cells = f"library (c) {{ {thresholds}" + "cell (DFF) { ff (IQ,IQN) { clocked_on : C; next_state : D; }\n"
    cells += "pin (C) { direction : input; clock : true; }\npin (D) { direction : input; }\n"
    cells += 'pin (Q) { direction : output; function : "IQ"; } } }\n'
    (tmp_path / "c.lib").write_text(cells)
    ports = ports_of(folder, top)
    header = "".join(f"{port['direction']} [{port['width'] - 1}:0] {port['name']};\n" for port in ports).replace("[0:0] ", "")
    names = ", ".join(port["name"] for port in ports)
    (clock,) = (port["name"] for port in ports if port["role"] == "clock")
    valid = {port["direction"]: port["name"] for port in ports if port["role"] == "valid"}
    body = f"DFF r (.C({clock}), .D({valid['input']}), .Q({valid['output']}));\n"
    (tmp_path / "n.v").write_text(f"module {top} ({names});\n{header}{body}endmodule\n")
    script = f"read_liberty c.lib\nread_verilog n.v\nlink_design {top}\nread_sdc {folder / f'{top}.sdc'}\n"
    script += "foreach c [all_clocks] { puts CLOCK=[get_name $c] }\nreport_clock_properties\nwrite_sdc written.sdc\nexit\n"
    (tmp_path / "run.tcl").write_text(script)
    status, said = run("sta", "-no_splash", "-exit", "run.tcl", cwd=tmp_path)
    assert status == 0, said
    assert re.findall(r"CLOCK=(\S+)", said) == [clock], said
    assert not re.search(r"^(Error|Warning)", said, re.M), said
    back = (tmp_path / "written.sdc").read_text()
    assert re.search(rf"create_clock -name {clock} -period 10\.0+ (-waveform {{\S+ \S+}} )?\[get_ports {{{clock}}}\]", back)
    assert not re.search(r"^set_(false_path|multicycle_path|max_delay|min_delay|clock_groups)", back, re.M)


# VHDL.


@needs("ghdl")
@needs("iverilog")
@each_unit
def test_vhdl_instance_becomes_verilog_that_elaborates_with_the_unit(folder, top, tmp_path):
    for step in (("-a", "--std=08", folder / f"{top}.vhd"), ("-a", "--std=93", "--workdir=93", folder / f"{top}.vhd")):
        (tmp_path / "93").mkdir(exist_ok=True)
        status, said = run("ghdl", *step, cwd=tmp_path)
        assert (status, said) == (0, "")
    command = ["ghdl", "--synth", "--std=08", "--out=verilog", f"{top}_instance"]
    text = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    (tmp_path / "instance.v").write_text(without_black_box(text, top))
    command = ("iverilog", "-g2005", "-Wall", "-s", f"{top}_instance", "-o", "x.vvp", "instance.v", folder / f"{top}.v")
    status, said = run(*command, cwd=tmp_path)
    assert status == 0, said
    assert not re.search(r"port|width|bits", "\n".join(line for line in said.splitlines() if "instance.v" in line)), said


def without_black_box(text, top):
    """What ghdl has written without the empty module that stands for the unit."""
    start = text.index("module ")
    return re.sub(rf"module {top}\n.*?endmodule\n", "", text[start:], count=1, flags=re.S)


# SystemVerilog, list of files.


@needs_verible
@each_unit
def test_verible_has_nothing_to_say_about_package_wrapper_and_testbench(folder, top):
    assert verible_says(folder / f"{top}_wrapper.sv", folder / f"{top}_tb.v", folder / f"{top}.v") == ""


@each_unit
def test_wrapper_in_systemverilog_lints_with_the_list_of_files(folder, top, capfd):
    command = [VERILATOR, "--lint-only", "-Wall", "--top-module", f"{top}_wrapper", "-f", f"{top}.f"]
    status, said = run(*command, cwd=folder, env=environment())
    assert (status, [line for line in said.splitlines() if not line.startswith("- ")]) == (0, [])
    # Lanes are arrays in the structures, and vectors at the ports.
    waived = ("-Wno-packed-array-conv", "-Wno-sign-conversion")
    assert slang("--top", f"{top}_wrapper", "-Wextra", "-Wconversion", *waived, "-F", folder / f"{top}.f") == 0
    assert capfd.readouterr().err == ""


@needs("iverilog")
@each_unit
def test_wrapper_elaborates_in_icarus(folder, top):
    command = ("iverilog", "-g2012", "-s", f"{top}_wrapper", "-tnull", f"{top}_wrapper.sv", f"{top}.v")
    assert run(*command, cwd=folder) == (0, "")


#: Bits of a beat, of a result and of a lane of b.
TYPES = {
    "unit": ("8 + 16 + 8 + 8 + 1 + 1", "16 + 5", 8),
    # Without the padding of AXI4-Stream, and with its TLAST.
    "axis": ("8 + 12 + 8 + 8 + 1 + 1", "32 + 5 + 1", 6),
}


@pytest.mark.parametrize("top", TYPES)
def test_types_of_the_package_have_the_widths_and_the_order_of_the_ports(folders, top, capfd):
    beat, result, lane = TYPES[top]
    block = UNITS[top].block
    checks = f"""
module checks;
  import {top}_pkg::*;
  {top}_beat_t beat;
  {top}_result_t result;
  if ($bits(beat) != {beat}) $error("beat");
  if ($bits(beat.a) != 8 || $bits(beat.a[1]) != 4 || $bits(beat.b[0]) != {lane}) $error("lanes");
  if ($bits(result) != {result} || $bits(result.status) != 5) $error("result");
  localparam {top}_status_t nv = '{{nv: 1'b1, default: 1'b0}};
  localparam {top}_status_t nx = '{{nx: 1'b1, default: 1'b0}};
  if (5'(nv) != 5'b10000 || 5'(nx) != 5'b00001) $error("flags");
  if (LANES != 2 || BLOCK != {block} || BEATS_PER_BLOCK != {block} / 2) $error("numbers");
  assign beat = '0;
  assign result = '0;
endmodule
"""
    file = folders[top] / "checks.sv"
    file.write_text(checks)
    try:
        assert slang("--top", "checks", folders[top] / f"{top}_wrapper.sv", file, folders[top] / f"{top}.v") == 0
    finally:
        file.unlink()


#: The unit "axis" again, from its wrapper: its ports are cut into the members of the structures, by hand.
AROUND = """
module around import axis_pkg::*; (
  input aclk, input aresetn,
  input s_axis_tvalid, output s_axis_tready, input [23:0] s_axis_tdata, input [23:0] s_axis_tuser, input s_axis_tlast,
  output m_axis_tvalid, input m_axis_tready, output [31:0] m_axis_tdata, output [7:0] m_axis_tuser, output m_axis_tlast
);
  axis_beat_t beat;
  axis_result_t result;
  assign beat = {s_axis_tdata[7:0], s_axis_tdata[19:8], s_axis_tuser[7:0], s_axis_tuser[15:8], s_axis_tuser[16], s_axis_tlast};
  assign m_axis_tuser[7:5] = 3'd0;
  assign {m_axis_tdata, m_axis_tuser[4:0], m_axis_tlast} = result;
  axis_wrapper wrapper (
    .aclk(aclk), .aresetn(aresetn), .s_axis_tvalid(s_axis_tvalid), .s_axis_tready(s_axis_tready), .s_axis_beat(beat),
    .m_axis_tvalid(m_axis_tvalid), .m_axis_tready(m_axis_tready), .m_axis_result(result)
  );
endmodule
"""


@needs("iverilog")
@pytest.mark.parametrize("wrong", [False, True])
def test_wrapper_of_axi4_stream_connects_each_member_to_its_place(folders, tmp_path, wrong):
    folder = folders["axis"]
    bench = (folder / "axis_tb.v").read_text()
    (tmp_path / "tb.v").write_text(bench.replace("\n  axis dut (", "\n  around dut ("))
    wrapper = (folder / "axis_wrapper.sv").read_text()
    if wrong:
        assert wrapper.count("s_axis_tuser[15:8] = s_axis_beat.scale_b;") == 1
        wrapper = wrapper.replace("s_axis_tuser[15:8] = s_axis_beat.scale_b;", "s_axis_tuser[15:8] = s_axis_beat.scale_a;")
    (tmp_path / "wrapper.sv").write_text(wrapper)
    (tmp_path / "around.sv").write_text(AROUND)
    sources = ("wrapper.sv", "around.sv", "tb.v", folder / "axis.v")
    assert run("iverilog", "-g2012", "-s", "axis_tb", "-o", "x.vvp", *sources, cwd=tmp_path)[0] == 0
    status, said = run("vvp", "-n", "x.vvp", cwd=tmp_path)
    assert (status != 0, "PASS: " in said) == (wrong, not wrong), said


# Lists and packages.


@each_unit
def test_bender_manifest_is_yaml_whose_files_exist(folder, top):
    manifest = yaml.safe_load((folder / "Bender.yml").read_text())
    assert manifest["package"] == {"name": top}
    plain = [entry for entry in manifest["sources"] if isinstance(entry, str)]
    groups = [entry for entry in manifest["sources"] if not isinstance(entry, str)]
    assert plain == [f"{top}.v", f"{top}_wrapper.sv"]
    assert groups == [{"target": "simulation", "files": [f"{top}_tb.v"]}]
    assert all((folder / name).is_file() for name in [*plain, *groups[0]["files"]])


FUSESOC = [sys.executable, "-m", "fusesoc.main"]


def fusesoc(folder, tmp_path, *arguments):
    own = {name: str(tmp_path / name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    return run(*FUSESOC, f"--cores-root={folder}", *arguments, cwd=tmp_path, env=users_environment() | own)


@each_unit
def test_fusesoc_lints_the_core(folder, top, tmp_path):
    status, said = fusesoc(folder, tmp_path, "run", "--target=lint", f"mxmac:unit:{top}")
    assert status == 0, said
    assert "%Warning" not in said


@needs("iverilog")
def test_fusesoc_simulates_the_core(folders, tmp_path):
    status, said = fusesoc(folders["unit"], tmp_path, "run", "--target=sim", "mxmac:unit:unit")
    assert status == 0, said
    assert "PASS" in said


def test_text_names_no_folder(folders):
    for folder in folders.values():
        for file in folder.iterdir():
            assert str(folder) not in file.read_text(), file.name
