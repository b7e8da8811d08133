"""Amaranth component to portable Verilog-2005 text.

The design passes through Yosys once. Everything done here serves a reader or a linter: processes become plain registers,
names lose what is no identifier, operands get the width of their result, and modules that are the same are written once.
"""

import re
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from amaranth.lib import wiring

from ..files import private_folder
from ..primitives.carry_chain import CELLS_MODULE, carry_cells_text
from ..processes import run_tool
from .comments import module_comment
from .convert import converted
from .names import module_name
from .statements import readable

__all__ = ["component_verilog", "tidied"]

_YOSYS_SCRIPT = Path(__file__).with_name("yosys_pass.py")

_MODULE = re.compile(r"^module (?P<name>\S+)\((?P<ports>[^)]*)\);\n(?P<body>.*?)^endmodule\n", re.M | re.S)
_PORT = re.compile(r"^  (?P<direction>input|output) (?:\[(?P<msb>\d+):0\] )?(?P<name>\w+);\n", re.M)
_DECLARATION = "^  (?P<kind>wire|reg) (?:\\[\\d+:0\\] )?{name}(?: = (?P<init>[^;]+))?;\n"
_INSTANCE = re.compile(r"^  \w+ \w+ \(\n(?P<connections>(?:    \.\w+\(.*\),?\n)*)  \);\n", re.M)
_INITIAL = re.compile(r"^(  reg (?:\[\d+:0\] )?)(\w+) = ([^;]+);\n", re.M)


def component_verilog(component: wiring.Component, name: str, *, port_order: list[str] | None = None) -> str:
    """Return the Verilog of a component as modules, the top one first.

    The text depends on the component and on the versions of Amaranth and Yosys alone.

    Parameters
    ----------
    component : wiring.Component
    name : str
        Name of the top module, and what all other names of modules start with.
    port_order : list of str, optional
        Order of the top module's ports, without the clock and reset, which come first.
    """
    text, components = converted(component, name)
    named = {module_name(path): inner for path, inner in components.items()}
    return tidied(_through_yosys(text, name), name, port_order=port_order, fold=True, components=named)


class _Module(NamedTuple):
    """A module of the text: its name, the list of its ports, the lines below that, the comment above it, and other lines.

    The other lines replace those below the ports where ``SYNTHESIS`` is defined. Empty, if there are none.
    """

    name: str
    ports: str
    body: str
    comment: str
    cells: str


def tidied(
    text: str,
    name: str,
    *,
    port_order: list[str] | None = None,
    fold: bool = False,
    components: Mapping[str, object] | None = None,
) -> str:
    """Return what Yosys has written with the top module first, modules that are the same once, and ports in their headers.

    Parameters
    ----------
    text : str
    name : str
        Of the top module, with which the names of all others start.
    port_order : list of str, optional
        As for :func:`component_verilog`.
    fold : bool
        Whether to fold expressions into each other and to wrap long lines: see :func:`~mxmac.verilog.statements.readable`.
        Only for operands that have the width of their result.
    components : mapping of str to object, optional
        Components of modules, by the names of these: each has its description in a comment above it.
    """
    modules = []
    for match in _MODULE.finditer(text):
        body = _plain_words(match["body"])
        widths = {port["name"]: int(port["msb"] or 0) + 1 for port in _PORT.finditer(body)}
        ports = {port: widths[port] for port in sorted(widths, key=_numerically)}
        component = (components or {}).get(match["name"])
        cells = getattr(component, "cells", "").replace(CELLS_MODULE, f"{name}__{CELLS_MODULE}")
        modules.append(_Module(match["name"], match["ports"], body, module_comment(component, ports), cells))
    modules.sort(key=lambda module: module.name != name)
    order = ["clk", "rst", *(port_order or [])]
    texts = [_ansi(module, order, fold=fold) for module in _merged(modules, name)]
    if any(module.cells for module in modules):
        cells = carry_cells_text().replace(f"module {CELLS_MODULE} ", f"module {name}__{CELLS_MODULE} ")
        texts.append(f"`ifdef SYNTHESIS\n{cells}`endif\n")
    return "\n".join(texts)


