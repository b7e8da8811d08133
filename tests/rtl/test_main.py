"""Ctrl-C while ``mxmac`` is still importing what it needs."""

import subprocess
import sys

import pytest

# Interrupts itself as soon as a module is looked for.
INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop(1)
sys.meta_path.insert(0, Finder)
from mxmac.__main__ import main
main()
"""


@pytest.mark.parametrize("module", ["mxmac.cli.app", "typer", "mxmac_sim.cli.verify", "amaranth", "numpy"])
def test_ctrl_c_during_imports_is_one_line(module):
    command = [sys.executable, "-c", INTERRUPTED, module, "verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "mxmac: interrupted\n")


def test_an_ignored_signal_stays_ignored():
    text = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n{INTERRUPTED}"
    done = subprocess.run([sys.executable, "-c", text, "typer"], capture_output=True, text=True, check=False)
    assert "interrupted" not in done.stderr
    assert done.returncode != 130
