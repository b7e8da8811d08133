"""Netlists of what is measured: cells of FPGAs, and gates."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mxmac_sim.campaigns.gates.full_adders import with_full_adders
from mxmac_sim.campaigns.gates.liberty import flip_flops
from mxmac_sim.campaigns.gates.technologies import TECHNOLOGIES
from mxmac_sim.simulators.yosys import run_yosys

from ..boards.toolchains import TOOLCHAINS, Cells
from .modules import luts_of_modules

__all__ = ["CELLS", "Gates", "gates", "luts_by_module", "netlist"]

#: Kinds of cells of an FPGA, by technology. Nothing open places and routes for Xilinx: its area alone is measured.
CELLS = {family: toolchain.cells for family, toolchain in TOOLCHAINS.items()} | {
    "xilinx": Cells(
        {
            # Yosys has an inverter as a cell of its own, which takes a LUT.
            "LUT1 to LUT6": "LUT[1-6]|INV",
            "CARRY4": "CARRY4",
            "LUT6": "LUT6",
            "LUT5": "LUT5",
            "LUT4 or less": "LUT[1-4]|INV",
            "flip-flops": "FD[CPRS]E",
            "DSPs": "DSP48E1",
            "LUTRAM cells": r"RAM\d+(M|X1[DS])(_1)?",
            "shift registers": "SRL16E|SRLC32E",
            "block RAMs": "RAMB(18|36)E1",
        },
        # The carry lies beside four LUTs, which take part in the addition.
        carries=0,
    )
}


def luts_by_module(on: str, folder: Path, top: str) -> dict[str, int]:
    """Count LUTs by module, in the folder of a netlist: see :func:`~mxmac_fpga.report.modules.luts_of_modules`."""
    lut, carry, *_ = CELLS[on].kinds.values()
    return luts_of_modules(folder / "source.v", folder / "netlist.json", top, {lut: 1, carry: CELLS[on].carries})


def netlist(text: str, top: str, on: str, folder: Path, *, dsp: bool) -> dict[str, int]:
    """Synthesize for an FPGA, and leave ``netlist.json`` in the folder.

    Parameters
    ----------
    text : str
        Verilog.
    top : str
    on : str
        Technology.
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
    commands = ["read_verilog source.v", *TECHNOLOGIES[on].script(top, dsp=dsp), "check -assert"]
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
        ``area_um2``, ``combinational_area_um2``, ``cells``, ``flip_flops`` and ``full_adders`` of the smallest netlist;
        ``delay_ns`` of the fastest, and its ``fast_area_um2``, if the library tells times. Without a library ``gates``,
        ``flip_flops`` and the ``transistors`` that both may take.
    commands : dict of str to list of str
        Commands of Yosys, by what they are for.
    """

    figures: dict[str, float]
    commands: dict[str, list[str]]


def gates(text: str, top: str, folder: Path, liberty: Path | None, *, kogge_stone: bool = False) -> Gates:
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
    kogge_stone : bool
        Whether additions are Kogge-Stone's in the netlist for speed, instead of Yosys's usual ones, which are Brent-Kung's.

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
        registers = sum(count for name, count in found["num_cells_by_type"].items() if "DFF" in name)
        transistors = int(re.sub(r"\D", "", str(found["estimated_num_transistors"])))
        figures = {"gates": found["num_cells"] - registers, "flip_flops": registers, "transistors": transistors}
        return Gates(figures, {"area": commands})
    # Read in the folder, so that no path of the machine appears in the commands that are shown.
    (folder / "cells.lib").write_bytes(liberty.read_bytes())
    library = liberty.read_text(errors="replace")
    # The delay is that of gates: ABC would take a full adder for the end of a path.
    small, full_adder = with_full_adders(_script(top, _SMALL), text, library, folder)
    smallest = run(*small)
    counts, registers = smallest["num_cells_by_type"], flip_flops(library)
    figures = {
        "combinational_area_um2": round(smallest["area"] - smallest["sequential_area"], 1),
        "area_um2": round(smallest["area"], 1),
        "cells": smallest["num_cells"],
        "flip_flops": sum(count for name, count in counts.items() if name in registers),
        "full_adders": counts.get(full_adder, 0),
    }
    if "cell_rise" not in library:
        return Gates(figures, {"area": small})
    fast = _script(top, _FAST, "-extra-map +/choices/kogge-stone.v" if kogge_stone else "")
    fastest = run(*fast)
    delays = re.findall(r"Delay = *([\d.]+) ps", (folder / "yosys.log").read_text())
    # Nothing but wires between registers takes no time.
    figures |= {
        "delay_ns": round(float(delays[-1]) / 1000, 3) if delays else 0.0,
        "fast_area_um2": round(fastest["area"], 1),
    }
    return Gates(figures, {"area": small, "delay": fast})


def _script(top: str, script: Sequence[str], options: str = "") -> list[str]:
    """Return the commands of Yosys with a script for ABC."""
    synth = " ".join(filter(None, ("synth -flatten", options, f"-top {top}")))
    mapped = ["dfflibmap -liberty cells.lib", f"abc -liberty cells.lib -script {_abc(script)}", "clean"]
    return ["read_liberty -lib cells.lib", synth, *mapped]


def _abc(script: Sequence[str]) -> str:
    """Write a script of ABC as an argument: no file, and a comma for each space."""
    return "+" + ";".join(command.replace(" ", ",") for command in script)
