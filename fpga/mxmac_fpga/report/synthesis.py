"""Netlists of what is measured: cells of FPGAs, and gates."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mxmac_sim.campaigns.gates.netlists import TARGETS
from mxmac_sim.simulators.yosys import run_yosys

from ..boards.toolchains import TOOLCHAINS
from .modules import luts_of_modules

__all__ = ["CELLS", "FPGAS", "Gates", "gates", "luts_by_module", "netlist"]


#: Kinds of cells of an FPGA, by target.
CELLS = {family: toolchain.cells for family, toolchain in TOOLCHAINS.items()}
FPGAS = tuple(CELLS)


def luts_by_module(target: str, folder: Path, top: str) -> dict[str, int]:
    """Count LUTs by module, in the folder of a netlist: see :func:`~mxmac_fpga.report.modules.luts_of_modules`."""
    lut, carry, *_ = CELLS[target].kinds.values()
    return luts_of_modules(folder / "source.v", folder / "netlist.json", top, {lut: 1, carry: CELLS[target].carries})


def netlist(text: str, top: str, target: str, folder: Path, *, dsp: bool) -> dict[str, int]:
    """Synthesize for an FPGA, and leave ``netlist.json`` in the folder.

    Parameters
    ----------
    text : str
        Verilog.
    top : str
    target : str
    folder : Path
        Made if it does not exist.
    dsp : bool
        Whether DSP blocks multiply.

    Returns
    -------
    dict of str to int
        How many cells there are of each type.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.v").write_text(text)
    commands = ["read_verilog source.v", *TARGETS[target].script(top, dsp=dsp), "check -assert"]
    run_yosys([*commands, "tee -q -o stat.json stat -json", "write_json netlist.json"], folder)
    return _stat(folder / "stat.json")["num_cells_by_type"]


def _stat(file: Path) -> dict:
    """What the command ``stat -json`` says of the whole design."""
    text = file.read_text()
    found = json.loads(text[text.index("{") :])["design"]
    # Where modules were is no cell.
    found["num_cells"] -= found["num_cells_by_type"].pop("$scopeinfo", 0)
    return found


#: For ABC: the smallest netlist, and the fastest, whose last command tells its delay.
_SMALL = ("strash", "ifraig", "scorr", "dc2", "dch -f", "amap", "topo")
_FAST = ("strash", "ifraig", "scorr", "dc2", "dch -f", "map", "topo", "buffer -c", "upsize", "dnsize", "stime -p")
#: Resets and enables of registers become gates, as most libraries have it.
_GENERIC = ("dfflegalize -cell $_DFF_P_ 01", "abc -g cmos", "opt_clean")


@dataclass(frozen=True)
class Gates:
    """What standard cells a design takes.

    Members
    -------
    figures : dict of str to float
        ``area_um2``, ``combinational_area_um2`` and ``cells`` of the smallest netlist; ``delay_ns`` of the fastest, and its
        ``fast_area_um2``, if the library tells times. Without a library ``gates``, ``flip_flops`` and the ``transistors``
        that both may take.
    commands : dict of str to list of str
        Commands of Yosys, by what they are for.
    """

    figures: dict[str, float]
    commands: dict[str, list[str]]


def gates(text: str, top: str, folder: Path, liberty: Path | None) -> Gates:
    """Synthesize for standard cells, once for area and once for speed.

    Parameters
    ----------
    text : str
        Verilog.
    top : str
    folder : Path
        Made if it does not exist.
    liberty : Path or None
        The library of cells. Without one gates of no particular size are counted.

    Raises
    ------
    ToolError
        If Yosys fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.v").write_text(text)

    def run(*commands: str) -> dict:
        options = "-tech cmos" if liberty is None else "-liberty cells.lib"
        run_yosys(["read_verilog source.v", *commands, f"tee -q -o stat.json stat -json {options}"], folder)
        return _stat(folder / "stat.json")

    if liberty is None:
        commands = [f"synth -flatten -top {top}", *_GENERIC]
        found = run(*commands)
        flip_flops = sum(count for name, count in found["num_cells_by_type"].items() if "DFF" in name)
        transistors = int(re.sub(r"\D", "", str(found["estimated_num_transistors"])))
        figures = {"gates": found["num_cells"] - flip_flops, "flip_flops": flip_flops, "transistors": transistors}
        return Gates(figures, {"area": commands})
    # Read in the folder, so that no path of the machine appears in the commands that are shown.
    (folder / "cells.lib").write_bytes(liberty.read_bytes())
    common = ["read_liberty -lib cells.lib", f"synth -flatten -top {top}", "dfflibmap -liberty cells.lib"]
    small, fast = ([*common, f"abc -liberty cells.lib -script {_abc(script)}", "clean"] for script in (_SMALL, _FAST))
    smallest = run(*small)
    figures = {
        "combinational_area_um2": round(smallest["area"] - smallest["sequential_area"], 1),
        "area_um2": round(smallest["area"], 1),
        "cells": smallest["num_cells"],
    }
    if b"cell_rise" not in liberty.read_bytes():
        return Gates(figures, {"area": small})
    fastest = run(*fast)
    delays = re.findall(r"Delay = *([\d.]+) ps", (folder / "yosys.log").read_text())
    # Nothing but wires between registers takes no time.
    figures |= {
        "delay_ns": round(float(delays[-1]) / 1000, 3) if delays else 0.0,
        "fast_area_um2": round(fastest["area"], 1),
    }
    return Gates(figures, {"area": small, "delay": fast})


def _abc(script: Sequence[str]) -> str:
    """Write a script of ABC as an argument: no file, and a comma for each space."""
    return "+" + ";".join(command.replace(" ", ",") for command in script)
