"""The check of the project's English finds what it has to find, and its list of exceptions only shrinks."""

import pytest

import words

BAD = [
    "The netlist is held against the golden model.",
    "to hold every result and every flag against it",
    "# what the specification is held\n# against",
    "It holds them\nagainst both.",
    "the option is told",
    "Errors are\n    told in one line.",
    "a net that slang minds",
    "what one's complement lacks",
    "Whatever comes in, it is zero.",
    "for whoever reads it",
    "after so many clocks",
    "the hardware\n//   as it is now",
    "A table for people.",
]
GOOD = [
    "compare every result with the golden model",
    "hold the valid bit; check it against the mask",
    "a result is offered, and held until it is taken",
    "The reminder was told.",
    "lackslustre",
    "so that many clocks pass",
    "There is no format 'E4M4'.",
]


@pytest.mark.parametrize("text", BAD)
def test_words_to_avoid_are_found(text):
    ((line, phrase),) = words.found(f"First line.\n{text}\n")
    assert line == 2 + text.lower()[: text.lower().find(phrase.lower().split()[0])].count("\n")


@pytest.mark.parametrize("text", GOOD)
def test_other_words_are_not(text):
    assert list(words.found(text)) == []


def test_the_tree_is_clean_but_for_the_exceptions():
    dirty = {file.relative_to(words.ROOT).as_posix() for file in words.files() if list(words.found(file.read_text()))}
    # A page without such words is taken off the list.
    assert dirty == set(words.EXCEPTIONS)


def test_pages_and_sources_are_looked_at():
    names = {file.relative_to(words.ROOT).as_posix() for file in words.files()}
    assert {
        "README.md",
        "CHANGELOG.md",
        "docs/numerics.md",
        "Makefile",
        "rtl/mxmac/config.py",
        "sim/mxmac_sim/cli/dot.py",
    } <= names
    assert {"fpga/mxmac_fpga/cli/run.py", ".ci/run"} <= names
    # The list was that long when the check began: it may only become shorter.
    assert set(words.EXCEPTIONS) <= {"docs/architecture.md"}


def test_the_check_fails_on_a_bad_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "README.md").write_text("One.\nA table for people.\n")
    monkeypatch.setattr(words, "ROOT", tmp_path)
    assert words.main() == 1
    assert capsys.readouterr().out == "README.md:2: avoid 'for people'\n"
    (tmp_path / "README.md").write_text("One.\n")
    assert words.main() == 0
