"""Verilog of others in the place of the generated text: a file that was edited, a netlist, or a wrapper."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mxmac.bus import bus_ports
from mxmac.errors import UserError
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import manifest_path
from mxmac.verilog.manifest import Config, read_recipe

from ..simulators.sources import Source
from .catalogue import Design, Subject, quantizer_design, unit_design

__all__ = ["Manifest", "check_ports", "given_subject", "manifest_beside"]

#: Figures of a manifest that benches check.
_TIMING = ("latency", "latency_min", "results_queued")
#: Verilog of others may be written in any style. Compilers take very long for functions as long as those of a netlist.
_OPTIONS = ("-Wno-fatal", "-Wno-lint", "-Wno-style", "--output-split-cfuncs", "1000")


@dataclass(frozen=True)
class Manifest:
    """What a manifest says about the Verilog beside it.

    Members
    -------
    config : MacConfig or QuantizerConfig
    timing : dict of str to int
        Latency and room for results, which may be others than those of the generated text: a wrapper can add to them.
    """

    config: Config
    timing: Mapping[str, int]


def manifest_beside(verilog: Path) -> Manifest | None:
    """Read the manifest beside a Verilog file; None if there is none.

    Raises
    ------
    UserError
        If the file there is no manifest, was made by another version, or has a figure that is no number of cycles.
    """
    path = manifest_path(verilog)
    if not path.is_file():
        return None
    config = read_recipe(path).config
    figures = json.loads(path.read_text(encoding="utf-8"))
    timing = {name: figures[name] for name in _TIMING if name in figures}
    for name, value in timing.items():
        if not isinstance(value, int) or value < 0:
            raise UserError(str(path), f"This manifest was changed: {name} must be a number from 0 up, not {value!r}")
    return Manifest(config, timing)


def check_ports(source: Source, config: Config, option: str = "verilog") -> None:
    """Check that a top module has the ports of a unit with its bus and its reset; outputs besides them are accepted.

    Raises
    ------
    UserError
        If a port is missing, has another direction or width, or is an input that the unit does not have. All are named.
    """
    expected = bus_ports(config)
    wrong = []
    for name, port in expected.items():
        want, found = (port.direction, port.width), source.ports.get(name)
        if found is None:
            wrong.append(f"{name} is missing ({want[0]}, {_bits(want[1])})")
        elif found != want:
            wrong.append(f"{name} is an {found[0]} of {_bits(found[1])}, not an {want[0]} of {_bits(want[1])}")
    for name, (direction, width) in source.ports.items():
        if name not in expected and direction != "output":
            wrong.append(f"{name} ({direction}, {_bits(width)}) is not a port of this unit")
    if wrong:
        raise UserError(option, f"Module {source.top} does not have the ports of this configuration: {'; '.join(wrong)}")


def _bits(width: int) -> str:
    return f"{width} bit" + "s" * (width != 1)


def given_subject(source: Source, config: Config, timing: Mapping[str, int] | None = None) -> Subject:
    """Return Verilog of others as a subject: the bench of the whole unit runs on it.

    Parameters
    ----------
    source : Source
    config : MacConfig or QuantizerConfig
    timing : mapping of str to int, optional
        Figures of its manifest; by default those of the configuration.

    Raises
    ------
    UserError
        If the top module has other ports than the unit.
    """
    check_ports(source, config)
    more: dict[str, Any] = {"ports": tuple(source.ports), "options": _OPTIONS}

    def whole() -> Design:
        if isinstance(config, QuantizerConfig):
            design = quantizer_design(config, source.top, source.text, **more)
        else:
            design = unit_design(config, source.top, source.text, **more)
        stated = {name: value for name, value in (timing or {}).items() if name in design.parameters}
        return replace(design, parameters=design.parameters | stated)

    name = "quantizer" if isinstance(config, QuantizerConfig) else "mac"
    return Subject(config, source.top, lambda: source.text, {name: whole}, source.files)
