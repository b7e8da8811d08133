"""A measurement: synthesis, place and route, and what follows from them."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import mxmac
from mxmac import __version__
from mxmac.config import MultiplierKind, Target
from mxmac.errors import UserError
from mxmac.files import private_folder
from mxmac.processes import Processes
from mxmac_sim.campaigns.gates.technologies import LIBERTY, TECHNOLOGIES
from mxmac_sim.campaigns.record import digest

from ..boards.toolchains import TOOLCHAINS
from .harness import HARNESS, harnessed
from .parts import TOP, Part, Subject
from .routing import DEVICES, NoRoomError, options, place_and_route
from .synthesis import CELLS, gates, luts_by_module, netlist
from .timed import timed
from .timing import sta_version

__all__ = ["Settings", "generator", "measure", "target_of", "uses_dsp", "versions"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to measure.

    Members
    -------
    on : str
        Technology: one of :data:`~mxmac_sim.campaigns.gates.technologies.TECHNOLOGIES`.
    seeds : tuple of int
        Of place and route; none leaves it out, and so does a technology without such a tool.
    freq_mhz : float
        What place and route aims at.
    jobs : int
        Seeds at a time.
    liberty : Path
        Library of standard cells. If there is no such file gates are counted.
    kogge_stone : bool
        Whether additions are Kogge-Stone's in the netlist for the delay of standard cells.
    period_ns : float, optional
        Clock period for setup slack with standard cells; without it there is none.
    power : bool
        Whether to simulate dot products for power at that period.
    """

    on: str = "ecp5"
    seeds: tuple[int, ...] = (1, 2, 3)
    freq_mhz: float = 400
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    liberty: Path = LIBERTY
    kogge_stone: bool = False
    period_ns: float | None = None
    power: bool = False


def uses_dsp(config: Any) -> bool:
    """Whether a configuration asks for DSP blocks."""
    return getattr(config, "multiplier", None) is MultiplierKind.DSP


def target_of(config: Any) -> Target:
    """Target of the text: quantizers are portable."""
    return getattr(config, "target", Target.GENERIC)


def versions(on: str, *, routed: bool) -> dict[str, str]:
    """Return the versions of the packages that a measurement depends on.

    Parameters
    ----------
    on : str
        Technology.
    routed : bool
        Whether place and route is part of it. If not, its tool need not be installed.

    Raises
    ------
    PackageNotFoundError
        If one of them is not installed.
    """
    packages = ["amaranth", "pyosys"]
    if routed and on in TOOLCHAINS:
        packages.append(next(iter(TOOLCHAINS[on].programs.values())).package)
    return {"mxmac": __version__, **{package: metadata.version(package) for package in packages}}


