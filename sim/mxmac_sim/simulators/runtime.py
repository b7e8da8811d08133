"""Verilator's own C++ library, which is the same in every simulation: compiled once for a user, not once for a build."""

import shutil
import threading
from pathlib import Path

import platformdirs

from mxmac.errors import UserError
from mxmac.files import check_folder
from mxmac.processes import Processes

from .builds import LOG, build_failure, built, check_compiler
from .toolchain import VERILATOR, VERILATOR_BUILD_ARGUMENTS, environment

__all__ = ["linked_runtime"]

_OBJECT = "verilator_runtime.o"
#: Parts of every simulation, and of one that writes waveforms.
_PARTS, _TRACE_PARTS = ("", "_threads", "_vpi"), ("_vcd_c",)
#: Verilator writes the makefile for this; nothing of it is compiled.
_NOTHING = "module nothing (input wire clk);\nendmodule\n"
_VERILATE = [str(VERILATOR), "--cc", "--exe", "--vpi", *VERILATOR_BUILD_ARGUMENTS, "--Mdir", ".", "nothing.v"]
#: The library throws nothing. Compilers take a third less for it than with the options of Verilator's makefile, and simulations
#: are as fast.
_OPTIMIZATION = "OPT_GLOBAL=-Og -fno-exceptions -fno-asynchronous-unwind-tables"
_MAKE = ["make", "-f", "Vnothing.mk", "CURDIR=.", _OPTIMIZATION, f"VM_GLOBAL_FAST={Path(_OBJECT).stem}", _OBJECT]
#: Threads of one process wait for the first of them instead of all doing the same.
_LOCK = threading.Lock()


def linked_runtime(place: Path, fallback: Path, processes: Processes | None = None, *, waves: bool = False) -> list[str]:
    """Put Verilator's library into the folder of a build.

    Parameters
    ----------
    place : Path
        Folder of the build.
    fallback : Path
        Where the library is kept if the user's folder of caches cannot be written.
    processes : Processes, optional
        What to start the compiler in.
    waves : bool
        Whether the simulation writes waveforms.

    Returns
    -------
    list of str
        Arguments of make, so that it links the library and does not compile it.

    Raises
    ------
    ToolError
        If a tool is missing or fails.
    """
    with _LOCK:
        shutil.copy(_runtime(fallback, processes or Processes(), waves) / _OBJECT, place)
    return ["VM_GLOBAL_FAST=", "VM_GLOBAL_SLOW=", f"LIBS={_OBJECT}"]


def _runtime(fallback: Path, processes: Processes, waves: bool) -> Path:
    """Return the folder of the compiled library, and compile it unless it is there."""
    check_compiler()
    folder = platformdirs.user_cache_path("mxmac") / "verilator"
    try:
        check_folder("cache", folder)
    except (OSError, UserError):
        folder = fallback

    def run(tool: str, command: list[str], place: Path | None = None) -> str:
        done = processes.run(tool, command, cwd=place, env=environment(), check=False)
        if done.status:
            raise build_failure(tool, done, done.errors + done.output, fallback / LOG)
        return done.output

    # In one translation unit the headers, which are a third of the work, are read once.
    source = "".join(f'#include "verilated{part}.cpp"\n' for part in (*_PARTS, *(_TRACE_PARTS if waves else ())))
    verilate = [*_VERILATE, *(["--trace-vcd"] if waves else [])]

    def build(place: Path):
        (place / "nothing.v").write_text(_NOTHING)
        (place / Path(_OBJECT).with_suffix(".cpp")).write_text(source)
        run("Verilator", verilate, place)
        run("make", _MAKE, place)

    compiler = run("the C++ compiler", ["c++", "--version"])
    return built(folder, repr((compiler, source, verilate[1:], _MAKE)), build)
