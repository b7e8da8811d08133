"""The parts of the words of an exact sum, as they are in the generated text, and what is on its way to them.

A block whose words are asked for at clock 0 is at stage ``s`` at clock ``s``. Part ``p`` of them is read at stage ``1 + p``,
added to at stage ``2 + p``, with the carry of the part below, written at stage ``3 + p``, and can be read in the memory from
stage ``4 + p`` on.
"""

import re

from mxmac.accumulator.exact.words import GROWTH

from ..harness import Port

__all__ = ["inner_words", "part_bits", "pending_content", "with_look"]


def part_bits(body: str) -> list[int]:
    """Widths of the parts of a word, from the lowest up."""
    widths = {int(part): int(msb) + 1 for msb, part in re.findall(r"^  reg \[(\d+):0\] even_part(\d+)_stored;", body, re.M)}
    return [widths[part] for part in range(len(widths))]


def with_look(text: str, module: str, parts: list[int], address: int) -> str:
    """Let the memories of words be looked into, at ``look_at``, without a change to what they do."""
    end = text.index("endmodule", text.index(f"module {module} ("))
    looks = "".join(f"  wire [{bits - 1}:0] look{part} = part{part}[look_at];\n" for part, bits in enumerate(parts))
    return text[:end] + f"  wire [{address - 1}:0] look_at;\n{looks}" + text[end:]


def _block_bits(parts: list[int]) -> list[int]:
    """Bits that a block has in each of the parts: above them is its sign."""
    ends = [sum(parts[: part + 1]) for part in range(len(parts))]
    block = ends[-1] - GROWTH + 1
    return [min(end, block) - (end - bits) for end, bits in zip(ends, parts, strict=True)]


def _extended(number: str, width: int, bits: int) -> str:
    """A register of two's complement, in at least as many bits."""
    sign = f"{number}[{width - 1}]" if width > 1 else number
    return f"{{{{{bits - width}{{{sign}}}}}, {number}}}" if bits > width else number


def pending_content(name: str, parts: list[int], place: str) -> str:
    """``{name}_content``: what a word will hold once all is written that is on its way to it.

    Blocks are gone through from the one that came first, each of its parts from the lowest that is not written yet.
    """
    lines = []
    now = [f"unit_{name}_look{part}" for part in range(len(parts))]
    for stage in range(len(parts) + 2, 0, -1):
        enables = {1: "unit_read_valid_d1", 2: "unit_write_valid_d1", 3: f"unit_{name}_write_enable"}
        enable = enables.get(stage, f"unit_{name}_part{stage - 3}_enable_d1")
        lines.append(f"  wire {name}_at{stage} = {enable} && {name}_place_{stage} == {place};\n")
        carry = "1'b0"
        if stage > 2:
            part = stage - 3
            after = f"{name}_after{stage}_{part}"
            lines.append(
                f"  wire [{parts[part] - 1}:0] {after} = {name}_at{stage} ? unit_{name}_part{part}_last : {now[part]};\n"
            )
            now[part] = after
        for part in range(max(0, stage - 2), len(parts)):
            bits = parts[part]
            if part == stage - 2:
                label = f"unit_{name}_part{part}"
                base = f"({label}_follows ? {label}_last : {label}_stored)"
                carry = f"unit_{name}_part{part - 1}_carry" if part else "1'b0"
            else:
                kept = f"unit_{name}_part{stage - 1}_kept" if stage > 1 else f"unit_{name}_kept"
                base = f"({kept} ? {now[part]} : {bits}'d0)"
            addend = _extended(f"unit_{name}_part{part}_addend_d{stage}", _block_bits(parts)[part], bits)
            total, after = f"{name}_total{stage}_{part}", f"{name}_after{stage}_{part}"
            lines.append(
                f"  wire [{bits}:0] {total} = {{1'b0, {base}}} + {{1'b0, {addend}}} + {carry};\n"
                f"  wire [{bits - 1}:0] {after} = {name}_at{stage} ? {total}[{bits - 1}:0] : {now[part]};\n"
            )
            now[part], carry = after, f"{total}[{bits}]"
    return "".join(lines) + f"  wire [{sum(parts) - 1}:0] {name}_content = {{{', '.join(reversed(now))}}};\n"


def inner_words(name: str, parts: list[int], own: dict[str, Port]) -> dict[str, int]:
    """Registers of the even or of the odd words, and their widths."""
    names = {f"unit.{name}.{port}": own[port].width for port in ("slot", "index", "write_enable")}
    for part, bits in enumerate(parts):
        label = f"unit.{name}_part{part}"
        names |= {f"unit.{name}.look{part}": bits, f"{label}_stored": bits, f"{label}_last": bits, f"{label}_follows": 1}
        names |= {f"unit.{name}_part{part}_addend_d{clock}": _block_bits(parts)[part] for clock in range(1, part + 3)}
        names[f"unit.{name}_part{part}_kept" if part else f"unit.{name}_kept"] = 1
        if part:
            names[f"unit.{name}_part{part - 1}_carry"] = names[f"unit.{name}.part{part}_enable_d1"] = 1
    return names
