"""One proof in a process of its own: ``python -m mxmac_sim.formal.worker FILE.v METHOD DEPTH SEEN_WITHIN SECONDS``.

Beside the file it leaves what it is doing (``.progress``), the verdict (``.json``), and a counterexample's waveform
(``.vcd``) with a save file of GTKWave (``.gtkw``).
"""

import json
import signal
import sys
from dataclasses import asdict
from pathlib import Path

from ..simulators.waves import write_save_file
from . import netlist
from .btor import Circuit
from .engine import Method, check
from .waveform import traces, waveform

__all__ = ["main"]

#: Name of the harness.
TOP = "prove"


def main(file: str, method: str, depth: str, seen_within: str, seconds: str) -> int:
    """Prove the claim of a Verilog file within a time limit."""
    # The alarm ends the process, even within the solver.
    signal.setitimer(signal.ITIMER_REAL, float(seconds))
    verilog = Path(file)
    progress, btor = verilog.with_suffix(".progress"), verilog.with_suffix(".btor")

    def tell(doing: str):
        progress.write_text(doing)

    tell("reading")
    netlist.main(str(verilog), TOP, str(btor))
    verdict = check(Circuit.read(btor.read_text()), Method(method), int(depth), seen_within=int(seen_within), tell=tell)
    result = asdict(verdict)
    if verdict.counterexample is not None:
        waves = verilog.with_suffix(".vcd")
        waves.write_text(waveform(verdict.counterexample, TOP))
        write_save_file(waves, traces(verdict.counterexample, TOP))
        del result["counterexample"]["trace"]
    verilog.with_suffix(".json").write_text(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
