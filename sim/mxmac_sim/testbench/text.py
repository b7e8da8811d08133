"""Text of a testbench: the template with the vectors and the ports of a unit."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template

from mxmac.verilog.companions import Stream, Subject
from mxmac.verilog.manifest import KINDS

from .vectors import vectors_of

__all__ = ["testbench"]


class _Template(Template):
    """Template of Verilog, in which ``$`` and ``#`` have a meaning."""

    delimiter = "~~"


def testbench(subject: Subject) -> str:
    """Return a testbench of a unit in Verilog-2005.

    Directed and random vectors go through the unit three times: back to back; with pauses of both sides and a reset in
    mid-stream; and with a receiver that is rarely ready. Every result is compared, and has to be stable while it waits.

    Parameters
    ----------
    subject : Subject
    """
    kind, _ = KINDS[subject.manifest["kind"]]
    vectors = vectors_of(kind.from_dict(subject.manifest["config"]))
    beat, result = (subject.stream(direction) for direction in ("input", "output"))
    active, inactive = subject.reset_levels
    used = (beat.valid, beat.ready, result.valid, result.ready, subject.clock, subject.reset)
    values = {
        "top": subject.top,
        "made_by": subject.made_by,
        "verilog": _shown(subject.verilog),
        "file": _shown(subject.files["testbench"]),
        "clock": subject.clock,
        "reset": subject.reset,
        "active": f"1'b{active}",
        "inactive": f"1'b{inactive}",
        "latency": subject.manifest["latency"],
        "in_valid": beat.valid,
        "in_ready": beat.ready,
        "out_valid": result.valid,
        "out_ready": result.ready,
        "beat_bits": _bits(beat),
        "result_bits": _bits(result),
        "beats": len(vectors.beats),
        "results": len(vectors.results),
        "inputs": _declared(beat, "wire"),
        "outputs": _declared(result, "wire"),
        "beat_ports": _concatenated(beat),
        "result_ports": _concatenated(result),
        "connected": ",\n".join(f"    .{name}({name})" for name in (*used, *_names(beat), *_names(result))),
        "beat_values": _memory("beats", beat, vectors.beats, _padding(beat)),
        "result_values": _memory("results", result, vectors.results),
    }
    template = files(__package__).joinpath("template.v").read_text(encoding="ascii")
    return _Template(template).substitute({name: str(value) for name, value in values.items()})


def _shown(name: str) -> str:
    return f"'{name}'" if " " in name else name


def _names(stream: Stream) -> list[str]:
    return [port["name"] for port in stream.payload]


def _bits(stream: Stream) -> int:
    return sum(port["width"] for port in stream.payload)


def _declared(stream: Stream, kind: str) -> str:
    """Declare the payload of a stream."""
    ranges = (f"[{port['width'] - 1}:0] " if port["width"] > 1 else "" for port in stream.payload)
    return "\n".join(f"  {kind} {bits}{name};" for bits, name in zip(ranges, _names(stream), strict=True))


def _concatenated(stream: Stream) -> str:
    """Return the payload of a stream as one vector, the first port in the least significant bits."""
    return f"{{{', '.join(reversed(_names(stream)))}}}"


def _padding(stream: Stream) -> int:
    """Return the bits of a payload that do not count."""
    padding, offset = 0, 0
    for port in stream.payload:
        counts = sum((1 << field["width"]) - 1 << field["lsb"] for field in port["fields"])
        if counts:
            padding |= ((1 << port["width"]) - 1 ^ counts) << offset
        offset += port["width"]
    return padding


def _memory(name: str, stream: Stream, words: Sequence[Mapping[str, int]], padding: int = 0) -> str:
    """Return the statements that fill a memory with words of a stream's payload; bits of padding are ones in every other."""
    bits = _bits(stream)
    digits = -(-bits // 4)
    places = _places(stream)
    lines = []
    for index, fields in enumerate(words):
        word = sum(value << places[field] for field, value in fields.items()) | padding * (index % 2)
        lines.append(f"    {name}[{index}] = {bits}'h{word:0{digits}x};")
    return "\n".join(lines)


def _places(stream: Stream) -> dict[str, int]:
    """Return the positions in the payload of what vectors have.

    It is a port of that name, a field of a port, the first of several lanes, or, for the status, the first of its flags.
    """
    places: dict[str, int] = {}
    offset = 0
    for port in stream.payload:
        for field in port["fields"]:
            name = "status" if field["name"] == "nx" else field["name"].removesuffix("_lane0")
            places.setdefault(name, offset + field["lsb"])
        places[stream.member(port)] = offset
        offset += port["width"]
    return places
