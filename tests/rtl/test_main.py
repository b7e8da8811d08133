"""Ctrl-C and SIGTERM while ``mxmac`` is still importing what it needs."""

import signal
import subprocess
import sys

import pytest

# Interrupts itself as soon as a module is looked for.
INTERRUPTED = """
import os, signal, sys

class Finder:
    def find_spec(name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), number)

number, module = int(sys.argv.pop(1)), sys.argv.pop(1)
sys.meta_path.insert(0, Finder)
from mxmac.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        *((module, "verify") for module in ("mxmac.cli.app", "typer", "mxmac_sim.cli.verify", "amaranth")),
        ("numpy", "dot"),
    ],
)
def test_ctrl_c_during_imports_is_one_line(module, command):
    arguments = [sys.executable, "-c", INTERRUPTED, str(int(signal.SIGINT)), module, command]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "mxmac: interrupted\n")


# Before and after the handler of the command is there.
@pytest.mark.parametrize("module", ["typer", "mxmac_sim.cli.verify"])
def test_sigterm_during_imports_is_one_line(module):
    command = [sys.executable, "-c", INTERRUPTED, str(int(signal.SIGTERM)), module, "verify"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "mxmac: ended by the signal SIGTERM\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_ignored_signal_stays_ignored(number):
    text = f"import signal; signal.signal({int(number)}, signal.SIG_IGN)\n{INTERRUPTED}"
    command = [sys.executable, "-c", text, str(int(number)), "typer", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mxmac ")
