"""LUTs and speed of a few units on ECP5, as area.csv has them: ``python tests/area.py`` (`make area`) records them anew."""

import csv
import sys
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from mxmac.config import Accumulator, MacConfig
from mxmac.files import written_whole
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac_fpga.report.measure import Settings, measure
from mxmac_fpga.report.parts import PARTS, QUANTIZER, Part

FILE = Path(__file__).with_suffix(".csv")
COLUMNS = ("unit", "LUTs", "LUT4", "CCU2C", "MHz")
#: A single seed: it is for the same netlist that the same clock comes out.
SETTINGS = Settings(on="ecp5", seeds=(1,))
_E2M1 = (ELEMENT_FORMATS["E2M1"],)

#: What is measured, by name: parts and their configurations.
UNITS: dict[str, tuple[Part, Any]] = {
    "E4M3 multiplier": (PARTS["multiplier"], MacConfig()),
    "E4M3, window, 1 lane": (PARTS["unit"], MacConfig(lanes=1, accumulator=Accumulator.WINDOW)),
    "E4M3, window, 4 lanes": (PARTS["unit"], MacConfig(lanes=4, accumulator=Accumulator.WINDOW)),
    "E4M3, exact, 1 lane": (PARTS["unit"], MacConfig(lanes=1)),
    "E2M1, fp32, 4 lanes": (PARTS["unit"], MacConfig(a=_E2M1, b=_E2M1, lanes=4, accumulator=Accumulator.FP32)),
    "BF16 to E4M3, 2 lanes": (QUANTIZER, QuantizerConfig(source=RESULT_FORMATS["BF16"], lanes=2)),
}


@dataclass(frozen=True)
class Figures:
    luts: int
    lut4: int
    ccu2c: int
    mhz: float


def figures_of(name: str) -> Figures:
    part, config = UNITS[name]
    found = measure(name, part, config, SETTINGS)
    cells = found["cells"]
    return Figures(cells["LUTs"], cells["LUT4"], cells["CCU2C"], round(found["fmax_mhz"]["median"], 1))


def recorded(file: Path = FILE) -> dict[str, Figures]:
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    return {row["unit"]: Figures(*(int(row[name]) for name in COLUMNS[1:-1]), float(row[COLUMNS[-1]])) for row in rows}


def record(say: Callable[[str], object], file: Path = FILE):
    """Write the file anew, whole or not at all, and say what is another figure than before."""
    before = recorded(file) if file.exists() else {}
    now = {}
    for name in UNITS:
        now[name] = figures_of(name)
        was = before.get(name)
        changed = f", before {was.luts:,} and {was.mhz}" if was and was != now[name] else ""
        say(f"{name}: {now[name].luts:,} LUTs, {now[name].mhz} MHz{changed}")
    with written_whole(file) as temporary, temporary.open("w", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((name, *astuple(figures)) for name, figures in now.items())


if __name__ == "__main__":
    sys.exit(record(print))
