"""Writes the table of boards into the FPGA page: ``python docs/make_boards.py``.

What was measured comes from the reports of ``mxmac fpga build``, in build/fpga.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mxmac_fpga.boards.table import BOARDS

FILE = Path(__file__).with_name("fpga.md")
REPORTS = Path(__file__).parents[1] / "build" / "fpga"

_HEAD = (
    "`--board`",
    "board",
    "part",
    "lanes",
    "clock",
    "LUTs",
    "flip-flops",
    "logic",
    "RAMs",
    "DSPs",
    "Fmax",
    "margin",
    "Mbaud",
)
_CONNECTIONS_HEAD = ("`--board`", "serial line", "to be plugged in for `flash`")


def _measured(report: dict) -> list[str]:
    used = report["used"]
    return [
        *(f"{report['cells'][kind]:,}" for kind in ("LUTs", "flip-flops")),
        *(f"{used[kind]['used'] / used[kind]['available']:.0%}" for kind in ("logic cells", "block RAMs", "DSPs")),
        f"{report['fmax_hz'] / 1e6:.1f} MHz",
        f"{report['margin_percent']:.1f} %",
    ]


def row(name: str, report: dict | None) -> str:
    """Return the row of a board, as Markdown, with dashes for what no report tells."""
    board = BOARDS[name]
    cells = [
        f"`{name}`",
        board.title,
        board.part,
        str(board.config.lanes),
        f"{float(board.pll.output_hz) / 1e6:g} MHz",
        *(_measured(report) if report else ["-"] * 7),
        f"{board.baud / 1e6:g}",
    ]
    return "| " + " | ".join(cells) + " |"


def _markdown(head: Sequence[str], left: int, rows: Iterable[str]) -> str:
    """A table whose first columns, as many as ``left``, are words."""
    ruler = "|" + "|".join("---" if number < left else "--:" for number in range(len(head))) + "|"
    return "\n".join(["| " + " | ".join(head) + " |", ruler, *rows])


def table(reports: dict[str, dict]) -> str:
    """Return all boards with what was measured, as Markdown."""
    return _markdown(_HEAD, 3, (row(name, reports.get(name)) for name in BOARDS))


def connections() -> str:
    """Return what to connect to each board, as Markdown."""
    rows = (f"| `{name}` | {board.serial} | {board.connection} |" for name, board in BOARDS.items())
    return _markdown(_CONNECTIONS_HEAD, 3, rows)


def updated(page: str, reports: dict[str, dict]) -> str:
    """Return the text of the page with the tables as they should be."""
    for head, text in ((_HEAD, table(reports)), (_CONNECTIONS_HEAD, connections())):
        start = re.escape("| " + " | ".join(head[:2]) + " |")
        page = re.sub(rf"^{start}.*?(?=\n\n)", lambda _, text=text: text, page, flags=re.M | re.S)
    return page


if __name__ == "__main__":
    files = {name: REPORTS / f"{name}.json" for name in BOARDS}
    reports = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    FILE.write_text(updated(FILE.read_text(), reports))
