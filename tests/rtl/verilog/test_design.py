"""The text and its manifest: the same every time, portable, with the ports of the contract, and written whole or not at all.

Whether linters take the text is another file's matter.
"""

import getpass
import json
import os
import re
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import mxmac
from mxmac.config import Accumulator, MacConfig
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac import unit_plan
from mxmac.verilog import check_top_name, generate, manifest_path, write

E4M3, E5M2, E2M1, INT8 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E5M2", "E2M1", "INT8"))

CONFIGS = {kind.value: MacConfig(accumulator=kind, lanes=4) for kind in Accumulator}
CONFIGS["one-lane"] = MacConfig(block=1, lanes=1, accumulator=Accumulator.WINDOW, window_lsb=-40)
CONFIGS["mixed"] = MacConfig(a=[E4M3, E5M2], b=[E2M1, INT8, E4M3], block=6, lanes=3, accumulator=Accumulator.FP32)

each_config = pytest.mark.parametrize("name", CONFIGS)


@cache
def design(name):
    return generate(CONFIGS[name], "unit")


def code_of(text):
    """The text without its comments."""
    return re.sub(r"//.*", "", text)


def top_ports(text, top="unit"):
    """Ports of the top module as its header lists them: (name, direction, width)."""
    header = re.search(rf"^module {top} \(\n(.*?)^\);", text, re.M | re.S)
    assert header, f"no module {top}"
    ports = []
    for line in header[1].splitlines():
        port = re.fullmatch(r" +(input|output) +(?:wire|reg) +(?:\[(\d+):0\] )?(\w+),?", line)
        assert port, line
        ports.append((port[3], port[1], int(port[2] or 0) + 1))
    return ports


# The same every time.

SCRIPT = """
import sys
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.verilog import generate

sys.stdout.reconfigure(newline="\\n")
formats = [ELEMENT_FORMATS[name] for name in ("E5M2", "E4M3")]
for kind in Accumulator:
    for a in (formats[:1], formats):
        design = generate(MacConfig(a=a, lanes=4, accumulator=kind), "unit")
        sys.stdout.write(design.text + design.manifest_text)
"""


def test_two_processes_in_two_folders_give_the_same_bytes(tmp_path):
    texts = []
    for seed, locale in (("0", "C"), ("12345", "C.UTF-8")):
        folder = tmp_path / f"folder{seed}"
        folder.mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "TMPDIR": str(folder), "LC_ALL": locale}
        done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=folder, env=environment, capture_output=True, check=True)
        assert list(folder.iterdir()) == []
        assert done.stderr == b""
        texts.append(done.stdout)
    assert texts[0].count(b"module unit (") == 2 * len(Accumulator)
    assert texts[0] == texts[1]


def test_what_was_generated_before_does_not_matter():
    first = generate(CONFIGS["window"], "unit")
    generate(CONFIGS["mixed"], "other")
    again = generate(CONFIGS["window"], "unit")
    assert again == first
    assert again == design("window")


def test_the_name_of_the_top_module_is_all_that_it_changes():
    renamed = generate(CONFIGS["one-lane"], "another_name")
    assert re.sub(r"\banother_name", "unit", renamed.text) == design("one-lane").text


# Portable.


@each_config
def test_text_knows_nothing_of_this_machine(name, tmp_path):
    text = design(name).text + design(name).manifest_text
    for place in (Path.cwd(), Path.home(), sys.prefix, Path(mxmac.__file__).parent, tmp_path.parents[1], socket.gethostname()):
        assert str(place) not in text
    assert not re.search(rf"\b{re.escape(getpass.getuser())}\b", text)
    assert not re.search(r"(^|[\s\"'(])/\w+/", text)
    assert not re.search(r"\.(py|il|sv)\b", text)
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", text)  # no date either


