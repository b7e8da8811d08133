"""Tables in Markdown, for ``make_claims.py`` and ``claims_language.py``."""

from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int) -> str:
    """Return a table, of which the first ``left`` columns are aligned to the left and the others to the right."""
    head, *body = ("| " + " | ".join(cells) + " |" for cells in (heads, *rows))
    return "\n".join([head, "|" + "---|" * left + "--:|" * (len(heads) - left), *body])
