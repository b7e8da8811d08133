"""Yosys as a tool: found without an import of it."""

import subprocess
import sys

import pytest

from mxmac_sim.simulators.yosys import YOSYS_FOLDER, YOSYS_SHARE


def test_the_folder_has_yosys_and_its_files():
    assert (YOSYS_FOLDER / "yosys-abc").is_file()
    assert (YOSYS_SHARE / "ecp5" / "cells_sim.v").is_file()


# Flags for dlopen that pyosys sets for the whole process: code that PyTorch compiles crashes with them.
@pytest.mark.parametrize("module", ["mxmac", "mxmac_sim.simulators.yosys", "mxmac_sim.campaigns.mutation.sequences"])
def test_import_leaves_libraries_apart(module):
    text = f"import sys; flags = sys.getdlopenflags(); import {module}; sys.exit(flags != sys.getdlopenflags())"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