@each_config
def test_code_has_plain_names_and_no_attributes(name):
    text = code_of(design(name).text)
    assert text.isascii()
    assert "\\" not in text
    assert "\t" not in text
    assert set(re.findall(r"\$\w*", text)) <= {"$signed", "$unsigned"}
    assert "(*" not in text
    assert "/*" not in text
    assert "dump_module" not in text
    assert "`" not in text


@each_config
def test_code_is_verilog_2005(name):
    text = code_of(design(name).text)
    words = set(re.findall(r"[A-Za-z_]\w*", text))
    assert not words & {"logic", "bit", "always_ff", "always_comb", "unique", "priority", "typedef", "import", "endinterface"}
    assert not re.search(r"'[01xz]\b", text)
    assert "always @*" not in text  # not evaluated at time 0 by event simulators
    assert text.count("\nmodule ") + text.startswith("module ") == text.count("\nendmodule\n")


@each_config
def test_names_of_modules_start_with_that_of_the_top_which_comes_first(name):
    modules = re.findall(r"^module (\w+)", design(name).text, re.M)
    assert modules[0] == "unit"
    assert all(module.startswith("unit__") for module in modules[1:])
    assert len(set(modules)) == len(modules)


def test_text_may_be_used_under_any_terms():
    lines = design("window").text.splitlines()
    assert lines[1] == "// SPDX-License-Identifier: 0BSD OR CC0-1.0"
    assert "under any terms, without attribution" in lines[2]


# The ports of the contract.


def contract_ports(config):
    a, b = (config.lanes * max(fmt.width for fmt in formats) for formats in (config.a, config.b))
    selects = [
        (f"in_format_{side}", "input", (len(formats) - 1).bit_length())
        for side, formats in (("a", config.a), ("b", config.b))
        if len(formats) > 1
    ]
    return [
        ("clk", "input", 1),
        ("rst", "input", 1),
        ("in_valid", "input", 1),
        ("in_ready", "output", 1),
        ("in_a", "input", a),
        ("in_b", "input", b),
        ("in_scale_a", "input", 8),
        ("in_scale_b", "input", 8),
        *selects,
        ("in_last", "input", 1),
        ("out_valid", "output", 1),
        ("out_ready", "input", 1),
        ("out_data", "output", 32),
        ("out_status", "output", 5),
    ]


@each_config
def test_ports_and_their_order_are_those_of_the_contract(name):
    assert top_ports(design(name).text) == contract_ports(CONFIGS[name])


def test_ports_inside_are_in_numerical_order_too():
    text = generate(MacConfig(lanes=16), "unit").text
    headers = re.findall(r"^  (?:input|output) .*\bterm(\d+)", text, re.M)
    connections = re.findall(r"^    \.term(\d+)", text, re.M)
    assert [int(number) for number in headers] == [int(number) for number in connections] == list(range(16))


@each_config
def test_header_comment_says_what_it_is_and_how_to_use_it(name):
    made, config = design(name), CONFIGS[name]
    header = made.text[: made.text.index("module ")]
    assert all(line.startswith("//") or not line for line in header.splitlines())
    assert "unit" in header.splitlines()[0]
    assert f"mxmac {mxmac.__version__}" in header
    described = next(line for line in header.replace("\n//   ", " ").splitlines() if "Configuration:" in line)
    parts = dict(part.split(" ", 1) for part in described.removeprefix("// Configuration: ").split("; "))
    assert parts == {
        key: ", ".join(map(str, value if isinstance(value, list) else [value])) for key, value in config.as_dict().items()
    }
    assert re.search(rf"^// Latency: .*\b{unit_plan(config).latency} cycles", header, re.M)
    for port, direction, width in top_ports(made.text):
        assert re.search(rf"^// +{port} +{direction} +{width}  \S", header, re.M), port
    for fmt_side in ("a", "b"):
        formats = getattr(config, fmt_side)
        if len(formats) > 1:
            choice = ", ".join(f"{index} = {fmt.name}" for index, fmt in enumerate(formats))
            assert choice in header


