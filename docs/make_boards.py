"""Writes the table of boards into the FPGA page: ``python docs/make_boards.py``.

The measured figures come from the reports of ``mxmac fpga build``, in build/fpga; boards without a report keep theirs.
"""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import measured

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
    "LUTRAM",
    "flip-flops",
    "logic",
    "RAMs",
    "DSPs",
    "Fmax",
    "margin",
    "Mbaud",
)
#: Measured columns.
_FIGURES = 8
_TABLE = re.compile(rf"^{re.escape('| ' + ' | '.join(_HEAD[:2]) + ' |')}.*?(?=\n\n)", re.M | re.S)
_CONNECTIONS_HEAD = ("`--board`", "serial line", "to be plugged in for `flash`")


def _measured(report: dict) -> list[str]:
    used = report["used"]
    return [
        *(f"{report['cells'].get(kind, 0):,}" for kind in ("LUTs", "LUTRAM cells", "flip-flops")),
        *(f"{used[kind]['used'] / used[kind]['available']:.0%}" for kind in ("logic cells", "block RAMs", "DSPs")),
        f"{report['fmax_hz'] / 1e6:.1f} MHz",
        f"{report['margin_percent']:.1f} %",
    ]


def described(name: str) -> list[str]:
    """Return the cells of a board that are not measured."""
    board = BOARDS[name]
    lanes, clock = str(board.config.lanes), f"{float(board.pll.output_hz) / 1e6:g} MHz"
    return [f"`{name}`", board.title, board.part, lanes, clock, f"{board.baud / 1e6:g}"]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _markdown(head: Sequence[str], left: int, rows: Iterable[str]) -> str:
    """A table whose first columns, as many as ``left``, are words."""
    ruler = "|" + "|".join("---" if number < left else "--:" for number in range(len(head))) + "|"
    return "\n".join(["| " + " | ".join(head) + " |", ruler, *rows])


def rows(page: str) -> dict[str, list[str]]:
    """Return the rows of the table of boards in the text of a page, by the name of the board."""
    lines = re.findall(r"^\| `(\w[\w-]*)` \| (.*) \|$", _TABLE.search(page)[0], re.M)
    return {name: [f"`{name}`", *cells.split(" | ")] for name, cells in lines}


def table(page: str, reports: dict[str, dict]) -> str:
    """Return all boards with their figures, as Markdown; dashes stand for boards that were never measured."""
    before, found = rows(page), []
    for name in BOARDS:
        *words, baud = described(name)
        kept = before.get(name, [])[len(words) : -1]
        figures = _measured(reports[name]) if name in reports else kept if len(kept) == _FIGURES else ["-"] * _FIGURES
        found.append(_row([*words, *figures, baud]))
    return _markdown(_HEAD, 3, found)


def connections() -> str:
    """Return what to connect to each board, as Markdown."""
    rows = (f"| `{name}` | {board.serial} | {board.connection} |" for name, board in BOARDS.items())
    return _markdown(_CONNECTIONS_HEAD, 3, rows)


def updated(page: str, reports: dict[str, dict]) -> str:
    """Return the text of the page with the tables, and with the digests of the measured designs, as they should be."""
    head = re.escape("| " + " | ".join(_CONNECTIONS_HEAD[:2]) + " |")
    page = re.sub(rf"^{head}.*?(?=\n\n)", lambda _: connections(), page, flags=re.M | re.S)
    digests = dict(measured.recorded(page)) | {f"board {name}": report["sha256"] for name, report in reports.items()}
    page = _TABLE.sub(lambda _: table(page, reports), page)
    boards = {subject: found for subject, found in digests.items() if subject.startswith("board ")}
    return re.sub(r"(?<=<!-- boards -->\n).*?(?=<!-- end of boards -->)", measured.block(boards) + "\n", page, flags=re.S)


if __name__ == "__main__":
    files = {name: REPORTS / f"{name}.json" for name in BOARDS}
    reports = {name: json.loads(file.read_text()) for name, file in files.items() if file.exists()}
    FILE.write_text(updated(FILE.read_text(), reports))
