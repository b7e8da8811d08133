"""Options for companion files: which files they write, and when none."""

import os
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from companion_files import UNITS
from mxmac.cli import app as cli
from mxmac.errors import UserError
from mxmac.verilog import companions, generate, write
from mxmac.verilog.companions import COMPANIONS


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
