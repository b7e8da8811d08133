"""Slack and power of a design in standard cells, as figures of a report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mxmac.errors import UserError
from mxmac_sim.simulators.yosys import run_yosys

from .activity import simulated_activity
from .parts import TOP
from .timing import WIRE_LOAD_PF, MappedUnit, mapped, power, setup_slack

__all__ = ["timed"]


def timed(
    text: str,
    config: Any,
    liberty: Path,
    period_ns: float,
    folder: Path,
    on_step: Callable[[str], object],
    with_power: bool,
) -> dict[str, Any]:
    """Measure setup slack of a design and, if asked for, its power.

    Parameters
    ----------
    text : str
        Verilog; its top module is called ``TOP``.
    config : MacConfig or QuantizerConfig
    liberty : Path
        Library of standard cells, with times.
    period_ns : float
        Clock period.
    folder : Path
        Made if it does not exist.
    on_step : callable
        Called with a line at the end of every step.
    with_power : bool
        Whether to simulate the design, which has to be a MAC unit, for its power.

    Returns
    -------
    dict
        ``timing`` and, with power, ``power``; ready for JSON.

    Raises
    ------
    UserError
        If there is no such library, or it has no times.
    ToolError
        If one of the tools is missing or fails.
    HardwareError
        If the netlist computes something else than the golden model.
    """
    if not liberty.is_file():
        raise UserError(
            "liberty",
            "must name a library of standard cells with times for a period; "
            "Debian and Ubuntu have one: apt install qflow-tech-osu018",
        )
    unit = mapped(text, TOP, folder, liberty, period_ns)
    on_step("Mapped for the clock")
    slack = setup_slack(unit, period_ns, wires=False)
    wired = setup_slack(unit, period_ns, wires=True)
    on_step(f"Setup slack at {period_ns:g} ns: {slack:.3f} ns, {wired:.3f} ns with wires")
    timing = {
        "period_ns": period_ns,
        "setup_slack_ns": slack,
        "setup_slack_with_wires_ns": wired,
        "wire_load_pf_per_input": WIRE_LOAD_PF,
        "synthesis": unit.commands,
    }
    found: dict[str, Any] = {"timing": timing}
    if with_power:
        found["power"] = _power(unit, config, period_ns)
        on_step(f"Power: {found['power']['pj_per_mac']:.3g} pJ per MAC")
    return found


def _power(unit: MappedUnit, config: Any, period_ns: float) -> dict[str, Any]:
    run_yosys(["read_liberty cells.lib", "write_verilog -noattr models.v"], unit.folder)
    simulated = unit.text.replace(f"module {TOP}(", "module unit(", 1)
    activity = simulated_activity(config, simulated, (unit.folder / "models.v").read_text(), unit.folder)
    watts = power(unit, period_ns, activity.nets)
    return {
        **{f"{kind}_mw": round(1000 * value, 6) for kind, value in watts.items()},
        "pj_per_mac": round(watts["total"] * period_ns * 1000 / activity.macs_per_cycle, 3),
        "macs_per_cycle": round(activity.macs_per_cycle, 4),
        "dots": activity.dots,
        "operands": "rows of MiniLM's activations and weights",
    }
