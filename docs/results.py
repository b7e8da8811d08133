"""Puts the figures of a long campaign into its page, between two marks that the page has for them."""

import json
import re
from pathlib import Path

import measured

DOCS = Path(__file__).parent
#: Where campaigns leave what they found, as JSON.
BUILD = DOCS.parent / "build"


def read(name: str) -> dict:
    """Read build/NAME.json, which a campaign left."""
    return json.loads((BUILD / f"{name}.json").read_text())


def filled(page: str, part: str, markdown: str) -> str:
    """Return the text of a page with ``markdown`` between the marks that it has for a part.

    Raises
    ------
    ValueError
        If the page has no such marks, or not once.
    """
    start, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    text = "\n\n".join((start, markdown.strip(), end))
    replaced, count = re.subn(f"{start}.*?{end}", lambda _: text, page, flags=re.S)
    if count != 1:
        raise ValueError(f"The page has {count} places for {part}; it needs one, from {start} to {end}")
    return replaced


def put(page: str, result: dict, markdown: str):
    """Write ``markdown`` between the marks ``results`` of docs/PAGE.md, under a line that says where the figures are from."""
    file = DOCS / f"{page}.md"
    minutes, seconds = divmod(round(result["seconds"]), 60)
    line = f"`{result['command']}`, {result['date']}, mxmac {result['version']}, {minutes} min {seconds} s:"
    parts = [line, markdown.strip()]
    if result["measured"]:
        parts.append(measured.block(result["measured"]))
    file.write_text(filled(file.read_text(), "results", "\n\n".join(parts)))
