"""``mxmac verify --verilog``: Verilog of others, its ports, and the configuration beside it. Netlists are in tests/long."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mxmac.bus import bus_ports
from mxmac.config import Bus, MacConfig, Reset
from mxmac.errors import UserError
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import generate, write
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.simulators.sources import Source, read_source
from mxmac_sim.verify.given import check_ports, given_subject, manifest_beside
from mxmac_sim.verify.runner import Runner, config_slug
from tops import failed, mistaken, needs_icarus
from verify_checks import run, shared_folder

TINY = {"a": "E2M1", "b": "E2M1", "block": 2, "lanes": 1, "accumulator": "window", "window": 24}
OPTIONS = [word for name, value in TINY.items() for word in (f"--{name}", value)]
QUICK = ("--effort", "quick", "--seed", "1")


@pytest.fixture(scope="module")
def design():
    return generate(MacConfig(**TINY), "dut")


@pytest.fixture
def folder(tmp_path, monkeypatch, design):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    write(design, Path("dut.v"))
    return tmp_path


def test_a_wrapper_passes_and_with_an_operator_changed_the_operands_are_shown(capsys, folder, tmp_path_factory):
    work = shared_folder(tmp_path_factory, "verify") / "work"
    # Two files: a wrapper with one module more, and the unit.
    ports = json.loads(Path("dut.json").read_text())["ports"]
    header = ", ".join(f"{port['direction']} [{port['width'] - 1}:0] {port['name']}" for port in ports)
    instance = ", ".join(f".{port['name']}({port['name']})" for port in ports)
    Path("outside.v").write_text(
        f"// module other\nmodule outside({header}, output alarm);\n  dut unit({instance});\nendmodule\n"
    )
    text = Path("dut.v").read_text()
    wrong, count = re.subn(r"(scale_exp = \{ ?1'h0, port\[7:0\] ?\}) \+", r"\1 -", text)
    assert count == 1
    Path("wrong.v").write_text(wrong)

    files = ("--verilog", "outside.v", "--verilog", "wrong.v", *OPTIONS)
    status, out, _ = run(capsys, *files, *QUICK, "--work", work, "--json", "--junit", "x.xml")
    found = json.loads(out)
    assert (status, found["passed"], found["verilog"], found["lint"]) == (1, False, "outside.v", None)
    miss = found["benches"][0]["first_mismatches"][0]
    assert miss["expected"]["data"] != miss["hardware"]["data"]
    assert re.fullmatch(r"-?[\d.]+ -?[\d.]+", miss["operands"]["block 0: a values"])
    (failure, *_) = ElementTree.parse("x.xml").getroot().findall("testsuite/testcase/failure")
    assert "operands: block 0: a values = " in failure.text

    # The manifest has the configuration of the right one.
    Path("outside.json").write_text(Path("dut.json").read_text())
    status, out, err = run(capsys, "--verilog", "outside.v", "--verilog", "dut.v", *QUICK, "--work", work)
    assert (status, err) == (0, ""), out
    assert "mxmac verify --verilog outside.v --verilog dut.v --seed 1 " in out


def test_a_latency_that_the_manifest_states_is_checked(capsys, folder, tmp_path_factory):
    manifest = json.loads(Path("dut.json").read_text())
    manifest["latency"] += 1
    manifest["latency_min"] += 1
    Path("dut.json").write_text(json.dumps(manifest))
    work = shared_folder(tmp_path_factory, "verify") / "work"
    status, out, _ = run(capsys, "--verilog", "dut.v", *QUICK, "--work", work, "--json")
    assert status == 1
    expected = {miss["expected"].get("latency") for miss in json.loads(out)["benches"][0]["first_mismatches"]}
    assert f"{manifest['latency_min']} to {manifest['latency']} cycles" in expected


@needs_icarus
def test_the_bench_of_axi4_stream_runs_on_verilog_of_others(folder):
    config = MacConfig(**TINY, bus="axis")
    write(generate(config, "axis"), Path("axis.v"))
    text = Path("axis.v").read_text()
    Path("wrong.v").write_text(mistaken(text, r"s_axis_tdata\[11:8\]", "s_axis_tdata[3:0]"))
    assert not failed_tests(config, "axis.v")
    assert "packets, idle none, stall none" in failed_tests(config, "wrong.v")


def failed_tests(config, file):
    design = given_subject(read_source([Path(file)]), config).benches["mac"]()
    return failed(
        Runner(Path("work"), "icarus").run("mac", replace(design, modules=("axis",)), config, seed=1, effort=Effort.QUICK)
    )


# Ports.


def source(config, **changes):
    ports = {name: (port.direction, port.width) for name, port in bus_ports(config).items()} | changes
    return Source((), "", "dut", {name: port for name, port in ports.items() if port is not None})


def test_the_ports_of_the_contract_and_other_outputs_are_accepted():
    check_ports(source(MacConfig(), alarm=("output", 3)), MacConfig())


TOPS = [MacConfig(bus=bus, reset=reset) for bus in Bus for reset in Reset] + [
    QuantizerConfig(bus=bus, reset=reset) for bus in Bus for reset in (None, "async-low")
]


@pytest.mark.parametrize("config", TOPS, ids=config_slug)
def test_every_bus_and_reset_has_ports_of_its_own(config):
    check_ports(source(config), config)
    for other in TOPS:
        if list(bus_ports(other)) != list(bus_ports(config)):
            with pytest.raises(UserError, match=r"^verilog: Module dut does not have the ports of this configuration: "):
                check_ports(source(other), config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_scale_b": None}, "in_scale_b is missing (input, 8 bits)"),
        ({"in_a": ("input", 32)}, "in_a is an input of 32 bits, not an input of 64 bits"),
        ({"out_valid": ("input", 1)}, "out_valid is an input of 1 bit, not an output of 1 bit"),
        ({"vdd": ("inout", 1)}, "vdd (inout, 1 bit) is not a port of this unit"),
        ({"scan_en": ("input", 1)}, "scan_en (input, 1 bit) is not a port of this unit"),
        ({"rst": None, "clk": None}, "clk is missing (input, 1 bit); rst is missing (input, 1 bit)"),
    ],
)
def test_wrong_ports_are_named(changes, message):
    with pytest.raises(
        UserError, match=f"^verilog: Module dut does not have the ports of this configuration: {re.escape(message)}$"
    ):
        check_ports(source(MacConfig(), **changes), MacConfig())


# Mistakes.

OTHER = b"module other(input clk);\nendmodule\n"
MISTAKES = {
    "no file": ({}, ("none.v",), "--verilog: 'none.v' cannot be read: No such file or directory"),
    "no text": ({"x.v": b"\xff\xfe"}, ("x.v",), "--verilog: 'x.v' cannot be read: it is no text"),
    "no module": ({"x.v": b"// module\n"}, ("x.v",), "--verilog: There is no module in 'x.v'"),
    "no Verilog": ({"x.v": b"module x;\nend\n"}, ("x.v",), "--verilog: x.v cannot be read as Verilog: line 2: syntax error"),
    "a module is missing": (
        {"x.v": b"module x(input clk);\n  LUT4 l(clk);\nendmodule\n"},
        ("x.v",),
        "--verilog: Module LUT4 is missing in x.v; give its file with another --verilog",
    ),
    "two tops": (
        {"x.v": b"module a;\nendmodule\nmodule b;\nendmodule\n"},
        ("x.v",),
        "--top: 'x.v' does not have one top module; choose among a, b",
    ),
    "another top": ({}, ("dut.v", "--top", "tup"), "--top: There is no module 'tup' in dut.v"),
    "a bench of a part": (
        {},
        ("dut.v", "--bench", "rounder"),
        "--bench: There is no bench 'rounder' of this unit; choose among",
    ),
    "other ports": ({}, ("dut.v", "--lanes", "4"), "--verilog: Module dut does not have the ports of this configuration: in_"),
    "another bus": (
        {},
        ("dut.v", *OPTIONS, "--bus", "axis"),
        "--verilog: Module dut does not have the ports of this configuration: aclk is missing (input, 1 bit); aresetn is",
    ),
    "another reset": (
        {},
        ("dut.v", *OPTIONS, "--reset", "async-low"),
        "--verilog: Module dut does not have the ports of this configuration: rst_n is missing (input, 1 bit);",
    ),
    "no manifest": ({"x.v": OTHER}, ("x.v",), "--verilog: There is no manifest 'x.json' beside it; give options"),
    "another JSON": ({"x.v": OTHER, "x.json": b"{}"}, ("x.v",), "x.json: This is not a manifest"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_no_file(capsys, folder, name):
    files, arguments, message = MISTAKES[name]
    for file, data in files.items():
        Path(file).write_bytes(data)
    before = sorted(path.name for path in folder.iterdir())
    status, out, err = run(capsys, "--verilog", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"mxmac: {message}"), err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_top_without_its_verilog_is_a_mistake(capsys, folder):
    status, out, err = run(capsys, "--top", "dut")
    assert (status, out) == (2, "")
    assert err.startswith("mxmac: --top: Applies to --verilog only")


def test_a_latency_that_is_no_number_is_a_mistake(folder):
    manifest = json.loads(Path("dut.json").read_text())
    Path("dut.json").write_text(json.dumps({**manifest, "latency": "long"}))
    with pytest.raises(UserError, match="latency must be a number from 0 up, not 'long'"):
        manifest_beside(Path("dut.v"))


def test_files_are_read_with_those_that_they_include(folder):
    Path("sub").mkdir()
    Path("sub/x.v").write_text('`include "y.vh"\nmodule x(input clk);\n  y y_inst(clk);\nendmodule\n')
    Path("sub/y.vh").write_text("module y(input clk);\nendmodule\n")
    found = read_source([Path("sub/x.v")])
    assert (found.top, found.ports) == ("x", {"clk": ("input", 1)})
