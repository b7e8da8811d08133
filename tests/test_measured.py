"""Figures in the documentation: each page records the hardware that it was measured on, and `make stale` finds changes."""

import hashlib
import importlib
import re
from pathlib import Path

import pytest

from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.verilog import generate
from mxmac_fpga.boards.table import BOARDS
from mxmac_fpga.report.measured import digest_of
from mxmac_sim.campaigns.record import digest, measured_units

ROOT = Path(__file__).parents[1]
SMALL = "report --part multiplier --a E2M1 --b E2M1"


@pytest.fixture
def measured(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "docs")
    module = importlib.import_module("measured")
    monkeypatch.setattr(module, "CACHE", tmp_path / "build" / "measured.json")
    return module


def test_comments_do_not_count_and_everything_else_does():
    text = "// made by mxmac 1\nmodule a;\n\n  wire x;  // a wire\nendmodule\n"
    assert digest(text) == hashlib.sha256(b"module a;\n  wire x;\nendmodule\n").hexdigest()
    assert digest(text.replace("mxmac 1", "mxmac 2")) == digest(text)
    assert digest(text.replace("wire x", "wire y")) != digest(text)


@pytest.mark.parametrize(
    "config",
    [
        MacConfig(block=8, lanes=4, accumulator=Accumulator.WINDOW, window=64, storage=Storage.REGISTERS),
        MacConfig(block=8, lanes=4, accumulator=Accumulator.WINDOW, window_lsb=-40, pipeline=3),
    ],
)
def test_campaigns_and_reports_name_the_same_unit_alike(config):
    ((subject, found),) = measured_units([config]).items()
    assert digest_of(subject) == found == digest(generate(config, "core").text)


def test_subjects_are_different_texts():
    subjects = [SMALL, "report quantizer --from bf16 --to E2M1 --lanes 1", "link", "board icebreaker"]
    assert len({digest_of(subject) for subject in subjects}) == len(subjects)


@pytest.mark.parametrize("subject", ["reports", "link now", "board", "boards icebreaker"])
def test_other_words_are_no_subject(subject):
    with pytest.raises(ValueError, match="There is no subject"):
        digest_of(subject)


def test_a_page_of_older_hardware_is_listed_with_exit_status_1(measured, monkeypatch, tmp_path, capsys):
    fresh, old = tmp_path / "fresh.md", tmp_path / "old.md"
    fresh.write_text(f"# Figures\n\n{measured.measured_now([SMALL])}\n\n17 LUTs\n")
    old.write_text(f"18 LUTs\n\n{measured.block({SMALL: '0' * 64})}\n")
    monkeypatch.setattr(measured, "ROOT", tmp_path)
    monkeypatch.setattr(measured, "PAGES", (fresh,))
    assert measured.main() == 0
    monkeypatch.setattr(measured, "PAGES", (fresh, old))
    assert measured.main() == 1
    assert f"old.md: 1 of 1 measured text has changed since\n    {SMALL}\n" in capsys.readouterr().out


def test_digests_are_kept_until_the_source_changes(measured, monkeypatch):
    monkeypatch.setattr(measured, "_source", lambda: "before")
    found = measured.now([SMALL])
    measured.CACHE.write_text(measured.CACHE.read_text().replace(found[SMALL], "f" * 64))
    assert measured.now([SMALL]) == {SMALL: "f" * 64}
    monkeypatch.setattr(measured, "_source", lambda: "after")
    assert measured.now([SMALL]) == found


def test_a_line_that_is_no_digest_is_refused(measured):
    with pytest.raises(ValueError, match="is no digest"):
        measured.recorded(measured.block({SMALL: "0" * 63}))


#: Pages with figures of hardware, and the number of their tables and examples that have some.
FIGURES = {
    "README.md": 2,
    "docs/architecture.md": 3,
    "docs/area.md": 2,
    "docs/claims.md": 1,
    "docs/commands.md": 2,
    "docs/fpga.md": 3,
    "docs/gates.md": 1,
    "docs/mutation.md": 1,
    "docs/proofs.md": 1,
    "docs/soak.md": 1,
}


def test_every_page_with_figures_records_what_they_are_of(measured):
    pages = {file.relative_to(ROOT).as_posix(): file.read_text() for file in measured.PAGES}
    found = {name: len(measured._BLOCK.findall(text)) for name, text in pages.items()}
    assert {name: count for name, count in found.items() if count} == FIGURES
    subjects = [subject for text in pages.values() for subject, _ in measured.recorded(text)]
    assert {subject.split()[0] for subject in subjects} == {"report", "board", "link"}
    assert {subject.split()[1] for subject in subjects if subject.startswith("board ")} <= set(BOARDS)
    # An HTML comment is not ended by what is in it.
    assert not any("-->" in subject for subject in subjects)
    for text in pages.values():
        assert len(re.findall("<!-- measured on", text)) == len(measured._BLOCK.findall(text))
