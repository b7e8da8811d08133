"""Place and route of what is measured, alone in a device that is large enough."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from mxmac.errors import ToolError
from mxmac.processes import Processes

from ..boards.toolchains import TOOLCHAINS, run_program
from .harness import INPUT, INSIDE, OUTPUT, frame_cells

__all__ = ["DEVICES", "Device", "NoRoomError", "Speed", "place_and_route"]

_USED = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", re.M)


@dataclass(frozen=True)
class Device:
    """A device to place and route in.

    Members
    -------
    title : str
        Name to show.
    options : tuple of str
        Of nextpnr.
    constraints : str
        Text of ``pins.cst``; empty if pins are chosen by the tool.
    """

    title: str
    options: tuple[str, ...]
    constraints: str = ""


#: By technology and whether DSP blocks are used: not all devices have them.
DEVICES = {
    ("ecp5", False): Device(
        "LFE5U-85F, speed 6", ("--85k", "--package", "CABGA756", "--speed", "6", "--lpf-allow-unconstrained")
    ),
    ("ice40", False): Device("iCE40HX8K", ("--hx8k", "--package", "ct256")),
    ("ice40", True): Device("iCE40UP5K", ("--up5k", "--package", "sg48")),
    ("gowin", False): Device(
        "GW2A-18, C8/I7",
        ("--device", "GW2A-LV18PG256C8/I7", "--vopt", "family=GW2A-18", "--vopt", "cst=pins.cst"),
        'IO_LOC "clk" H11;\nIO_LOC "serial_in" T10;\nIO_LOC "serial_out" C13;\n',
    ),
}
DEVICES |= {(on, True): DEVICES[on, False] for on in ("ecp5", "gowin")}


class NoRoomError(ToolError):
    """The device is too small."""


@dataclass(frozen=True)
class Speed:
    """What place and route with one seed came to.

    Members
    -------
    seed : int
    fmax_mhz : float
        From register to register.
    path : dict
        The slowest such path: where it starts and ends, and its nanoseconds of logic and of routing.
    limited : bool
        Whether that path is one of the frame around the part, which could then be faster.
    """

    seed: int
    fmax_mhz: float
    path: dict
    limited: bool


def options(device: Device, freq_mhz: float) -> list[str]:
    """What nextpnr is given besides files and the seed."""
    return [*device.options, "--freq", f"{freq_mhz:g}", "--timing-allow-fail"]


def place_and_route(
    netlist: Path, family: str, device: Device, seed: int, freq_mhz: float, folder: Path, processes: Processes
) -> Speed:
    """Place and route a netlist.

    Parameters
    ----------
    netlist : Path
        As Yosys writes it in JSON; its top module is a :data:`~mxmac_fpga.report.harness.HARNESS`.
    family : str
    device : Device
    seed : int
    freq_mhz : float
        What is aimed at.
    folder : Path
        Where to work; made if it does not exist.
    processes : Processes
        What to run it in.

    Raises
    ------
    NoRoomError
        If it does not fit.
    ToolError
        If it cannot be done otherwise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(netlist, folder / "netlist.json")
    (folder / "pins.cst").write_text(device.constraints)
    name = next(iter(TOOLCHAINS[family].programs))
    arguments = ["--json", "netlist.json", *options(device, freq_mhz), "--seed", str(seed), "--report", "report.json"]
    try:
        run_program(name, TOOLCHAINS[family].programs[name].call, arguments, folder.resolve(), processes)
    except ToolError as error:
        for kind, used, available in _USED.findall((folder / f"{name}.log").read_text(errors="replace")):
            if int(used) > int(available):
                raise NoRoomError(f"{int(used):,} {kind} do not fit in {device.title}, which has {int(available):,}") from error
        raise
    report = json.loads((folder / "report.json").read_text())
    fmax = min(clock["achieved"] for clock in report["fmax"].values())
    path, limited = _slowest(report["critical_paths"], frame_cells(netlist))
    return Speed(seed, round(fmax, 2), path, limited)


def _slowest(paths: list[dict], frame: dict[str, str]) -> tuple[dict, bool]:
    """Sum up the path from register to register, and tell whether it is one of the frame; others begin or end at a pin."""
    steps = next(path["path"] for path in paths if "<async>" not in (path["from"], path["to"]))
    nanoseconds = {"logic": 0.0, "routing": 0.0}
    for step in steps:
        nanoseconds["routing" if step["type"] == "routing" else "logic"] += step["delay"]
    # A logic cell of an iCE40 is called after what is packed into it.
    start, end = (re.sub("_(DFF)?LC$", "", cell) for cell in (steps[0]["from"]["cell"], steps[-1]["to"]["cell"]))
    levels = sum(step["type"] == "logic" for step in steps)
    path = {
        "from": "an input" if frame.get(start) == INPUT else start,
        "to": "an output" if frame.get(end) == OUTPUT else end,
        "levels": levels,
        **{f"{kind}_ns": round(value, 2) for kind, value in nanoseconds.items()},
    }
    # Only the shift register itself ends where an input begins.
    return path, frame.get(end) in (INPUT, INSIDE)
