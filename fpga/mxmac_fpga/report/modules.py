"""Which modules the LUTs of a netlist belong to.

Synthesis takes modules apart, and one LUT may do what was written in two of them. Registers, carries and memories stay what
they are and know the line that they come from, so a LUT counts to the module of those that it leads to.
"""

import json
import re
from bisect import bisect
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

__all__ = ["luts_of_modules"]

_MODULE = re.compile(r"^module (\w+)", re.M)
_INSTANCE = re.compile(r"^  (\w+) (\w+) \($", re.M)
#: Modules that are only there to hold others.
_HOLDERS = {"mac", "datapath", "beat_sum", "dut", "quantizer"}
#: What leads to nothing that is known.
_REST = "rest"


def luts_of_modules(source: Path, netlist: Path, top: str, weights: Mapping[str, int]) -> dict[str, int]:
    """Count LUTs by module.

    Parameters
    ----------
    source : Path
        Verilog as :func:`~mxmac.verilog.emit.component_verilog` writes it.
    netlist : Path
        What Yosys has made of that file, in JSON.
    top : str
    weights : mapping of str to int
        LUTs that a cell counts for, by patterns of its type.

    Returns
    -------
    dict of str to int
        Most first. Lanes and the like count together, and modules inside others as those.
    """
    module = json.loads(netlist.read_text())["modules"][top]
    origin = _origins(source, top)
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
        own = origin(module["cells"][name]["attributes"])
        behind = {reader for bit in outputs[name] for reader in readers.get(bit, ())}
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


def _origins(source: Path, top: str):
    """Return a function from the attributes of a cell to its module, or None."""
    text = source.read_text()
    starts = list(_MODULE.finditer(text))
    names = [match[1] for match in starts]
    lines = [text.count("\n", 0, match.start()) + 1 for match in starts]
    inside = {
        match[1]: _INSTANCE.findall(text, match.start(), following)
        for match, following in zip(starts, [*(match.start() for match in starts[1:]), len(text)], strict=True)
    }
    groups: dict[str, str] = {}
    waiting: list[tuple[str, list[str]]] = [(top, [])]
    while waiting:
        name, path = waiting.pop(0)
        if name in inside and name not in groups:
            groups[name] = _group(path)
            waiting += [(kind, [*path, re.sub(r"\d+$", "", instance)]) for kind, instance in inside[name]]

    def origin(attributes: Mapping[str, str]) -> str | None:
        line = re.search(rf"{re.escape(source.name)}:(\d+)", attributes.get("src", ""))
        if line is None:
            return None
        name = names[bisect(lines, int(line[1])) - 1]
        if name in groups:
            return groups[name]
        # An instance of a cell in the text, in a module that many others share: its name has its place.
        *path, _cells, _cell = attributes["hdlname"].split()
        return _group([re.sub(r"\d+$", "", instance) for instance in path])

    return origin


def _group(path: list[str]) -> str:
    """Outermost of the modules on the way that do more than hold others."""
    inner = [part for part in path if part not in _HOLDERS]
    return inner[0] if inner else path[-1] if path[-1:] not in ([], ["dut"]) else "itself"
