"""Builds that several processes make in one folder at the same time, and builds that are interrupted."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from mxmac.errors import HardwareError, ToolError
from mxmac_sim.simulators.builds import built, check_compiler
from mxmac_sim.simulators.verilated import verilated


def test_a_build_is_made_once(tmp_path):
    places = []

    def build(place):
        places.append(place)
        (place / "program").write_text("text")

    first = built(tmp_path, "ingredients", build)
    assert (first / "program").read_text() == "text"
    assert built(tmp_path, "ingredients", build) == first
    assert len(places) == 1
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_other_ingredients_are_another_build_and_leave_the_first_alone(tmp_path):
    builds = [built(tmp_path, text, lambda place, text=text: (place / "program").write_text(text)) for text in ("a", "b")]
    assert [(build / "program").read_text() for build in builds] == ["a", "b"]


def test_another_version_of_a_simulator_is_another_build(tmp_path, monkeypatch):
    for release in ("1.0", "1.0", "1.1"):
        monkeypatch.setattr("mxmac_sim.simulators.builds.version", lambda _, release=release: release)
        built(tmp_path, "ingredients", lambda place, release=release: (place / release).touch())
    assert sorted(file.name for file in tmp_path.glob("*/*")) == ["1.0", "1.1"]


def test_builds_at_the_same_time_are_all_complete(tmp_path):
    at_once, found = threading.Barrier(4, timeout=300), []

    def build(place):
        (place / "program").write_text("half")
        at_once.wait()
        (place / "program").write_text("whole")

    def run():
        found.append((built(tmp_path, "ingredients", build) / "program").read_text())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["whole"] * 4
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ToolError("make: killed"), OSError(28, "No space left on device")])
def test_a_build_that_fails_leaves_nothing(tmp_path, error):
    def build(place):
        (place / "program").write_text("half")
        raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        built(tmp_path, "ingredients", build)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from mxmac_sim.simulators.builds import built

def build(place):
    (place / "program").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

built(Path(sys.argv[1]), "ingredients", build)
"""


def test_a_build_whose_process_is_killed_does_not_spoil_the_next_one(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    build = built(tmp_path, "ingredients", lambda place: (place / "program").write_text("whole"))
    assert (build / "program").read_text() == "whole"


@pytest.mark.parametrize(("there", "missing"), [([], "make"), (["make"], r"c\+\+")])
def test_a_compiler_that_is_not_installed_is_named(monkeypatch, tmp_path, there, missing):
    for name in there:
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr("mxmac_sim.simulators.builds.environment", lambda: os.environ | {"PATH": str(tmp_path)})
    with pytest.raises(ToolError, match=rf"^{missing} is not installed.*apt install"):
        check_compiler()


def test_verilog_that_verilator_rejects_is_wrong_hardware(tmp_path):
    driver = tmp_path / "driver.cpp"
    driver.write_text("int main() { return 0; }\n")
    folder = tmp_path / "builds"
    with pytest.raises(HardwareError, match=rf"^Verilator rejects the Verilog: %Error: unit\.v:1.*; see {folder}/build\.log$"):
        verilated("module unit(input a;\n", "unit", driver, (), folder)
    assert "%Error" in (folder / "build.log").read_text()
    assert [path.name for path in folder.iterdir()] == ["build.log"]
