"""The picture of ``mxmac compare``: a mark for each choice, and texts that cover nothing."""

import re

import numpy as np

from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli import compare
from mxmac_sim.cli.comparison import Choice, Figures
from mxmac_sim.cli.scatter import draw
from mxmac_sim.golden.quantize import ScaleRule
from svg_checks import check_texts, texts
from tensor_checks import command


def test_the_picture_has_a_mark_for_each_choice_and_texts_apart(tmp_path, capsys):
    np.save(tmp_path / "x<&>.npy", np.random.default_rng(31).standard_normal((8, 128), np.float32))
    status, text, _ = command(capsys, "compare", tmp_path / "x<&>.npy", "--plot", tmp_path / "p.svg")
    assert status == 0
    assert "p.svg" in text
    picture = (tmp_path / "p.svg").read_text()
    shown = texts(picture)
    assert {"E4M3", "INT8", "floor", "even", "bytes per element; 96 choices"} <= set(shown)
    # Each choice, six formats in the legend, and four rules.
    assert picture.count("<use ") == 6 * 4 * 4 + 6 + 4
    # One of each size is the best.
    assert sum(bool(re.fullmatch(r"\w+, \d+", text)) for text in shown) >= 12
    check_texts(picture)


def test_the_picture_of_one_choice_and_of_none_can_be_drawn():
    choice, figures = Choice(ELEMENT_FORMATS["E4M3"], 32, ScaleRule.FLOOR), Figures()
    assert "no choice has an error" in texts(draw({choice: figures}, set(), "zeros"))
    figures.sqnr.add(np.ones(2), np.array([1, 0.5]))
    shown = texts(draw({choice: figures}, {choice}, "one"))
    assert "E4M3, 32" in shown
    marks = [text for text in shown if re.fullmatch(r"[\d.]+", text)]
    assert len(marks) >= 4


def test_without_matplotlib_one_line_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(compare, "find_spec", lambda _name: None)
    np.save(tmp_path / "x.npy", np.ones((2, 64), np.float32))
    status, out, err = command(capsys, "compare", tmp_path / "x.npy", "--plot", tmp_path / "p.svg")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("mxmac: --plot: ")
    assert "pip install 'mxmac[plot]'" in err
    assert not (tmp_path / "p.svg").exists()
