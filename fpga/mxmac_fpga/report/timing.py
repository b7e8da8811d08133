"""Setup slack and power of standard cells, by OpenSTA."""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mxmac.errors import ToolError, UserError
from mxmac.processes import failure, run_tool
from mxmac_sim.simulators.yosys import run_yosys

__all__ = ["WIRE_LOAD_PF", "MappedUnit", "check_sta", "mapped", "power", "setup_slack", "sta_version"]

#: Capacitance that a wire has for each input that it leads to, in pF: a layout is not made.
WIRE_LOAD_PF = 0.010
#: What drives inputs and loads outputs while cells are sized: a buffer of the library, and pF.
_LOAD_PF = 0.05
_MODEL = "per_fanout"
_STA = "sta"
#: ``set_power_activity -pins`` of version 2.0.17 calls a procedure that it does not have.
_ACTIVITY = """proc activity {pin transitions duty} {
  if {[catch {set_power_activity -pins [get_pins $pin] -activity $transitions -duty $duty}]} {
    ::sta::set_power_pin_activity [get_pins $pin] $transitions $duty
  }
}"""

_CELL = re.compile(r"^\s*cell\s*\(", re.M)
_INSTANCE = re.compile(r"^  (?P<cell>\w+) (?P<name>\w+) \(\n(?P<pins>[^;]*?)  \);\n", re.M)
_PIN = re.compile(r"\.(\w+)\(([^()]*)\)")


@dataclass(frozen=True)
class MappedUnit:
    """A netlist of standard cells, mapped for a clock, in a folder with its library.

    Members
    -------
    folder : Path
        Has ``mapped.v``, ``cells.lib`` and ``wired.lib``, which is the same library with loads of wires.
    top : str
    text : str
        Verilog of the netlist.
    commands : list of str
        Commands of Yosys.
    """

    folder: Path
    top: str
    text: str
    commands: list[str]

    @property
    def drivers(self) -> dict[str, list[str]]:
        """Pins that a net of the netlist is connected to, as instance/pin, by the name of the net."""
        found: dict[str, list[str]] = {}
        for match in _INSTANCE.finditer(self.text):
            for pin, net in _PIN.findall(match["pins"]):
                found.setdefault(net.strip(), []).append(f"{match['name']}/{pin}")
        return found


def check_sta() -> None:
    """Check that OpenSTA is installed.

    Raises
    ------
    ToolError
        If it is not.
    """
    if shutil.which(_STA) is None:
        raise ToolError("OpenSTA is not installed, which --period needs; Debian and Ubuntu: apt install opensta")


def sta_version() -> str:
    """Return the version of OpenSTA.

    Raises
    ------
    ToolError
        If it cannot be started.
    """
    return run_tool("OpenSTA", [_STA, "-version"]).output.strip()


def mapped(text: str, top: str, folder: Path, liberty: Path, period_ns: float) -> MappedUnit:
    """Map a design to standard cells for a clock, with cells sized for their loads.

    Parameters
    ----------
    text : str
        Verilog.
    top : str
    folder : Path
        Made if it does not exist.
    liberty : Path
        Library of cells, with times.
    period_ns : float

    Raises
    ------
    UserError
        If the library has no times.
    ToolError
        If Yosys fails.
    """
    library = liberty.read_text(errors="replace")
    if "cell_rise" not in library:
        raise UserError("liberty", f"{str(liberty)!r} has no times of cells; give a library that has, or leave out the period")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "source.v").write_text(text)
    (folder / "cells.lib").write_text(library)
    (folder / "wired.lib").write_text(_with_wire_load(library))
    (folder / "constraints").write_text(f"set_driving_cell {_buffer(library)}\nset_load {_LOAD_PF}\n")
    commands = [
        "read_liberty -lib cells.lib",
        f"synth -flatten -top {top}",
        "dfflibmap -liberty cells.lib",
        f"abc -liberty cells.lib -D {round(1000 * period_ns)} -constr constraints",
        "splitnets",
        "opt_clean -purge",
        "rename -hide */w:*",
        "rename -enumerate -pattern n%",
    ]
    run_yosys(["read_verilog source.v", *commands, "write_verilog -noattr -noexpr -nohex mapped.v"], folder)
    # OpenSTA's reader knows no signed nets.
    netlist = (folder / "mapped.v").read_text().replace(" signed ", " ")
    (folder / "mapped.v").write_text(netlist)
    return MappedUnit(folder, top, netlist, commands)


