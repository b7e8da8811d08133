"""Without PyTorch, its layers say how to install it, and nothing else needs it."""

import subprocess
import sys

PROGRAM = """
import sys
sys.modules["torch"] = None
import mxmac_sim.golden, mxmac_sim.cli.quantize
try:
    import mxmac_sim.torch
except ModuleNotFoundError as error:
    print(error.name, error, sep=": ")
"""


def test_without_pytorch_the_message_names_the_extra():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "torch: The package 'torch' is missing; install it with: pip install 'mxmac[torch]'\n"
