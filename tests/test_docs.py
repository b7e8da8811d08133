"""The documentation: its examples run, its links lead somewhere, and its pictures and tables are those of the code."""

import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

import bench_mutants
from mxmac.cli import app as cli
from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.verilog import generate, manifest_schema
from mxmac_fpga.boards.table import BOARDS
from mxmac_sim.campaigns.claims import footprint
from mxmac_sim.simulators.toolchain import VERILATOR, environment
from page_examples import blocks, run_examples

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
#: Pages of others that link to these, and from which these link.
DATA = [ROOT / "sim" / "mxmac_sim" / "data" / "README.md", ROOT / "fpga" / "mxmac_fpga" / "data" / "README.md"]
LINKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DATA]

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def script(name):
    """One of the scripts in docs/, as a module."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(page, head):
    """Rows of the first table whose head starts like this, as lists of cells."""
    rows = re.search(rf"^\| {re.escape(head)}.*\n\|[-:| ]+\n((?:\|.*\n)+)", page.read_text(), re.M)[1]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


# Examples.


# The examples with PyTorch are run by tests/long.
@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "pytorch.md"], ids=lambda page: page.name)
def test_examples_in_python_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_examples(page)


def test_there_are_examples():
    assert len(blocks(README, "python")) == len(blocks(README, "verilog")) == 1
    assert sum(len(blocks(page, "python")) for page in PAGES) >= 6


def lint(folder, top):
    arguments = ["--lint-only", "-Wall", "--top-module", top, f"{top}.v", "mac8.v"]
    done = subprocess.run([VERILATOR, *arguments], cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def mac8():
    return generate(MacConfig(lanes=8), "mac8")


def test_the_instance_in_the_readme_has_every_port_and_lints(mac8, tmp_path):
    (instance,) = blocks(README, "verilog")
    ports = [(port["name"], port["direction"], port["width"]) for port in mac8.manifest["ports"]]
    assert sorted(re.findall(r"\.(\w+)\(", instance)) == sorted(name for name, _, _ in ports)
    header = ",\n".join(f"  {direction} wire [{width - 1}:0] {name}" for name, direction, width in ports)
    header = header.replace("[0:0] ", "")
    (tmp_path / "mac8.v").write_text(mac8.text)
    (tmp_path / "outside.v").write_text(f"module outside (\n{header}\n);\n{instance}endmodule\n")
    lint(tmp_path, "outside")


def test_the_design_in_the_integration_page_lints(mac8, tmp_path):
    (design,) = blocks(DOCS / "integration.md", "verilog")
    (tmp_path / "mac8.v").write_text(mac8.text)
    (tmp_path / "dots.v").write_text(design)
    lint(tmp_path, "dots")


# What the code says, too.


def test_the_picture_is_the_one_that_its_script_draws():
    picture = script("make_datapath")
    assert picture.FILE.read_text() == picture.draw(MacConfig()), "run docs/make_datapath.py"


def test_the_timing_diagram_is_that_of_the_hardware():
    picture = script("make_timing")
    assert picture.drawn() == picture.wavejson(), "run docs/make_timing.py"


def test_latencies_are_those_that_the_hardware_states():
    latency = script("make_latency")
    page = latency.FILE.read_text()
    assert latency.table() in page, "run docs/make_latency.py"
    assert latency.updated(page) == page


def test_mutants_are_those_that_the_benches_have_to_catch():
    assert table(DOCS / "verification.md", "part") == bench_mutants.described()


def test_boards_are_those_of_the_table(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    boards = script("make_boards")
    page = boards.FILE.read_text()
    rows = boards.rows(page)
    assert list(rows) == list(BOARDS)
    for name, cells in rows.items():
        *words, baud = boards.described(name)
        assert cells[: len(words)] == words, "run docs/make_boards.py"
        assert cells[-1] == baud, "run docs/make_boards.py"
    assert boards.connections() in page, "run docs/make_boards.py"
    assert boards.updated(page, {}) == page


def test_accuracy_is_as_measured(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    assert script("compare_accumulators").accuracy_table() in (DOCS / "numerics.md").read_text()


def test_claims_are_those_of_the_record(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    claims = script("make_claims")
    record = json.loads(claims.RECORD.read_text())
    assert claims.page(claims.PAGE.read_text(), record) == claims.PAGE.read_text(), "run docs/make_claims.py"
    assert record["footprint"] == footprint.measured(), "run make claims"


def test_ports_are_those_of_the_manifest(mac8):
    rows = [[f"`{p['name']}`", p["direction"], str(p["width"]), p["about"]] for p in mac8.manifest["ports"]]
    assert table(README, "port") == rows


def test_the_readme_shows_the_size_of_the_unit_that_it_generates(mac8):
    size = f"{mac8.text.count(chr(10)):,} lines of Verilog, latency {mac8.manifest['latency']} cycles"
    assert f"build/demo/mac8.v: {size}\n" in README.read_text()


def test_manifest_fields_are_all_described(mac8):
    named = [name for cell, _ in table(DOCS / "integration.md", "field") for name in re.findall(r"`([\w.]+)`", cell)]
    assert {name.split(".")[0] for name in named} == set(mac8.manifest)
    for part in ("initiation_interval", "limits"):
        stated = {name.split(".")[1] for name in named if name.startswith(f"{part}.")}
        assert stated == set(manifest_schema()["properties"][part]["properties"])


def test_formats_are_those_of_the_code():
    rows = table(DOCS / "numerics.md", "element")
    assert [row[0] for row in rows] == list(ELEMENT_FORMATS)
    for name, width, fields, bias, _, _, lsb, _, _, emax in rows:
        fmt = ELEMENT_FORMATS[name]
        assert (int(width), f"2^{fmt.lsb_exp}", int(emax)) == (fmt.width, lsb, fmt.emax)
        if not fmt.is_integer:
            assert (fields, int(bias)) == (f"{fmt.exp_bits}, {fmt.man_bits}", fmt.bias)


def test_widths_inside_a_block_are_those_of_the_code():
    for pairing, lsb, product, block_sum in table(DOCS / "numerics.md", "pairing"):
        a, b = (ELEMENT_FORMATS[name] for name in pairing.split(" × "))
        config = MacConfig(a=[a], b=[b])
        assert (lsb, int(product), int(block_sum)) == (
            f"2^{config.product_lsb_exp}",
            config.product_bits + 1,
            config.block_sum_bits,
        )


def test_areas_are_compared(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    area = script("make_area")
    found = {
        name: {
            "arguments": f"--part {part}",
            "part": part,
            "on": "ecp5",
            "operation": "MAC",
            "cells": {"LUTs": luts, "LUT4": luts, "CCU2C": 0, "flip-flops": 1, "LUTRAM cells": 0},
            "modules": {"tree": luts - 10, "a & b": 10},
            "device": "a device",
            "seeds": {"1": 100.0},
            "versions": {"mxmac": "0", "pyosys": "1"},
            "synthesis": ["synth"],
            "place_and_route": "nextpnr",
            "fmax_mhz": {"median": 100.0, "best": 120.0},
            "per_second": 800e6,
            "per_second_and_lut": 2e6,
        }
        for name, part, luts in (("ours", "unit", 400), ("scale by a shift", "scale", 500), ("theirs", "fp32-scale", 1500))
    }
    found["scale by an FP32 multiplication"] = found.pop("theirs")
    for name, size in (("scale by a shift", 100.0), ("scale by an FP32 multiplication", 450.0)):
        figures = {"combinational_area_um2": size, "area_um2": 2 * size, "delay_ns": size / 100, "flip_flops": 3}
        found[f"{name}, standard cells"] = {
            "arguments": "--target asic",
            "part": "scale",
            "on": "asic",
            "library": "cells.lib",
            "synthesis": {"area": ["amap"], "delay": ["map"]},
            "gates": figures,
            "per_lane": figures,
        }
    xilinx = {"LUTs": 300, "LUT1 to LUT6": 300, "CARRY4": 20, "flip-flops": 1000, "LUTRAM cells": 4, "shift registers": 5}
    found["ours, Xilinx"] = {"arguments": "--on xilinx", "part": "unit", "on": "xilinx", "cells": xilinx, "modules": {}}
    page = area.markdown({"results": found})
    assert "| ours, Xilinx | **300** | 20 | 1,000 | 4 | 5 |  |" in page
    assert "500 : 1,500 = 1 : 3.00" in page
    assert "100 : 450 = 1 : 4.50" in page
    assert "| ours | **400** | 400 | 0 | 1 | 0 | 100.0 MHz | 120.0 MHz | 800.00 MMAC/s | 2.00 MMAC/s |" in page


def test_peers_are_compared_with_measured_units(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    peers = script("area_peers")
    without = peers.peers_table({})
    assert all(line.count("|") == without[0].count("|") for line in without)
    unit = {"per_clock": 32.0, "operation": "MAC", "cells": {"LUTs": 6000}, "per_second_and_lut": 1.1e6}
    found = {
        "32 lanes, window, ecp5": unit | {"fmax_mhz": {"median": 210.0}},
        "32 lanes, window, standard cells": {
            "gates": {"area_um2": 800_000.0, "combinational_area_um2": 500_000.0, "delay_ns": 3.0}
        },
    }
    table = peers.peers_table(found)
    assert [line for line in table if line not in without] == [table[2]]
    assert table[2].startswith("| **mxmac**, 32 lanes, window, E4M3 | 32 products,")
    assert table[2].endswith("| 32 | 6,000 | 210.0 | 1,100 | 800,000 | 300,000 | 3.00 |")
    del found["32 lanes, window, standard cells"]
    assert peers.peers_table(found) == without
    shown = re.search(r"<!-- peers -->\n\n(.*?)\n\n<!-- end", (DOCS / "area.md").read_text(), re.S)[1].splitlines()
    assert [line for line in shown if "**mxmac**" not in line] == without


# Links and names.


def anchors(page):
    """Anchors of the headings, as they are made on GitHub and by most site generators."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@each_page
