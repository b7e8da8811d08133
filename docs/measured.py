"""Hardware that the figures of the pages were measured on: ``python docs/measured.py`` lists pages with older figures.

A page records the SHA-256 of each text in a comment beside its figures, a line for each: the digest, and the subject as
:func:`mxmac_fpga.report.measured.digest_of` names it. Exit status 0 if all of them are what is generated now, and 1 if not.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import mxmac
import mxmac_fpga
from mxmac_fpga.report.measured import digest_of
from mxmac_sim.campaigns.record import digest

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted(Path(__file__).parent.glob("*.md")))
#: Digests of the present source, so that the next run takes a moment.
CACHE = ROOT / "build" / "measured.json"

_HEAD = "<!-- measured on (SHA-256 of the Verilog; `make stale` compares)"
_BLOCK = re.compile(rf"^{re.escape(_HEAD)}\n(.*?)^-->$", re.M | re.S)
_LINE = re.compile(r"([0-9a-f]{64}) {2}(\S.*)")


def block(digests: Mapping[str, str]) -> str:
    """Return the comment that records digests by their subjects."""
    return "\n".join([_HEAD, *(f"{found}  {subject}" for subject, found in digests.items()), "-->"])


def measured_now(subjects: Iterable[str]) -> str:
    """Return the comment for figures that have just been measured."""
    return block(now(subjects))


def recorded(page: str) -> list[tuple[str, str]]:
    """Return the subjects and digests that the text of a page records.

    Raises
    ------
    ValueError
        If a line of a comment is neither.
    """
    found = []
    for lines in _BLOCK.findall(page):
        for line in lines.splitlines():
            match = _LINE.fullmatch(line)
            if match is None:
                raise ValueError(f"{line!r} is no digest with a subject")
            found.append((match[2], match[1]))
    return found


def now(subjects: Iterable[str]) -> dict[str, str]:
    """Return the digests of subjects as they are generated now."""
    subjects, source = list(dict.fromkeys(subjects)), _source()
    try:
        kept = json.loads(CACHE.read_text())
        known = kept["digests"] if kept["source"] == source else {}
    except (OSError, ValueError, KeyError):
        known = {}
    missing = [subject for subject in subjects if subject not in known]
    if missing:
        with ProcessPoolExecutor(min(len(missing), os.cpu_count() or 1)) as pool:
            known |= zip(missing, pool.map(digest_of, missing), strict=True)
        CACHE.parent.mkdir(exist_ok=True)
        CACHE.write_text(json.dumps({"source": source, "digests": known}, indent=2) + "\n")
    return {subject: known[subject] for subject in subjects}


def _source() -> str:
    """Digest of all source that decides about the texts."""
    folders = (Path(package.__file__).parent for package in (mxmac, mxmac_fpga))
    return digest("".join(file.read_text() for folder in folders for file in sorted(folder.rglob("*.py"))))


def outdated(pages: Mapping[str, str], current: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the subjects of each page that are another text now, by the name of the page; pages without any are left out."""
    found = {
        name: [subject for subject, before in recorded(text) if current[subject] != before] for name, text in pages.items()
    }
    return {name: subjects for name, subjects in found.items() if subjects}


def main() -> int:
    """List the pages whose figures are of older hardware."""
    pages = {file.relative_to(ROOT).as_posix(): file.read_text() for file in PAGES}
    records = {name: recorded(text) for name, text in pages.items()}
    found = outdated(pages, now(subject for record in records.values() for subject, _ in record))
    for name, subjects in found.items():
        total = len(records[name])
        print(f"{name}: {len(subjects)} of {total} measured {'texts have' if total > 1 else 'text has'} changed since")
        for subject in subjects:
            print(f"    {subject}")
    if not found:
        print(f"{sum(map(bool, records.values()))} pages with figures, all of them of the present hardware")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
