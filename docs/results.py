"""Puts the figures of a long campaign into its page, between two marks that the page has for them."""

import json
import re
from pathlib import Path

import measured

DOCS = Path(__file__).parent
#: Where campaigns leave what they found, as JSON.
BUILD = DOCS.parent / "build"

_MARKS = ("<!-- results -->", "<!-- end of results -->")


def read(name: str) -> dict:
    """Read build/NAME.json, which a campaign left."""
    return json.loads((BUILD / f"{name}.json").read_text())


def put(page: str, result: dict, markdown: str):
    """Write ``markdown`` between the marks of docs/PAGE.md, under a line that says where the figures are from.

    Raises
    ------
    ValueError
        If the page has no such marks, or not once.
    """
    file = DOCS / f"{page}.md"
    minutes, seconds = divmod(round(result["seconds"]), 60)
    line = f"`{result['command']}`, {result['date']}, mxmac {result['version']}, {minutes} min {seconds} s:"
    parts = [_MARKS[0], line, markdown.strip()]
    if result["measured"]:
        parts.append(measured.block(result["measured"]))
    text = "\n\n".join((*parts, _MARKS[1]))
    replaced, count = re.subn(f"{_MARKS[0]}.*?{_MARKS[1]}", lambda _: text, file.read_text(), flags=re.S)
    if count != 1:
        raise ValueError(f"{file.name} has {count} places for results; it needs one, from {_MARKS[0]} to {_MARKS[1]}")
    file.write_text(replaced)
