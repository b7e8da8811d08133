"""Draws the pictures of the page on claims, for ``make_claims.py``: lines and bars over a logarithmic axis, as SVG."""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 860, 330
#: Edges of the axes.
_LEFT, _RIGHT, _TOP, _BOTTOM = 90, 690, 34, 270
#: Colours that can be told apart on white and on black.
COLOURS = ("#0969da", "#1a7f37", "#bc4c00", "#8250df", "#bf3989", "#9a6700")
_STYLE = """
    text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
    .small { font-size: 11px }
    .middle { text-anchor: middle }
    .end { text-anchor: end }
    .card { fill: #ffffff }
    .grid { stroke: #8c959f; stroke-opacity: 0.4 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .card { fill: #0d1117 }
    }
"""


class _Axis:
    """A logarithmic axis from the bottom to the top, over the decades of some values."""

    def __init__(self, values: Sequence[float]):
        self._low, high = (side(math.log10(limit)) for side, limit in ((math.floor, min(values)), (math.ceil, max(values))))
        self._high = max(high, self._low + 1)

    def at(self, value: float) -> float:
        """Height of a value in the picture."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return _BOTTOM - share * (_BOTTOM - _TOP)

    def drawn(self, unit: str) -> list[str]:
        """Lines and labels of the decades, at most eight of them."""
        parts = [f'<text class="small" x="14" y="20">{escape(unit)}</text>']
        step = -(-(self._high - self._low) // 8)
        for decade in range(self._low, self._high + 1, step):
            y = self.at(10.0**decade)
            label = f"{10**decade:,}" if 0 <= decade <= 4 else f"10^{decade}" if abs(decade) > 4 else f"{10.0**decade:g}"
            parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_RIGHT}" y2="{y:.1f}"/>')
            parts.append(f'<text class="small end" x="{_LEFT - 8}" y="{y + 4:.1f}">{label}</text>')
        return parts


def _picture(title: str, parts: Sequence[str], names: Sequence[str], below: str) -> str:
    """Put parts, a legend and a line below the axis into a picture."""
    legend = []
    for index, name in enumerate(names):
        y = _TOP + 22 * index
        legend.append(f'<rect x="{_RIGHT + 16}" y="{y}" width="12" height="12" fill="{COLOURS[index]}"/>')
        legend.append(f'<text x="{_RIGHT + 34}" y="{y + 11}">{escape(name)}</text>')
    legend.append(f'<text class="middle" x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 44}">{escape(below)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
    card = f'<rect class="card" width="{WIDTH}" height="{HEIGHT}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", f"<style>{_STYLE}</style>", card, *parts, *legend, "</svg>", ""])


def lines(title: str, unit: str, below: str, columns: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """Draw a line for each series, with a point in each column that has a value."""
    axis = _Axis([value for values in series.values() for value in values if value is not None])
    places = [_LEFT + (index + 0.5) * (_RIGHT - _LEFT) / len(columns) for index in range(len(columns))]
    parts = axis.drawn(unit)
    for place, column in zip(places, columns, strict=True):
        parts.append(f'<text class="middle" x="{place:.1f}" y="{_BOTTOM + 20}">{escape(column)}</text>')
    for colour, values in zip(COLOURS, series.values(), strict=False):
        points = [(place, axis.at(value)) for place, value in zip(places, values, strict=True) if value is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
    return _picture(title, parts, list(series), below)


def bars(title: str, unit: str, below: str, columns: Sequence[str], series: Mapping[str, Sequence[float]], floor: float) -> str:
    """Draw bars for each column, one for each series. Values below ``floor`` have no bar."""
    axis = _Axis([floor, *(max(value, floor) for values in series.values() for value in values)])
    parts, room = axis.drawn(unit), (_RIGHT - _LEFT) / len(columns)
    wide = room * 0.8 / len(series)
    for index, column in enumerate(columns):
        middle = _LEFT + (index + 0.5) * room
        parts.append(f'<text class="small middle" x="{middle:.1f}" y="{_BOTTOM + 18}">{escape(column)}</text>')
        for number, (colour, values) in enumerate(zip(COLOURS, series.values(), strict=False)):
            top = axis.at(max(values[index], floor))
            x = middle + (number - len(series) / 2) * wide
            parts.append(f'<rect x="{x:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{_BOTTOM - top:.1f}" fill="{colour}"/>')
    return _picture(title, parts, list(series), below)
