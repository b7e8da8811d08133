"""Comments of Verilog text."""

import re
from textwrap import wrap

from .expressions import WIDTH

__all__ = ["comment_of"]


def comment_of(line: str) -> str:
    """Return a line as a comment, on several lines if it is long, which start below its last column."""
    column = max((match.end() for match in re.finditer(r" {2,}", line)), default=2)
    wrapped = wrap(line, WIDTH - 3, subsequent_indent=" " * column, break_long_words=False, break_on_hyphens=False)
    return "".join(f"// {part}".rstrip() + "\n" for part in wrapped or [""])
