"""A counterexample as a waveform, and its signals in groups."""

from io import StringIO

from vcd import VCDWriter

from ..simulators.waves import Trace
from .engine import Counterexample

__all__ = ["traces", "waveform"]

#: Length of a clock cycle, in ns.
_CYCLE = 10
#: Groups of what the harness shows, by the first word of a name.
_GROUPS = {"in": "operands", "want": "expected", "got": "hardware"}


def _shown(counterexample: Counterexample) -> dict[str, int]:
    """Return what the harness shows at the last clock and is no wire of the trace."""
    return {name: value for name, value in counterexample.values.items() if name not in counterexample.trace}


def waveform(counterexample: Counterexample, top: str) -> str:
    """Return a value change dump of all wires of a trace, with instances as scopes below ``top``.

    Operands, expected and actual results are unknown (``x``) before the last clock, the one that they are of.
    """
    file = StringIO()
    last = len(counterexample.clocks) - 1
    with VCDWriter(file, timescale="1 ns") as writer:
        wires = {}
        for name in [*_shown(counterexample), *counterexample.trace]:
            *path, wire = name.split(".")
            wires[name] = writer.register_var([top, *path], wire, "wire", size=counterexample.widths[name])
        for clock in range(last + 1):
            for name, values in counterexample.trace.items():
                writer.change(wires[name], _CYCLE * clock, values[clock])
        for name, value in _shown(counterexample).items():
            writer.change(wires[name], _CYCLE * last, value)
        writer.close(_CYCLE * (last + 1))
    return file.getvalue()


def traces(counterexample: Counterexample, top: str) -> list[Trace]:
    """Return all signals of the waveform in groups: those of the harness by what they are, and one group for each scope."""
    shown = _shown(counterexample)
    groups: dict[tuple[str, ...], list[str]] = {(name,): [] for name in ("clock and reset", *_GROUPS.values(), "harness")}
    for name in [*shown, *counterexample.trace]:
        path, _, wire = name.rpartition(".")
        if path:
            group: tuple[str, ...] = ("inside", path)
        elif name in counterexample.values:
            group = (_GROUPS[wire.partition("_")[0]],)
        else:
            group = ("clock and reset" if name in ("clk", "rst") else "harness",)
        groups.setdefault(group, []).append(name)
    return [Trace(group, f"{top}.{name}", counterexample.widths[name]) for group, names in groups.items() for name in names]
