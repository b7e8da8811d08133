"""Points of a sweep as a picture: area against rate, and the line of those that no other one beats in both."""

from collections.abc import Sequence
from html import escape
from itertools import cycle
from math import ceil, floor, log10
from typing import Any

from mxmac.config import Accumulator

__all__ = ["draw", "front"]

_WIDTH, _PANEL = 820, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 200, 46, 54
_PALETTE = ("#0969da", "#1a7f37", "#bc4c00", "#8250df", "#bf3989", "#9a6700")
_COLOURS = dict(zip((kind.value for kind in Accumulator), cycle(_PALETTE), strict=False))
_AREAS = {"luts": "LUTs", "area_um2": "area, µm²", "gates": "gates"}
_RATES = {"macs_per_second": "MAC/s", "macs_per_clock": "MAC a cycle"}
_STYLE = """
    text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 15px }
    .small { font-size: 11px; fill: #59636e }
    .middle { text-anchor: middle }
    .end { text-anchor: end }
    .grid { stroke: #d1d9e0 }
    .front { fill: none; stroke: #59636e; stroke-width: 1.5; stroke-dasharray: 5 4 }
    rect { fill: #ffffff }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .small { fill: #9198a1 }
      .grid { stroke: #3d444d }
      rect { fill: #0d1117 }
    }
"""


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
    """Return the picture as SVG, a panel for each target.

    Parameters
    ----------
    rows : sequence of dict
        As :class:`~mxmac_fpga.report.sweep.Results` has them.
    """
    panels = {row["target"]: [each for each in rows if each["target"] == row["target"]] for row in rows}
    height = _PANEL * len(panels)
    parts = [f'<rect width="{_WIDTH}" height="{height}"/>']
    for number, (target, own) in enumerate(panels.items()):
        parts += [f'<g transform="translate(0 {number * _PANEL})">', *_panel(target, own), "</g>"]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
    title = "<title>Area against rate</title>"
    return "\n".join([head, title, f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _panel(target: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    area = next(column for column in _AREAS if any(row[column] not in ("", None) for row in rows))
    # Without place and route there is no rate but that of a clock; with it, what does not fit has none, and no place.
    rate = next(column for column in _RATES if any(row[column] != "" for row in rows))
    missing = [f"{row['a']} × {row['b']}, {row['lanes']}, {row['accumulator']}" for row in rows if row[rate] == ""]
    rows = [row for row in rows if row[rate] != ""]
    points = [(float(row[rate]), float(row[area])) for row in rows]
    x, x_marks = _scale([rate for rate, _ in points], _LEFT, _WIDTH - _RIGHT)
    y, y_marks = _scale([area for _, area in points], _PANEL - _BOTTOM, _TOP)
    parts = [f'<text class="title" x="{_LEFT}" y="24">{escape(target)}</text>']
    for mark in x_marks:
        parts.append(f'<path class="grid" d="M{x(mark):.1f} {_TOP}V{_PANEL - _BOTTOM}"/>')
        parts.append(f'<text class="small middle" x="{x(mark):.1f}" y="{_PANEL - _BOTTOM + 18}">{_short(mark)}</text>')
    for mark in y_marks:
        parts.append(f'<path class="grid" d="M{_LEFT} {y(mark):.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="small end" x="{_LEFT - 8}" y="{y(mark) + 4:.1f}">{_short(mark)}</text>')
    if missing:
        parts.append(f'<text class="small" x="{_LEFT + 80}" y="24">too large: {escape("; ".join(missing))}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text class="middle" x="{middle}" y="{_PANEL - 12}">{_RATES[rate]}</text>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 8}" class="small end">{_AREAS[area]}</text>')
    line = " ".join(f"{x(points[index][0]):.1f},{y(points[index][1]):.1f}" for index in front(points))
    parts.append(f'<polyline class="front" points="{line}"/>')
    for row, (speed, size) in zip(rows, points, strict=True):
        about = f"{row['a']} × {row['b']}, {row['lanes']} lanes, {row['accumulator']}: {size:,.0f}, {_short(speed)}"
        place = f'cx="{x(speed):.1f}" cy="{y(size):.1f}"'
        parts.append(f'<circle {place} r="5" fill="{_COLOURS[row["accumulator"]]}"><title>{escape(about)}</title></circle>')
    for index in front(points):
        label = f"{rows[index]['a']} × {rows[index]['b']}, {rows[index]['lanes']}"
        place = f'x="{x(points[index][0]) + 9:.1f}" y="{y(points[index][1]) + 4:.1f}"'
        parts.append(f'<text class="small" {place}>{escape(label)}</text>')
    used = [name for name in _COLOURS if any(row["accumulator"] == name for row in rows)]
    for index, name in enumerate(used):
        top = _TOP + 14 + 22 * index
        parts.append(f'<circle cx="{_WIDTH - 90}" cy="{top}" r="5" fill="{_COLOURS[name]}"/>')
        parts.append(f'<text x="{_WIDTH - 78}" y="{top + 4}">{name}</text>')
    return parts


def _scale(values: Sequence[float], first: float, last: float):
    """Return a function from a value to its place on an axis by logarithms, and where to mark it."""
    low, high = log10(min(values)) - 0.05, log10(max(values)) + 0.05

    def place(value: float) -> float:
        return first + (log10(value) - low) / (high - low) * (last - first)

    marks = [
        digit * 10.0**power
        for power in range(floor(low), ceil(high) + 1)
        for digit in (1, 2, 5)
        if low <= log10(digit * 10.0**power) <= high
    ]
    return place, marks


def _short(value: float) -> str:
    factor, prefix = next((each for each in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if value >= each[0]), (1, ""))
    return f"{value / factor:.3g}{prefix}"
