"""SystemVerilog: a package with the types of a unit, and a wrapper whose payloads are structures."""

from collections.abc import Mapping, Sequence
from typing import Any

from .subject import Stream, Subject

__all__ = ["systemverilog"]

#: Directions of payloads, each with the name of its structure and of the port that has it.
_STREAMS = {"input": "beat", "output": "result"}


def systemverilog(subject: Subject) -> str:
    """Return a package with structures for what goes in and out, and a wrapper with ports of these types."""
    top = subject.top
    streams = {name: subject.stream(direction) for direction, name in _STREAMS.items()}
    ports, connected = [], []
    for port in subject.ports:
        if port["role"] == "data":
            name = _STREAMS[port["direction"]]
            connected.append(f".{port['name']}({_port(streams[name], name)}.{streams[name].member(port)})")
        else:
            ports.append(f"{port['direction']:<6} logic {port['name']}")
            connected.append(f".{port['name']}({port['name']})")
    for direction, name in _STREAMS.items():
        ports.append(f"{direction:<6} {top}_{name}_t {_port(streams[name], name)}")
    types = "".join(_structure(top, streams[name], name) for name in _STREAMS.values())
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


def _structure(top: str, stream: Stream, name: str) -> str:
    """Return the structure of a payload; a structure or an array for each port that has fields."""
    inner, members = [], []
    for port in stream.payload:
        member, fields = stream.member(port), port["fields"]
        if _is_array(fields):
            kind = f"logic [{len(fields) - 1}:0][{fields[0]['width'] - 1}:0]"
        elif fields:
            kind = f"{top}_{member}_t"
            inner.append(_packed([(field["name"], f"logic{_range(field['width'])}") for field in reversed(fields)], kind))
        else:
            kind = f"logic{_range(port['width'])}"
        members.append((member, kind))
    return "".join([*inner, _packed(members, f"{top}_{name}_t")])


def _is_array(fields: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the fields are lanes, all of the same width."""
    return bool(fields) and all(field["name"] == f"lane{index}" for index, field in enumerate(fields))


def _range(width: int) -> str:
    return f" [{width - 1}:0]" if width > 1 else ""


def _packed(members: Sequence[tuple[str, str]], name: str) -> str:
    lines = "".join(f"    {kind} {member};\n" for member, kind in members)
    return f"  typedef struct packed {{\n{lines}  }} {name};\n\n"


def _list(lines: Sequence[str], indent: int) -> str:
    return ",\n".join(" " * indent + line for line in lines)
