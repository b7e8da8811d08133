"""A bitstream for a board, and a report of what it takes and how fast it may run."""

import json
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mxmac import __version__
from mxmac.errors import ToolError, UserError
from mxmac.files import check_folder, check_writable, private_folder, written_together
from mxmac.verilog.emit import component_verilog
from mxmac_sim.campaigns.record import digest

from ..gateware.accelerator import Accelerator
from ..gateware.uart import bit_clocks
from .table import BoardType, board_named
from .toolchains import TOOLCHAINS, Routed, Tools, package_versions
from .top import BoardTop

__all__ = ["SEEDS", "Built", "bitstream_path", "board_digest", "build", "report_path"]

#: Of place and route that are tried until the clock is met.
SEEDS = 8


@dataclass(frozen=True)
class Built:
    """A bitstream that meets its clock.

    Members
    -------
    bitstream : bytes
    report : dict
        Ready for JSON; nothing in it depends on the machine or on the time.
    """

    bitstream: bytes
    report: dict


def bitstream_path(name: str, folder: Path) -> Path:
    """Where the bitstream of a board is."""
    return folder / f"{name}{TOOLCHAINS[board_named(name).family].suffix}"


def report_path(name: str, folder: Path) -> Path:
    """Where the report of a board is."""
    return folder / f"{name}.json"


def build(
    name: str, folder: Path, *, baud: int | None = None, seeds: int = SEEDS, told: Callable[[str], None] = lambda step: None
) -> Built:
    """Build a board's bitstream, and write it and its report to a folder: both of them, or neither.

    Parameters
    ----------
    name : str
        In :data:`~mxmac_fpga.boards.table.BOARDS`.
    folder : Path
        Made if it does not exist.
    baud : int, optional
        Rate of the serial line, if not the one of the board.
    seeds : int
        How many to try.
    told : callable
        Gets a line at the beginning of every step.

    Raises
    ------
    UserError
        If there is no such board, no such rate, or no place to write to.
    ModuleNotFoundError
        If one of the packages that take part is not installed.
    ToolError
        If a tool fails, or if the clock is not met with any of the seeds.
    """
    board = board_named(name)
    if seeds < 1:
        raise UserError("seeds", f"At least one seed has to be tried, not {seeds}")
    bit_clocks(round(board.pll.output_hz), board.baud if baud is None else baud)
    versions, platform = package_versions(board.family), board.make_platform()
    paths = bitstream_path(name, folder), report_path(name, folder)
    with _writable(folder), private_folder() as work:
        for path in paths:
            check_writable(path)
        told("Elaborating")
        # Not before: of a design that is not elaborated after all, Amaranth would complain.
        top = BoardTop(board, baud)
        tools = Tools(top, platform, work)
        told("Synthesizing")
        cells = tools.synthesize()
        tried = _routed(tools, top, seeds, told)
        told("Packing")
        bitstream = tools.pack()
        built = Built(bitstream, _report(name, top, cells, tried, versions) | {"sha256": board_digest(board, baud)})
        # Another build in this folder that failed has removed it, if it was empty.
        folder.mkdir(parents=True, exist_ok=True)
        with written_together(*paths) as (bits, report):
            bits.write_bytes(bitstream)
            report.write_text(json.dumps(built.report, indent=2) + "\n")
    return built


def board_digest(board: BoardType, baud: int | None = None) -> str:
    """Return the SHA-256 of the hardware of a board, in hexadecimal: its accelerator's Verilog, device, pins and clock."""
    accelerator = Accelerator(board.config, round(board.pll.output_hz), board.baud if baud is None else baud)
    text = component_verilog(accelerator, "accelerator", port_order=["rx", "tx", "leds"])
    return digest(text + repr((board.device, board.grade, board.platform, board.pll, board.synthesis)))


def _routed(tools: Tools, top: BoardTop, seeds: int, told: Callable[[str], None]) -> list[Routed]:
    """Place and route with one seed after the other, until the clock is met."""
    tried: list[Routed] = []
    for seed in range(top.board.seed, top.board.seed + seeds):
        before = f", {tried[-1].fmax_hz / 1e6:.2f} MHz with the last" if tried else ""
        told(f"Placing and routing with seed {seed}{before}")
        tried.append(tools.place_and_route(seed))
        if tried[-1].fmax_hz >= top.clock_hz:
            return tried
    best = max(tried, key=lambda routed: routed.fmax_hz)
    raise ToolError(
        f"{top.clock_hz / 1e6:g} MHz is not met: at most {best.fmax_hz / 1e6:.2f} MHz with seeds "
        f"{tried[0].seed} to {tried[-1].seed}; try more with --seeds"
    )


@contextmanager
def _writable(folder: Path):
    """Have a folder that files can be written to, or what there was before if the body fails."""
    missing: list[Path] = []
    # A name that is too long cannot even be looked for.
    with suppress(OSError):
        missing += [path for path in (folder, *folder.parents) if not path.exists()]
    check_folder("-o", folder)
    try:
        yield
    except BaseException:
        for path in missing:
            with suppress(OSError):
                path.rmdir()
        raise


def _report(name: str, top: BoardTop, cells: dict[str, int], tried: list[Routed], versions: dict[str, str]) -> dict:
    board, routed = top.board, tried[-1]
    return {
        "board": name,
        "part": board.part,
        "mxmac": __version__,
        "config": board.config.as_dict(),
        "clock_hz": top.clock_hz,
        "fmax_hz": routed.fmax_hz,
        "margin_percent": round((routed.fmax_hz / top.clock_hz - 1) * 100, 1),
        "baud": top.accelerator.baud,
        "serial": board.serial,
        "cells": cells,
        "used": {kind: {"used": used, "available": available} for kind, (used, available) in routed.used.items()},
        "seeds": {str(attempt.seed): attempt.fmax_hz for attempt in tried},
        "tools": versions,
    }
