"""Netlists of a unit after synthesis for FPGAs and with a library of standard cells, with models of their cells."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mxmac.config import Storage
from mxmac.errors import UserError

from ...simulators.sources import with_includes
from ...simulators.yosys import YOSYS_SHARE, run_yosys

__all__ = ["LIBERTY", "TARGETS", "Netlist", "Target", "check_liberty", "synthesized", "with_changes"]

#: Where Debian's and Ubuntu's package qflow-tech-osu018 has its library, a 0.18 µm process.
LIBERTY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")

_LIBRARY = re.compile(rb"\blibrary\s*\(")


@dataclass(frozen=True)
class Target:
    """What to synthesize for.

    Members
    -------
    title : str
        Name to show.
    commands : sequence of str
        Of Yosys; ``{top}`` and ``{liberty}`` stand for the top module and the library of cells, ``{dsp}`` for what decides on
        multipliers.
    dsp : tuple of str
        The option that leaves multipliers to LUTs, and the one that has DSP blocks do them.
    models : str
        File of models in Yosys's own folder; empty if they are made from the library.
    luts : dict of str
        Outputs of the types of cells that are LUTs; none if gates do their work.
    storage : Storage
        What the unit should be generated for.
    """

    title: str
    commands: Sequence[str]
    dsp: tuple[str, str] = ("", "")
    models: str = ""
    luts: Mapping[str, str] = field(default_factory=dict)
    storage: Storage = Storage.LUTRAM

    @property
    def needs_liberty(self) -> bool:
        """Whether it takes a file of cells that Yosys does not bring along."""
        return not self.models

    def script(self, top: str, *, liberty: Path = LIBERTY, dsp: bool = False) -> list[str]:
        """Commands of Yosys for the top module of that name; see :func:`synthesized` for what else they take."""
        return [re.sub(" +", " ", command.format(top=top, liberty=liberty, dsp=self.dsp[dsp])) for command in self.commands]


TARGETS = {
    "ecp5": Target(
        "Lattice ECP5",
        ("synth_ecp5 {dsp} -nowidelut -top {top}",),
        dsp=("-nodsp", ""),
        models="ecp5/cells_sim.v",
        luts={"LUT4": "Z"},
    ),
    "ice40": Target(
        "Lattice iCE40",
        ("synth_ice40 {dsp} -top {top}",),
        dsp=("", "-dsp"),
        models="ice40/cells_sim.v",
        luts={"SB_LUT4": "O"},
    ),
    "gowin": Target(
        "Gowin",
        ("synth_gowin {dsp} -top {top}",),
        dsp=("-nodsp", ""),
        models="gowin/cells_sim.v",
        luts={f"LUT{inputs}": "F" for inputs in (2, 3, 4)},
    ),
    "asic": Target(
        "standard cells",
        (
            "read_liberty -lib {liberty}",
            "synth -flatten -top {top}",
            "dfflibmap -liberty {liberty}",
            "abc -liberty {liberty}",
            "clean",
        ),
        storage=Storage.REGISTERS,
    ),
}


@dataclass(frozen=True)
class Netlist:
    """A unit after synthesis.

    Members
    -------
    target : str
        One of ``TARGETS``.
    text : str
        Verilog of instances of cells.
    models : str
        Verilog of the cells.
    cells : dict of int
        How many there are of each type.
    """

    target: str
    text: str
    models: str
    cells: dict[str, int]


def check_liberty(file: Path) -> None:
    """Refuse a file that is no library of standard cells.

    Raises
    ------
    UserError
        If it cannot be read, or is not text in Liberty format.
    """
    if not file.is_file():
        raise UserError("liberty", f"There is no file {str(file)!r}; give a library of cells in Liberty format")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError("liberty", f"Cannot read {str(file)!r}: {error.strerror}") from error
    if b"\0" in data or not _LIBRARY.search(data):
        raise UserError("liberty", f"{str(file)!r} is not in Liberty format; give a library of standard cells in that format")


def synthesized(verilog: str, top: str, target: str, folder: Path, *, liberty: Path = LIBERTY, dsp: bool = False) -> Netlist:
    """Synthesize a unit.

    Parameters
    ----------
    verilog : str
    top : str
        Name of its top module.
    target : str
        One of ``TARGETS``.
    folder : Path
        Where to work; it is made if it does not exist.
    liberty : Path
        Library of cells, for the target that needs one: flip-flops among them.
    dsp : bool
        Whether DSP blocks multiply.

    Raises
    ------
    ToolError
        If Yosys cannot do it, or can make nothing of the library.
    """
    what, place = TARGETS[target], liberty.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.v").write_text(verilog)
    commands = what.script(top, liberty=place, dsp=dsp)
    run_yosys(["read_verilog source.v", *commands, f"check -assert {top}", "write_verilog -noattr netlist.v"], folder)
    text = (folder / "netlist.v").read_text()
    if what.needs_liberty:
        # Yosys reads the functions of the cells: what it makes of them is their model.
        run_yosys([f"read_liberty {place}", "write_verilog -noattr models.v"], folder)
        models = (folder / "models.v").read_text()
    else:
        models = with_includes(YOSYS_SHARE / what.models)
    return Netlist(target, text, models, _counts(text))


def _counts(text: str) -> dict[str, int]:
    """Instances of each type of cell."""
    found: dict[str, int] = {}
    for match in re.finditer(r"^  (\w+) (?:#\(|\S+ +\($)", text, re.M):
        found[match[1]] = found.get(match[1], 0) + 1
    return dict(sorted(found.items()))


def with_changes(netlist: Netlist, count: int) -> tuple[Netlist, list[str]]:
    """Give a netlist changes of which the plusarg ``change`` selects one, counted from 1: the function of a cell is inverted.

    Parameters
    ----------
    netlist : Netlist
    count : int
        How many changes; they are spread evenly over all cells that compute something.

    Returns
    -------
    netlist : Netlist
        It is as it was if the plusarg is 0, or not there.
    changes : list of str
        Types and names of the cells.

    Raises
    ------
    ValueError
        If there are fewer cells.
    """
    outputs = TARGETS[netlist.target].luts or _gate_outputs(netlist.models)
    pattern = rf"^  (?P<type>{'|'.join(map(re.escape, outputs))}) (?:#\([^;]*?\) )?(?P<name>\S+) +\(\n(?P<ports>[^;]*?)  \);\n"
    matches = list(re.finditer(pattern, netlist.text, re.M)) if outputs else []
    if len(matches) < count:
        raise ValueError(f"The netlist for {netlist.target} has {len(matches)} cells that could be changed, not {count}")
    parts, changes, start = [], [], 0
    for number in range(1, count + 1):
        match = matches[(2 * number - 1) * len(matches) // (2 * count)]
        port = re.search(rf"\.{outputs[match['type']]}\((?P<net>.*)\)", match["ports"])
        if port is None:
            raise ValueError(f"Cell {match['name']} of the netlist for {netlist.target} has no output")
        first, last = (match.start("ports") + place for place in port.span("net"))
        parts += [netlist.text[start:first], f"unchanged[{number}]", netlist.text[last : match.end()]]
        parts.append(f"  assign {port['net']} = unchanged[{number}] ^ (change == {number});\n")
        changes.append(f"{match['type']} {match['name']}")
        start = match.end()
    text = "".join([*parts, netlist.text[start:]])
    declared = (
        f'  integer change; initial if (!$value$plusargs("change=%d", change)) change = 0;\n  wire [{count}:1] unchanged;\n'
    )
    text = re.sub(r"^module [^;]*;\n", lambda header: header[0] + declared, text, count=1, flags=re.M)
    return Netlist(netlist.target, text, netlist.models, netlist.cells), changes


def _gate_outputs(models: str) -> dict[str, str]:
    """Outputs of the cells that have no state and one output, by type."""
    found = {}
    for match in re.finditer(r"^module (\w+)\(.*?^endmodule", models, re.M | re.S):
        outputs = re.findall(r"^  output (\w+);", match[0], re.M)
        if len(outputs) == 1 and "always" not in match[0] and re.search("^  input ", match[0], re.M):
            found[match[1]] = outputs[0]
    return found
