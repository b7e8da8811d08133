"""Netlists of what is measured: cells of FPGAs, and gates."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mxmac_sim.netlists import TARGETS
from mxmac_sim.yosys import run_yosys

from ..toolchains import TOOLCHAINS

__all__ = ["CELLS", "FPGAS", "Cells", "Gates", "gates", "netlist"]


@dataclass(frozen=True)
class Cells:
    """Names that a family of FPGAs has for kinds of cells.

    Members
    -------
    kinds : dict of str to str
        Pattern of the names in a netlist, by what people call the kind; the first is that of LUTs.
    carries : int
        LUTs that one carry cell takes the place of.
    """

    kinds: Mapping[str, str]
    carries: int

    def count(self, types: Mapping[str, int]) -> dict[str, int]:
        """Count kinds in a netlist.

        Parameters
        ----------
        types : mapping of str to int
            How many cells there are of each type.

        Returns
        -------
        dict of str to int
            The LUTs that logic and carries take together, as ``LUTs``, then each kind.
        """
        found = {
            kind: sum(count for name, count in types.items() if re.fullmatch(pattern, name))
            for kind, pattern in self.kinds.items()
        }
        luts, carries, *_ = found.values()
        return {"LUTs": luts + self.carries * carries, **found}


def _cells(family: str, lut: str, carry: str, carries: int, *, dsp: str, lutram: str, ram: str) -> Cells:
    toolchain = TOOLCHAINS[family]
    kinds = {lut: toolchain.luts, carry: carry, "flip-flops": toolchain.flip_flops, "DSPs": dsp}
    return Cells({**kinds, **({"LUTRAM cells": lutram} if lutram else {}), "block RAMs": ram}, carries)


#: By target. The carry of an iCE40 lies beside the LUT that takes part in the addition.
CELLS = {
    "ecp5": _cells("ecp5", "LUT4", "CCU2C", 2, dsp="MULT18X18D|ALU54B", lutram="TRELLIS_DPR16X4", ram="DP16KD|PDPW16KD"),
    "ice40": _cells("ice40", "LUT4", "SB_CARRY", 0, dsp="SB_MAC16", lutram="", ram="SB_RAM40_4K.*"),
    "gowin": _cells("gowin", "LUT4", "ALU", 1, dsp=".*MULT.*|PADD.*", lutram="RAM16S.*", ram="(SDP|DP|SP|pROM)[BX]?(X9)?"),
}
FPGAS = tuple(CELLS)


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
    YosysError
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
    return json.loads(text[text.index("{") :])["design"]


#: For ABC: the smallest netlist, and the fastest, whose last command tells its delay.
_SMALL = ("strash", "ifraig", "scorr", "dc2", "dch -f", "amap", "topo")
_FAST = ("strash", "ifraig", "scorr", "dc2", "dch -f", "map", "topo", "buffer -c", "upsize", "dnsize", "stime -p")
_GENERIC = "AND,NAND,OR,NOR,XOR,XNOR,MUX,AOI3,OAI3"


@dataclass(frozen=True)
class Gates:
    """What standard cells a design takes.

    Members
    -------
    figures : dict of str to float
        By what people call them, with their units.
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
    YosysError
        If Yosys fails.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.v").write_text(text)
    first = ["read_verilog source.v"]
    if liberty is None:
        commands = [f"synth -flatten -top {top}", f"abc -g {_GENERIC}", "opt_clean"]
        run_yosys([*first, *commands, "tee -q -o stat.json stat -json -tech cmos"], folder)
        found = _stat(folder / "stat.json")
        types = found["num_cells_by_type"]
        flip_flops = sum(count for name, count in types.items() if "DFF" in name)
        figures = {"gates": found["num_cells"] - flip_flops, "flip-flops": flip_flops}
        return Gates(figures, {"area": commands})
    # Read in the folder, so that no path of the machine gets into what is told of the commands.
    (folder / "cells.lib").write_bytes(liberty.read_bytes())
    common = ["read_liberty -lib cells.lib", f"synth -flatten -top {top}", "dfflibmap -liberty cells.lib"]
    small, fast = (f"abc -liberty cells.lib -script {_abc(script)}" for script in (_SMALL, _FAST))
    run_yosys([*first, *common, small, "clean", "tee -q -o stat.json stat -json -liberty cells.lib"], folder)
    found = _stat(folder / "stat.json")
    run_yosys([*first, *common, fast], folder)
    delays = re.findall(r"Delay = *([\d.]+) ps", (folder / "yosys.log").read_text())
    area, sequential = found["area"], found["sequential_area"]
    figures = {
        "combinational area µm²": round(area - sequential, 1),
        "area µm²": round(area, 1),
        "cells": found["num_cells"],
        "delay ns": round(float(delays[-1]) / 1000, 3) if delays else 0.0,
    }
    return Gates(figures, {"area": [*common, small], "delay": [*common, fast]})


def _abc(script: Sequence[str]) -> str:
    """Write a script of ABC as an argument: no file, and a comma for each space."""
    return "+" + ";".join(command.replace(" ", ",") for command in script)
