"""Texts of pictures, and the room that they take."""

import re
import xml.etree.ElementTree as ET
from itertools import combinations

__all__ = ["check_texts", "texts"]

#: Width of a letter of the usual fonts, and height of capitals, by the size of the font.
_LETTER, _HEIGHT = 0.5, 0.72
_SHARES = {"start": 0, "middle": 0.5, "end": 1}


def texts(picture):
    """Texts of an SVG in its order."""
    return [text.text for text in ET.fromstring(picture).findall(".//{*}text")]


def _boxes(picture):
    for text in ET.fromstring(picture).findall(".//{*}text"):
        style, turned = text.get("style"), text.get("transform", "")
        if "rotate(-90" in turned:
            continue
        size = float(re.search(r"([\d.]+)px", style)[1])
        width = size * _LETTER * len(text.text)
        anchor = re.search(r"text-anchor: (\w+)", style)
        left = float(text.get("x")) - width * _SHARES[anchor[1] if anchor else "start"]
        bottom = float(text.get("y"))
        yield text.text, (left, bottom - size * _HEIGHT, left + width, bottom)


def check_texts(picture):
    """Check that all texts are in the picture, and none covers another."""
    _, _, wide, high = map(float, ET.fromstring(picture).get("viewBox").split())
    boxes = list(_boxes(picture))
    for text, (left, top, right, bottom) in boxes:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= wide, text
        assert bottom <= high, text
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]), (one, other)
