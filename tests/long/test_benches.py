"""The benches pass on every kind of unit, and each part that is wrong is caught, by its own bench and as a rule by the whole.

Mutants are one constant or one step of the hardware, changed; their Verilog is generated, built and simulated by the command.
"""

import re

import pytest

from bench_mutants import (
    ALL_FORMATS,
    ASIC,
    CASES,
    CHUNKED,
    CHUNKED_ADDEND,
    EXACT,
    EXACT_ADDEND,
    FP32,
    FP32_ADDEND,
    NARROW,
    QUANTIZER,
    SERIAL_ADDEND,
    SERIAL_EXACT,
    SERIAL_WINDOW,
    WINDOW,
)
from mxmac_sim.simulators.toolchain import has_icarus
from mxmac_sim.verify import verification
from verify_checks import again, run, table, told_mismatch

SUBJECTS = {
    "exact": EXACT,
    "exact, chunked": CHUNKED,
    "window": WINDOW,
    "fp32": FP32,
    "fp32 to fp16": NARROW,
    "exact, one lane": SERIAL_EXACT,
    "window, one lane": SERIAL_WINDOW,
    "formats at run time": ALL_FORMATS,
    "standard cells": ASIC,
    "standard cells, formats at run time": (*ALL_FORMATS, "--target", "asic"),
    "exact, addend": EXACT_ADDEND,
    "exact, chunked, addend": CHUNKED_ADDEND,
    "fp32, addend": FP32_ADDEND,
    "exact, one lane, addend": SERIAL_ADDEND,
    "quantizer": QUANTIZER,
}

needs_icarus = pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")


@pytest.fixture(autouse=True)
def folder(tmp_path_factory, monkeypatch):
    """That of this worker alone: two mutants of the same unit are built in the same place."""
    monkeypatch.chdir(tmp_path_factory.getbasetemp())
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    # A design is kept by its options and the sources, and a mutant changes neither.
    monkeypatch.setattr(verification, "kept_design", lambda folder, ingredients, make: make())


@pytest.mark.parametrize("simulator", ["verilator", pytest.param("icarus", marks=needs_icarus)])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_bench_passes(capsys, subject, simulator):
    options = ("--effort", "quick", "--seed", "2", "--simulator", simulator, "--work", "work")
    status, out, err = run(capsys, *SUBJECTS[subject], *options)
    assert (status, err) == (0, ""), out
    assert {misses for *_, misses in table(out).values()} == {"0"}


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_caught(capsys, monkeypatch, name):
    case = CASES[name]
    case.mutant.put_in(monkeypatch)
    status, out, err = run(capsys, *case.options, "--effort", "quick", "--seed", "1", "--work", "mutants")
    assert (status, err) == (1, "")
    wrong = tuple(bench for bench, (*_, misses) in table(out).items() if misses != "0")
    assert wrong == case.caught_by
    for bench in wrong:
        operands, expected, got, _ = told_mismatch(out, bench)
        assert "0x" in operands or bench == "quantizer"
        assert re.search(r"0x[\da-f]+ \(.+\)|0x[01]\b", expected + got)
    assert again(out)[0] == 1


@pytest.mark.parametrize("seed", [2, 3])
@pytest.mark.parametrize("name", [name for name in CASES if "a reset leaves" in name])
def test_what_survives_a_reset_is_caught_with_every_seed(capsys, monkeypatch, name, seed):
    case = CASES[name]
    case.mutant.put_in(monkeypatch)
    status, out, _ = run(capsys, *case.options, "--bench", "mac", "--effort", "quick", "--seed", seed, "--work", "mutants")
    assert status == 1
    assert table(out)["mac"][-1] != "0"
