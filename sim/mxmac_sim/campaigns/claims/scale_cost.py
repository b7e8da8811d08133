"""Area and speed of applying a block scale: a shift for UE8M0, a multiplication for FP32, as ``mxmac report`` measures them."""

import json
import sys

from mxmac.processes import failure, run_tool
from mxmac_sim.campaigns.claims.sources import Fields, Job, Sources

__all__ = ["CLAIM", "jobs", "run"]

CLAIM = "scale_cost"

_PARTS = {
    "shift, UE8M0": ("--part", "scale", "--accumulator", "window"),
    "multiplication, FP32": ("--part", "fp32-scale"),
}
_TARGETS = ((), ("--target", "asic"))


def jobs() -> list[Job]:
    """Return the measurements: both parts, on an FPGA and in standard cells."""
    return [Job(CLAIM, {"part": part, "arguments": [*words, *target]}) for target in _TARGETS for part, words in _PARTS.items()]


def run(fields: Fields, sources: Sources) -> Fields:
    """Measure a part with ``mxmac report``, one seed of place and route at a time.

    Returns
    -------
    dict
        ``report``: the JSON that the command prints.

    Raises
    ------
    ToolError
        If the command fails.
    """
    done = run_tool("mxmac report", [sys.executable, "-m", "mxmac", "report", "--jobs", "1", "--json", *fields["arguments"]])
    if done.status:
        raise failure("mxmac report", done)
    return {"report": json.loads(done.output)}
