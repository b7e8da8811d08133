"""Picture of a comparison: signal-to-quantization-noise ratio against size, a mark for each choice, as SVG."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from html import escape
from itertools import cycle

from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import ScaleRule

from .comparison import Choice, Figures

__all__ = ["draw"]

_WIDTH, _HEIGHT = 820, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 130, 46, 54
_COLOURS = dict(zip(ELEMENT_FORMATS, cycle(("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#bf3989", "#9a6700")), strict=False))
#: Outlines of the marks, around (0, 0).
_SHAPES = dict(
    zip(
        ScaleRule,
        ("M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0z", "M-4.5-4.5h9v9h-9z", "M0-6L6 5H-6z", "M0-6.5L6.5 0 0 6.5-6.5 0z"),
        strict=True,
    )
)
#: Half the size of a mark, and width of a letter and height of a line of a label.
_MARK, _LETTER, _LINE = 7, 6.8, 14
_STYLE = """
    text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 15px }
    .small { font-size: 11px; fill: #59636e }
    .middle { text-anchor: middle }
    .end { text-anchor: end }
    .grid { stroke: #d1d9e0 }
    .card { fill: #ffffff }
    .mark { fill-opacity: 0.35; stroke-width: 1.5 }
    .best { fill-opacity: 1 }
    .shape { fill: none; stroke: #59636e; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc }
      .small { fill: #9198a1 }
      .grid { stroke: #3d444d }
      .card { fill: #0d1117 }
      .shape { stroke: #9198a1 }
    }
"""

_Box = tuple[float, float, float, float]


def draw(found: Mapping[Choice, Figures], marked: Collection[Choice], title: str) -> str:
    """Return the picture as SVG.

    Parameters
    ----------
    found : mapping of Choice to Figures
        A choice without any error has no place on the axis and is left out.
    marked : collection of Choice
        Choices that are filled and labelled, as far as there is room.
    title : str
    """
    points = {choice: figures.sqnr.db for choice, figures in found.items() if math.isfinite(figures.sqnr.db)}
    parts = [f'<rect class="card" width="{_WIDTH}" height="{_HEIGHT}"/>']
    parts.append(f'<text class="title" x="{_LEFT}" y="24">{escape(_shortened(title))}</text>')
    if points:
        x, x_marks = _scale([float(choice.bytes) for choice in points], _LEFT, _WIDTH - _RIGHT)
        y, y_marks = _scale(points.values(), _HEIGHT - _BOTTOM, _TOP)
        parts += _axes(x, x_marks, y, y_marks)
        places = {choice: (x(float(choice.bytes)), y(db)) for choice, db in points.items()}
        # Those that are marked last, on top of others.
        for choice in sorted(points, key=lambda choice: choice in marked):
            parts.append(_mark(choice, places[choice], points[choice], choice in marked))
        parts += _labels(places, marked)
        parts += _legend(points)
    else:
        parts.append(f'<text class="middle" x="{_WIDTH / 2}" y="{_HEIGHT / 2}">no choice has an error</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">'
    return "\n".join([head, "<title>SQNR against size</title>", f"<style>{_STYLE}</style>", *parts, "</svg>", ""])


def _scale(values: Iterable[float], first: float, last: float) -> tuple[Callable[[float], float], list[float]]:
    """Return a function from a value to its place on a linear axis, and where to mark it."""
    low, high = min(values := list(values)), max(values)
    margin = 0.06 * (high - low) or 0.5
    low, high = low - margin, high + margin
    step = 10.0 ** math.floor(math.log10(high - low))
    step = next(step * factor for factor in (1, 0.5, 0.2, 0.1) if (high - low) / (step * factor) >= 4)
    marks = [step * index for index in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return lambda value: first + (value - low) / (high - low) * (last - first), marks


def _axes(x: Callable[[float], float], x_marks: list[float], y: Callable[[float], float], y_marks: list[float]) -> list[str]:
    parts = []
    for mark in x_marks:
        parts.append(f'<path class="grid" d="M{x(mark):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text class="small middle" x="{x(mark):.1f}" y="{_HEIGHT - _BOTTOM + 18}">{mark:.4g}</text>')
    for mark in y_marks:
        parts.append(f'<path class="grid" d="M{_LEFT} {y(mark):.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="small end" x="{_LEFT - 8}" y="{y(mark) + 4:.1f}">{mark:.4g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text class="middle" x="{middle}" y="{_HEIGHT - 12}">bytes per element</text>')
    parts.append(f'<text class="small end" x="{_LEFT - 8}" y="{_TOP - 8}">SQNR, dB</text>')
    return parts


def _mark(choice: Choice, place: tuple[float, float], db: float, is_best: bool) -> str:
    colour = _COLOURS[choice.format.name]
    about = f"{choice.format.name}, block {choice.block}, {choice.rule.value}: {float(choice.bytes):.4f} bytes, {db:.2f} dB"
    kind = "mark best" if is_best else "mark"
    return (
        f'<path class="{kind}" transform="translate({place[0]:.1f} {place[1]:.1f})" d="{_SHAPES[choice.rule]}" '
        f'fill="{colour}" stroke="{colour}"><title>{escape(about)}</title></path>'
    )


def _labels(places: Mapping[Choice, tuple[float, float]], marked: Collection[Choice]) -> list[str]:
    """Label marks with format and block where the text covers neither a mark nor another label."""
    taken = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in places.values()]
    parts, seen = [], set()
    for choice, (x, y) in places.items():
        text = f"{choice.format.name}, {choice.block}"
        if choice not in marked or text in seen:
            continue
        wide = _LETTER * len(text)
        for left, middle in ((x + 10, y), (x - wide - 10, y), (x - wide / 2, y - 17), (x - wide / 2, y + 17)):
            box = left, middle - _LINE / 2, left + wide, middle + _LINE / 2
            inside = box[0] >= _LEFT and box[2] <= _WIDTH - _RIGHT and box[1] >= _TOP and box[3] <= _HEIGHT - _BOTTOM
            if inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                seen.add(text)
                parts.append(f'<text class="small" x="{left:.1f}" y="{middle + 4:.1f}">{escape(text)}</text>')
                break
    return parts


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _legend(points: Mapping[Choice, float]) -> list[str]:
    """Colours of the formats, shapes of the rules, and the meaning of filled marks."""
    left, top, parts = _WIDTH - _RIGHT + 22, _TOP + 10, []
    formats = dict.fromkeys(choice.format.name for choice in points)
    rules = [rule for rule in ScaleRule if any(choice.rule is rule for choice in points)]
    entries = [(f'<path d="{_SHAPES[rules[0]]}" fill="{_COLOURS[name]}"/>', name) for name in formats]
    entries += [(f'<path class="shape" d="{_SHAPES[rule]}"/>', rule.value) for rule in rules]
    for index, (mark, text) in enumerate(entries):
        # A gap between the two groups.
        height = top + 22 * index + 14 * (index >= len(formats))
        parts.append(f'<g transform="translate({left} {height})">{mark}<text x="14" y="4">{escape(text)}</text></g>')
    bottom = top + 22 * len(entries) + 20
    parts.append(f'<text class="small" x="{left - 6}" y="{bottom}">filled: best</text>')
    parts.append(f'<text class="small" x="{left - 6}" y="{bottom + 15}">of its size</text>')
    return parts


def _shortened(title: str) -> str:
    return title if len(title) <= 80 else f"…{title[-79:]}"
