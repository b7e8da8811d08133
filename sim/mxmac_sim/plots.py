"""Style of all pictures: SVG by matplotlib, the same text for the same figures, readable on white and on dark pages.

Modules that draw import this one when they draw: matplotlib takes a second to import.
"""

import io
import itertools
import math
import re
from collections.abc import Sequence
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from matplotlib.transforms import Bbox

__all__ = [
    "COLOURS",
    "FRONT",
    "INK",
    "MUTED",
    "ON_COLOUR",
    "figure",
    "label_points",
    "legend",
    "linear_ticks",
    "log_ticks",
    "svg",
    "titled",
]

_Point = tuple[float, float]

#: Colours that can be told apart on white and on black.
COLOURS = ("#0969da", "#1a7f37", "#bc4c00", "#8250df", "#bf3989", "#9a6700", "#57606a")
INK, MUTED, FRONT, _GRID, _CARD = "#1f2328", "#59636e", "#6e7781", "#d1d9e0", "#ffffff"
#: Text on one of the colours, white on a dark page as well.
ON_COLOUR = "#fffffe"
#: The same on a dark page.
_DARK = {INK: "#f0f6fc", MUTED: "#9198a1", _GRID: "#3d444d", _CARD: "#0d1117"}
_FONTS = "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mxmac",
    "text.hinting": "none",
    "font.family": "sans-serif",
    # Wider than the fonts of most pages: text that has room here has room there.
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12,
    "axes.labelsize": 12,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": _CARD,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": _CARD,
    "figure.dpi": 72,
    "figure.constrained_layout.h_pad": 0.14,
    "figure.constrained_layout.w_pad": 0.14,
    "grid.color": _GRID,
    "text.color": INK,
    "xtick.color": _GRID,
    "ytick.color": _GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
}
#: Directions in which a label may lie from its point, by preference, and distances, in points.
_DIRECTIONS = ((1, 0), (1, -1), (-1, 0), (0, 1), (-1, 1), (0, -1), (1, 1), (-1, -1))
_DISTANCES = (8, 20, 34, 50)
#: Half the size of a mark and half the width of a line, each with some room, in points.
_MARK, _LINE = 6, 3
_LEAST_TICKS, _MOST_TICKS = 4, 8
#: Boxes that stand for a line.
_PIECES = 100


def figure(width: float, height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Return an empty picture with panels below each other.

    Parameters
    ----------
    width, height : float
        In points, which are the units of the SVG.
    rows : int
    """
    with matplotlib.rc_context(_STYLE):
        picture = Figure(figsize=(width / 72, height / 72), layout="constrained")
        FigureCanvasAgg(picture)
        panels = picture.subplots(rows, squeeze=False)[:, 0].tolist()
    for panel in panels:
        panel.tick_params(length=0)
    return picture, panels


def svg(picture: Figure, title: str) -> str:
    """Return the picture as SVG, with a title for readers that do not see it."""
    buffer = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        picture.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"^ <metadata>.*?^ </metadata>\n", "", text[text.index("<svg ") :], flags=re.S | re.M)
    # Without a size of its own it takes the width of the page.
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2).replace("<svg ", '<svg role="img" ', 1)
    text = text.replace("'DejaVu Sans'", _FONTS)
    rules = (
        f"[style*='{kind}: {light}'] {{ {kind}: {dark} !important }}"
        for light, dark in _DARK.items()
        for kind in ("fill", "stroke")
    )
    lines = ["@media (prefers-color-scheme: dark) {", *(f"  {rule}" for rule in rules), "}"]
    head = "\n".join((f"<title>{escape(title)}</title>", "<style>", *lines, "</style>", ""))
    return text.replace(">\n", f">\n{head}", 1)


def linear_ticks(axis: Axis, form: str = ",g") -> None:
    """Put ticks on a linear axis, labelled with plain numbers."""
    axis.set_major_locator(MaxNLocator(_MOST_TICKS, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:{form}}"))


def log_ticks(axis: Axis, values: Sequence[float], *, margin: float = 0.06) -> None:
    """Make an axis logarithmic around some values, with ticks at round numbers."""
    axes, horizontal = axis.axes, axis is axis.axes.xaxis
    low, high = math.log10(min(values)), math.log10(max(values))
    room = margin * (high - low) or 0.1
    low, high = 10 ** (low - room), 10 ** (high + room)
    (axes.set_xscale if horizontal else axes.set_yscale)("log")
    (axes.set_xlim if horizontal else axes.set_ylim)(low, high)
    axis.set_major_locator(FixedLocator(_round_numbers(low, high)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _round_numbers(low: float, high: float) -> list[float]:
    """Return four to eight round numbers in a range, by powers of ten where there are as many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    step = max(1, math.ceil(math.log10(high / low) / _MOST_TICKS))
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)):
        numbers = [digit * 10.0**power for power in powers if power % step == 0 for digit in digits]
        numbers = [number for number in numbers if low <= number <= high]
        if len(numbers) >= _LEAST_TICKS:
            return numbers
    even = MaxNLocator(_MOST_TICKS, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(number) for number in even if low <= number <= high]


