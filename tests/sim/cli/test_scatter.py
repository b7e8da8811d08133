"""The picture of ``mxmac compare``: a mark for each choice, and texts that cover nothing."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np

from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli.comparison import Choice, Figures
from mxmac_sim.cli.scatter import draw
from mxmac_sim.golden.quantize import ScaleRule
from tensor_checks import command


def boxes(root):
    """Where texts are, with a width that a browser's font may have."""
    for text in root.findall("{*}text"):
        left, width = float(text.get("x")), 6 * len(text.text)
        anchor = text.get("class", "").split()[-1:]
        left -= width * {"middle": 0.5, "end": 1}.get("".join(anchor), 0)
        yield left, float(text.get("y")), left + width, float(text.get("y")) + 11


def test_the_picture_has_a_mark_for_each_choice_and_texts_apart(tmp_path, capsys):
    np.save(tmp_path / "x<&>.npy", np.random.default_rng(31).standard_normal((8, 128), np.float32))
    status, text, _ = command(capsys, "compare", tmp_path / "x<&>.npy", "--plot", tmp_path / "p.svg")
    assert status == 0
    assert "p.svg" in text
    root = ET.fromstring((tmp_path / "p.svg").read_text())
    titles = [title.text for title in root.findall("{*}path/{*}title")]
    assert len(set(titles)) == 6 * 4 * 4
    assert any(re.fullmatch(r"E2M1, block 16, even: 0\.5625 bytes, \d+\.\d\d dB", title) for title in titles)
    assert {"E4M3", "INT8", "floor", "even", "bytes per element"} <= {text.text for text in root.findall(".//{*}text")}
    found = list(boxes(root))
    for index, one in enumerate(found):
        for other in found[:index]:
            assert not (one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]), (one, other)


def test_the_picture_of_one_choice_and_of_none_can_be_drawn():
    choice, figures = Choice(ELEMENT_FORMATS["E4M3"], 32, ScaleRule.FLOOR), Figures()
    assert "no choice has an error" in draw({choice: figures}, set(), "zeros")
    figures.sqnr.add(np.ones(2), np.array([1, 0.5]))
    marks = [float(text.text) for text in ET.fromstring(draw({choice: figures}, {choice}, "one")).findall("{*}text")
             if re.fullmatch(r"[\d.-]+", text.text)]  # fmt: skip
    assert any(low < high for low, high in pairwise(marks))
