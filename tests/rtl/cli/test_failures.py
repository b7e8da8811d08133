"""Each command with each way in which a tool or the machine can fail: one line, the right status, nothing half-written."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mxmac.cli.app import main
from mxmac.config import MacConfig
from mxmac_sim.cli import dot
from mxmac_sim.golden import model as golden
from mxmac_sim.simulators.products import ProductRun
from mxmac_sim.tensors.files import load_mx

#: The smallest unit.
_TINY = ("--block", "1", "--lanes", "1", "--accumulator", "window", "--window", "24")
_UNIT = ("--a", "E2M1", "--b", "E2M1", *_TINY)
_QUANTIZER = ("--to", "E2M1", "--block", "2", "--lanes", "1")
#: Arguments by name.
COMMANDS = {
    "generate": ("generate", *_UNIT, "-o", "x.v"),
    "generate to standard output": ("generate", *_UNIT, "-o", "-"),
    "generate quantizer": ("generate", "quantizer", *_QUANTIZER, "-o", "x.v"),
    "quantize": ("quantize", "floats.npy", "x.npz"),
    "verify": ("verify", *_UNIT, "--bench", "rounder", "--effort", "quick", "--work", "work"),
    "verify quantizer": ("verify", "quantizer", *_QUANTIZER, "--effort", "quick", "--work", "work"),
    "dot": ("dot", "a.npz", "a.npz", "--lanes", "1", "-o", "x.npz", "--work", "work"),
    "prove": ("prove", *_UNIT, "--property", "scales", "-o", "x.json", "--work", "work"),
    "report": ("report", *_UNIT, "--on", "asic", "--part", "multiplier", "-o", "x.json"),
    "fpga run": ("fpga", "run", "--dots", "1", "--work", "work"),
    "fpga build": ("fpga", "build", "--board", "icebreaker", "-o", "work"),
}
WITH_WORK = [name for name, arguments in COMMANDS.items() if "work" in arguments]
WITH_COMPILER = [name for name in WITH_WORK if name not in ("prove", "fpga build")]
INPUTS = {"floats.npy", "a.npz"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    np.save("floats.npy", np.ones((2, 32), np.float32))
    np.savez("a.npz", elements=np.full((1, 32), 0x38, np.uint8), scales=np.full((1, 1), 127, np.uint8), format="E4M3", block=32)
    return place


def failed(capsys, arguments):
    """Status and line of a command that fails."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return end.value.code, line_of(capsys.readouterr().err)


def line_of(err):
    # `report` says there what it has done.
    lines = [line for line in err.splitlines() if not re.search(r" \(\d+ s\)$", line)]
    assert len(lines) == 1, err
    assert lines[0].startswith("mxmac: ")
    return lines[0]


def written(folder):
    """Files that a command has written, and none of them is a temporary one."""
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - INPUTS
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]
    return files


# Folders in which nobody can work.


@pytest.mark.parametrize("work", ["file", "file/deeper", "/proc/x", "x" * 300])
@pytest.mark.parametrize("name", WITH_WORK)
def test_a_folder_that_cannot_be_written_is_a_mistake(capsys, folder, name, work):
    Path("file").write_text("old")
    status, line = failed(capsys, [work if word == "work" else word for word in COMMANDS[name]])
    assert status == 2
    assert re.match(rf"mxmac: (--work|-o): Files cannot be written to '{work}': ", line)
    assert written(folder) == {"file"}
    assert Path("file").read_text() == "old"


@pytest.mark.parametrize("name", WITH_WORK)
def test_a_folder_without_permission_is_a_mistake(capsys, folder, name, monkeypatch):
    def refuse(self, *arguments, real=Path.mkdir, **options):
        if self.parts[0] == "work":
            raise PermissionError(13, "Permission denied", str(self))
        real(self, *arguments, **options)

    # Permissions refuse nothing to root.
    monkeypatch.setattr(Path, "mkdir", refuse)
    status, line = failed(capsys, COMMANDS[name])
    assert status == 2
    assert re.fullmatch(r"mxmac: (--work|-o): Files cannot be written to 'work': Permission denied", line)
    assert written(folder) == set()


# Tools that are missing or fail.