@cache
def generator() -> str:
    """Digest of the generator's source: the version stays while the hardware changes."""
    files = sorted(Path(mxmac.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def measure(
    name: str, part: Part, config: Any, settings: Settings, told: Callable[[str], object] = lambda step: None
) -> dict[str, Any]:
    """Measure a part.

    Parameters
    ----------
    name : str
        What it is called.
    part : Part
    config : MacConfig or QuantizerConfig
    settings : Settings
    told : callable
        Gets a line at the end of every step.

    Returns
    -------
    dict
        Ready for JSON.

    Raises
    ------
    UserError
        If the settings ask for something that the part or the library does not have.
    ToolError
        If one of the tools fails.
    HardwareError
        If the netlist that is simulated for power computes something else than the golden model.
    """
    if settings.power and name != "unit":
        raise UserError("power", f"must be left out for {name}; only the unit is simulated with real dot products")
    subject = part.make(config)
    result = {
        "part": name,
        "about": part.about,
        "config": config.as_dict(),
        "target": target_of(config).value,
        "on": settings.on,
        "operation": part.operation,
        "lanes": config.lanes if part.per_lane else 1,
        "per_clock": float(subject.per_clock),
        "versions": versions(settings.on, routed=bool(settings.seeds)),
        "generator": generator(),
        "sha256": digest(subject.text),
    }
    told("Generated")
    with private_folder() as work:
        if settings.on in CELLS:
            result |= _in_fpga(subject, uses_dsp(config), settings, work, told)
        else:
            result |= _in_gates(subject, settings, work, told, result["lanes"])
        if settings.period_ns is not None:
            result["versions"]["opensta"] = sta_version()
            result |= timed(subject.text, config, settings.liberty, settings.period_ns, work / "timed", told, settings.power)
    return result | _latency(subject, result)


def _latency(subject: Subject, result: dict[str, Any]) -> dict[str, Any]:
    """Latency in cycles, and in ns at the clock that was measured: with standard cells, that of their delay alone."""
    if subject.latency is None:
        return {}
    clock, delay_ns = result.get("fmax_mhz"), result.get("gates", {}).get("delay_ns")
    period_ns = 1000 / clock["median"] if clock else delay_ns
    return {"latency": subject.latency} | ({"latency_ns": round(subject.latency * period_ns, 1)} if period_ns else {})


def _in_gates(subject: Subject, settings: Settings, work: Path, told: Callable[[str], object], lanes: int) -> dict[str, Any]:
    liberty = settings.liberty if settings.liberty.is_file() else None
    found = gates(subject.text, TOP, work, liberty, kogge_stone=settings.kogge_stone)
    told("Synthesized")
    per_lane = {key: round(value / lanes, 1) for key, value in found.figures.items() if "area" in key or key == "gates"}
    return {
        "library": settings.liberty.name if liberty else None,
        "synthesis": found.commands,
        "gates": found.figures,
        "per_lane": per_lane,
    }


def _in_fpga(subject: Subject, dsp: bool, settings: Settings, work: Path, told: Callable[[str], object]) -> dict[str, Any]:
    on = settings.on
    cells = CELLS[on].count(netlist(subject.text, TOP, on, work / "alone", dsp=dsp))
    told(f"Synthesized: {cells['LUTs']:,} LUTs")
    result: dict[str, Any] = {
        "synthesis": TECHNOLOGIES[on].script(TOP, dsp=dsp),
        "cells": cells,
        "modules": luts_by_module(on, work / "alone", TOP),
    }
    if not settings.seeds or on not in TOOLCHAINS:
        return result
    device = DEVICES[on, dsp]
    command = " ".join([next(iter(TOOLCHAINS[on].programs)), *options(device, settings.freq_mhz)])
    result |= {"device": device.title, "place_and_route": command, "seeds": {}}
    netlist(harnessed(subject.text, TOP), HARNESS, on, work / "framed", dsp=dsp)
    told("Synthesized between registers")
    processes, speeds = Processes(), []
    with ThreadPoolExecutor(settings.jobs) as pool:
        try:
            waiting = [
                pool.submit(
                    place_and_route,
                    work / "framed" / "netlist.json",
                    on,
                    device,
                    seed,
                    settings.freq_mhz,
                    work / f"seed{seed}",
                    processes,
                )
                for seed in settings.seeds
            ]
            for done in as_completed(waiting):
                speeds.append(done.result())
                told(f"Seed {speeds[-1].seed}: {speeds[-1].fmax_mhz:.2f} MHz")
        except NoRoomError as error:
            processes.stop()
            told(str(error))
            return result | {"does_not_fit": str(error)}
        except BaseException:
            processes.stop()
            raise
    speeds.sort(key=lambda speed: speed.seed)
    return result | _rates(speeds, subject, cells["LUTs"])


def _rates(speeds: list, subject: Subject, luts: int) -> dict[str, Any]:
    """Frequencies, and what the median of them makes of a clock's operations."""
    hertz = [speed.fmax_mhz * 1e6 for speed in speeds]
    per_second = float(median(hertz) * subject.per_clock)
    slowest = min(speeds, key=lambda speed: speed.fmax_mhz)
    return {
        "seeds": {str(speed.seed): speed.fmax_mhz for speed in speeds},
        "fmax_mhz": {"median": round(median(hertz) / 1e6, 2), "best": round(max(hertz) / 1e6, 2)},
        "per_second": round(per_second),
        "per_second_and_lut": round(per_second / luts) if luts else None,
        "slowest_path": slowest.path,
        "limited_by_frame": any(speed.limited for speed in speeds),
    }
