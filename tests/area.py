"""LUTs of a few units on ECP5, as area.csv has them: ``python tests/area.py`` (`make area`) records what they are now."""

import csv
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mxmac.config import Accumulator, MacConfig
from mxmac.errors import written_whole
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer_config import QuantizerConfig
from mxmac_fpga.report.parts import PARTS, QUANTIZER, TOP, Part
from mxmac_fpga.report.synthesis import CELLS, netlist

FILE = Path(__file__).with_suffix(".csv")
COLUMNS = ("unit", "LUTs", "LUT4", "CCU2C")
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
class Area:
    luts: int
    lut4: int
    ccu2c: int


def area_of(name: str) -> Area:
    part, config = UNITS[name]
    with tempfile.TemporaryDirectory() as folder:
        types = netlist(part.make(config).text, TOP, "ecp5", Path(folder), dsp=False)
    counts = CELLS["ecp5"].count(types)
    return Area(counts["LUTs"], counts["LUT4"], counts["CCU2C"])


def recorded(file: Path = FILE) -> dict[str, Area]:
    with file.open(newline="") as text:
        return {row["unit"]: Area(*(int(row[column]) for column in COLUMNS[1:])) for row in csv.DictReader(text)}


def record(say: Callable[[str], object], file: Path = FILE):
    """Write the file anew, whole or not at all, and say what is another figure than before."""
    before = recorded(file) if file.exists() else {}
    now = {}
    for name in UNITS:
        now[name] = area_of(name)
        was = before.get(name)
        say(f"{name}: {now[name].luts:,} LUTs" + (f", before {was.luts:,}" if was and was != now[name] else ""))
    with written_whole(file) as temporary, temporary.open("w", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((name, area.luts, area.lut4, area.ccu2c) for name, area in now.items())


if __name__ == "__main__":
    sys.exit(record(print))
