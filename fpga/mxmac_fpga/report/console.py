"""A measurement as a table in a terminal."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from mxmac_sim.campaigns.gates.technologies import TECHNOLOGIES

__all__ = ["described", "luts_line", "table"]

#: Prefixes of units.
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))


def scaled(value: float, unit: str) -> str:
    """Write a rate with a prefix."""
    factor, prefix = next((each for each in _PREFIXES if value >= each[0]), _PREFIXES[-1])
    return f"{value / factor:.3g} {prefix}{unit}"


def described(config: dict[str, Any]) -> str:
    """Write a configuration in a line."""
    return ", ".join(f"{key} {'/'.join(value) if isinstance(value, list) else value}" for key, value in config.items())


def table(result: dict[str, Any]) -> Table:
    """Lay out what was measured."""
    found = Table(show_header=False, title=f"Report: {result['about']}", title_justify="left")
    found.add_column(style="bold")
    found.add_column()

    def row(name: str, value: object):
        found.add_row(name, escape(str(value)))

    row("Configuration", described(result["config"]))
    row("Technology", TECHNOLOGIES[result["on"]].title)
    if "cells" in result:
        _fpga_rows(result, row)
    else:
        _gate_rows(result, row)
    if "latency" in result:
        row("Latency", f"{result['latency']} cycles" + (f", {result['latency_ns']:g} ns" if "latency_ns" in result else ""))
    row("Tools", ", ".join(f"{name} {version}" for name, version in result["versions"].items()))
    return found


def luts_line(cells: dict[str, int]) -> str:
    """Write the number of LUTs and their kinds, from what :meth:`~mxmac_fpga.boards.toolchains.Cells.count` returns."""
    luts, (logic, count), (carry, carries) = cells["LUTs"], *list(cells.items())[1:3]
    factor = (luts - count) // carries if carries else 0
    return f"{luts:,}" + (f" = {logic} + {factor} × {carry}" if factor else "")


def _fpga_rows(result: dict[str, Any], row):
    cells = dict(result["cells"])
    row("LUTs", luts_line(cells))
    luts, operation = cells.pop("LUTs"), result["operation"]
    for kind, count in cells.items():
        row(f"  {kind}", f"{count:,}")
    row("  by module", ", ".join(f"{name} {count / luts:.0%}" for name, count in result["modules"].items()))
    row(f"LUTs per {'lane' if result['lanes'] > 1 else operation}", f"{luts / result['lanes']:,.1f}")
    if "device" in result:
        row("Device", result["device"])
    if "does_not_fit" in result:
        row("Fmax", f"does not fit: {result['does_not_fit']}")
    if "fmax_mhz" in result:
        limit = ", or more: the registers around it are slowest" if result["limited_by_frame"] else ""
        row("Fmax", f"{result['fmax_mhz']['median']:.2f} MHz median, {result['fmax_mhz']['best']:.2f} MHz best{limit}")
        row("  seeds", ", ".join(f"{seed}: {mhz:.2f}" for seed, mhz in result["seeds"].items()))
        path = result["slowest_path"]
        start, end = (path[key].removeprefix("measured.") for key in ("from", "to"))
        row("  slowest path", f"{start} → {end}")
        row("", f"{path['levels']} levels, {path['logic_ns']:.2f} ns logic, {path['routing_ns']:.2f} ns routing")
        row("Rate", f"{scaled(result['per_second'], f'{operation}/s')}, {result['per_clock']:g} a cycle")
        if result["per_second_and_lut"] is not None:
            row("Rate per LUT", scaled(result["per_second_and_lut"], f"{operation}/s"))
    row("Synthesis", "; ".join(result["synthesis"]))
    if "place_and_route" in result:
        row("Place and route", result["place_and_route"])


#: Figures of standard cells, as people read them.
_GATES = {
    "combinational_area_um2": "Combinational area, µm²",
    "area_um2": "Area, µm²",
    "cells": "Cells",
    "delay_ns": "Delay, ns",
    "fast_area_um2": "Area, mapped for speed, µm²",
    "gates": "Gates",
    "flip_flops": "Flip-flops",
    "full_adders": "Full adder cells",
    "transistors": "Transistors, estimated",
}
#: Parts of the power.
_POWERS = {"internal": "inside cells", "switching": "in nets", "leakage": "leakage"}


def _gate_rows(result: dict[str, Any], row):
    row("Library", result["library"] or "none: gates of no particular size, from synth and abc -g")
    for name, value in result["gates"].items():
        lane = result["per_lane"].get(name) if result["lanes"] > 1 else None
        row(_GATES[name], f"{value:,}" + (f", {lane:,} per lane" if lane is not None else ""))
        if name == "delay_ns":
            row("", "of the logic between registers, without those and without wires, mapped for speed")
    if "timing" in result:
        _timing_rows(result, row)
    for purpose, commands in result["synthesis"].items():
        row(f"For {purpose}", "; ".join(commands))
    if "timing" in result:
        row("For slack", "; ".join(result["timing"]["synthesis"]))


def _timing_rows(result: dict[str, Any], row):
    timing, watts = result["timing"], result.get("power")
    at = f"at a period of {timing['period_ns']:g} ns"
    wire = f"{1000 * timing['wire_load_pf_per_input']:g} fF of wire for each input"
    row("Setup slack, ns", f"{timing['setup_slack_ns']:.3f} {at}, without wires")
    row("", f"{timing['setup_slack_with_wires_ns']:.3f} with {wire}")
    if watts:
        parts = (f"{watts[f'{kind}_mw']:.3g} {name}" for kind, name in _POWERS.items())
        row("Power, mW", f"{watts['total_mw']:.4g} {at}, with wires: {', '.join(parts)}")
        row("Energy per MAC, pJ", f"{watts['pj_per_mac']:.4g}, in {watts['dots']} dot products of {watts['operands']}")
