"""Draws the timing of a unit's ports, from a simulation of the unit: ``python docs/make_timing.py``.

To draw it needs the package ``wavedrom``, of which there are no wheels: ``.venv/bin/pip install wavedrom``. What it draws is in
the picture, too, as WaveJSON, so that a test can tell whether the picture is current.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from amaranth.sim import Simulator

from mxmac.config import MacConfig
from mxmac.formats import SCALE_BIAS
from mxmac.mac.top import MacTop
from mxmac.mac.unit import unit_plan

FILE = Path(__file__).with_name("timing.svg")
#: Two beats a block, and codes of 1.0 and 2.0 in E4M3.
CONFIG = MacConfig(block=2, lanes=1)
ONE, TWO = 0x38, 0x40
#: Beats of two dot products: a, b, scale of a, and in_last. Of the second one, the second block ends early.
BEATS = (
    (ONE, ONE, SCALE_BIAS, 0),
    (TWO, ONE, None, 1),
    (ONE, TWO, SCALE_BIAS + 1, 0),
    (TWO, TWO, None, 0),
    (ONE, ONE, SCALE_BIAS + 2, 1),
)
#: Cycles in which the source has no beat.
PAUSES = (2,)
#: Cycles drawn before and after those that are cut out.
HEAD, TAIL = 8, 7

_DARK = "<style>@media (prefers-color-scheme: dark) { svg { filter: invert(1) } }</style>"
#: Before the WaveJSON in the picture.
_MARK = "<!-- drawn from "
_INPUTS = ("in_valid", "in_ready", "in_a", "in_b", "in_scale_a", "in_scale_b", "in_last")
_OUTPUTS = ("out_valid", "out_ready", "out_data", "out_status")


def trace() -> list[dict[str, int]]:
    """Simulate the dot products, and return the values of all ports in each cycle."""
    top, cycles = MacTop(CONFIG), []
    beats, pauses, waited = list(BEATS), list(PAUSES), 0

    async def drive(ctx):
        nonlocal waited
        for cycle in range(2 * unit_plan(CONFIG).latency + len(BEATS) + TAIL):
            offered = bool(beats) and cycle not in pauses
            ctx.set(top.in_valid, offered)
            if offered:
                a, b, scale, last = beats[0]
                ctx.set(top.in_a, a)
                ctx.set(top.in_b, b)
                ctx.set(top.in_scale_a, scale or 0)
                ctx.set(top.in_scale_b, SCALE_BIAS if scale else 0)
                ctx.set(top.in_last, last)
            # The sink takes its first result in the third cycle in which there is one.
            waited += ctx.get(top.out_valid)
            ctx.set(top.out_ready, waited > 2)
            cycles.append({name: ctx.get(getattr(top, name)) for name in (*_INPUTS, *_OUTPUTS)})
            if offered and cycles[-1]["in_ready"]:
                beats.pop(0)
            await ctx.tick()

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    with warnings.catch_warnings():
        # Inputs of parts that a small unit does not use.
        warnings.simplefilter("ignore")
        simulator.run()
    return cycles


def _shown(name: str, value: int) -> str:
    """Write a value as a reader takes it: elements and data as numbers, scales as powers of two."""
    if name in ("in_a", "in_b"):
        return f"{float(np.uint8(value).view(ml_dtypes.float8_e4m3fn)):g}"
    if name == "out_data":
        return f"{float(np.uint32(value).view(np.float32)):g}"
    if name.startswith("in_scale"):
        return f"2^{value - SCALE_BIAS}"
    return f"{value:b}" if name == "in_last" else "no flags" if value == 0 else f"{value:05b}"


def _wave(name: str, cycles: Sequence[Mapping[str, int] | None]) -> dict[str, Any]:
    """Return a lane of WaveJSON; None is where cycles are cut out. A payload is shown while its valid is high."""
    valid = "in_valid" if name.startswith("in_") else "out_valid"
    single = name in (valid, valid.replace("valid", "ready"))
    wave, data, last = "", [], ""
    for cycle in cycles:
        if cycle is None:
            wave += "|"
            continue
        if single or name == "in_last":
            state = f"{cycle[name]}" if single or cycle[valid] else "x"
        elif name.startswith("in_scale") and not cycle["first"]:
            state = "x"
        else:
            state = _shown(name, cycle[name]) if cycle[valid] else "x"
        if state == last:
            wave += "."
        elif state in ("0", "1", "x") and (single or name == "in_last" or state == "x"):
            wave += state
        else:
            wave += "="
            data.append(state)
        last = state
    return {"name": name, "wave": wave, "data": data}


def wavejson() -> str:
    """Return what is drawn, as WaveJSON."""
    cycles, first = trace(), True
    for cycle in cycles:
        cycle["first"] = int(bool(cycle["in_valid"]) and first)
        if cycle["in_valid"] and cycle["in_ready"]:
            # The beat after a block's last one begins a block.
            first = not first or bool(cycle["in_last"])
    answer = next(number for number, cycle in enumerate(cycles) if cycle["out_valid"])
    shown = [*cycles[:HEAD], None, *cycles[answer - 1 : answer - 1 + TAIL]]
    clock = {"name": "clk", "wave": "p" + "".join("|" if cycle is None else "." for cycle in shown[1:])}
    lanes = [clock, {}, *(_wave(name, shown) for name in _INPUTS), {}, *(_wave(name, shown) for name in _OUTPUTS)]
    return json.dumps({"signal": lanes, "config": {"hscale": 2}})


def drawn() -> str:
    """Return the WaveJSON that the picture was drawn from."""
    text = FILE.read_text()
    return text[text.index(_MARK) + len(_MARK) : text.index("-->")].strip()


def draw() -> str:
    """Return the picture as SVG.

    Raises
    ------
    ModuleNotFoundError
        If wavedrom is not installed.
    """
    import wavedrom

    source = wavejson()
    # The lines are black: on a dark page they are shown inverted.
    return wavedrom.render(source).tostring().replace("<defs>", f"{_MARK}{source} -->{_DARK}<defs>", 1) + "\n"


if __name__ == "__main__":
    FILE.write_text(draw())
