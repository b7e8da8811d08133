"""Running the examples of docs/examples in a copy, as their readers run them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from stand_in import users_environment

__all__ = ["EXAMPLES", "check_cocotb", "check_fusesoc", "check_verilog", "copied", "run_litex", "run_python"]

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


def copied(folder):
    """Copy the examples, for what they write."""
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("__pycache__", "build"))
    return folder / "examples"


def run_python(file, *arguments, **variables):
    """Run a program in its own folder, with the commands of this Python first in the PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{users_environment()['PATH']}"
    return subprocess.run(
        [sys.executable, file.name, *arguments],
        cwd=file.parent,
        env=os.environ | {"PATH": path} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def check_cocotb(folder, simulator):
    """Run the example with cocotb."""
    done = run_python(folder / "run.py", SIM=simulator)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("1 tests, 0 failures\n")


def check_fusesoc(cores, work, target):
    """Run a target of the example with FuseSoC; its exit status and output."""
    own = {name: str(work / name) for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")}
    command = ["-m", "fusesoc.main", f"--cores-root={cores}", "run", f"--target={target}", "example:designs:dots"]
    environ = users_environment() | own
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    done = subprocess.run([sys.executable, *command], cwd=work, env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def run_litex(folder, *options, bench="", **variables):
    """Run the example with LiteX; or, with a wrong unit, the testbench again in Icarus Verilog; exit status and output."""
    if not bench:
        done = run_python(folder / "run.py", *options, **variables)
        return done.returncode, done.stdout + done.stderr
    build = folder / "build"
    unit = build / "unit.v"
    text = unit.read_text()
    # The flag NX is stuck at zero.
    wrong = text.replace("assign out_status = o__payload[", "assign out_status = 5'h1e & o__payload[")
    assert wrong != text
    unit.write_text(wrong)
    sources = ["soc.v", "unit.v", f"../{bench}.v", *options]
    subprocess.run(["iverilog", "-g2005", "-s", bench, "-o", "wrong.vvp", *sources], cwd=build, check=True)
    done = subprocess.run(["vvp", "-n", "wrong.vvp"], cwd=build, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def check_verilog(folder, *sections):
    """Run the commands under headings of the README of the example with two units, the first one in its folder; the output."""
    text = (folder / "README.md").read_text()
    commands = []
    for section in sections:
        found = re.findall(r"^```sh\n(.*?)^```$", text.partition(f"\n## {section}\n")[2].partition("\n## ")[0], re.M | re.S)
        # Of the two ways to call Yosys, the one that is installed.
        commands += [block for block in found if not block.startswith("yosys ")]
        assert found, section
    environ = users_environment()
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    command = ["sh", "-ex", "-c", "".join(commands)]
    place = folder if sections[0] == "Generate" else folder / "build"
    done = subprocess.run(command, cwd=place, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
