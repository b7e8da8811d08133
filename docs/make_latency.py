"""Writes the table of latencies into the architecture page, from what the hardware states: ``python docs/make_latency.py``."""

import re
from pathlib import Path

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac import unit_plan

FILE = Path(__file__).with_name("architecture.md")

_ROWS = [
    *(("E4M3", "E4M3", 32, lanes) for lanes in (1, 2, 4, 8, 16, 32)),
    *(("E4M3", "E4M3", 128, lanes) for lanes in (8, 32)),
    *((a, b, 32, 8) for a, b in (("E5M2", "E4M3"), ("E5M2", "E5M2"), ("E3M2", "E3M2"), ("E2M3", "E2M3"))),
    *((a, b, 32, 8) for a, b in (("E2M1", "E2M1"), ("INT8", "INT8"))),
]
_TABLE = re.compile(r"^\| a × b \| block \|.*?(?=\n\n)", re.M | re.S)


def table() -> str:
    """Return latencies of some units in cycles, as Markdown."""
    lines = ["| a × b | block | lanes | `exact` | `window` | `fp32` |", "|---|--:|--:|--:|--:|--:|"]
    for a, b, block, lanes in _ROWS:
        cells = [f"{a} × {b}", str(block), str(lanes)]
        for kind in (Accumulator.EXACT, Accumulator.WINDOW, Accumulator.FP32):
            formats = {"a": (ELEMENT_FORMATS[a],), "b": (ELEMENT_FORMATS[b],)}
            config = MacConfig(**formats, block=block, lanes=lanes, accumulator=kind)
            unit = unit_plan(config)
            least, most = unit.latency_min, unit.latency
            cells.append(str(most) if least == most else f"{least} to {most}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def updated(page: str) -> str:
    """Return the text of the page with the table as it should be."""
    return _TABLE.sub(lambda _: table(), page)


if __name__ == "__main__":
    FILE.write_text(updated(FILE.read_text()))