def test_files_that_are_named_exist(page):
    text = page.read_text()
    for name in re.findall(r"`((?:rtl|sim|fpga|tests|docs)/[\w./]+)`", text):
        assert (ROOT / name).exists(), name
    for name, test in re.findall(r"(tests/[\w/]+\.py)::(\w+)", text):
        assert f"def {test}(" in (ROOT / name).read_text(), f"{name}::{test}"


def test_every_page_is_in_the_index_and_every_file_of_this_folder_is_explained():
    index = (DOCS / "index.md").read_text()
    for file in DOCS.iterdir():
        if file.suffix in (".md", ".py", ".svg") and file.name != "index.md":
            assert file.name in index, file.name


# Commands.


def help_of(capsys, monkeypatch, *command):
    """Names of the sub-commands and options that the help lists."""
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as end:
        cli.main([*command, "--help"])
    assert not end.value.code
    text = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    commands = re.search(r"─ Commands ─.*?\n(.*?)╰", text, re.S)
    rows = "\n".join(line for line in text.splitlines() if line.startswith("│"))
    named = set(re.findall(r"^│ \*? *(?:(-\w) +)?(--[\w-]+)?", rows, re.M))
    options = {long or short for short, long in named} - {"", "--help", "--version"}
    return set(re.findall(r"^│ (\w+) ", commands[1], re.M)) if commands else set(), {
        option for option in options if "completion" not in option
    }


