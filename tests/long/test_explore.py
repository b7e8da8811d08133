"""``mxmac explore`` after it was killed: every point once."""

import csv
import xml.etree.ElementTree as ET

from explore_checks import KEYS, explore, keys, read, start, wait_for_row
from mxmac_fpga.report.sweep import COLUMNS


def test_a_sweep_that_is_killed_goes_on_where_it_was(tmp_path, capsys):
    file = tmp_path / "points.csv"
    process = start(file)
    wait_for_row(file, process)
    process.kill()
    process.communicate()
    before = read(file)
    assert 0 < len(before) < len(KEYS)
    assert not (tmp_path / "points.svg").exists()
    # Had they been measured again their rows would be others.
    for row in before:
        row["note"] = "kept"
    with file.open("w", newline="") as text:
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows(before)
    status, out, err = explore(capsys, "-o", str(file), "--jobs", "2")
    assert (status, err) == (0, "")
    assert f"4 points, {len(before)} of them" in out
    after = read(file)
    assert keys(after) == KEYS
    assert [row for row in after if row["note"] == "kept"] == before
    assert all(int(row["luts"]) == int(row["lut4"]) + 2 * int(row["carry"]) > 0 for row in after)
    assert len(ET.parse(tmp_path / "points.svg").findall(".//{*}circle")) == len(KEYS) + 1
    # And once more there is nothing to do.
    status, out, _ = explore(capsys, "-o", str(file))
    assert status == 0
    assert "4 points, 4 of them" in out
    assert read(file) == after
