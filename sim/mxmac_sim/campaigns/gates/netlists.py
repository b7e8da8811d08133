"""Netlists of a unit after synthesis for FPGAs and with a library of standard cells, with models of their cells."""

import re
from dataclasses import dataclass
from pathlib import Path

from ...simulators.sources import with_includes
from ...simulators.yosys import YOSYS_SHARE, run_yosys
from .full_adders import with_full_adders
from .technologies import LIBERTY, TECHNOLOGIES

__all__ = ["Netlist", "synthesized", "with_changes"]


@dataclass(frozen=True)
class Netlist:
    """A unit after synthesis.

    Members
    -------
    technology : str
        One of ``TECHNOLOGIES``.
    text : str
        Verilog of instances of cells.
    models : str
        Verilog of the cells.
    cells : dict of int
        How many there are of each type.
    """

    technology: str
    text: str
    models: str
    cells: dict[str, int]


def synthesized(verilog: str, top: str, on: str, folder: Path, *, liberty: Path = LIBERTY, dsp: bool = False) -> Netlist:
    """Synthesize a unit.

    Parameters
    ----------
    verilog : str
    top : str
        Name of its top module.
    on : str
        One of ``TECHNOLOGIES``.
    folder : Path
        Where to work; it is made if it does not exist.
    liberty : Path
        Library of cells, for the technology that needs one: flip-flops among them.
    dsp : bool
        Whether DSP blocks multiply.

    Raises
    ------
    ToolError
        If Yosys cannot do it, or can make nothing of the library.
    """
    what, place = TECHNOLOGIES[on], liberty.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.v").write_text(verilog)
    commands = what.script(top, liberty=place, dsp=dsp)
    if what.needs_liberty:
        commands, _ = with_full_adders(commands, verilog, place.read_text(errors="replace"), folder)
    run_yosys(["read_verilog source.v", *commands, f"check -assert {top}", "write_verilog -noattr netlist.v"], folder)
    text = (folder / "netlist.v").read_text()
    if what.needs_liberty:
        # Yosys reads the functions of the cells: what it makes of them is their model.
        run_yosys([f"read_liberty {place}", "write_verilog -noattr models.v"], folder)
        models = (folder / "models.v").read_text()
    else:
        models = with_includes(YOSYS_SHARE / what.models)
    return Netlist(on, text, models, _counts(text))


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
    outputs = TECHNOLOGIES[netlist.technology].luts or _gate_outputs(netlist.models)
    pattern = rf"^  (?P<type>{'|'.join(map(re.escape, outputs))}) (?:#\([^;]*?\) )?(?P<name>\S+) +\(\n(?P<ports>[^;]*?)  \);\n"
    matches = list(re.finditer(pattern, netlist.text, re.M)) if outputs else []
    if len(matches) < count:
        raise ValueError(f"The netlist for {netlist.technology} has {len(matches)} cells that could be changed, not {count}")
    parts, changes, start = [], [], 0
    for number in range(1, count + 1):
        match = matches[(2 * number - 1) * len(matches) // (2 * count)]
        port = re.search(rf"\.{outputs[match['type']]}\((?P<net>.*)\)", match["ports"])
        if port is None:
            raise ValueError(f"Cell {match['name']} of the netlist for {netlist.technology} has no output")
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
    return Netlist(netlist.technology, text, netlist.models, netlist.cells), changes


def _gate_outputs(models: str) -> dict[str, str]:
    """Outputs of the cells that have no state and one output, by type."""
    found = {}
    for match in re.finditer(r"^module (\w+)\(.*?^endmodule", models, re.M | re.S):
        outputs = re.findall(r"^  output (\w+);", match[0], re.M)
        if len(outputs) == 1 and "always" not in match[0] and re.search("^  input ", match[0], re.M):
            found[match[1]] = outputs[0]
    return found
