"""A counterexample as a waveform."""

from .engine import Counterexample

__all__ = ["vcd"]

_FIRST, _LETTERS = 33, 94


def _identifier(number: int) -> str:
    text = ""
    while True:
        number, letter = divmod(number, _LETTERS)
        text += chr(_FIRST + letter)
        if not number:
            return text


def vcd(counterexample: Counterexample) -> str:
    """Return a value change dump of all wires that matter, a clock every ten units of time, instances as scopes."""
    lines = ["$timescale 1 ns $end"]
    scope: list[str] = []
    names = sorted(counterexample.trace, key=lambda name: name.split("."))
    for number, name in enumerate(names):
        *path, wire = name.split(".")
        while scope != path[: len(scope)]:
            lines.append("$upscope $end")
            scope.pop()
        for instance in path[len(scope) :]:
            lines.append(f"$scope module {instance} $end")
            scope.append(instance)
        lines.append(f"$var wire {counterexample.widths[name]} {_identifier(number)} {wire} $end")
    lines += ["$upscope $end"] * len(scope) + ["$enddefinitions $end"]
    clocks = len(counterexample.clocks)
    for clock in range(clocks):
        lines.append(f"#{10 * clock}")
        for number, name in enumerate(names):
            values = counterexample.trace[name]
            if clock == 0 or values[clock] != values[clock - 1]:
                lines.append(f"b{values[clock]:b} {_identifier(number)}")
    return "\n".join([*lines, f"#{10 * clocks}", ""])
