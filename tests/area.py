"""Area and speed of a few units, as area.csv has them: ``python tests/area.py`` (`make area`) records them anew.

Names of units select those that are measured; the figures of the others stay.
"""

import csv
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from mxmac.config import Accumulator, MacConfig, Target
from mxmac.files import written_whole
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac_fpga.report.measure import Settings, measure
from mxmac_fpga.report.parts import PARTS, QUANTIZER, Part

FILE = Path(__file__).with_suffix(".csv")
#: A single seed: it is for the same netlist that the same clock comes out.
ON_ECP5, ON_ASIC = Settings(on="ecp5", seeds=(1,)), Settings(on="asic")
_E2M1 = (ELEMENT_FORMATS["E2M1"],)
_WINDOW = Accumulator.WINDOW

#: What is measured, by name: parts, their configurations, and how.
UNITS: dict[str, tuple[Part, Any, Settings]] = {
    "E4M3 multiplier": (PARTS["multiplier"], MacConfig(), ON_ECP5),
    "E4M3, window, 1 lane": (PARTS["unit"], MacConfig(lanes=1, accumulator=_WINDOW), ON_ECP5),
    "E4M3, window, 4 lanes": (PARTS["unit"], MacConfig(lanes=4, accumulator=_WINDOW), ON_ECP5),
    "E4M3, exact, 1 lane": (PARTS["unit"], MacConfig(lanes=1), ON_ECP5),
    "E2M1, fp32, 4 lanes": (PARTS["unit"], MacConfig(a=_E2M1, b=_E2M1, lanes=4, accumulator=Accumulator.FP32), ON_ECP5),
    "BF16 to E4M3, 2 lanes": (QUANTIZER, QuantizerConfig(source=RESULT_FORMATS["BF16"], lanes=2), ON_ECP5),
    "E4M3 beat sum, 4 lanes, ecp5": (PARTS["beat-sum"], MacConfig(lanes=4, target=Target.ECP5), ON_ECP5),
    "E4M3, window, 4 lanes, ecp5": (PARTS["unit"], MacConfig(lanes=4, accumulator=_WINDOW, target=Target.ECP5), ON_ECP5),
    "E4M3 beat sum, 4 lanes, asic": (PARTS["beat-sum"], MacConfig(lanes=4, target=Target.ASIC), ON_ASIC),
    "E4M3, window, 1 lane, asic": (PARTS["unit"], MacConfig(lanes=1, accumulator=_WINDOW, target=Target.ASIC), ON_ASIC),
}


@dataclass(frozen=True)
class Figures:
    """Figures of a unit: on ECP5 LUTs, their kinds and the clock; with standard cells the area in µm² and the delay."""

    LUTs: int | None = None
    LUT4: int | None = None
    CCU2C: int | None = None
    MHz: float | None = None
    um2: int | None = None
    ns: float | None = None

    @property
    def size(self) -> int:
        return self.LUTs or self.um2

    @property
    def rate(self) -> float:
        """What is higher if the unit is faster."""
        return self.MHz or 1000 / self.ns

    def __str__(self):
        return ", ".join(f"{value:,} {name}" for name, value in zip(NAMES, astuple(self), strict=True) if value is not None)


NAMES = tuple(field.name for field in fields(Figures))
COLUMNS = ("unit", *NAMES)


def figures_of(name: str) -> Figures:
    part, config, settings = UNITS[name]
    found = measure(part.about, part, config, settings)
    if settings.on == "asic":
        if found["library"] is None:
            sys.exit(f"There is no file {str(settings.liberty)!r}; install qflow-tech-osu018")
        gates = found["gates"]
        return Figures(um2=round(gates["area_um2"]), ns=round(gates["delay_ns"], 2))
    cells = found["cells"]
    return Figures(cells["LUTs"], cells["LUT4"], cells["CCU2C"], round(found["fmax_mhz"]["median"], 1))


def recorded(file: Path = FILE) -> dict[str, Figures]:
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    return {row["unit"]: Figures(**{name: _number(row[name]) for name in NAMES if row.get(name)}) for row in rows}


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)


def record(say: Callable[[str], object], names: Sequence[str] = (), file: Path = FILE):
    """Write the file anew, whole or not at all, and say what is another figure than before."""
    before = recorded(file) if file.exists() else {}
    now = {}
    for name in UNITS:
        was = before.get(name)
        if names and name not in names:
            now |= {name: was} if was else {}
            continue
        now[name] = figures_of(name)
        say(f"{name}: {now[name]}" + (f"; before {was}" if was and was != now[name] else ""))
    with written_whole(file) as temporary, temporary.open("w", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((name, *astuple(figures)) for name, figures in now.items())


if __name__ == "__main__":
    sys.exit(record(print, sys.argv[1:]))