@each_config
def test_manifest_says_what_the_text_does(name):
    made, config = design(name), CONFIGS[name]
    manifest = json.loads(made.manifest_text)
    assert made.manifest_text.endswith("}\n")
    assert manifest["generator"] == "mxmac"
    assert manifest["version"] == mxmac.__version__
    assert manifest["top"] == "unit"
    assert manifest["config"] == config.parameters()
    assert [(port["name"], port["direction"], port["width"]) for port in manifest["ports"]] == top_ports(made.text)
    assert all(port["about"] for port in manifest["ports"])
    latency = re.search(r"^// Latency: .*?(\d+) cycles", made.text, re.M)
    assert manifest["latency"] == int(latency[1]) == unit_plan(config).latency
    interval = manifest["initiation_interval"]
    assert interval["clocks_per_beat"] == 1
    assert interval["beats_per_block"] == config.block // config.lanes
    assert interval["clocks_per_block"] >= interval["beats_per_block"]
    if config.accumulator is Accumulator.WINDOW or interval["beats_per_block"] >= 4:
        assert interval["clocks_per_block"] == interval["beats_per_block"]
    if config.accumulator is not Accumulator.WINDOW:
        assert f" {interval['clocks_per_dot']} " in "".join(RATES[config.accumulator].findall(made.text))
    else:
        assert interval["clocks_per_dot"] == 1


RATES = {
    Accumulator.EXACT: re.compile(r"^// One beat a cycle, sustained, if dot products have \d+ beats or more", re.M),
    Accumulator.FP32: re.compile(
        r"^// (?:One beat a cycle, sustained, if blocks have \d+ beats or more|A block takes \d+ cycles in the long run)", re.M
    ),
    Accumulator.WINDOW: re.compile(r"^// One beat a cycle, sustained, however short", re.M),
}


@each_config
def test_header_promises_no_more_than_holds(name):
    made, config = design(name), CONFIGS[name]
    for kind, rate in RATES.items():
        assert bool(rate.search(made.text)) == (kind is config.accumulator)
    assert ("\n// A dot product may have 65536 blocks" in made.text) == (config.accumulator is Accumulator.EXACT)
    window = config.accumulator is Accumulator.WINDOW and config.window_lsb is None
    assert ("\n// The window has 22 bits above the largest sum of the block" in made.text) == window


def test_manifest_names_the_window_it_has():
    assert design("window").manifest["config"]["window"] == 80
    assert design("window").manifest["config"]["window-guard"] == 16
    assert design("one-lane").manifest["config"]["window-lsb"] == -40
    assert design("one-lane").manifest["config"]["window-guard"] is None
    assert design("fp32").manifest["config"]["window"] is None


# The name of the top module.


@pytest.mark.parametrize(
    "top",
    [*("", "1st", "a-b", "a b", "a.b", "a\n", "\na", "größe", "a$", "\\a", "a;", "$a", "a٣"), *("_mac", "mac_", "mac__x", "_")],
)
def test_a_top_name_that_is_no_identifier_is_refused(top):
    for refuse in (check_top_name, lambda name: generate(CONFIGS["one-lane"], name)):
        with pytest.raises(UserError, match=r"must be an identifier of Verilog and VHDL \(letters, digits") as error:
            refuse(top)
        assert error.value.parameter == "top"


@pytest.mark.parametrize("top", ["module", "reg", "endmodule", "signed", "pulsestyle_ondetect", "xor", "uwire", "logic"])
def test_a_keyword_of_verilog_as_top_name_is_refused(top):
    with pytest.raises(UserError, match=r"a keyword of Verilog; choose another name$") as error:
        check_top_name(top)
    assert error.value.parameter == "top"


@pytest.mark.parametrize("top", ["entity", "Entity", "ENTITY", "signal", "of", "view", "is", "vmode"])
def test_a_keyword_of_vhdl_as_top_name_is_refused(top):
    with pytest.raises(UserError, match=r"a keyword of VHDL; choose another name$") as error:
        check_top_name(top)
    assert error.value.parameter == "top"


