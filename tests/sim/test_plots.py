"""The style of all pictures: the same bytes each time, plain numbers, and labels that cover nothing."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

from mxmac_sim import plots
from svg_checks import check_texts, texts

#: Close together, so that labels beside their points would cover others.
CROWD = [(1 + 0.01 * index, 5.0) for index in range(6)]


def drawn(points, labels, **more):
    picture, (axes,) = plots.figure(600, 300)
    plots.titled(axes, "Title & <more>", "↓ less is")
    axes.plot(*zip(*points, strict=True), linestyle="none", marker="o", color=plots.COLOURS[0])
    axes.set_xlim(0.9, 1.2)
    axes.set_ylim(4, 6)
    axes.set_xticks([])
    axes.set_yticks([])
    plots.label_points(axes, points, labels, points, **more)
    return plots.svg(picture, "Title & <more>")


def test_a_picture_is_the_same_bytes_each_time_and_tells_no_date_or_version():
    pictures = [drawn(CROWD, [f"label {index}" for index in range(6)]) for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert not re.search(r"Matplotlib|metadata|\d{4}-\d\d-\d\d", pictures[0])


def test_a_picture_has_a_title_and_takes_the_width_of_its_page():
    root = ET.fromstring(drawn(CROWD, ["a"] * 6))
    assert root.get("viewBox") == "0 0 600 300"
    assert (root.get("width"), root.get("role")) == (None, "img")
    assert root.find("{*}title").text == "Title & <more>"


def test_labels_cover_neither_each_other_nor_a_mark():
    labels = [f"label {index}" for index in range(6)]
    picture = drawn(CROWD, labels)
    assert set(labels) <= set(texts(picture))
    check_texts(picture)


def test_labels_without_room_beside_their_points_would_cover_each_other(monkeypatch):
    """The check above can fail."""
    monkeypatch.setattr(plots.Bbox, "overlaps", lambda *_: False)
    with pytest.raises(AssertionError, match="label"):
        check_texts(drawn(CROWD, [f"label {index}" for index in range(6)]))


def test_a_label_keeps_away_from_a_line():
    (free,) = (text for text in ET.fromstring(drawn([(1.0, 5.0)], ["a label"])).iter() if text.text == "a label")
    line = [(1.0, 5.0), (1.1, 5.0)]
    (moved,) = (text for text in ET.fromstring(drawn([(1.0, 5.0)], ["a label"], line=line)).iter() if text.text == "a label")
    assert float(moved.get("y")) > float(free.get("y")) + 5


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ((60, 950), ["100", "200", "500"]),
        ((150, 350), ["150", "200", "250", "300", "350"]),
        ((0.1, 5000), ["0.1", "1", "10", "100", "1,000"]),
        ((7, 7), []),
    ],
)
def test_ticks_are_plain_numbers_at_round_places(values, ticks):
    picture, (axes,) = plots.figure(600, 300)
    plots.log_ticks(axes.yaxis, values)
    axes.set_xticks([])
    shown = texts(plots.svg(picture, ""))
    assert set(ticks) <= set(shown)
    assert len(shown) >= 3
    assert all(re.fullmatch(r"[\d,]+(\.\d+)?", text) for text in shown)


def test_colours_are_others_on_a_dark_page():
    picture = drawn(CROWD, ["a"] * 6)
    dark = picture[picture.index("prefers-color-scheme: dark") : picture.index("</style>")]
    for colour in set(re.findall(r"#[0-9a-f]{6}", picture[picture.index("</style>") :])) - {plots.COLOURS[0]}:
        assert f": {colour}'" in dark


@pytest.mark.parametrize("module", ["mxmac_sim.cli.compare", "mxmac_fpga.cli.explore"])
def test_commands_that_draw_nothing_do_not_import_matplotlib(module):
    program = f"import sys, {module}; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
