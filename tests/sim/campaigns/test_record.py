"""What campaigns leave of themselves."""

import json
import time

import pytest

from mxmac_sim.campaigns.record import write_record


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--liberty", "/of a/machine/cells.lib"], "--liberty cells.lib"),
        (["--json=/of/a/machine.json"], "--json=machine.json"),
        (["--unit", "E2M1, exact, 8 lanes", "--jobs", "1"], "--unit E2M1, exact, 8 lanes --jobs 1"),
    ],
)
def test_a_record_says_what_was_run_but_not_where_its_files_lie(arguments, shown, tmp_path):
    file = tmp_path / "record.json"
    write_record(file, "python -m campaign", arguments, time.monotonic(), {"figure": 3}, {"report": "0"})
    found = json.loads(file.read_text())
    assert (found["command"], found["figure"], found["measured"]) == (f"python -m campaign {shown}", 3, {"report": "0"})