def titled(axes: Axes, title: str, better: str) -> None:
    """Write a title above the axes, and at their right end which direction is better."""
    axes.set_title(title, loc="left", fontsize=14, fontweight="bold", color=INK, pad=10)
    axes.set_title(f"{better} better", loc="right", fontsize=12, color=MUTED, pad=10)


def legend(axes: Axes, entries: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Put a legend to the right of the axes: texts with the properties of their marks; a text without any is a heading."""
    handles = [Line2D([], [], **{"linestyle": "none", **style}, label=text) for text, style in entries]
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
    box = axes.legend(handles=handles, handletextpad=0.4, frameon=False, fontsize=11, **place)
    for text, (_, style) in zip(box.get_texts(), entries, strict=True):
        text.set_color(INK if style else MUTED)


def label_points(
    axes: Axes, points: Sequence[_Point], texts: Sequence[str], others: Sequence[_Point], line: Sequence[_Point] = ()
) -> None:
    """Label points where the text covers no mark and no other text; a thin line leads to a label that is not beside its point.

    Parameters
    ----------
    axes : Axes
        With its final limits.
    points : sequence of (x, y)
    texts : sequence of str
        A label for each. It is left out where there is no room at all.
    others : sequence of (x, y)
        All marks of the axes.
    line : sequence of (x, y)
        Ends of lines that are not to be covered either.
    """
    picture = axes.get_figure(root=True)
    assert picture is not None
    picture.draw_without_rendering()
    renderer, frame = FigureCanvasAgg(picture).get_renderer(), axes.get_window_extent()
    taken = [Bbox.from_extents(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in map(axes.transData.transform, others)]
    ends = [axes.transData.transform(end) for end in line]
    for start, end in itertools.pairwise(ends):
        for share in range(_PIECES + 1):
            x, y = start + (end - start) * share / _PIECES
            taken.append(Bbox.from_extents(x - _LINE, y - _LINE, x + _LINE, y + _LINE))
    # From left to right: those at the ends take the room beside the others.
    for point, text in sorted(zip(points, texts, strict=True)):
        for distance, (right, up) in ((distance, direction) for distance in _DISTANCES for direction in _DIRECTIONS):
            note = axes.annotate(
                text,
                point,
                xytext=(distance * right, distance * up),
                textcoords="offset points",
                ha=("center", "left", "right")[right],
                va=("center", "bottom", "top")[up],
                fontsize=11,
                color=INK,
                arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 5}
                if distance > _DISTANCES[0]
                else None,
            )
            box = _text_box(note, renderer).padded(1)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            note.remove()


def _text_box(note: Annotation, renderer: Any) -> Bbox:
    """Extent of a label without the line to its point."""
    note.update_positions(renderer)
    return Text.get_window_extent(note, renderer)