def _with_wire_load(library: str) -> str:
    """Give a library a model of the wires: a capacitance for each input."""
    model = (
        f'  wire_load ("{_MODEL}") {{ resistance : 0; capacitance : 1; area : 0; slope : {WIRE_LOAD_PF};\n'
        f"    fanout_length (1, {WIRE_LOAD_PF}); }}\n"
    )
    first = _CELL.search(library)
    assert first is not None  # a library without cells maps nothing
    return library[: first.start()] + "\n" + model + library[first.start() :]


def _buffer(library: str) -> str:
    """Name of the strongest buffer of a library, or of its first cell if it has none."""
    names = re.findall(r"^\s*cell\s*\(\s*\"?(\w+)", library, re.M)
    buffers = sorted((name for name in names if "BUF" in name.upper()), key=lambda name: (len(name), name))
    return (buffers or names)[-1]


def setup_slack(unit: MappedUnit, period_ns: float, *, wires: bool) -> float:
    """Return the least setup slack of all paths in ns, of inputs and outputs as well: negative if a path is too slow.

    Raises
    ------
    ToolError
        If OpenSTA fails.
    """
    wired = [f"set_wire_load_model -name {_MODEL}"] if wires else []
    said = _sta(unit, period_ns, [*wired, "report_worst_slack -digits 4"], library="wired" if wires else "cells")
    return round(float(said["worst"][-1]), 3)


def power(unit: MappedUnit, period_ns: float, activity: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Return power at an activity, with wires: ``total``, ``internal``, ``switching`` and ``leakage``, in W.

    Parameters
    ----------
    unit : MappedUnit
    period_ns : float
    activity : mapping of str to tuple of float
        By net: transitions a cycle, and share of the time that the net is 1.

    Raises
    ------
    ToolError
        If OpenSTA fails.
    """
    commands = [f"set_wire_load_model -name {_MODEL}", _ACTIVITY]
    for net, pins in unit.drivers.items():
        if net in activity:
            transitions, duty = activity[net]
            commands += [f"activity {pin} {transitions:.6g} {duty:.6g}" for pin in pins]
    said = _sta(unit, period_ns, [*commands, "report_power -digits 6"], library="wired")
    values = [float(word) for word in said["Total"][:4]]
    return dict(zip(("internal", "switching", "leakage", "total"), values, strict=True))


def _sta(unit: MappedUnit, period_ns: float, commands: Sequence[str], *, library: str) -> dict[str, list[str]]:
    """Run OpenSTA, and return the words of each line by its first one."""
    check_sta()
    script = [
        f"read_liberty {library}.lib",
        "read_verilog mapped.v",
        f"link_design {unit.top}",
        f"create_clock -name clk -period {period_ns} [get_ports clk]",
        "set_input_delay 0 -clock clk [delete_from_list [all_inputs] [get_ports clk]]",
        "set_output_delay 0 -clock clk [all_outputs]",
        f"set_load {_LOAD_PF} [all_outputs]",
        *commands,
    ]
    (unit.folder / "script.tcl").write_text("\n".join(script) + "\n")
    done = run_tool("OpenSTA", [_STA, "-exit", "script.tcl"], cwd=unit.folder, check=False)
    if done.status or re.search(r"^Error:", done.output + done.errors, re.M):
        raise failure("OpenSTA", done)
    return {words[0]: words[1:] for line in done.output.splitlines() if (words := line.split())}
