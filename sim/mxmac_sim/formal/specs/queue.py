"""Specification of the queues: what goes in comes out once, in order and unchanged, and stays while nobody takes it."""

from typing import NamedTuple

from ..harness import found, inner, ports, rendered

__all__ = ["queue_harness"]


class _Queue(NamedTuple):
    """Names of payload and pointers, bits of an entry, places, and whether the memory has two halves."""

    payload: str
    write: str
    read: str
    width: int
    places: int
    deep: bool


def _with_window(text: str, module: str) -> tuple[str, _Queue]:
    """Give a queue's module ports to look at its memory, and change nothing else."""
    start = text.index(f"module {module} (")
    end = text.index("endmodule", start)
    body = text[start:end]
    # The payload may have the name of the memory's port that it goes to.
    own = ports(text, module)
    (payload,) = (name for name in own if own[name].direction == "input" and name not in ("clk", "rst", "i__valid", "o__ready"))
    width = own[payload].width
    at = r"\[(\w+)(?:\[\d+:0\])?\]"
    write, read = found(rf"entries{at} <= ", body), found(rf"<= \w*entries{at};", body)
    places = int(found(r"reg .*entries \[(\d+):0\];", body)) + 1
    looks = {"look": "entries[look_at]"}
    if deep := "high_entries" in body:
        bits = places.bit_length()
        halves = [f"{half}_entries[look_at[{bits - 2}:0]]" for half in ("high", "low")]
        fetched = [found(rf"(\w+) <= {half}_entries", body) for half in ("high", "low")]
        places *= 2
        looks = {"look": f"look_at[{bits - 1}] ? {' : '.join(halves)}", "look_fetched": f"is_high ? {' : '.join(fetched)}"}
    bits = (places - 1).bit_length()
    outputs = "".join(f"  output wire [{width - 1}:0] {look},\n" for look in looks)
    body = body.replace("(\n", f"(\n  input  wire [{bits - 1}:0] look_at,\n{outputs}", 1)
    body += "".join(f"  assign {look} = {content};\n" for look, content in looks.items())
    return text[:start] + body + text[end:], _Queue(payload, write, read, width, places, deep)


def queue_harness(text: str, module: str) -> tuple[str, str, int]:
    """Harness of a queue; the text with a look into its memory; and the depth of its induction.

    One entry is followed: whichever, for nothing is said of when ``follow`` comes.
    """
    text, queue = _with_window(text, module)
    bits = (queue.places - 1).bit_length()
    connections = {
        queue.payload: "data", "i__valid": "valid", "o__payload": "out", "o__valid": "out_valid", "o__ready": "ready",
        "look_at": "look_at", "look": "look", **({"look_fetched": "look_fetched"} if queue.deep else {}),
    }  # fmt: skip
    sizes = {
        queue.read: bits,
        queue.write: bits,
        "waiting_count": queue.places.bit_length(),
        "waiting_left": 1,
        "waiting_down_d1": 1,
        **({"fetched": 1} if queue.deep else {}),
    }
    registers = "".join(inner(f"unit.{name}", size) for name, size in sizes.items())
    harness = rendered(
        "queue",
        bits=bits,
        connections=connections,
        deep=queue.deep,
        module=module,
        most=queue.places + 1 + queue.deep,
        places=queue.places,
        reads=f"unit_{queue.read}",
        registers=registers,
        text=text,
        width=queue.width,
        writes=f"unit_{queue.write}",
    )
    return text, harness, 1
