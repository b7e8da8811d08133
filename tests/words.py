"""Words that the project's English avoids, since its readers had to translate them: ``python tests/words.py`` lists them.

CONTRIBUTING.md says what to write instead. Files in ``EXCEPTIONS`` are rewritten later; a file without such words is taken
off that list.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["EXCEPTIONS", "files", "found"]

ROOT = Path(__file__).parents[1]
#: Between two words: spaces, or the end of a line and the sign of a comment.
_GAP = r"[\s#:/*]+"
_PHRASES = (
    r"(?:hold|holds|held|holding)(?: [^\s.;:]+){0,8}? against",
    r"(?:is|are) told",
    "minds",
    "lacks",
    "whatever",
    "whoever",
    "so many",
    "as it is now",
    "for people",
)
_WORDS = re.compile(r"\b(?:" + "|".join(phrase.replace(" ", _GAP) for phrase in _PHRASES) + r")\b", re.I)
_PATTERNS = (
    "*.md", "Makefile", "docs/**/*.md", "docs/**/*.py", ".github/**/*.yml", ".ci/*",
    "rtl/**/*.py", "rtl/**/*.md", "sim/**/*.py", "sim/**/*.cpp", "sim/**/*.v", "sim/**/*.md",
    "fpga/**/*.py", "fpga/**/*.cpp", "fpga/**/*.md",
)  # fmt: skip
#: Page to be rewritten.
EXCEPTIONS = ("docs/architecture.md",)


def files() -> list[Path]:
    """Return all files that are checked."""
    return sorted({file for pattern in _PATTERNS for file in ROOT.glob(pattern) if file.is_file()})


def found(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a text that have such words, by their numbers, and the words."""
    for match in _WORDS.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, " ".join(match[0].split())


def main() -> int:
    """List the words; return 1 if there are any outside the exceptions."""
    lines = [
        f"{file.relative_to(ROOT)}:{line}: avoid {words!r}"
        for file in files()
        if file.relative_to(ROOT).as_posix() not in EXCEPTIONS
        for line, words in found(file.read_text())
    ]
    print(*lines, sep="\n", end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
