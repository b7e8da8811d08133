"""Which modules the LUTs of a netlist belong to.

Synthesis takes modules apart, and one LUT may do what was written in two of them. Registers stay where they are, so a LUT
counts to the module of the registers that it leads to.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

__all__ = ["MARK", "luts_of_modules"]

#: Commands of Yosys that mark the wires of registers while modules are whole.
MARK = ("hierarchy -top {top}", "proc", "setattr -set register 1 t:$*dff* %co1:+[Q] w:* %i")

#: Modules that are only there to hold others.
_HOLDERS = {"mac", "datapath", "dut", "quantizer"}
#: What leads out, and what belongs to no module that has a register.
_REST = "rest"


def luts_of_modules(netlist: Path, top: str, weights: Mapping[str, int]) -> dict[str, int]:
    """Count LUTs by module.

    Parameters
    ----------
    netlist : Path
        JSON as Yosys writes it, with registers marked before modules were taken apart.
    top : str
    weights : mapping of str to int
        LUTs that a cell counts for, by patterns of its type.

    Returns
    -------
    dict of str to int
        Most first. Lanes and the like count together.
    """
    module = json.loads(netlist.read_text())["modules"][top]
    marked = [(name, net["bits"]) for name, net in module["netnames"].items() if "register" in net["attributes"]]
    registers = {bit: _group(name) for name, bits in marked for bit in bits}
    readers: dict[int, set[str]] = {}
    outputs: dict[str, list[int]] = {}
    for name, cell in module["cells"].items():
        ends = cell["port_directions"]
        outputs[name] = [bit for port, bits in cell["connections"].items() if ends[port] == "output" for bit in bits]
        for bit in (bit for port, bits in cell["connections"].items() if ends[port] == "input" for bit in bits):
            readers.setdefault(bit, set()).add(name)

    found: dict[str, str] = {}
    # Depth first, so that all that a cell leads to is known before it is its turn again.
    waiting, entered = sorted(outputs), set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        behind = {reader for bit in outputs[name] for reader in readers.get(bit, ())}
        own = next((registers[bit] for bit in outputs[name] if bit in registers), None) or _memory(name)
        if own is None and "FF" in module["cells"][name]["type"]:
            # Of several names of a wire Yosys may have kept that in the module which reads it.
            own = _group(name)
        if own is None and name not in entered and not behind <= found.keys():
            entered.add(name)
            waiting += [name, *sorted(behind - found.keys())]
            continue
        leads = Counter(found[reader] for reader in behind if reader in found)
        found[name] = own or max(sorted(leads), key=leads.__getitem__, default=_REST)
    counts: Counter[str] = Counter()
    for name, cell in module["cells"].items():
        counts[found[name]] += next((luts for kind, luts in weights.items() if re.fullmatch(kind, cell["type"])), 0)
    return {name: count for name, count in counts.most_common() if count}


def _memory(cell: str) -> str | None:
    """The module of a cell that is part of a memory: those are called after it, with two numbers behind."""
    memory = re.fullmatch(r"(.+)\.\d+\.\d+", cell)
    return _group(memory[1]) if memory else None


def _group(name: str) -> str:
    """The module of a wire, of those that hold more than others, and without a number."""
    path = [re.sub(r"\d+$", "", part) for part in name.split(".")[:-1]]
    inner = [part for part in path if part not in _HOLDERS]
    return inner[0] if inner else path[-1] if path else _REST
