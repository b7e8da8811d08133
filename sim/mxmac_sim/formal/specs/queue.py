"""Specification of the queues: what goes in comes out once, in order and unchanged, and stays while nobody takes it."""

from ..harness import found, inner, ports, rendered

__all__ = ["queue_harness"]


def _with_window(text: str, module: str) -> tuple[str, dict[str, str]]:
    """Give a queue's module ports to look at its memory, and change nothing else; return names of payload and pointers."""
    start = text.index(f"module {module} (")
    end = text.index("endmodule", start)
    body = text[start:end]
    # The payload may have the name of the memory's port that it goes to.
    own = ports(text, module)
    (payload,) = (name for name in own if own[name].direction == "input" and name not in ("clk", "rst", "i__valid", "o__ready"))
    width = own[payload].width
    write = found(r"entries\[(\w+)\] <= ", body)
    read = found(r"<= entries\[(\w+)\];", body)
    places = int(found(r"reg .*entries \[(\d+):0\];", body)) + 1
    bits = (places - 1).bit_length()
    look = f"(\n  input  wire [{bits - 1}:0] look_at,\n  output wire [{width - 1}:0] look,\n"
    body = body.replace("(\n", look, 1) + "  assign look = entries[look_at];\n"
    return text[:start] + body + text[end:], {
        "payload": payload, "write": write, "read": read, "bits": str(bits), "width": str(width), "places": str(places),
    }  # fmt: skip


def queue_harness(text: str, module: str) -> tuple[str, str, int]:
    """Harness of a queue; the text with a look into its memory; and the depth of its induction.

    One entry is followed: whichever, for nothing is said of when ``follow`` comes.
    """
    text, names = _with_window(text, module)
    width, bits, places = (int(names[name]) for name in ("width", "bits", "places"))
    connections = {
        names["payload"]: "data", "i__valid": "valid", "o__payload": "out", "o__valid": "out_valid", "o__ready": "ready",
        "look_at": "look_at", "look": "look",
    }  # fmt: skip
    sizes = {
        names["read"]: bits,
        names["write"]: bits,
        "waiting_count": places.bit_length(),
        "waiting_left": 1,
        "waiting_down_d1": 1,
    }
    registers = "".join(inner(f"unit.{name}", size) for name, size in sizes.items())
    reads, writes = f"unit_{names['read']}", f"unit_{names['write']}"
    harness = rendered(
        "queue",
        bits=bits,
        connections=connections,
        module=module,
        places=places,
        reads=reads,
        registers=registers,
        text=text,
        width=width,
        writes=writes,
    )
    return text, harness, 1
