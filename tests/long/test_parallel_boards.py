"""Commands of boards and reports that run in one folder at the same time."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

_START = [sys.executable, "-m", "mxmac"]
_REPORT = ("report", "--a", "E2M1", "--b", "E2M1", "--block", "2", "--lanes", "1", "--on", "ice40", "--seeds", "1")
#: Two commands, and the files that both write.
COMMANDS = {
    "fpga run": ((("fpga", "run", "--dots", "20", "--seed", seed, "--work", "with space") for seed in "12"), []),
    "fpga build": (
        (("fpga", "build", "--board", "icebreaker", "-o", "with space") for _ in "12"),
        ["with space/icebreaker.json"],
    ),
    "report": (((*_REPORT, "-o", "x.json") for _ in "12"), ["x.json"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_two_commands_in_one_folder_give_their_results(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    commands, files = COMMANDS[name]
    started = [
        subprocess.Popen([*_START, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in commands
    ]
    for process in started:
        said = process.communicate()[0]
        assert process.returncode == 0, said
    for file in files:
        json.loads(Path(file).read_text())
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".")]
