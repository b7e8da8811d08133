"""``mxmac verify --verilog`` on text with each bus and reset, and on the same text with a mistake."""

import json
from pathlib import Path

import pytest

from mxmac.config import Bus, MacConfig, Reset
from mxmac.verilog import generate, write
from tops import mistaken, needs_icarus
from verify_checks import run

UNIT = {"a": "E2M1", "b": "E2M1", "block": 2, "lanes": 1, "accumulator": "window", "window": 24}
OPTIONS = [word for name, value in UNIT.items() for word in (f"--{name}", value)]
#: Where the scale of a goes, which then comes from that of b.
SCALES = r"(scale_exp = \{ ?1'h0, port\[)7:0(\] ?\}) \+"


@needs_icarus
@pytest.mark.parametrize("reset", [reset.value for reset in Reset])
@pytest.mark.parametrize("bus", [bus.value for bus in Bus])
def test_a_text_passes_and_with_a_mistake_fails(capsys, tmp_path, monkeypatch, bus, reset):
    monkeypatch.chdir(tmp_path)
    write(generate(MacConfig(**UNIT, bus=bus, reset=reset), "dut"), Path("dut.v"))
    options = ("--effort", "quick", "--seed", "1", "--simulator", "icarus", "--json")
    # With the manifest beside it.
    status, out, err = run(capsys, "--verilog", "dut.v", *options)
    found = json.loads(out)
    assert (status, found["passed"]) == (0, True), err
    tests = {test["name"] for test in found["benches"][0]["tests"]}
    assert ("packets, idle none, stall none" in tests, "pulses" in tests) == (bus == "axis", "async" in reset)

    Path("wrong.v").write_text(mistaken(Path("dut.v").read_text(), SCALES, r"\g<1>15:8\2 +"))
    status, out, _ = run(capsys, "--verilog", "wrong.v", *OPTIONS, "--bus", bus, "--reset", reset, *options)
    (bench,) = json.loads(out)["benches"]
    assert (status, bench["passed"]) == (1, False)
    assert bench["first_mismatches"]
