"""Verilator's own library, which is compiled once for a user."""

import os
import shutil

import pytest

from mxmac_sim.simulators import runtime
from mxmac_sim.simulators.runtime import linked_runtime


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """A user whose folder of caches is empty, and a folder for a build."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    place = tmp_path / "place"
    place.mkdir()
    # Half a second of work instead of ten.
    monkeypatch.setattr(runtime, "_PARTS", ())
    monkeypatch.setattr(runtime, "_TRACE_PARTS", ())
    return place


def test_it_is_compiled_once_and_kept_for_the_user(fresh, tmp_path, monkeypatch):
    arguments = linked_runtime(fresh, tmp_path / "work")
    assert (fresh / arguments[-1].removeprefix("LIBS=")).is_file()
    kept = list((tmp_path / "cache").rglob("*.o"))
    assert len(kept) == 1
    written = kept[0].stat().st_mtime_ns
    linked_runtime(fresh, tmp_path / "work")
    assert list((tmp_path / "cache").rglob("*.o")) == kept
    assert kept[0].stat().st_mtime_ns == written
    assert not (tmp_path / "work").exists()


def test_a_cache_that_cannot_be_written_is_replaced_by_the_folder_of_work(fresh, tmp_path):
    (tmp_path / "cache").write_text("a file in its place")
    linked_runtime(fresh, tmp_path / "work")
    assert len(list((tmp_path / "work").rglob("*.o"))) == 1


def test_simulations_that_write_waveforms_have_one_of_their_own(fresh, tmp_path):
    linked_runtime(fresh, tmp_path / "work")
    linked_runtime(fresh, tmp_path / "work", waves=True)
    assert len(list((tmp_path / "cache").rglob("*.o"))) == 2


def test_another_compiler_makes_another_one(fresh, tmp_path, monkeypatch):
    linked_runtime(fresh, tmp_path / "work")
    programs = tmp_path / "programs"
    programs.mkdir()
    compiler = shutil.which("c++")
    (programs / "c++").write_text(f'#!/bin/sh\n[ "$1" != --version ] || {{ echo another; exit; }}\nexec {compiler} "$@"\n')
    (programs / "c++").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    linked_runtime(fresh, tmp_path / "work")
    assert len(list((tmp_path / "cache").rglob("*.o"))) == 2
