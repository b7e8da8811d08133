"""The Python examples of a page of the documentation, run as they stand."""

import contextlib
import doctest
import io
import re

__all__ = ["blocks", "run_examples"]


def blocks(page, language):
    """Code blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.M | re.S)


def run_examples(page):
    """Run the sessions of a page as one, and compare their output; then run its programs."""
    examples = blocks(page, "python")
    sessions = "\n".join(text for text in examples if ">>>" in text)
    failed = doctest.DocTestRunner().run(doctest.DocTestParser().get_doctest(sessions, {}, page.name, str(page), 0))
    assert failed.failed == 0
    for text in examples:
        if ">>>" not in text:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(text, page.name, "exec"), {"__name__": "__main__"})
