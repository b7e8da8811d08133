"""What the tests of ``mxmac verify`` share: how it is run, and how what it prints is read."""

import re
import shlex
from pathlib import Path

import pytest

from mxmac.cli import app as cli

__all__ = ["again", "run", "shared_folder", "table", "told_mismatch"]


def shared_folder(tmp_path_factory, name):
    """A folder that all workers of this run of pytest share, so that Verilator's own C++ is compiled once in it."""
    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith("popen-"):
        folder = folder.parent
    folder /= name
    folder.mkdir(exist_ok=True)
    return folder


def run(capsys, *arguments):
    """Exit status, standard output and standard error of ``mxmac verify``, in this process."""
    with pytest.raises(SystemExit) as end:
        cli.main(["verify", *map(str, arguments)])
    return end.value.code, *capsys.readouterr()


def again(out):
    """The seed that it printed, and the arguments of the command that repeats it."""
    seed, command = re.search(r"^Seed (\d+); the same again:\n  mxmac verify (.*)\n\Z", out, re.M).groups()
    assert out.startswith(f"Seed {seed}\n")
    return int(seed), shlex.split(command)


def table(out):
    """Rows of the table, by bench: what was tried, in numbers or ``-``, and mismatches; without what depends on the machine."""
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in out.splitlines() if line.startswith("│")]
    assert rows
    return {bench: (inputs, dots, clocks, wrong) for bench, inputs, dots, clocks, _, wrong, _ in rows}


def told_mismatch(out, bench):
    """The first mismatch of a bench: operands, expected and actual result as texts; and its waveform, which exists."""
    lines = r"((?:  {}  .*\n)(?:            .*\n)*)"
    parts = "".join(lines.format(title) for title in ("operands", "expected", "hardware"))
    told = re.search(rf"^Mismatch in {bench}, .*, at [\d]+ ns\n{parts}", out, re.M)
    assert told, out
    waves = re.search(rf"^Waveform of {bench}: (\S+), first mismatch at [\d]+ ns$", out, re.M)
    assert waves, out
    assert Path(waves[1]).stat().st_size > 1000
    assert told[2].removeprefix("  expected") != told[3].removeprefix("  hardware")
    return *told.groups(), Path(waves[1])
