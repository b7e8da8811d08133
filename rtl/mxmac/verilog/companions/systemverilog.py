"""SystemVerilog: a package with the types of a unit, and a wrapper whose payloads are structures."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from ...stages.layouts import STATUS
from .subject import Stream, Subject

__all__ = ["systemverilog"]

#: Directions of payloads, each with the name of its structure and of the port that has it.
_STREAMS = {"input": "beat", "output": "result"}


@dataclass(frozen=True)
class _Part:
    """Member of a payload's structure, and its place in a port.

    Members
    -------
    name : str
    lsb, width : int
        Place in the port.
    kind : str
        What it is: ``lanes``, ``flags`` or ``number``.
    lanes : int
        Number of lanes; 1 for others.
    """

    name: str
    lsb: int
    width: int
    kind: str = "number"
    lanes: int = 1


def systemverilog(subject: Subject) -> str:
    """Return a package with structures for what goes in and out, and a wrapper with ports of these types.

    The structures are the same for all buses, but for the ``last`` of each result that AXI4-Stream has.
    """
    top = subject.top
    streams = {name: subject.stream(direction) for direction, name in _STREAMS.items()}
    ports, connected, inside = [], [], []
    for port in subject.ports:
        if port["role"] == "data":
            name = _STREAMS[port["direction"]]
            connection, statements = _connected(port, streams[name], name)
            connected.append(connection)
            inside += statements
        else:
            ports.append(f"{port['direction']:<6} logic {port['name']}")
            connected.append(f".{port['name']}({port['name']})")
    for direction, name in _STREAMS.items():
        ports.append(f"{direction:<6} {top}_{name}_t {_port(streams[name], name)}")
    types = "".join(_structure(top, streams[name], name) for name in _STREAMS.values())
    body = "".join(f"  {line}\n" for line in inside)
    return f"""// {top} in SystemVerilog, made by {subject.made_by}: a package of types, and a wrapper with them.
// The unit itself is the Verilog file {subject.verilog}.

// Package and wrapper are in this one file.
// verilator lint_off DECLFILENAME
// There are no delays, and so there is no timescale; other files may have one.
// verilator lint_off TIMESCALEMOD

package {top}_pkg;

  // A design may use some of these numbers only.
  // verilator lint_off UNUSEDPARAM
{_parameters(subject.manifest)}  // verilator lint_on UNUSEDPARAM

{types}endpackage

module {top}_wrapper
  import {top}_pkg::*;
(
{_list(ports, 2)}
);
{body}
  {top} unit (
{_list(connected, 4)}
  );

endmodule
"""


def _port(stream: Stream, name: str) -> str:
    return f"{stream.prefix}{name}"


def _parameters(manifest: Mapping[str, Any]) -> str:
    """Return the numbers of a unit that a design may need."""
    numbers = {
        "LANES": manifest["config"]["lanes"],
        "BLOCK": manifest["config"]["block"],
        "BEATS_PER_BLOCK": manifest["initiation_interval"]["beats_per_block"],
        "LATENCY": manifest["latency"],
        "RESULTS_QUEUED": manifest["results_queued"],
    }
    return "".join(f"  localparam int {name} = {value};\n" for name, value in numbers.items())


def _parts(stream: Stream, port: Mapping[str, Any]) -> Iterator[_Part]:
    """Yield the members that a port has, the least significant one first."""

    def name_of(field: Mapping[str, Any]) -> str:
        if field["name"] in STATUS.members:
            return "status"
        return re.sub(r"_?lane\d+$", "", field["name"]) or stream.member(port)

    if not port["fields"]:
        yield _Part(stream.member(port), 0, port["width"])
    for name, group in groupby(port["fields"], name_of):
        fields = list(group)
        kind = "number" if fields[0]["name"] == name else "flags" if name == "status" else "lanes"
        lsb = fields[0]["lsb"]
        lanes = len(fields) if kind == "lanes" else 1
        yield _Part(name, lsb, fields[-1]["lsb"] + fields[-1]["width"] - lsb, kind, lanes)


def _connected(port: Mapping[str, Any], stream: Stream, structure: str) -> tuple[str, list[str]]:
    """Return the connection of a port to members of a structure, and the statements that it needs."""
    name, payload = port["name"], _port(stream, structure)
    parts = list(_parts(stream, port))
    if [part.width for part in parts] == [port["width"]]:
        return f".{name}({payload}.{parts[0].name})", []
    statements = [f"logic{_range(port['width'])} {name};"]
    end = 0
    for part in [*parts, None]:
        # Padding is in front of a part, or above the last one.
        lsb = part.lsb if part else port["width"]
        if lsb > end and port["direction"] == "input":
            statements.append(f"assign {name}{_slice(end, lsb - end)} = '0;")
        elif lsb > end:
            statements.append(f"wire{_range(lsb - end)} unused_{name}_{end} = {name}{_slice(end, lsb - end)};")
        if part:
            place, member = f"{name}{_slice(part.lsb, part.width)}", f"{payload}.{part.name}"
            left, right = (place, member) if port["direction"] == "input" else (member, place)
            statements.append(f"assign {left} = {right};")
            end = part.lsb + part.width
    return f".{name}({name})", statements


def _slice(lsb: int, width: int) -> str:
    return f"[{lsb + width - 1}:{lsb}]"


def _structure(top: str, stream: Stream, name: str) -> str:
    """Return the structure of a payload; before it, that of the flags, if it has any."""
    inner, members = "", []
    for part in (part for port in stream.payload for part in _parts(stream, port)):
        kind = f"logic{_range(part.width)}"
        if part.kind == "lanes":
            kind = f"logic [{part.lanes - 1}:0][{part.width // part.lanes - 1}:0]"
        elif part.kind == "flags":
            kind = f"{top}_{part.name}_t"
            inner = _packed([(flag, "logic") for flag in reversed(STATUS.members)], kind)
        members.append((part.name, kind))
    return inner + _packed(members, f"{top}_{name}_t")


def _range(width: int) -> str:
    return f" [{width - 1}:0]" if width > 1 else ""


def _packed(members: Sequence[tuple[str, str]], name: str) -> str:
    lines = "".join(f"    {kind} {member};\n" for member, kind in members)
    return f"  typedef struct packed {{\n{lines}  }} {name};\n\n"


def _list(lines: Sequence[str], indent: int) -> str:
    return ",\n".join(" " * indent + line for line in lines)
