"""Yosys, in a process of its own: what it prints goes into a file, and Ctrl-C ends it."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pyosys

__all__ = ["YOSYS_SHARE", "YosysError", "run_yosys"]

#: Yosys's own files, among them its models of the cells of FPGAs.
YOSYS_SHARE = Path(pyosys.__file__).parent / "share"

#: Commands come one a line.
_SCRIPT = """
import sys
from pyosys import libyosys as ys
design = ys.Design()
for command in sys.stdin.read().splitlines():
    ys.run_pass("tee -q -a yosys.log " + command, design)
"""


class YosysError(RuntimeError):
    """Yosys failed; the message says with what."""


def run_yosys(commands: Sequence[str], folder: Path):
    """Run commands of Yosys in a folder, and leave what it says in ``yosys.log`` there.

    Parameters
    ----------
    commands : sequence of str
    folder : Path
        Names of files in the commands are relative to it.

    Raises
    ------
    YosysError
        If one of them fails.
    """
    log = folder / "yosys.log"
    log.unlink(missing_ok=True)
    # Temporary files stay in the folder, among them what it keeps of libraries of cells, by no more than their paths. In a
    # group of its own it hears of Ctrl-C from us alone.
    done = subprocess.run(
        [sys.executable, "-P", "-c", _SCRIPT],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder.resolve())},
        input="\n".join(commands),
        capture_output=True,
        text=True,
        check=False,
        process_group=0,
    )
    if done.returncode:
        said = [line for line in (log.read_text() if log.exists() else done.stderr).splitlines() if line.strip()]
        raise YosysError(f"Yosys failed in {folder}: {said[-1] if said else done.returncode}")
