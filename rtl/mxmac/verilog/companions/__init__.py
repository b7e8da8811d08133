"""Companion files of a unit: what other tools want beside its Verilog. All of them follow from the manifest."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ...errors import UserError
from ...extras import explain_missing
from .ipxact import ipxact
from .lists import bender, core, filelist, sdc
from .subject import Stream, Subject
from .systemverilog import systemverilog
from .vhdl import vhdl

__all__ = ["COMPANIONS", "Companion", "Stream", "Subject", "companion_files"]

#: Group of the entry points of companion files that need other packages than this one: functions of a :class:`Subject`.
_GROUP = "mxmac.companions"


@dataclass(frozen=True)
class Companion:
    """A kind of companion file.

    Parameters
    ----------
    suffix : str
        What follows the name of the Verilog file, without its suffix.
    about : str
        Help of the option.
    make : callable, optional
        Returns the text; an entry point with the name of the kind by default.
    name : str
        Name of the file, if tools look for that one only.
    """

    suffix: str
    about: str
    make: Callable[[Subject], str] | None = None
    name: str = ""

    def file(self, verilog: Path) -> Path:
        """Return the path of the file that belongs to a Verilog file."""
        return verilog.with_name(self.name or f"{verilog.stem}{self.suffix}")


#: Kinds of companion files, by the names of their options.
COMPANIONS: Mapping[str, Companion] = {
    "testbench": Companion("_tb.v", "Self-checking testbench in Verilog with golden vectors, OUT_tb.v."),
    "core": Companion(".core", "FuseSoC core, OUT.core.", core),
    "sdc": Companion(".sdc", "Timing constraints, OUT.sdc: the clock.", sdc),
    "vhdl": Companion(".vhd", "VHDL component package and template of an instance, OUT.vhd.", vhdl),
    "sv": Companion(
        "_wrapper.sv", "SystemVerilog package and wrapper with structures as ports, OUT_wrapper.sv.", systemverilog
    ),
    "ipxact": Companion(".xml", "IP-XACT component (IEEE 1685-2022), OUT.xml.", ipxact),
    "bender": Companion("", "Manifest for Bender, Bender.yml.", bender, name="Bender.yml"),
    "filelist": Companion(".f", "List of sources for -f of simulators, OUT.f.", filelist),
}


def companion_files(manifest: Mapping[str, Any], verilog: Path, kinds: Iterable[str]) -> dict[Path, str]:
    """Return the texts of companion files by their paths.

    Parameters
    ----------
    manifest : dict
    verilog : Path
        The Verilog file that they are written beside.
    kinds : iterable of str
        Keys of :data:`COMPANIONS`.

    Raises
    ------
    UserError
        If a package is missing that a kind needs, or a file with a fixed name is that of something else.
    """
    paths = {kind: COMPANIONS[kind].file(verilog) for kind in COMPANIONS if kind in set(kinds)}
    subject = Subject(manifest, verilog.name, {kind: path.name for kind, path in paths.items()})
    texts = {}
    for kind, path in paths.items():
        texts[path] = text = _maker(kind)(subject)
        if COMPANIONS[kind].name:
            _check_own(path, text)
    return texts


def _maker(kind: str) -> Callable[[Subject], str]:
    """Return the function that makes a kind of file; load it if it is an entry point."""
    make = COMPANIONS[kind].make
    if make is not None:
        return make
    for entry in entry_points(group=_GROUP, name=kind):
        try:
            loaded: Callable[[Subject], str] = entry.load()
        except ModuleNotFoundError as error:
            explain_missing(error, entry, kind)
            raise
        return loaded
    raise UserError(kind, "is not in this installation; install the whole of mxmac")


def _check_own(path: Path, text: str) -> None:
    """Check that a file that is about to be replaced is about the same unit."""
    first = text.partition(",")[0]
    if path.is_file() and not path.read_text(errors="replace").startswith(f"{first},"):
        raise UserError(str(path), "This file is about something else, and would be replaced; choose another folder")
