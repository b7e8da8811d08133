"""Cells of a library in Liberty format that are found by their function: flip-flops, and a full adder."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["FullAdder", "flip_flops", "full_adder"]

_COMMENTS = re.compile(r"/\*.*?\*/", re.S)
_CELL = re.compile(r"\bcell\s*\(\s*\"?(\w+)\"?\s*\)\s*\{")
_PIN = re.compile(r"\bpin\s*\(\s*\"?(\w+)\"?\s*\)\s*\{")
_FUNCTION = re.compile(r"^\s*function\s*:\s*\"([^\"]*)\"", re.M)
_DIRECTION = re.compile(r"\bdirection\s*:\s*\"?(\w+)")
_AREA = re.compile(r"^\s*area\s*:\s*\"?([\d.]+)", re.M)
_STATE = re.compile(r"\b(?:ff|ff_bank|latch|latch_bank|statetable)\s*\(")
_REGISTER = re.compile(r"\b(?:ff|ff_bank)\s*\(")
_TOKEN = re.compile(r"\w+|[!'*&+|^()]")


@dataclass(frozen=True)
class FullAdder:
    """A cell that adds three bits.

    Members
    -------
    name : str
    inputs : tuple of str
        Its three input pins.
    sum, carry : str
        Its output pins.
    """

    name: str
    inputs: tuple[str, str, str]
    sum: str
    carry: str


def flip_flops(library: str) -> set[str]:
    """Return the names of the cells that are flip-flops."""
    return {name for name, body in _cells(library) if _REGISTER.search(body)}


def full_adder(library: str) -> FullAdder | None:
    """Return the smallest full adder of a library, by the functions of its cells; None if there is none.

    Parameters
    ----------
    library : str
        Text in Liberty format.
    """
    found = [
        (float(area[1]) if (area := _AREA.search(body)) else 0.0, adder)
        for name, body in _cells(library)
        if not _STATE.search(body) and (adder := _as_full_adder(name, body))
    ]
    return min(found, key=lambda each: (each[0], each[1].name))[1] if found else None


def _cells(library: str) -> Iterator[tuple[str, str]]:
    return _groups(_COMMENTS.sub("", library), _CELL)


def _groups(text: str, head: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield the names and bodies of groups."""
    end = 0
    while match := head.search(text, end):
        depth, end = 1, match.end()
        for brace in re.finditer("[{}]", text[match.end() :]):
            depth += 1 if brace[0] == "{" else -1
            if not depth:
                end = match.end() + brace.start()
                break
        yield match[1], text[match.end() : end]


def _as_full_adder(name: str, body: str) -> FullAdder | None:
    """Return the cell as a full adder, if its outputs are the sum and the carry of its three inputs."""
    inputs: list[str] = []
    outputs: dict[str, str] = {}
    for pin, group in _groups(body, _PIN):
        direction, function = _DIRECTION.search(group), _FUNCTION.search(group)
        if direction and direction[1] == "input":
            inputs.append(pin)
        elif direction and function:
            outputs[pin] = function[1]
    if len(inputs) != 3 or len(outputs) != 2:
        return None
    found = {}
    for pin, formula in outputs.items():
        for kind, wanted in (("sum", lambda bits: sum(bits) & 1), ("carry", lambda bits: sum(bits) >> 1)):
            if all(_value(formula, dict(zip(inputs, bits, strict=True))) == wanted(bits) for bits in _ROWS):
                found[kind] = pin
    return FullAdder(name, (inputs[0], inputs[1], inputs[2]), **found) if len(found) == 2 else None


#: All values of three bits.
_ROWS = tuple(itertools.product((0, 1), repeat=3))


def _value(function: str, pins: dict[str, int]) -> int | None:
    """Evaluate a function of Liberty: ``!`` or a trailing ``'``, then ``^``, then ``*``, ``&`` or nothing, then ``+`` or ``|``.

    None if it has other names than those of the pins.
    """
    tokens = _TOKEN.findall(function)

    def either() -> int:
        value = both()
        while tokens and tokens[0] in "+|":
            tokens.pop(0)
            value |= both()
        return value

    def both() -> int:
        value = odd()
        while tokens and tokens[0] not in "+|)":
            if tokens[0] in "*&":
                tokens.pop(0)
            value &= odd()
        return value

    def odd() -> int:
        value = single()
        while tokens and tokens[0] == "^":
            tokens.pop(0)
            value ^= single()
        return value

    def single() -> int:
        token = tokens.pop(0)
        if token == "!":
            return single() ^ 1
        if token == "(":
            value = either()
            tokens.pop(0)
        else:
            value = pins[token] if token in pins else int(token)
        while tokens and tokens[0] == "'":
            tokens.pop(0)
            value ^= 1
        return value

    try:
        return either()
    except (IndexError, ValueError):
        return None
