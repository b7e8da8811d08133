"""Many measurements: the points of a sweep, and the file that keeps what was measured of each."""

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distributed import as_completed

from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.files import written_whole

from .measure import Settings, generator, measure, versions
from .parts import PARTS
from .synthesis import CELLS

__all__ = ["COLUMNS", "Point", "Results", "row_of"]

#: Of the file, in order. Those of what was not measured are empty.
COLUMNS = (
    *("on", "target", "a", "b", "lanes", "accumulator", "pipeline"),
    *("luts", "logic_luts", "carry", "flip_flops", "dsps", "lutram", "block_rams"),
    *("area_um2", "combinational_area_um2", "delay_ns", "gates"),
    *("fmax_mhz", "fmax_best_mhz", "macs_per_clock", "macs_per_second", "latency", "latency_ns", "note"),
    *("configuration", "settings"),
)


@dataclass(frozen=True)
class Point:
    """A unit that is to be measured.

    Members
    -------
    config : MacConfig
    settings : Settings
    """

    config: MacConfig
    settings: Settings

    @property
    def configuration(self) -> str:
        """The unit as text, the same for the same unit."""
        return json.dumps(self.config.as_dict())

    @property
    def key(self) -> tuple[str, str]:
        """What there is one row for."""
        return self.settings.on, self.configuration

    @property
    def measured_with(self) -> str:
        """All else that the figures depend on, as text."""
        settings = self.settings
        used = versions(settings.on, routed=bool(settings.seeds))
        facts: dict[str, Any] = {"versions": used, "generator": generator()}
        if settings.on in CELLS:
            facts |= {"seeds": settings.seeds, "freq_mhz": settings.freq_mhz if settings.seeds else None}
        else:
            facts |= {"kogge_stone": True} if settings.kogge_stone else {}
            facts["library"] = _digest(settings.liberty.read_bytes()) if settings.liberty.is_file() else None
        return json.dumps(facts)

    def measure(self) -> dict[str, Any]:
        """Measure it, and return its row."""
        return row_of(measure("unit", PARTS["unit"], self.config, self.settings)) | {
            "pipeline": self.config.pipeline,
            "configuration": self.configuration,
            "settings": self.measured_with,
        }


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def row_of(result: dict[str, Any]) -> dict[str, Any]:
    """Return a measurement of a unit as a row, but for the columns that its configuration and settings fill."""
    config = result["config"]
    row = dict.fromkeys(COLUMNS, "") | {
        "on": result["on"],
        "target": result["target"],
        "a": "/".join(config["a"]),
        "b": "/".join(config["b"]),
        "lanes": config["lanes"],
        "accumulator": config["accumulator"],
        "macs_per_clock": result["per_clock"],
        "latency": result["latency"],
        "latency_ns": result.get("latency_ns", ""),
        "note": result.get("does_not_fit", ""),
    }
    if "cells" in result:
        luts, logic, carry, *_ = result["cells"].values()
        row |= {"luts": luts, "logic_luts": logic, "carry": carry}
        names = {"flip_flops": "flip-flops", "dsps": "DSPs", "lutram": "LUTRAM cells", "block_rams": "block RAMs"}
        row |= {column: result["cells"].get(kind, 0) for column, kind in names.items()}
    else:
        row |= {column: value for column, value in result["gates"].items() if column in COLUMNS}
    if "fmax_mhz" in result:
        row |= {"fmax_mhz": result["fmax_mhz"]["median"], "fmax_best_mhz": result["fmax_mhz"]["best"]}
        row["macs_per_second"] = result["per_second"]
    elif row["delay_ns"]:
        row["macs_per_second"] = round(result["per_clock"] / row["delay_ns"] * 1e9)
    return row


@dataclass
class Results:
    """Rows of a file, which is replaced whole with every row: it is complete however the program ends.

    Members
    -------
    file : Path
    rows : dict
        By the keys of points.

    Raises
    ------
    UserError
        If there is a file that is something else.
    """

    file: Path
    rows: dict[tuple[str, str], dict[str, Any]] = field(init=False)

    def __post_init__(self):
        self.rows = {(row["on"], row["configuration"]): row for row in _read(self.file)}

    def lacking(self, points: Iterable[Point]) -> list[Point]:
        """Points of which there is no row, or one that was measured otherwise."""
        return [point for point in points if self.rows.get(point.key, {}).get("settings") != point.measured_with]

    def of(self, points: Sequence[Point]) -> list[dict[str, Any]]:
        """Rows of points, those that there are."""
        return [self.rows[point.key] for point in points if point.key in self.rows]

    def add(self, row: dict[str, Any]):
        """Add a row, or replace that of the same point, in the file too."""
        self.rows[row["on"], row["configuration"]] = row
        with written_whole(self.file) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows.values())


def _read(file: Path) -> Iterator[dict[str, Any]]:
    if not file.exists():
        return
    with file.open(newline="") as text:
        reader = csv.DictReader(text)
        try:
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise ValueError
            yield from reader
        except (ValueError, csv.Error) as error:
            message = "This is no file that explore has written; give the name of one, or of a file that is not there"
            raise UserError(str(file), message) from error


def run(points: Sequence[Point], results: Results, client, say: Callable[[str], object]) -> int:
    """Measure points with a client of Dask, and add each row as soon as it is there.

    Parameters
    ----------
    points : sequence of Point
    results : Results
    client : distributed.Client
    say : callable
        Gets a line for each point.

    Returns
    -------
    int
        How many could not be measured.
    """
    # Not pure: measuring the same point again is meant to give a new result.
    jobs = {client.submit(Point.measure, point, pure=False): point for point in points}
    failed = 0
    for job in as_completed(jobs):
        point = jobs[job]
        name = f"{point.settings.on}, {_title(point.config)}"
        if job.status == "finished":
            row = job.result()
            results.add(row)
            say(f"{name}: {_summary(row)}")
        else:
            failed += 1
            say(f"{name}: failed: {job.exception()}")
    return failed


def _title(config: MacConfig) -> str:
    a, b = ("/".join(fmt.name for fmt in side) for side in (config.a, config.b))
    lanes = f"{config.lanes} lane{'s' * (config.lanes > 1)}"
    return f"target {config.target.value}, {a} × {b}, {lanes}, {config.accumulator.value}, pipeline {config.pipeline}"


def _summary(row: dict[str, Any]) -> str:
    titles = {"luts": "LUTs", "area_um2": "µm²", "gates": "gates"}
    area = next(f"{row[column]:,} {title}" for column, title in titles.items() if row[column] != "")
    registers = f", {row['flip_flops']:,} flip-flops" if row["flip_flops"] != "" else ""
    speed = f", {row['fmax_mhz']} MHz" if row["fmax_mhz"] else f", {row['delay_ns']} ns" if row["delay_ns"] else ""
    latency = f", latency {row['latency']} cycles" + (f" or {row['latency_ns']} ns" if row["latency_ns"] else "")
    return area + registers + speed + latency + (f", {row['note']}" if row["note"] else "")