def _through_yosys(source: str, top: str) -> str:
    """Run the pass through Yosys in a process of its own.

    The order in which Yosys writes things depends on what the same process has done with it before.
    """
    with private_folder() as folder:
        rtlil_file, verilog_file = Path(folder, "design.il"), Path(folder, "design.v")
        rtlil_file.write_text(source)
        command = [sys.executable, "-P", str(_YOSYS_SCRIPT), str(rtlil_file), str(verilog_file), top]
        run_tool("Yosys", command)
        return verilog_file.read_text()


def _merged(modules: list[_Module], top: str) -> list[_Module]:
    """Write modules that only differ in their names once, under the name without its number."""
    while True:
        first_with: dict[tuple[str, ...], str] = {}
        same = {}
        for module in modules:
            first = first_with.setdefault(module[1:], module.name)
            if first != module.name:
                same[module.name] = first
        if not same:
            break
        modules = [module for module in modules if module.name not in same]
        modules = [module._replace(body=_rename(module.body, same)) for module in modules]
    names = {module.name for module in modules}
    shorter: dict[str, str] = {}
    for name in sorted(names - {top}):
        base = top + re.sub(r"(?<=[a-z])0(?=_|$)", "", name.removeprefix(top))
        if base not in names and base not in shorter.values():
            shorter[name] = base
    return [
        module._replace(name=shorter.get(module.name, module.name), body=_rename(module.body, shorter)) for module in modules
    ]


def _plain_words(body: str) -> str:
    """Declare wires and ports without a sign, and rename those that Yosys escapes: ``before``, a keyword, becomes ``before_1``.

    Expressions that depend on the sign of an operand state it.
    """
    body = re.sub(r"^  (wire|reg|input|output) signed ", r"  \1 ", body, flags=re.M)
    for word in sorted(set(re.findall(r"\\(\w+) ", body))):
        free = (f"{word}_{number}" for number in count(1))
        new = next(name for name in free if not re.search(rf"\b{name}\b", body))
        # The space that ends an escaped name comes before one that would be there anyway.
        body = re.sub(rf"\\{word} ", new, body)
    return body


def _rename(body: str, names: dict[str, str]) -> str:
    """Rename the modules that a body instantiates."""
    return re.sub(r"^  (\w+) (?=\w+ \($)", lambda match: f"  {names.get(match[1], match[1])} ", body, flags=re.M)


def _ansi(module: _Module, order: list[str], *, fold: bool) -> str:
    """Write one module with its ports declared in its header, and initial values in statements of their own."""
    body = module.body
    found = {match["name"]: match for match in _PORT.finditer(body)}
    names = sorted(found, key=lambda port: (order.index(port) if port in order else len(order), _numerically(port)))
    header, initial = [], []
    for port in names:
        declaration = re.search(_DECLARATION.format(name=port), body, re.M)
        kind = declaration["kind"] if declaration else "wire"
        if declaration:
            body = body.replace(declaration[0], "", 1)
            if declaration["init"]:
                initial.append(f"  initial {port} = {declaration['init']};\n")
        match = found[port]
        body = body.replace(match[0], "", 1)
        vector = f"[{match['msb']}:0] " if match["msb"] else ""
        header.append(f"  {match['direction']:<6} {kind:<4} {vector}{port}")
    body = _INSTANCE.sub(lambda match: match[0].replace(match["connections"], _in_order(match["connections"])), body)
    body = _INITIAL.sub(lambda match: f"{match[1]}{match[2]};\n  initial {match[2]} = {match[3]};\n", body)
    return (
        f"{module.comment}module {module.name} (\n"
        + ",\n".join(header)
        + "\n);\n"
        + "".join(initial)
        + _either(module.cells, readable(body, names) if fold else body)
        + "endmodule\n"
    )


def _either(cells: str, body: str) -> str:
    """Write cells for synthesis, and the same as portable text for all else."""
    return f"`ifdef SYNTHESIS\n{cells}`else\n{body}`endif\n" if cells else body


def _numerically(name: str) -> list[str | int]:
    """Key that sorts names by the numbers in them: ``products__2`` before ``products__10``."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _in_order(connections: str) -> str:
    """Sort the lines that connect the ports of an instance like the ports themselves."""
    lines = [line.removesuffix(",") for line in connections.splitlines()]
    return ",\n".join(sorted(lines, key=lambda line: _numerically(line.split("(")[0]))) + "\n"
