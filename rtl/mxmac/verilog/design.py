"""A MAC unit or a quantizer as a Verilog file with its manifest."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..bus import bus_ports, bus_top, clock_name, has_padding, reset_sentence
from ..config import MacConfig
from ..errors import UserError
from ..files import written_together
from ..mac.unit import unit_plan
from ..primitives.credit_queue import queue_depth
from ..primitives.ports import Port
from ..quantizer.config import QuantizerConfig
from ..quantizer.unit import quantizer_latency, results_queued
from .comments import comment_of
from .companions import companion_files
from .emit import component_verilog
from .manifest import Config, manifest_of, read_recipe
from .names import VERILOG_SUFFIXES, check_top_name

__all__ = ["Design", "generate", "generate_from", "generate_quantizer", "manifest_path", "write"]

_WAIVERS = """
// All modules of the unit are in this one file.
// verilator lint_off DECLFILENAME
// There are no delays, and so there is no timescale; other files may have one.
// verilator lint_off TIMESCALEMOD

"""
_PADDING_WAIVER = """// Bits of padding do not count.
// verilator lint_off UNUSEDSIGNAL

"""


@dataclass(frozen=True)
class Design:
    """Verilog text and its description.

    Members
    -------
    text : str
        Verilog-2005.
    manifest : dict
        Configuration, ports, latency, rate, limits, command, version and SHA-256 of the text, ready for JSON; its schema is
        :func:`~mxmac.verilog.manifest.manifest_schema`.
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
        config,
        top,
        what="dot products of MX blocks",
        facts={
            "latency": unit.latency,
            "latency_min": unit.latency_min,
            "initiation_interval": _interval(
                config,
                plan.block_interval,
                clocks_per_dot=plan.dot_interval,
                **({} if config.addend is None else {"clocks_per_addend": plan.addend_interval}),
            ),
            "results_queued": unit.results_queued,
            "limits": dict(plan.limits),
        },
        timing=[
            f"Latency: {unit.latency} cycles, from the edge that takes the last beat of a dot product to the first edge",
            "that can take its result.",
            *plan.rate,
            *plan.range,
        ],
        block=[
            f"A block is {config.block} pairs of elements in {config.beats} beats. A transfer happens at a rising edge "
            f"of {clock_name(config)} with",
            f"valid and ready both high. {reset_sentence(config)} before use.",
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
        config,
        top,
        what="conversion of floats to MX blocks",
        facts={
            "latency": latency,
            "latency_min": latency,
            "initiation_interval": _interval(config, config.beats),
            "results_queued": queue_depth(results_queued(config)),
            "limits": {},
        },
        timing=[
            f"Latency: {latency} cycles, from the edge that takes the last beat of a block to the first edge that can take",
            "the first beat of its elements. One beat a cycle, sustained.",
        ],
        block=[
            f"A block is {config.block} elements in {config.beats} beats, in and out; in_last leaves none of them out.",
            f"A transfer happens at a rising edge of {clock_name(config)} with valid and ready both high. "
            f"{reset_sentence(config)} first.",
        ],
    )


def generate_from(path: Path, top: str | None = None) -> Design:
    """Generate the unit that a manifest describes: the same text, byte for byte.

    Parameters
    ----------
    path : Path
        Manifest of this version of mxmac.
    top : str, optional
        Another name of the top module, which is then all that differs.

    Raises
    ------
    UserError
        If the file cannot be read, is no manifest, was made by another version or was changed, or ``top`` is not accepted.
    """
    recipe = read_recipe(path)
    make = generate if isinstance(recipe.config, MacConfig) else generate_quantizer
    design = make(recipe.config, recipe.top if top is None else top)  # type: ignore[arg-type]  # of its own kind
    if top in (None, recipe.top):
        recipe.check(design.text, path)
    return design


def _interval(config: Config, clocks: int, **more: int) -> dict[str, int]:
    return {"clocks_per_beat": 1, "clocks_per_block": clocks, "beats_per_block": config.beats, **more}


def _design(
    config: Config,
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
    config : MacConfig or QuantizerConfig
    top : str
    what : str
        Purpose of the unit, in a few words.
    facts : dict
        Latency, rate and limits, for the manifest.
    timing : list of str
        The same in words, as lines of the header.
    block : list of str
        Description of a block and of a transfer, as lines of the header.
    note : str
        As in ``Design``.
    """
    check_top_name(top)
    ports = bus_ports(config)
    if top in ports:
        raise UserError("top", f"must not be {top!r}, which is the name of a port; choose another name")
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
    comment = "".join(map(comment_of, lines))
    waivers = _WAIVERS.removesuffix("\n") + _PADDING_WAIVER if has_padding(config) else _WAIVERS
    text = comment + waivers + component_verilog(bus_top(config), top, port_order=list(ports))
    return Design(text, manifest_of(config, top, ports, text, facts), note)


def _port_lines(ports: Mapping[str, Port]) -> list[str]:
    """Describe ports in the lines of a header."""
    width = max(map(len, ports))
    return [
        "Ports:",
        *(f"  {name:<{width}}  {port.direction:<6} {port.width:>4}  {port.about}" for name, port in ports.items()),
    ]


def manifest_path(verilog: Path) -> Path:
    """Return the path of the manifest of a Verilog file: beside it, with the suffix ``.json``."""
    return verilog.with_suffix(".json")


def write(design: Design, path: Path, companions: Iterable[str] = ()) -> list[Path]:
    """Write a design to ``path``, its manifest and companion files beside it: all of them, or none.

    Parameters
    ----------
    design : Design
    path : Path
    companions : iterable of str
        Kinds of companion files, keys of :data:`~mxmac.verilog.companions.COMPANIONS`.

    Returns
    -------
    list of Path
        Paths of the companion files.

    Raises
    ------
    UserError
        If the name of the file does not end in .v or .sv, it cannot be written, a package is missing that a companion file
        needs, or one would replace a file about something else.
    """
    if path.suffix not in VERILOG_SUFFIXES:
        raise UserError("path", f"must end in {' or '.join(VERILOG_SUFFIXES)}, not {str(path)!r}")
    beside = companion_files(design.manifest, path, companions)
    texts = {path: design.text, manifest_path(path): design.manifest_text, **beside}
    with written_together(*texts) as temporaries:
        for temporary, text in zip(temporaries, texts.values(), strict=True):
            temporary.write_text(text)
    return list(beside)
