"""Pictures of the documentation are those that their scripts draw, and can be read."""

import json
from pathlib import Path

import pytest

from svg_checks import check_texts, texts
from test_docs import script

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(autouse=True)
def beside_the_scripts(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)


def test_claims_are_drawn_as_recorded():
    claims = script("make_claims")
    pictures = claims.pictures(json.loads(claims.RECORD.read_text()))
    assert len(pictures) == 2
    for name, picture in pictures.items():
        assert (DOCS / name).read_text() == picture, "run docs/make_claims.py"


@pytest.mark.parametrize("name", ["area", "claims_blocks", "claims_layers", "compare", "explore"])
def test_texts_of_a_picture_are_apart(name):
    check_texts((DOCS / f"{name}.svg").read_text())


def test_areas_are_drawn_with_their_totals():
    area = script("make_area")
    units = {
        name: {"part": "unit", "on": "ecp5", "cells": {"LUTs": luts}, "modules": {"tree": luts - 10, "a & b": 10}}
        for name, luts in (("ours", 4000), ("small", 300))
    }
    picture = area.draw(units | {"a part": {"part": "scale", "on": "ecp5", "modules": {"itself": 7}, "cells": {"LUTs": 7}}})
    shown = texts(picture)
    assert {"ours", "small", "tree", "a & b", "3,990", "4,000", "300"} <= set(shown)
    assert "a part" not in shown
    check_texts(picture)
