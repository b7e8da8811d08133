"""Digests of the hardware that figures were measured on, now: pages record those of their day, and `make stale` compares.

A subject is named by words: ``report …`` is the unit or part that this command measures, ``board NAME`` the accelerator of a
board with its clock, and ``link`` the accelerator of the simulated board.
"""

import shlex
from collections.abc import Callable
from typing import Any

import typer

from mxmac.cli.mac_options import config_from
from mxmac.cli.quantizer_options import quantizer_config_from
from mxmac.cli.sharing import with_options_of
from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig
from mxmac_sim.campaigns.record import digest

from ..boards.build import board_digest
from ..boards.table import board_named
from ..simulation.board import accelerator_verilog
from .options import PartOption, settings_from
from .parts import QUANTIZER, part_named

__all__ = ["digest_of"]

_units = typer.Typer()
_quantizers = typer.Typer()


@_units.command()
@with_options_of(settings_from, "make_settings", without=("target",))
@with_options_of(config_from, "make_config")
def _unit(make_config: Callable[[], MacConfig], make_settings: object, part: PartOption = "unit") -> str:
    return part_named(part).make(make_config()).text


@_quantizers.command()
@with_options_of(settings_from, "make_settings", without=("target",))
@with_options_of(quantizer_config_from, "make_config")
def _quantizer(make_config: Callable[[], QuantizerConfig], make_settings: object) -> str:
    return QUANTIZER.make(make_config()).text


def digest_of(subject: str) -> str:
    """Return the SHA-256 of a subject as it is generated now, in hexadecimal: of its Verilog without comments.

    Raises
    ------
    ValueError
        If there is no such subject.
    """
    command, *words = shlex.split(subject)
    match command, words:
        case "report", ["quantizer", *options]:
            return digest(_run(_quantizers, options))
        case "report", options:
            return digest(_run(_units, options))
        case "board", [name]:
            return board_digest(board_named(name))
        case "link", []:
            return digest(accelerator_verilog())
    raise ValueError(f"There is no subject {subject!r}; it is report with its options, board with a name, or link")


def _run(app: Any, options: list[str]) -> str:
    return app(options, standalone_mode=False)
