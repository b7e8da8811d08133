"""Commands that run in one folder at the same time, and folders with unusual names: all give their results."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden import model as golden
from mxmac_sim.golden.quantize import Overflow, ScaleRule, quantize
from mxmac_sim.tensors.files import load_mx
from mxmac_sim.tensors.writing import save_mx
from verify_checks import shared_folder

_UNIT = ("--a", "E2M1", "--b", "E2M1", "--block", "2", "--lanes", "1", "--accumulator", "window", "--window", "24")
_START = [sys.executable, "-c", "import sys; from mxmac.cli.app import main; main(sys.argv[1:])"]


def at_once(*commands, **options):
    """Exit statuses and standard errors of commands that start at the same time."""
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen([*_START, *command], **pipes, **options) for command in commands]
    return [(process.wait(), err) for process in started for err in [process.communicate()[1]]]


@pytest.fixture
def matrices(tmp_path, monkeypatch):
    """Two pairs of matrices with different values, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for number in (1, 2):
        for name, rows in (("a", 2), ("b", 3)):
            floats = np.random.default_rng(number).normal(size=(rows, 64)).astype(np.float32)
            options = {"block": 2, "rule": ScaleRule.RCEIL, "overflow": Overflow.SAT}
            save_mx(Path(f"{name}{number}.npz"), quantize(floats, ELEMENT_FORMATS["E2M1"], **options))
    return tmp_path


def test_two_dots_in_one_folder_with_a_space_give_their_results(matrices, monkeypatch):
    # Which has no superscript T, as in the tables of dot.
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    unit = _UNIT[6:]
    commands = [("dot", f"a{n}.npz", f"b{n}.npz", *unit, "-o", f"r{n}.npz", "--work", "with space") for n in (1, 2)]
    assert at_once(*commands) == [(0, ""), (0, "")]
    for number in (1, 2):
        a, b = (load_mx(Path(f"{name}{number}.npz")) for name in "ab")
        config = MacConfig(a=(a.format,), b=(b.format,), block=2, lanes=1, accumulator="window", window=24)
        data, status = golden.matmul(a, b, config)
        found = np.load(f"r{number}.npz")
        np.testing.assert_array_equal(found["data"], data)
        np.testing.assert_array_equal(found["status"], status)


def test_two_verifications_in_one_folder_pass(tmp_path_factory, monkeypatch):
    # That of the tests of verify, where Verilator's own library is compiled.
    monkeypatch.chdir(shared_folder(tmp_path_factory, "verify"))
    command = ("verify", *_UNIT, "--output", "fp16", "--effort", "quick", "--bench", "rounder", "--work", "work")
    assert at_once((*command, "--seed", "1"), (*command, "--seed", "2")) == [(0, ""), (0, "")]


def test_two_proofs_in_one_folder_hold(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ("prove", *_UNIT, "--property", "scales", "--work", "with space")
    assert at_once((*command, "-o", "1.json"), (*command, "-o", "2.json")) == [(0, ""), (0, "")]
    for name in ("1.json", "2.json"):
        (found,) = json.loads(Path(name).read_text())["properties"]
        assert (found["property"], found["proved"]) == ("scales", True)


def test_two_units_are_generated_under_one_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ("generate", *_UNIT, "-o", "x.v")
    assert at_once(command, command) == [(0, ""), (0, "")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.json", "x.v"]
    assert "module x (" in Path("x.v").read_text()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_standard_output_with_few_signs_gets_all_results(matrices, monkeypatch, encoding):
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    np.save("floats.npy", np.ones((2, 64), np.float32))
    assert at_once(("quantize", "floats.npy", "q.npz")) == [(0, "")]
    assert np.load("q.npz")["elements"].shape == (2, 64)