def sections():
    """Sections of the commands page, by heading."""
    parts = re.split(r"^## (.+)\n", (DOCS / "commands.md").read_text(), flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def described_options(section):
    """Options in the first column of its tables."""
    return set(re.findall(r"`(--?[a-z][\w-]*)`", "\n".join(re.findall(r"^\| ([^|]+) \|", section, re.M))))


def test_every_command_is_described_and_every_command_that_is_named_exists(capsys, monkeypatch):
    commands, _ = help_of(capsys, monkeypatch)
    deeper = {f"{name} {inner}" for name in commands for inner in help_of(capsys, monkeypatch, name)[0]}
    described = {heading.removeprefix("mxmac ") for heading in sections() if heading.startswith("mxmac ")}
    assert described == commands | deeper
    assert {row[0].strip("`").split()[1] for row in table(README, "command")} == commands
    call = r"(?:`|^ {4}|^\$ |bin/)mxmac ([a-z]\w*)"
    for page in LINKED:
        assert set(re.findall(call, page.read_text(), re.M)) <= commands, page


@pytest.mark.parametrize("heading", [heading for heading in sections() if heading.startswith("mxmac ")])
def test_options_of_a_command_are_those_it_has(capsys, monkeypatch, heading):
    section = sections()[heading]
    described = described_options(section)
    if "[the unit](#the-unit) | | all" in section:
        described |= described_options(sections()["The unit"])
    if "[companion files](#companion-files)" in section:
        described |= described_options(sections()["Companion files"])
    _, options = help_of(capsys, monkeypatch, *heading.split()[1:])
    assert described == options


def test_the_job_for_ci_runs_a_command_with_options_that_exist(capsys, monkeypatch):
    (text,) = blocks(DOCS / "your-dut.md", "yaml")
    steps = yaml.safe_load(text)["jobs"]["verify"]["steps"]
    (command,) = [step["run"] for step in steps if step.get("run", "").startswith("mxmac ")]
    _, options = help_of(capsys, monkeypatch, "verify")
    assert set(re.findall(r"--[\w-]+", command)) <= options
    junit = re.search(r"--junit (\S+)", command)[1]
    assert junit in steps[-1]["with"]["path"].split()


def test_generate_prints_what_the_commands_page_shows(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    shown = re.findall(r"^\$ mxmac (generate .*)\n((?!mxmac:)[^`]+)^```", (DOCS / "commands.md").read_text(), re.M)
    assert len(shown) >= 2
    for arguments, output in shown:
        with pytest.raises(SystemExit) as end:
            cli.main(arguments.split())
        assert not end.value.code
        assert capsys.readouterr().out == output


def test_mistakes_are_told_as_in_the_commands_page(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    told = re.findall(r"^\$ mxmac (generate .*)\n(mxmac: .*)$", (DOCS / "commands.md").read_text(), re.M)
    assert len(told) >= 3
    for arguments, message in told:
        with pytest.raises(SystemExit) as end:
            cli.main(arguments.split())
        assert end.value.code == 2
        assert capsys.readouterr().err == message + "\n"
    assert os.listdir(tmp_path) == []
