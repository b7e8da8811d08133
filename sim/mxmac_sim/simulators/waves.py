"""Save files of GTKWave, which show the signals of a waveform in groups: clock and reset, both streams, and streams inside."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vcd.gtkw import GTKWSave

from mxmac.files import written_whole

from .headers import instances, ports

__all__ = ["Annotation", "Trace", "inner_traces", "port_traces", "write_save_file"]

#: Groups of ports, by what their names start with.
_PREFIXES = {"in_": "input", "s_axis_": "input", "out_": "output", "m_axis_": "output"}
_CLOCKS = {"clk", "aclk", "rst", "rst_n", "areset", "aresetn"}
#: Ports of streams inside a unit, and levels of hierarchy below the top module that are looked at.
_STREAM = re.compile(r"(?:^|_)(?:valid|ready|taken|payload|first|end|last)$")
_LEVELS = 4
#: Annotations of a port that are shown at once; more are folded.
_OPEN = 8


@dataclass(frozen=True)
class Annotation:
    """A signal beside a unit that a bench drives: a text in ASCII, or one bit.

    Members
    -------
    name : str
    characters : int
        Of the text; 0 for one bit.
    beside : str
        Plain name of the port that it is shown with; by default it is shown before all.
    """

    name: str
    characters: int
    beside: str = ""

    @property
    def width(self) -> int:
        """Bits of the signal."""
        return 8 * self.characters or 1


@dataclass(frozen=True)
class Trace:
    """A signal in a group of a save file.

    Members
    -------
    group : tuple of str
        Name of the group, and of a folded one in it.
    name : str
        With the names of its scopes.
    width : int
        Bits.
    text : bool
        Whether it is a text in ASCII.
    """

    group: tuple[str, ...]
    name: str
    width: int
    text: bool = False


def write_save_file(waves: Path, traces: Sequence[Trace]) -> None:
    """Write a save file of GTKWave beside a waveform: the same name, with the suffix ``.gtkw``.

    Parameters
    ----------
    waves : Path
        Value change dump, or FST.
    traces : sequence of Trace
        Signals in order; those of a group follow each other.
    """
    with written_whole(waves.with_suffix(".gtkw")) as temporary, temporary.open("w") as file:
        save = GTKWSave(file)
        save.dumpfile(waves.name, abspath=False)
        opened: tuple[str, ...] = ()
        for trace in traces:
            opened = _change_group(save, opened, trace.group)
            datafmt = "ascii" if trace.text else "hex" if trace.width > 1 else "bin"
            save.trace(trace.name + (f"[{trace.width - 1}:0]" if trace.width > 1 else ""), datafmt=datafmt)
        _change_group(save, opened, ())


def _change_group(save: GTKWSave, opened: tuple[str, ...], group: tuple[str, ...]) -> tuple[str, ...]:
    """End and begin groups until ``group`` is the innermost one, and return it."""
    common = next((level for level, pair in enumerate(zip(opened, group, strict=False)) if len(set(pair)) > 1), None)
    common = min(len(opened), len(group)) if common is None else common
    for level in reversed(range(common, len(opened))):
        save.end_group(opened[level], closed=level > 0)
    for level in range(common, len(group)):
        save.begin_group(group[level], closed=level > 0)
    return group


def port_traces(text: str, top: str, scope: str, annotations: Sequence[Annotation] = ()) -> list[Trace]:
    """Return the ports of a top module of generated Verilog, with the annotations beside them.

    Parameters
    ----------
    text : str
        Verilog.
    top : str
        Name of the module.
    scope : str
        Name of its scope in the waveform.
    annotations : sequence of Annotation
        Signals of the same scope. Those of a port that the module does not have come after all ports of the stream.
    """
    found = ports(text, top)
    groups: dict[str, list[Trace]] = {name: [] for name in ("bench", "clock and reset", "input", "output", "ports")}

    def annotate(beside: str):
        notes = [note for note in annotations if note.beside == beside]
        group = _group(beside)
        folded = (group, beside) if len(notes) > _OPEN else (group,)
        groups[group] += [Trace(folded, f"{scope}.{note.name}", note.width, note.characters > 0) for note in notes]

    annotate("")
    for name, port in found.items():
        groups[_group(name)].append(Trace((_group(name),), f"{scope}.{name}", port.width))
        annotate(name)
    for beside in dict.fromkeys(note.beside for note in annotations if note.beside and note.beside not in found):
        annotate(beside)
    return [trace for group in groups.values() for trace in group]


def _group(port: str) -> str:
    """Return the group of a port and of its annotations."""
    if not port or port in _CLOCKS:
        return "clock and reset" if port else "bench"
    return next((group for prefix, group in _PREFIXES.items() if port.startswith(prefix)), "ports")


def inner_traces(text: str, top: str, scope: str) -> list[Trace]:
    """Return the streams inside a top module, a folded group for each instance; none in Verilog of another style."""
    own = ports(text, top)
    traces: list[Trace] = []

    def look(module: str, path: str, levels: int):
        for instance, inner in instances(text, module).items():
            try:
                found = ports(text, inner)
            except ValueError:
                continue
            group = "inside", f"{path}.{instance}".removeprefix(f"{scope}.")
            if found != own:
                streams = {name: port.width for name, port in found.items() if _STREAM.search(name)}
                traces.extend(Trace(group, f"{path}.{instance}.{name}", width) for name, width in streams.items())
            if levels > 1:
                look(inner, f"{path}.{instance}", levels - 1)

    look(top, scope, _LEVELS)
    return traces
