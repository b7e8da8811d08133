"""A stand-in for Perl on machines without it: Verilator's wrapper is a Perl script, which users' own tools call."""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from mxmac_sim.simulators.toolchain import VERILATOR, environment

__all__ = ["users_environment"]

_SCRIPT = """#!/bin/sh
# Perl is called with a script: for Verilator's wrapper, run the program that it wraps.
shift
exec "{program}" "$@"
"""


@cache
def _folder() -> str:
    """Folder with programs to be found first; an empty name if the machine has Perl."""
    if shutil.which("perl"):
        return ""
    folder = Path(tempfile.mkdtemp(prefix="mxmac-perl-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    script = folder / "perl"
    script.write_text(_SCRIPT.format(program=VERILATOR))
    script.chmod(0o755)
    return str(folder)


def users_environment() -> dict[str, str]:
    """Return the environment of a user who has Verilator and Perl."""
    found = environment()
    return found | {"PATH": os.pathsep.join(filter(None, [_folder(), found["PATH"]]))}
