"""Sweeps of four small points, and their files."""

import csv
import subprocess
import sys
import time

import pytest

from mxmac.cli import app as cli
from mxmac_fpga.report.sweep import COLUMNS

__all__ = ["KEYS", "SWEEP", "UNIT", "explore", "keys", "read", "start", "wait_for_row"]

UNIT = ["--block", "4", "--accumulator", "window", "--window", "32", "--window-guard", "8", "--output", "bf16"]
SWEEP = ["explore", *UNIT, "--formats", "E2M1,E2M3xE2M1", "--lanes", "1,2", "--no-route"]
KEYS = [("E2M1", "E2M1", "1"), ("E2M1", "E2M1", "2"), ("E2M3", "E2M1", "1"), ("E2M3", "E2M1", "2")]


def explore(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        cli.main([*SWEEP, *arguments])
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


def read(file):
    with file.open(newline="") as text:
        reader = csv.DictReader(text)
        rows = list(reader)
    assert tuple(reader.fieldnames) == COLUMNS
    # A line that is cut short has no last column.
    assert all(row["settings"].startswith("{") and row["settings"].endswith("}") and None not in row for row in rows)
    return rows


def keys(rows):
    return sorted((row["a"], row["b"], row["lanes"]) for row in rows)


def start(file, *arguments):
    command = [sys.executable, "-m", "mxmac", *SWEEP, "--jobs", "1", "-o", str(file), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def wait_for_row(file, process):
    end = time.monotonic() + 600
    while not file.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
