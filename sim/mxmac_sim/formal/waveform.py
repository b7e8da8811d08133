"""A counterexample as a waveform."""

from io import StringIO

from vcd import VCDWriter

from .engine import Counterexample

__all__ = ["waveform"]

#: Length of a clock cycle, in ns.
_CYCLE = 10


def waveform(counterexample: Counterexample, top: str) -> str:
    """Return a value change dump of all wires of a trace, with instances as scopes below ``top``."""
    file = StringIO()
    with VCDWriter(file, timescale="1 ns") as writer:
        wires = {}
        for name in counterexample.trace:
            *path, wire = name.split(".")
            wires[name] = writer.register_var([top, *path], wire, "wire", size=counterexample.widths[name])
        for clock in range(len(counterexample.clocks)):
            for name, wire in wires.items():
                writer.change(wire, _CYCLE * clock, counterexample.trace[name][clock])
        writer.close(_CYCLE * len(counterexample.clocks))
    return file.getvalue()
