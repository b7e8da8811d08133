"""A MAC unit or a quantizer as a Verilog file with its manifest."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from .. import __version__
from ..config import MacConfig
from ..errors import UserError
from ..files import written_together
from ..mac.top import MacTop
from ..mac.unit import unit_plan
from ..primitives.credit_queue import queue_depth
from ..quantizer.config import QuantizerConfig
from ..quantizer.top import QuantizerTop
from ..quantizer.unit import quantizer_latency, results_queued
from .emit import component_verilog
from .names import VERILOG_SUFFIXES, check_top_name

__all__ = ["Design", "generate", "generate_quantizer", "manifest_path", "write"]

_WAIVERS = """
// All modules of the unit are in this one file.
// verilator lint_off DECLFILENAME
// There are no delays, and so there is no timescale; other files may have one.
// verilator lint_off TIMESCALEMOD

"""


@dataclass(frozen=True)
class Design:
    """Verilog text and its description.

    Members
    -------
    text : str
        Verilog-2005.
    manifest : dict
        Configuration, ports, latency, rate and version, ready for JSON.
    note : str
        Warning about a consequence of the configuration that may not be meant; empty if there is none.
    """

    text: str
    manifest: dict[str, Any]
    note: str = ""

    @property
    def manifest_text(self) -> str:
        """The manifest as JSON."""
        return json.dumps(self.manifest, indent=2) + "\n"


def generate(config: MacConfig, top: str) -> Design:
    """Generate the Verilog of a MAC unit. The same arguments give the same text, byte for byte.

    Parameters
    ----------
    config : MacConfig
    top : str
        Name of the top module, and what the names of all others start with.

    Raises
    ------
    UserError
        If ``top`` is not an identifier of Verilog and VHDL, is a keyword of one of them, or the name of a port.
    """
    unit = unit_plan(config)
    plan = unit.accumulator
    return _design(
        partial(MacTop, config),
        MacTop.port_table(config),
        config,
        top,
        what="dot products of MX blocks",
        facts={
            "latency": unit.latency,
            "latency_min": unit.latency_min,
            "initiation_interval": _interval(config, plan.block_interval, clocks_per_dot=plan.dot_interval),
            "results_queued": unit.results_queued,
        },
        timing=[
            f"Latency: {unit.latency} cycles, from the edge that takes the last beat of a dot product to the first edge",
            "that can take its result.",
            *plan.rate,
            *plan.range,
        ],
        block=[
            f"A block is {config.block} pairs of elements in {config.beats} beats. A transfer happens at a rising edge "
            "of clk with",
            "valid and ready both high. Hold rst high for one cycle before use.",
        ],
        note=plan.note,
    )


def generate_quantizer(config: QuantizerConfig, top: str) -> Design:
    """Generate the Verilog of a quantizer. The same arguments give the same text, byte for byte.

    Parameters
    ----------
    config : QuantizerConfig
    top : str
        Name of the top module, and what the names of all others start with.

    Raises
    ------
    UserError
        If ``top`` is not an identifier of Verilog and VHDL, is a keyword of one of them, or the name of a port.
    """
    latency = quantizer_latency(config)
    return _design(
        partial(QuantizerTop, config),
        QuantizerTop.port_table(config),
        config,
        top,
        what="conversion of floats to MX blocks",
        facts={
            "latency": latency,
            "latency_min": latency,
            "initiation_interval": _interval(config, config.beats),
            "results_queued": queue_depth(results_queued(config)),
        },
        timing=[
            f"Latency: {latency} cycles, from the edge that takes the last beat of a block to the first edge that can take",
            "the first beat of its elements. One beat a cycle, sustained.",
        ],
        block=[
            f"A block is {config.block} elements in {config.beats} beats, in and out; in_last leaves none of them out.",
            "A transfer happens at a rising edge of clk with valid and ready both high. Hold rst high for one cycle first.",
        ],
    )


def _interval(config: MacConfig | QuantizerConfig, clocks: int, **more: int) -> dict[str, int]:
    return {"clocks_per_beat": 1, "clocks_per_block": clocks, "beats_per_block": config.beats, **more}


def _design(
    make: Callable[[], wiring.Component],
    table: Mapping[str, tuple[wiring.Member, str]],
    config: MacConfig | QuantizerConfig,
    top: str,
    *,
    what: str,
    facts: dict[str, Any],
    timing: list[str],
    block: list[str],
    note: str = "",
) -> Design:
    """Put text and manifest together.

    Parameters
    ----------
    make : callable
        Makes the component with plain ports.
    table : dict
        Its ports in order, each with a line of explanation.
    config : MacConfig or QuantizerConfig
    top : str
    what : str
        Purpose of the unit, in a few words.
    facts : dict
        Latency and rate, for the manifest.
    timing : list of str
        The same in words, as lines of the header.
    block : list of str
        Description of a block and of a transfer, as lines of the header.
    note : str
        As in ``Design``.
    """
    check_top_name(top)
    ports = _ports(table)
    if top in (port["name"] for port in ports):
        raise UserError("top", f"must not be {top!r}, which is the name of a port; choose another name")
    manifest = {
        "generator": "mxmac",
        "version": __version__,
        "top": top,
        "config": config.as_dict(),
        **facts,
        "ports": ports,
    }
    described = "; ".join(
        f"{key} {', '.join(value) if isinstance(value, list) else value}" for key, value in config.as_dict().items()
    )
    lines = [
        f"{top}: {what}, made by mxmac {__version__}",
        "SPDX-License-Identifier: 0BSD OR CC0-1.0",
        "Generated text, which may be used under any terms, without attribution.",
        "",
        f"Configuration: {described}",
        *timing,
        "",
        *_port_lines(ports),
        "",
        *block,
    ]
    comment = "".join(f"// {line}".rstrip() + "\n" for line in lines)
    comment += _WAIVERS
    return Design(comment + component_verilog(make(), top, port_order=list(table)), manifest, note)


def _ports(table: Mapping[str, tuple[wiring.Member, str]]) -> list[dict[str, Any]]:
    """Describe clock, reset and the ports of a component, for the manifest."""
    return [
        {"name": "clk", "direction": "input", "width": 1, "about": "clock, rising edge"},
        {"name": "rst", "direction": "input", "width": 1, "about": "synchronous reset, active high"},
        *(
            {
                "name": name,
                "direction": "input" if port.flow == In else "output",
                "width": Shape.cast(port.shape).width,
                "about": about,
            }
            for name, (port, about) in table.items()
        ),
    ]


def _port_lines(ports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Describe ports in the lines of a header."""
    width = max(len(port["name"]) for port in ports)
    return [
        "Ports:",
        *(f"  {port['name']:<{width}}  {port['direction']:<6} {port['width']:>4}  {port['about']}" for port in ports),
    ]


def manifest_path(verilog: Path) -> Path:
    """Return the path of the manifest of a Verilog file: beside it, with the suffix ``.json``."""
    return verilog.with_suffix(".json")


def write(design: Design, path: Path) -> None:
    """Write a design to ``path`` and its manifest beside it: both of them, or neither.

    Raises
    ------
    UserError
        If the name of the file does not end in .v or .sv, or it cannot be written.
    """
    if path.suffix not in VERILOG_SUFFIXES:
        raise UserError("path", f"must end in {' or '.join(VERILOG_SUFFIXES)}, not {str(path)!r}")
    with written_together(path, manifest_path(path)) as (text, manifest):
        text.write_text(design.text)
        manifest.write_text(design.manifest_text)
