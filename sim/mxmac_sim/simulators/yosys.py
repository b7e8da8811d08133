"""Yosys, in a process of its own: what it prints goes into a file, and Ctrl-C ends it."""

import os
import sys
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

from mxmac.processes import failure, run_tool

__all__ = ["YOSYS_FOLDER", "YOSYS_SHARE", "run_yosys"]

#: Where Yosys is. Nothing imports it here: it makes the symbols of all libraries that are loaded later visible to each other,
#: and code that PyTorch compiles then crashes.
YOSYS_FOLDER = Path(str(distribution("pyosys").locate_file("pyosys")))
#: Yosys's own files, among them its models of the cells of FPGAs.
YOSYS_SHARE = YOSYS_FOLDER / "share"

#: Commands come one a line.
_SCRIPT = """
import sys
from pyosys import libyosys as ys
design = ys.Design()
for command in sys.stdin.read().splitlines():
    ys.run_pass("tee -q -a yosys.log " + command, design)
"""


def run_yosys(commands: Sequence[str], folder: Path):
    """Run commands of Yosys in a folder, and leave what it says in ``yosys.log`` there.

    Parameters
    ----------
    commands : sequence of str
    folder : Path
        Names of files in the commands are relative to it.

    Raises
    ------
    ToolError
        If one of them fails.
    """
    log = folder / "yosys.log"
    log.unlink(missing_ok=True)
    # Temporary files stay in the folder, among them what it keeps of libraries of cells, by no more than their paths.
    done = run_tool(
        "Yosys",
        [sys.executable, "-P", "-c", _SCRIPT],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder.resolve())},
        stdin="\n".join(commands),
        check=False,
    )
    if done.status:
        raise failure("Yosys", done, done.errors + (log.read_text(errors="replace") if log.exists() else ""))
