"""``--json`` and ``--junit`` of verify, dot and prove: what fails is in both, with its operands as values."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from mutants import Mutant
from mxmac.cli import app as cli
from mxmac.config import MacConfig
from mxmac.errors import ToolError
from mxmac.verilog import generate
from mxmac_sim.benches.kit.report import Miss, Report
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.cli import dot
from mxmac_sim.cli.junit import Case, Suite, junit_text
from mxmac_sim.golden import model as golden
from mxmac_sim.simulators.products import ProductRun
from mxmac_sim.stimulus.dots import Dot
from mxmac_sim.tensors.files import load_mx
from mxmac_sim.verify import catalogue
from mxmac_sim.verify.runner import BenchRun, Runner
from mxmac_sim.verify.verification import Verification
from prove_checks import CONFIG, SMALL, wrong
from verify_checks import shared_folder

OPTIONS = {"a": "E2M1", "b": "E2M1", "block": 2, "lanes": 1, "accumulator": "window", "window": 24}
TINY = ("--a", "E2M1", "--b", "E2M1", "--block", "2", "--lanes", "1", "--accumulator", "window", "--window", "24")
TIES_TO_ODD = Mutant("stages.rounder:Rounder._prepare", "half & (below | sig[0])", "half & (below | ~sig[0])")


def run(capsys, *arguments):
    """Exit status, JSON of standard output, and standard error."""
    with pytest.raises(SystemExit) as end:
        cli.main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    return end.value.code, json.loads(out), err


def suites(file):
    """Names, failures and properties of the test suites in a file of JUnit XML, and their test cases."""
    root = ElementTree.parse(file).getroot()
    assert root.tag == "testsuites"
    cases = root.findall("testsuite/testcase")
    assert root.get("tests") == str(len(cases))
    assert root.get("failures") == str(len(root.findall("testsuite/testcase/failure")))
    assert root.get("errors") == str(len(root.findall("testsuite/testcase/error")))
    for suite in root:
        assert [part.tag for part in suite if part.tag != "testcase"] in (["properties"], ["properties", "system-out"])
        assert suite.get("failures") == str(len(suite.findall("testcase/failure")))
    return {suite.get("name"): suite for suite in root}


def properties(suite):
    return {each.get("name"): each.get("value") for each in suite.findall("properties/property")}


@pytest.fixture
def shared(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(shared_folder(tmp_path_factory, "verify"))


def test_a_mismatch_of_verify_is_in_json_and_junit(capsys, shared, tmp_path, monkeypatch):
    TIES_TO_ODD.put_in(monkeypatch)
    options = ("--effort", "quick", "--seed", 1, "--bench", "rounder", "--work", "work", "--junit", tmp_path / "x.xml")
    status, found, err = run(capsys, "verify", *TINY, "--output", "bf16", *options)
    assert status == 1
    assert "rounder: FAILED" in err
    assert (found["passed"], found["seed"], found["effort"], found["config"]["window"]) == (False, 1, "quick", 24)
    assert {"mxmac", "python", "verilator", "cocotb"} <= found["versions"].keys()
    assert found["seconds"] > 0
    (bench,) = found["benches"]
    failed = {test["name"]: test["mismatches"] for test in bench["tests"] if not test["passed"]}
    assert failed
    assert (bench["bench"], bench["mismatches"]) == ("rounder", sum(failed.values()))
    assert all(not Path(bench[name]).is_absolute() and Path(bench[name]).is_file() for name in ("log", "waves"))
    miss = bench["first_mismatches"][0]
    assert re.fullmatch(r"0x[\da-f]+ \(-?\d+\)", miss["operands"]["value"])
    assert miss["expected"] != miss["hardware"]

    lint, rounder = suites(tmp_path / "x.xml").values()
    assert (lint.get("name"), lint.get("failures"), rounder.get("name")) == ("lint", "0", "rounder")
    cases = {case.get("name"): case.find("failure") for case in rounder.findall("testcase")}
    assert {name for name, failure in cases.items() if failure is not None} == set(failed)
    assert f"operands: value = {miss['operands']['value']}\n" in cases[miss["test"]].text
    assert f"hardware: data = {miss['hardware']['data']}\n" in cases[miss["test"]].text
    assert properties(rounder)["seed"] == "1"
    assert properties(rounder)["versions.verilator"] == found["versions"]["verilator"]
    assert f"waveform: {bench['waves']}" in rounder.find("system-out").text


def test_verilog_that_verilator_rejects_is_a_failure_in_json_and_junit(capsys, tmp_path, monkeypatch):
    real = catalogue.component_verilog
    monkeypatch.setattr(catalogue, "component_verilog", lambda *given: real(*given).replace("endmodule", "endmodul"))
    # A folder of its own: designs are kept, and other tests want a right one of this configuration.
    options = ("--effort", "quick", "--bench", "rounder", "--work", tmp_path / "work", "--junit", tmp_path / "x.xml")
    status, found, _ = run(capsys, "verify", *TINY, *options)
    assert (status, found["passed"]) == (1, False)
    assert "Verilator rejects the Verilog" in found["benches"][0]["problem"]
    failure = suites(tmp_path / "x.xml")["rounder"].find("testcase/failure")
    assert "Verilator rejects the Verilog" in failure.get("message")


def test_a_mismatch_stays_one_where_no_waveform_can_be_made(tmp_path, monkeypatch):
    def bench(_runner, _name, _design, _config, *, waves=False, **_options):
        if waves:
            raise ToolError("verilator_bin failed: %Error: Internal Error")
        report = Report()
        report.add(Miss("t", "5 ns", {}, {}, {}))
        return BenchRun(report, None, Path("log"), None)

    monkeypatch.setattr(Runner, "run", bench)
    subject = catalogue.unit_subject(MacConfig(**OPTIONS))
    verification = Verification(subject, tmp_path, simulator="verilator", seed=1, effort=Effort.QUICK)
    (outcome,) = verification.run(["scale_applier"], lambda *_: None)
    assert not outcome.run.passed
    assert (outcome.waves.waves, outcome.waves.problem) == (None, "verilator_bin failed: %Error: Internal Error")


@pytest.mark.parametrize("bit", [0, 1 << 31, None])
def test_a_mismatch_of_dot_is_in_json_and_junit(capsys, tmp_path, monkeypatch, bit):
    monkeypatch.chdir(tmp_path)
    codes = np.array([[0x38] * 32, [0xB4] * 32], np.uint8)  # 1 and -0.75
    np.savez("a.npz", elements=codes, scales=np.full((2, 1), 128, np.uint8), format="E4M3", block=32)

    def product(_simulation, a, b, addend):
        assert addend is None
        data, status = golden.matmul(a, b, MacConfig(lanes=1))
        status[1, 0] ^= bit == 0
        data[1, 0] ^= bit or 0
        return ProductRun(data, status, 64, 1.0)

    monkeypatch.setattr(dot, "BulkUnit", lambda *_: None)
    monkeypatch.setattr(dot, "simulate_product", product)
    monkeypatch.setattr(dot, "_write_waves", lambda *arguments: None)
    status, found, err = run(capsys, "dot", "a.npz", "a.npz", "--lanes", 1, "--work", "work", "--junit", "x.xml")
    wrong_ones = int(bit is not None)
    assert (status, found["passed"], found["mismatches"], err.count("Mismatch")) == (wrong_ones, not wrong_ones, wrong_ones, 0)
    assert (found["dots"], found["macs"], found["cycles"]) == (4, 128, 64)
    (case,) = suites("x.xml")["dot"].findall("testcase")
    assert (case.find("failure") is not None) == wrong_ones
    if wrong_ones:
        (miss,) = found["first_mismatches"]
        assert (miss["row"], miss["column"]) == (1, 0)
        assert miss["operands"]["a[1] values"] == " ".join(["-0.75"] * 32)
        assert miss["expected"]["data"] == "0xc2c00000 (-96.0)"
        assert miss["expected"] != miss["hardware"]
        assert f"operands: a[1] values = {miss['operands']['a[1] values']}\n" in case.find("failure").text
        assert f"hardware: data = {miss['hardware']['data']}\n" in case.find("failure").text
    else:
        data, _ = golden.matmul(load_mx(Path("a.npz")), load_mx(Path("a.npz")), MacConfig(lanes=1))
        assert found["error"]["largest"] == 0
        assert found["error"]["of_up_to"] is not None
        assert data.size == found["dots"]


def test_the_command_of_dot_has_all_that_its_files_leave_open(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codes, scales = np.zeros((2, 4), np.uint8), np.full((2, 2), 127, np.uint8)
    np.savez("a.npz", elements=codes, scales=scales)
    monkeypatch.setattr(dot, "BulkUnit", lambda *_: None)
    monkeypatch.setattr(
        dot, "simulate_product", lambda _, a, b, addend: ProductRun(*golden.matmul(a, b, MacConfig(block=2, lanes=1)), 8, 1.0)
    )
    stated = ["--format-a", "E4M3", "--format-b", "E4M3", "--layout-a", "mx", "--block", "2", "--max-size", "1.5"]
    _, found, _ = run(capsys, "dot", "a.npz", "a.npz", "--lanes", 1, *stated, "--work", "work")
    assert found["command"].split()[-len(stated) :] == stated
    # It does the same again.
    _, again, _ = run(capsys, *found["command"].split()[1:], "--work", "work")
    when = dict.fromkeys(("seconds", "timestamp"))
    assert again | when == found | when


def test_a_counterexample_of_prove_is_in_json_and_junit(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("wrong.v").write_text(wrong(generate(CONFIG, "mine").text, "multiplier"))
    options = ("--verilog", "wrong.v", "--property", "multiplier", "--property", "scales", "--work", "work")
    status, found, _ = run(capsys, "prove", *SMALL, *options, "--junit", "x.xml", "-o", "x.json")
    assert (status, found["passed"]) == (1, False)
    refuted, proved = found["properties"]
    assert (refuted["property"], proved["property"], proved["proved"], proved["counterexample"]) == (
        "multiplier", "scales", True, None,
    )  # fmt: skip
    example = refuted["counterexample"]
    assert example["failed"]
    assert example["expected"] != example["hardware"]
    assert json.loads(Path("x.json").read_text())["properties"] == found["properties"]
    first, second = suites("x.xml")["properties"].findall("testcase")
    assert second.find("failure") is None
    for title in ("operands", "expected", "hardware"):
        for name, value in example[title].items():
            assert f"{title}: {name} = {value}\n" in first.find("failure").text + "\n"


@pytest.mark.parametrize("command", ["verify", "dot", "prove"])
def test_a_junit_file_that_cannot_be_written_is_a_mistake(capsys, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", elements=np.zeros((1, 32), np.uint8), scales=np.zeros((1, 1), np.uint8), format="E4M3", block=32)
    before = ["a.npz", "a.npz"] if command == "dot" else []
    for file, message in (("x.txt", "--junit: must end in .xml"), ("none/x.xml", "none/x.xml: The directory 'none' does not")):
        with pytest.raises(SystemExit) as end:
            cli.main([command, *before, "--junit", file])
        out, err = capsys.readouterr()
        assert (end.value.code, out) == (2, "")
        assert err.startswith(f"mxmac: {message}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_operands_of_a_dot_product_are_shown_as_values():
    config = MacConfig(a="E2M1", b="INT8", block=2, lanes=1)
    side = np.array([[0x7, 0x9]]), np.zeros(1, int)
    words = Dot.of(config, "some", [side, (np.array([[0x80, 0x60]]), np.zeros(1, int))], [np.array([128]), np.array([255])])
    operands = words.operands(config)
    assert operands["block 0: a"] == "E2M1 07 09, scale 0x80 (2^1)"
    assert operands["block 0: a values"] == "6 -0.5"
    assert operands["block 0: b values"] == "-2 1.5"


def test_text_that_xml_cannot_have_is_written_all_the_same():
    case = Case("<a> & \x1b[1m\x00\ud800", 1.5, "failure", "\x08\"'", "€ \uffff")
    text = junit_text("mxmac verify", [Suite("b", [case], {"seed": 1})], timestamp="2000-01-01T00:00:00+00:00", seconds=2)
    (test,) = ElementTree.fromstring(text.encode()).findall("testsuite/testcase")
    assert test.get("name") == "<a> & �[1m��"
    assert (test.find("failure").get("message"), test.find("failure").text) == ("�\"'", "€ �")
    assert test.get("classname") == "mxmac.verify.b"
