"""Draws the pictures of the page on claims, for ``make_claims.py``: lines and bars over a logarithmic axis, as SVG."""

from collections.abc import Mapping, Sequence

_WIDTH, _HEIGHT = 860, 380


def lines(title: str, unit: str, below: str, columns: Sequence[str], series: Mapping[str, Sequence[float | None]]) -> str:
    """Draw a line for each series, with a point in each column that has a value; less is better."""
    from mxmac_sim import plots

    picture, (axes,) = plots.figure(_WIDTH, _HEIGHT)
    for colour, values in zip(plots.COLOURS, series.values(), strict=False):
        points = [(place, value) for place, value in enumerate(values) if value is not None]
        axes.plot(*zip(*points, strict=True), color=colour, marker="o", linewidth=2, markersize=6)
    axes.set_xlim(-0.5, len(columns) - 0.5)
    plots.log_ticks(axes.yaxis, [value for values in series.values() for value in values if value is not None])
    axes.grid(visible=False, axis="x")
    axes.set_xticks(range(len(columns)), columns)
    _finish(axes, title, unit, below, {name: {"marker": "o", "linestyle": "-", "linewidth": 2} for name in series})
    return plots.svg(picture, title)


def bars(title: str, unit: str, below: str, columns: Sequence[str], series: Mapping[str, Sequence[float]], floor: float) -> str:
    """Draw bars for each column, one for each series. Values below ``floor`` have no bar; less is better."""
    from mxmac_sim import plots

    picture, (axes,) = plots.figure(_WIDTH, _HEIGHT)
    plots.log_ticks(axes.yaxis, [floor, *(max(value, floor) for values in series.values() for value in values)], margin=0.03)
    axes.set_ylim(bottom=floor)
    wide = 0.8 / len(series)
    for number, (colour, values) in enumerate(zip(plots.COLOURS, series.values(), strict=False)):
        places = [index + (number - (len(series) - 1) / 2) * wide for index in range(len(columns))]
        axes.bar(places, [max(value, floor) - floor for value in values], wide, bottom=floor, color=colour)
    axes.set_xlim(-0.6, len(columns) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.set_xticks(range(len(columns)), columns)
    _finish(axes, title, unit, below, {name: {"marker": "s", "markersize": 9} for name in series})
    return plots.svg(picture, title)


def _finish(axes, title: str, unit: str, below: str, marks: Mapping[str, Mapping[str, object]]) -> None:
    from mxmac_sim import plots

    plots.titled(axes, title, "↓ less is")
    axes.set_ylabel(unit)
    axes.set_xlabel(below)
    colours = zip(plots.COLOURS, marks.items(), strict=False)
    plots.legend(axes, [(name, {**mark, "color": colour}) for colour, (name, mark) in colours])
