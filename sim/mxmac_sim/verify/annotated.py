"""Top modules with annotations: a unit, and signals beside it that show a bench's decoded values in a waveform."""

import re
from dataclasses import replace
from pathlib import Path

from mxmac.bus import bus_ports
from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig

from ..benches.kit.settings import ANNOTATED
from ..simulators.waves import inner_traces, port_traces, write_save_file
from .catalogue import Design

__all__ = ["annotated", "write_design_save_file"]


def annotated(design: Design, config: MacConfig | QuantizerConfig) -> Design:
    """Return a design with signals for annotations around it; the design itself, if it is only a part of a unit.

    The top module is ``bench``, with underscores after it if there is such a module already. It has the ports of the design,
    which is an instance of the name of its module.
    """
    if not design.whole:
        return design
    # Only waveforms need what this imports: the golden model and all stimulus.
    from ..benches.kit.annotations import annotations

    top = "bench"
    while re.search(rf"\b{top}\b", design.text):
        top += "_"
    ports = bus_ports(config)
    header = ",\n".join(f"  {port.direction} wire {_range(port.width)}{name}" for name, port in ports.items())
    connections = ",\n".join(f"    .{name}({name})" for name in ports)
    signals = "".join(f"  reg {_range(signal.width)}{signal.name} = 0;\n" for signal in annotations(config))
    wrapper = f"\nmodule {top} (\n{header}\n);\n{signals}  {design.top} {design.top} (\n{connections}\n  );\nendmodule\n"
    parameters = design.parameters | {ANNOTATED: True}
    return replace(design, top=top, text=design.text + wrapper, ports=("*",), parameters=parameters, whole=False)


def write_design_save_file(waves: Path, design: Design, config: MacConfig | QuantizerConfig) -> None:
    """Write a save file of GTKWave beside a waveform of a design, which may be an annotated one."""
    notes = []
    if design.parameters.get(ANNOTATED):
        from ..benches.kit.annotations import annotations

        notes = annotations(config)
    text, top = design.text, design.top
    write_save_file(waves, [*port_traces(text, top, top, notes), *inner_traces(text, top, top)])


def _range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""