#: By name: programs that come first in the PATH, whether there are others, and what the line says.
TOOLS = {
    "no make": ({"c++": "exit 0"}, False, r"make is not installed, .*apt install make; .*"),
    "no compiler": ({"make": "exit 0"}, False, r"c\+\+ is not installed, .*apt install g\+\+; .*"),
    "a compiler that fails": (
        {"c++": "echo 'x.cpp:1: error: no such type' >&2; exit 7"},
        True,
        r"the C\+\+ compiler failed: x\.cpp:1: error: no such type; see work/.*build\.log",
    ),
    "a compiler that is killed": ({"c++": "kill -9 $$"}, True, r"the C\+\+ compiler: killed, .*; see work/.*build\.log"),
    "a compiler without memory": (
        {"c++": "echo 'virtual memory exhausted: Cannot allocate memory' >&2; exit 1"},
        True,
        r"the C\+\+ compiler: out of memory; .*",
    ),
    "a compiler without disk": (
        {"c++": "echo 'error writing to x.s: No space left on device' >&2; exit 1"},
        True,
        r"the C\+\+ compiler: the disk is full; .*",
    ),
    "make that is killed": ({"make": "kill -9 $$"}, True, r"make: killed, .*"),
    "make that fails": ({"make": "echo 'make: *** no rule'; exit 2"}, True, r"make failed.*"),
}


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", WITH_COMPILER)
def test_a_tool_that_fails_is_named(capsys, folder, tmp_path, monkeypatch, name, tool):
    programs, others, says = TOOLS[tool]
    place = tmp_path / "programs"
    place.mkdir()
    for program, text in programs.items():
        (place / program).write_text(f"#!/bin/sh\n{text}\n")
        (place / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}" if others else str(place))
    status, line = failed(capsys, COMMANDS[name])
    assert status == 3
    assert re.fullmatch(rf"mxmac: {says}", line), line
    assert "x.npz" not in written(folder)


@pytest.mark.parametrize(
    "name", ["generate", "generate quantizer", "verify", "dot", "prove", "report", "fpga run", "fpga build"]
)
def test_a_killed_yosys_is_named(capsys, folder, monkeypatch, name):
    program = folder.parent / "python"
    program.write_text("#!/bin/sh\nkill -9 $$\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    status, line = failed(capsys, COMMANDS[name])
    assert status == 3
    assert re.match(r"mxmac: (icebreaker: )?[Yy]osys: killed, most likely because memory ran out; ", line), line
    assert not written(folder) & {"x.v", "x.json", "x.npz"}


# A full disk.


@pytest.mark.parametrize(
    ("name", "results"),
    [
        ("generate", {"x.v", "x.json"}),
        ("generate to standard output", set()),
        ("generate quantizer", {"x.v", "x.json"}),
        ("quantize", {"x.npz"}),
        ("verify", set()),
        ("dot", {"x.npz"}),
        ("prove", {"x.json"}),
        ("report", {"x.json"}),
    ],
)
def test_results_are_written_although_standard_output_is_full(capsys, folder, monkeypatch, name, results):
    def product(_simulation, a, b, **_options):
        data, status = golden.matmul(a, b, MacConfig(lanes=1))
        return ProductRun(data, status, 1, 1.0)

    monkeypatch.setattr(dot, "BulkUnit", lambda *_: None)
    monkeypatch.setattr(dot, "simulate_product", product)
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        status, line = failed(capsys, COMMANDS[name])
    assert status == 3
    assert re.match("mxmac: standard output: No space left on device; free space", line)
    assert {file for file in written(folder) if file.startswith("x.")} == results
    if name == "dot":
        data, _ = golden.matmul(load_mx(Path("a.npz")), load_mx(Path("a.npz")), MacConfig(lanes=1))
        np.testing.assert_array_equal(np.load("x.npz")["data"], data)


def spawned(program, *arguments, **options):
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, **options)


MAIN = "import sys; from mxmac.cli.app import main; main(sys.argv[1:])"


@pytest.mark.parametrize("name", ["generate", "quantize", "verify", "prove", "report"])
def test_a_full_disk_is_a_failure_of_the_machine(folder, name):
    if name == "quantize":
        np.save("floats.npy", np.ones((64, 1024), np.float32))
    limit = 2000
    done = spawned(MAIN, *COMMANDS[name], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 3
    assert re.search("File too large; free space|the disk is full", line_of(done.stderr))
    assert not written(folder) & {"x.v", "x.json", "x.npz"}


# No memory.

LITTLE_MEMORY = """
import contextlib, io, resource, sys
from pathlib import Path
from mxmac.cli.app import main

# A first run imports all that the second one needs.
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main(["quantize", "small.npy", "small.npz"])
for name in ("small.npy", "small.npz"):
    Path(name).unlink()
pages = int(Path("/proc/self/statm").read_text().split()[0])
limit = pages * resource.getpagesize() + (8 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
main(sys.argv[1:])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of the process is read from /proc")
def test_too_little_memory_is_a_failure_of_the_machine(folder):
    np.save("floats.npy", np.ones((4096, 4096), np.float32))
    np.save("small.npy", np.ones((1, 32), np.float32))
    done = spawned(LITTLE_MEMORY, *COMMANDS["quantize"])
    assert done.returncode == 3
    assert "out of memory" in line_of(done.stderr)
    assert written(folder) == set()


# A reader that goes away.


@pytest.mark.parametrize("name", ["generate to standard output", "quantize", "report"])
def test_a_reader_that_goes_away_is_no_wrong_hardware(name):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *COMMANDS[name]], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert done.returncode == 3
    assert line_of(done.stderr) == "mxmac: standard output: closed by its reader before all was written"
