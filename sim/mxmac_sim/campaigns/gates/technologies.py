"""Technologies that units are synthesized for: families of FPGAs, and standard cells."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mxmac.config import Target
from mxmac.errors import UserError

__all__ = ["LIBERTY", "TECHNOLOGIES", "Technology", "check_liberty"]

#: Where Debian's and Ubuntu's package qflow-tech-osu018 has its library, a 0.18 µm process.
LIBERTY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")

_LIBRARY = re.compile(rb"\blibrary\s*\(")


@dataclass(frozen=True)
class Technology:
    """Technology that a unit is synthesized for.

    Members
    -------
    title : str
        Name to show.
    commands : sequence of str
        Of Yosys; ``{top}`` and ``{liberty}`` stand for the top module and the library of cells, ``{dsp}`` for what decides on
        multipliers.
    dsp : tuple of str
        The option that leaves multipliers to LUTs, and the one that has DSP blocks do them.
    models : str
        File of models in Yosys's own folder; empty if they are made from the library.
    luts : dict of str
        Outputs of the types of cells that are LUTs; none if gates do their work.
    target : Target
        What a unit should be generated for.
    """

    title: str
    commands: Sequence[str]
    dsp: tuple[str, str] = ("", "")
    models: str = ""
    luts: Mapping[str, str] = field(default_factory=dict)
    target: Target = Target.GENERIC

    @property
    def needs_liberty(self) -> bool:
        """Whether it takes a file of cells that Yosys does not bring along."""
        return not self.models

    def script(self, top: str, *, liberty: Path = LIBERTY, dsp: bool = False) -> list[str]:
        """Commands of Yosys for the top module of that name; see :func:`synthesized` for what else they take."""
        return [re.sub(" +", " ", command.format(top=top, liberty=liberty, dsp=self.dsp[dsp])) for command in self.commands]


#: By the name that ``--on`` has for them.
TECHNOLOGIES = {
    "ecp5": Technology(
        "Lattice ECP5",
        ("synth_ecp5 {dsp} -nowidelut -top {top}",),
        dsp=("-nodsp", ""),
        models="ecp5/cells_sim.v",
        luts={"LUT4": "Z"},
        target=Target.ECP5,
    ),
    "ice40": Technology(
        "Lattice iCE40",
        ("synth_ice40 {dsp} -top {top}",),
        dsp=("", "-dsp"),
        models="ice40/cells_sim.v",
        luts={"SB_LUT4": "O"},
    ),
    "gowin": Technology(
        "Gowin",
        ("synth_gowin {dsp} -top {top}",),
        dsp=("-nodsp", ""),
        models="gowin/cells_sim.v",
        luts={f"LUT{inputs}": "F" for inputs in (2, 3, 4)},
    ),
    "xilinx": Technology(
        "Xilinx 7 series",
        # No pads and no clock buffers: a unit is a part of a design.
        ("synth_xilinx {dsp} -nowidelut -flatten -noiopad -noclkbuf -top {top}",),
        dsp=("-nodsp", ""),
        models="xilinx/cells_sim.v",
        luts={f"LUT{inputs}": "O" for inputs in range(1, 7)},
    ),
    "asic": Technology(
        "standard cells",
        (
            "read_liberty -lib {liberty}",
            "synth -flatten -top {top}",
            "dfflibmap -liberty {liberty}",
            "abc -liberty {liberty}",
            "clean",
        ),
        target=Target.ASIC,
    ),
}


def check_liberty(file: Path) -> None:
    """Refuse a file that is no library of standard cells.

    Raises
    ------
    UserError
        If it cannot be read, or is not text in Liberty format.
    """
    if not file.is_file():
        raise UserError("liberty", f"There is no file {str(file)!r}; give a library of cells in Liberty format")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError("liberty", f"Cannot read {str(file)!r}: {error.strerror}") from error
    if b"\0" in data or not _LIBRARY.search(data):
        raise UserError("liberty", f"{str(file)!r} is not in Liberty format; give a library of standard cells in that format")
