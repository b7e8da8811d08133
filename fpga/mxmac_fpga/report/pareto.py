"""Points of a sweep as a picture: area against rate, and the line of those that no other one beats in both."""

from collections.abc import Sequence
from typing import Any

from mxmac.config import Accumulator, Target
from mxmac_sim import plots
from mxmac_sim.campaigns.gates.technologies import TECHNOLOGIES

__all__ = ["draw", "front"]

_WIDTH, _PANEL = 860, 430
_COLOURS = dict(zip((kind.value for kind in Accumulator), plots.COLOURS, strict=False))
_SHAPES = dict(zip((target.value for target in Target), "osD^", strict=False))
_AREAS = {"luts": "LUTs", "area_um2": "area, µm²", "gates": "gates"}
#: Columns with rates, with what they are divided by for the axis.
_RATES = {"macs_per_second": ("million MAC per second", 1e6), "macs_per_clock": ("MAC per cycle", 1)}


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of points of which no other one has a higher rate and no more area, by their rates.

    Parameters
    ----------
    points : sequence of (rate, area)
    """
    best, found = float("inf"), []
    for index in sorted(range(len(points)), key=lambda index: (-points[index][0], points[index][1])):
        if points[index][1] < best:
            best = points[index][1]
            found.append(index)
    return found[::-1]


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """Return the picture as SVG, a panel for each technology.

    Parameters
    ----------
    rows : sequence of dict
        As :class:`~mxmac_fpga.report.sweep.Results` has them.
    """
    panels = {row["on"]: [each for each in rows if each["on"] == row["on"]] for row in rows}
    picture, axes = plots.figure(_WIDTH, _PANEL * len(panels), rows=len(panels))
    drawn = [_panel(panel, on, own) for panel, (on, own) in zip(axes, panels.items(), strict=True)]
    # Labels have their places when everything else has.
    for panel, (points, texts, all_points) in zip(axes, drawn, strict=True):
        plots.label_points(panel, points, texts, all_points, line=points)
    return plots.svg(picture, "Area against rate")


def _panel(axes, on: str, rows: Sequence[dict[str, Any]]) -> tuple[list, list[str], list]:
    """Draw a panel, and return the points to be labelled, their labels, and all points."""
    area = next(column for column in _AREAS if any(row[column] not in ("", None) for row in rows))
    # Without place and route there is no rate but that of a clock; with it, what does not fit has none, and no place.
    rate = next(column for column in _RATES if any(row[column] != "" for row in rows))
    unit, factor = _RATES[rate]
    missing = [f"{_label(row)}, {row['accumulator']}" for row in rows if row[rate] == ""]
    rows = [row for row in rows if row[rate] != ""]
    points = [(float(row[rate]) / factor, float(row[area])) for row in rows]
    plots.log_ticks(axes.xaxis, [rate for rate, _ in points])
    plots.log_ticks(axes.yaxis, [area for _, area in points])
    axes.set_xlabel(
        f"{unit}; {len(rows)} unit{'s' * (len(rows) != 1)}"
        + (f"; too large for the device: {'; '.join(missing)}" if missing else "")
    )
    axes.set_ylabel(_AREAS[area])
    plots.titled(axes, f"Area against rate: {TECHNOLOGIES[on].title}", "↘ smaller and faster is")
    best = front(points)
    line = [points[index] for index in best]
    axes.plot(*zip(*line, strict=True), color=plots.FRONT, linewidth=1.2, linestyle=(0, (4, 3)), zorder=2)
    for row, point in zip(rows, points, strict=True):
        colour, shape = _COLOURS[row["accumulator"]], _SHAPES[row["target"]]
        axes.plot(*point, color=colour, marker=shape, markersize=7, linestyle="none", zorder=3)
    plots.legend(axes, _legend(rows))
    return line, [_label(rows[index]) for index in best], points


def _label(row: dict[str, Any]) -> str:
    formats = row["a"] if row["a"] == row["b"] else f"{row['a']} × {row['b']}"
    return f"{formats}, {row['lanes']}" + (f", p{row['pipeline']}" if row["pipeline"] else "")


def _legend(rows: Sequence[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    targets = [name for name in _SHAPES if any(row["target"] == name for row in rows)]
    entries: list[tuple[str, dict[str, Any]]] = [("accumulator", {})]
    entries += [
        (name, {"marker": "o", "color": colour})
        for name, colour in _COLOURS.items()
        if any(row["accumulator"] == name for row in rows)
    ]
    entries += [("target", {}), *((name, {"marker": _SHAPES[name], "color": plots.MUTED}) for name in targets)]
    pipelines = any(row["pipeline"] for row in rows)
    entries += [("label", {}), ("formats, lanes" + (", pipeline" if pipelines else ""), {"marker": ""})]
    entries.append(("no unit beats these", {"marker": "", "linestyle": (0, (4, 3)), "color": plots.FRONT, "linewidth": 1.2}))
    return entries