@pytest.mark.parametrize("top", ["clk", "in_a", "out_status"])
def test_the_name_of_a_port_as_top_name_is_refused(top):
    """Verilator minds that the port hides the module."""
    with pytest.raises(UserError, match="which is the name of a port") as error:
        generate(CONFIGS["one-lane"], top)
    assert error.value.parameter == "top"


@pytest.mark.parametrize("top", ["a", "X9", "mac_8_x", "Module", "mac", "datapath"])
def test_any_other_name_of_the_top_module_is_taken(top):
    made = generate(CONFIGS["one-lane"], top)
    assert top_ports(made.text, top) == top_ports(design("one-lane").text)
    assert made.manifest["top"] == top


@pytest.mark.parametrize("top", ["logic", "bit", "do", "interface"])
def test_a_keyword_of_systemverilog_is_refused_or_works(top):
    try:
        text = generate(CONFIGS["one-lane"], top).text
    except UserError:
        return
    assert top_ports(text, top) == top_ports(design("one-lane").text)


# Files.


def test_write_makes_both_files(tmp_path):
    path = tmp_path / "unit.v"
    write(design("window"), path)
    assert manifest_path(path) == tmp_path / "unit.json"
    assert path.read_bytes().decode() == design("window").text
    assert json.loads((tmp_path / "unit.json").read_text()) == design("window").manifest
    assert sorted(file.name for file in tmp_path.iterdir()) == ["unit.json", "unit.v"]


def test_write_replaces_both_files_and_leaves_others_alone(tmp_path):
    other = tmp_path / "unit.sv"
    other.write_text("mine")
    write(design("window"), tmp_path / "unit.v")
    write(design("fp32"), tmp_path / "unit.v")
    assert (tmp_path / "unit.v").read_text() == design("fp32").text
    assert (tmp_path / "unit.json").read_text() == design("fp32").manifest_text
    assert other.read_text() == "mine"


def test_files_have_the_permissions_that_any_new_file_has(tmp_path):
    write(design("window"), tmp_path / "unit.v")
    (tmp_path / "plain").write_text("")
    modes = {file.stat().st_mode for file in tmp_path.iterdir()}
    assert len(modes) == 1


class BrokenError(Exception):
    pass


@pytest.mark.parametrize("failure", [BrokenError, KeyboardInterrupt])
@pytest.mark.parametrize(
    ("method", "suffix"),
    [("write_text", ".v"), ("write_text", ".json"), ("replace", ".v"), ("replace", ".json"), ("chmod", ".json")],
)
@pytest.mark.parametrize("there_before", [False, True])
def test_write_that_fails_changes_neither_file(tmp_path, monkeypatch, failure, method, suffix, there_before):
    path = tmp_path / "unit.v"
    if there_before:
        write(design("fp32"), path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    real = getattr(Path, method)

    def fails(self, *arguments, **options):
        if self.suffix == suffix:
            if method == "write_text":
                real(self, arguments[0][:100], **options)
            raise failure
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, method, fails)
    with pytest.raises(failure):
        write(design("window"), path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["unit.v", "unit.json"])
def test_a_directory_in_the_way_of_either_file_is_refused_and_nothing_written(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match="This is a directory"):
        write(design("window"), tmp_path / "unit.v")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_a_directory_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not exist") as error:
        write(design("window"), tmp_path / "nowhere" / "unit.v")
    assert error.value.parameter.endswith("unit.v")
    assert list(tmp_path.iterdir()) == []


def test_a_verilog_file_with_another_suffix_is_refused(tmp_path):
    for name in ("unit.json", "unit.txt", "unit", "unit.V", ".v"):
        with pytest.raises(UserError, match=r"must end in \.v or \.sv, not ") as error:
            write(design("window"), tmp_path / name)
        assert error.value.parameter == "path"
    assert list(tmp_path.iterdir()) == []
