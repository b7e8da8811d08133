"""``mxmac verify`` as a command: what it prints, that it can be repeated, and that a mistake is one line and no file."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mutants import Mutant
from mxmac_sim.simulators.toolchain import has_icarus
from verify_checks import again, run, shared_folder, table, told_mismatch

#: A unit that is built fast; each test that builds one takes another output, so that all can run at once in one folder.
SMALL = ("--a", "E2M1", "--b", "E2M1", "--block", "2", "--lanes", "1", "--accumulator", "window", "--window", "24")
TIES_TO_ODD = Mutant("stages.rounder:Rounder._prepare", "half & (below | sig[0])", "half & (below | ~sig[0])")

needs_icarus = pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


@pytest.fixture
def shared(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(shared_folder(tmp_path_factory, "verify"))


# What it prints.


def test_it_prints_seed_and_table_and_the_printed_command_repeats_the_run(capsys, shared):
    status, out, err = run(capsys, *SMALL, "--output", "fp32", "--effort", "quick", "--bench", "rounder", "--work", "work")
    assert (status, err) == (0, "")
    seed, arguments = again(out)
    assert arguments[arguments.index("--seed") + 1] == str(seed)
    rows = table(out)
    assert list(rows) == ["rounder"]
    assert [re.fullmatch(r"[\d,]+|-", cell) is not None for cell in rows["rounder"]] == [True] * 4
    assert rows["rounder"][-1] == "0"
    assert "…" not in out  # nothing is cut off at 80 columns

    status, repeated, err = run(capsys, *arguments)
    assert (status, err) == (0, "")
    assert again(repeated) == (seed, arguments)
    assert table(repeated) == rows


def test_formats_at_run_time_whose_products_have_other_exponents_pass(capsys, shared):
    formats = ("--a", "E2M1,E3M2", "--b", "E2M1,E3M2", "--block", "2", "--lanes", "1", "--accumulator", "window")
    status, out, err = run(capsys, *formats, "--effort", "quick", "--bench", "multiplier", "--work", "run-time")
    assert (status, err) == (0, ""), out
    assert table(out)["multiplier"][-1] == "0"


@needs_icarus
def test_it_runs_on_icarus_and_files_are_told_as_they_were_given(capsys, folder):
    options = ("--effort", "quick", "--bench", "accumulator", "--simulator", "icarus", "--work", "some/where")
    status, out, err = run(capsys, *SMALL, *options)
    assert (status, err) == (0, "")
    assert table(out)["accumulator"][-1] == "0"
    assert re.search(r"^Linting some/where/\S+\.v$", out, re.M)
    assert str(folder) not in out
    assert [path.name for path in folder.iterdir()] == ["some"]


# Hardware that is wrong. The other mutants are in tests/long/test_benches.py.


def test_a_rounder_that_breaks_ties_the_wrong_way_is_caught(capsys, shared, monkeypatch):
    TIES_TO_ODD.put_in(monkeypatch)
    options = ("--output", "bf16", "--effort", "quick", "--seed", "1", "--bench", "rounder", "--work", "work")
    status, out, err = run(capsys, *SMALL, *options)
    assert (status, err) == (1, "")
    assert int(table(out)["rounder"][-1]) > 0
    operands, expected, got, waves = told_mismatch(out, "rounder")
    assert re.search(r"value = 0x[\da-f]+ \(-?\d+\)\n", operands)
    assert re.search(r"data = 0x[\da-f]{4} \(\d+\)\n", expected)
    assert re.search(r"data = 0x[\da-f]{4} \(\d+\)\n", got)
    assert not waves.is_absolute()
    assert again(out)[0] == 1


# Mistakes.

MISTAKES = {
    "unknown bench": (("--bench", "adder"), "--bench", "choose among multiplier, scale_applier, accumulator, rounder, mac$"),
    "unknown bench beside a known one": (("--bench", "mac", "--bench", "mc"), "--bench", "'mc'.* choose among"),
    "bench that another unit has": (("--bench", "narrower"), "--bench", "'narrower' of this unit"),
    "unknown effort": (("--effort", "slow"), "--effort", "choose one of quick, normal, thorough$"),
    "unknown simulator": (("--simulator", "vcs"), "--simulator", "choose one of verilator, icarus$"),
    "negative seed": (("--seed", "-1"), "--seed", "seeds start from 0$"),
    "seed no number": (("--seed", "x"), "--seed", "integer"),
    "waves of an unknown kind": (("--waves", "x.ghw"), "--waves", r"\.vcd or \.fst, not '\.ghw'$"),
    "waves without a suffix": (("--waves", "x"), "--waves", r"\.vcd or \.fst, not ''$"),
    "waves into a missing folder": (("--waves", "none/x.vcd"), "none/x.vcd", "'none' does not exist"),
    "waves into a folder that takes no files": (("--waves", "/proc/x.vcd"), "--waves", "cannot be written to '/proc'"),
    "work in a folder that takes no files": (("--work", "/proc/x"), "--work", "cannot be written to '/proc/x'"),
    "work has too long a name": (("--work", "x" * 300), "--work", "cannot be written to"),
    "lanes do not divide": (("--lanes", "3"), "--lanes", "1 to 2|divide"),
    "unknown format": (("--a", "E9M9"), "--a", "must be one of E4M3"),
    "unknown rule": (("quantizer", "--rule", "round"), "--rule", "floor, rceil, ceil, even, or all"),
    "unknown effort of a quantizer": (("quantizer", "--effort", "slow"), "--effort", "quick, normal, thorough$"),
    "option of a unit for a quantizer": (("quantizer", "--accumulator", "exact"), "--accumulator", ""),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_that_names_the_option_and_writes_nothing(capsys, folder, mistake):
    arguments, named, accepted = MISTAKES[mistake]
    status, out, err = run(capsys, *(() if arguments[0] == "quantizer" else SMALL), *arguments)
    assert (status, out) == (2, "")
    assert re.fullmatch(rf"mxmac: .*(?<![\w-]){re.escape(named)}(?!\w).*\n", err), err
    assert re.search(accepted, err.rstrip("\n")), err
    assert list(folder.iterdir()) == []


def test_a_file_is_no_place_to_work(capsys, folder):
    (folder / "work").write_text("old")
    for work in ("work", "work/deeper"):
        status, out, err = run(capsys, *SMALL, "--work", work)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert f"mxmac: --work: Files cannot be written to '{work}'" in err
    assert [path.read_text() for path in folder.iterdir()] == ["old"]


def test_options_before_the_name_of_the_quantizer_are_refused(capsys, folder):
    status, out, err = run(capsys, "--lanes", "4", "quantizer")
    assert (status, out) == (2, "")
    assert err == "mxmac: --lanes: Options of quantizer are written after its name, and this one stands before it\n"
    assert list(folder.iterdir()) == []


@needs_icarus
def test_waves_of_icarus_are_fst(capsys, folder):
    status, out, err = run(capsys, *SMALL, "--simulator", "icarus", "--waves", "x.vcd")
    assert (status, out, err) == (2, "", "mxmac: --waves: Waveforms of icarus are .fst, not '.vcd'\n")
    assert list(folder.iterdir()) == []


def test_fst_without_its_libraries_is_refused_before_anything_is_run(capsys, folder, monkeypatch):
    tools = folder / "tools"
    tools.mkdir()
    (tools / "c++").write_text("#!/bin/sh\necho 'lz4.h: No such file or directory' >&2; exit 1\n")
    (tools / "c++").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    status, out, err = run(capsys, *SMALL, "--waves", "x.fst")
    assert (status, out) == (3, "")
    assert re.fullmatch(r"mxmac: lz4 and zlib are not installed, .* apt install liblz4-dev zlib1g-dev; .* use \.vcd\n", err)
    assert list(folder.iterdir()) == [tools]


# Ctrl-C.


def processes_in(folder):
    """Command lines of the processes that work in a folder, other than this one."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.name == str(os.getpid()):
                continue
            if folder in (place := (process / "cwd").resolve()).parents or place == folder:
                found.append((process / "cmdline").read_text())
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="Processes are looked for in /proc")
@pytest.mark.parametrize(
    ("when", "stop", "message"),
    [
        ("Linting", signal.SIGINT, "interrupted"),
        ("rounder: building", signal.SIGINT, "interrupted"),
        ("rounder: building", signal.SIGTERM, "ended by the signal SIGTERM"),
    ],
)
def test_a_signal_ends_all_children_and_leaves_no_half_written_file(folder, when, stop, message):
    (folder / "x.vcd").write_text("old")
    options = ("--bench", "rounder", "--work", "work", "--waves", "x.vcd")
    command = [sys.executable, "-m", "mxmac", "verify", *SMALL, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not process.stdout.readline().startswith(when):
            assert process.poll() is None
        if when != "Linting":
            time.sleep(0.5)
            assert len(processes_in(folder)) > 1
        process.send_signal(stop)
        _, err = process.communicate(timeout=600)
    assert (process.returncode, err) == (128 + stop, f"mxmac: {message}\n")
    assert processes_in(folder) == []
    assert sorted(path.name for path in folder.iterdir()) == ["work", "x.vcd"]
    assert (folder / "x.vcd").read_text() == "old"
    assert not list(folder.rglob(".*"))
