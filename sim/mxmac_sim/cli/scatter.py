"""Picture of a comparison: signal-to-quantization-noise ratio against size, a mark for each choice, as SVG."""

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import plots
from mxmac_sim.golden.quantize import ScaleRule

from .comparison import Choice, Figures

__all__ = ["draw"]

_WIDTH, _HEIGHT = 860, 480
_COLOURS = dict(zip(ELEMENT_FORMATS, plots.COLOURS, strict=False))
_SHAPES = dict(zip(ScaleRule, "os^D", strict=True))
#: Letters of a title that leave room for the rest of its line.
_TITLE_MAX = 48


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
    points = {
        choice: (float(choice.bytes), figures.sqnr.db) for choice, figures in found.items() if math.isfinite(figures.sqnr.db)
    }
    picture, (axes,) = plots.figure(_WIDTH, _HEIGHT)
    plots.titled(axes, _shortened(title), "↖ smaller and more precise is")
    axes.set_xlabel(f"bytes per element; {len(points)} choices")
    axes.set_ylabel("SQNR, dB")
    if points:
        plots.linear_ticks(axes.xaxis)
        plots.linear_ticks(axes.yaxis)
        axes.margins(x=0.12, y=0.06)
        # Those that are marked last, on top of others.
        for choice in sorted(points, key=lambda choice: choice in marked):
            axes.plot(*points[choice], **_mark(choice, choice in marked))
        plots.legend(axes, _legend(points))
        # One label where formats and blocks are the same.
        labels = {f"{choice.format.name}, {choice.block}": point for choice, point in points.items() if choice in marked}
        plots.label_points(axes, list(labels.values()), list(labels), list(points.values()))
    else:
        axes.text(0.5, 0.5, "no choice has an error", ha="center", transform=axes.transAxes, color=plots.INK)
    return plots.svg(picture, "SQNR against size")


def _mark(choice: Choice, is_best: bool) -> dict[str, Any]:
    colour = _COLOURS[choice.format.name]
    face = colour if is_best else "none"
    return {"marker": _SHAPES[choice.rule], "color": colour, "markerfacecolor": face, "markersize": 8, "linestyle": "none"}


def _legend(points: Iterable[Choice]) -> list[tuple[str, dict[str, Any]]]:
    """Colours of the formats, shapes of the rules, and the meaning of filled marks."""
    choices = list(points)
    formats = dict.fromkeys(choice.format.name for choice in choices)
    rules = [rule for rule in ScaleRule if any(choice.rule is rule for choice in choices)]
    hollow = {"color": plots.MUTED, "markerfacecolor": "none", "markersize": 8}
    entries: list[tuple[str, dict[str, Any]]] = [("elements", {})]
    entries += [(name, {"marker": _SHAPES[rules[0]], "color": _COLOURS[name], "markersize": 8}) for name in formats]
    entries += [("scale rule", {}), *((rule.value, {"marker": _SHAPES[rule], **hollow}) for rule in rules)]
    entries += [("filled: best of its size", {}), ("label: elements, block", {})]
    return entries


def _shortened(title: str) -> str:
    return title if len(title) <= _TITLE_MAX else f"…{title[1 - _TITLE_MAX :]}"
