"""Running the examples of docs/examples in a copy, as their readers run them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["EXAMPLES", "check_cocotb", "copied", "run_python"]

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


def copied(folder):
    """Copy the examples, for what they write."""
    shutil.copytree(EXAMPLES, folder / "examples", ignore=shutil.ignore_patterns("__pycache__", "build"))
    return folder / "examples"


def run_python(file, **environment):
    """Run a program in its own folder, with the commands of this Python first in the PATH."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [sys.executable, file.name],
        cwd=file.parent,
        env=os.environ | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def check_cocotb(folder, simulator):
    """Run the example with cocotb."""
    done = run_python(folder / "run.py", SIM=simulator)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("1 tests, 0 failures\n")
