"""The benches pass on every kind of unit, and each part that is wrong is caught, by its own bench and as a rule by the whole.

Mutants are one constant or one step of the hardware, changed; their Verilog is generated, built and simulated by the command.
"""

import re
from dataclasses import dataclass

import pytest

from mutants import Mutant
from mxmac_sim.toolchain import has_icarus
from verify_checks import again, run, table, told_mismatch

UNIT = ("--block", "8", "--lanes", "4")
EXACT, WINDOW = (*UNIT, "--accumulator", "exact"), (*UNIT, "--accumulator", "window")
FP32, NARROW = (*UNIT, "--accumulator", "fp32"), (*UNIT, "--accumulator", "fp32", "--output", "fp16")
QUANTIZER = ("quantizer", "--block", "8", "--lanes", "4", "--rule", "all", "--overflow", "both", "--from", "bf16")
SUBJECTS = {"exact": EXACT, "window": WINDOW, "fp32": FP32, "fp32 to fp16": NARROW, "quantizer": QUANTIZER}

needs_icarus = pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")


@dataclass(frozen=True)
class Case:
    """A mutant, the options of what it is put into, and the benches that catch it."""

    options: tuple[str, ...]
    mutant: Mutant
    caught_by: tuple[str, ...]


CASES = {
    "multiplier: one step of its shifter moves twice as far": Case(
        EXACT,
        Mutant("multiplier:Multiplier._shift", "1 << level, shamt[0], len(moved)", "1 << max(1, level), shamt[0], len(moved)"),
        ("multiplier", "mac"),
    ),
    "multiplier: Inf times 0 is no NaN": Case(
        (*EXACT, "--a", "E5M2"), Mutant("multiplier:Multiplier.elaborate", "(a.inf & b.zero) | ", ""), ("multiplier", "mac")
    ),
    "scale applier: a block lands one bit too high": Case(
        WINDOW,
        Mutant("scale_applier:ScaleApplier._distance", "config.window_guard + below", "config.window_guard + below + 1"),
        ("scale_applier", "mac"),
    ),
    "scale applier: 0xfe is NaN, too": Case(
        WINDOW,
        Mutant("scale_applier:ScaleSum.elaborate", "(self.scale_a == SCALE_NAN)", "(self.scale_a >= SCALE_NAN - 1)"),
        ("scale_applier", "mac"),
    ),
    "window accumulator: its sum lacks a bit": Case(
        WINDOW,
        Mutant("accumulator.window:WindowAccumulator.elaborate", "signed(width + 2)", "signed(width + 1)"),
        ("accumulator",),
    ),
    "fp32 accumulator: what has been added up counts twice": Case(
        FP32,
        Mutant("accumulator.fp32:Fp32Accumulator._accumulate", "(FP32.emin - _exp_base", "(FP32.emin + 1 - _exp_base"),
        ("accumulator", "mac"),
    ),
    "fp32 accumulator: what is shifted out is forgotten": Case(
        FP32,
        Mutant("accumulator.fp32:Fp32Accumulator._accumulate", "sticky | (shamt[level]", "sticky & (shamt[level]"),
        ("accumulator", "mac"),
    ),
    "narrower: subnormals are half as large": Case(
        NARROW, Mutant("accumulator.fp32:Fp32Narrower.elaborate", "exp - normal", "exp - 1"), ("narrower", "mac")
    ),
    "exact accumulator: a borrow becomes a carry": Case(
        EXACT,
        Mutant("accumulator.exact:ExactAccumulator._carry", "Signal(signed(_GROWTH + 1)), ", "Signal(_GROWTH + 1), "),
        ("accumulator", "mac"),
    ),
    "exact accumulator: what is cut off is forgotten": Case(
        EXACT,
        Mutant("accumulator.exact:ExactAccumulator._carry", "sticky | self._lost", "sticky & self._lost"),
        ("accumulator", "mac"),
    ),
    "exact accumulator: too few bits below the highest word": Case(
        EXACT, Mutant("accumulator.exact:_below_bits", "man_bits + 3", "man_bits"), ("accumulator", "mac")
    ),
    "exact accumulator: all ones are no sign": Case(
        EXACT,
        Mutant("accumulator.exact:ExactAccumulator._carry", "(1 << bits) - 1", "(1 << bits) - 2"),
        ("accumulator", "mac"),
    ),
    "exact accumulator: the upper word of a block does not count as used": Case(
        EXACT,
        Mutant("accumulator.exact:ExactAccumulator._add", "Const(3, 2) << word", "Const(1, 2) << word"),
        ("accumulator", "mac"),
    ),
    "rounder: ties to odd": Case(
        EXACT, Mutant("rounder:Rounder._prepare", "half & (below | sig[0])", "half & (below | ~sig[0])"), ("rounder", "mac")
    ),
    "rounder: tiny before rounding": Case(
        EXACT, Mutant("rounder:Rounder._prepare", "~hidden & ~reaches_normal", "~hidden"), ("rounder", "mac")
    ),
    "quantizer: 0xfe in the place of a NaN scale": Case(
        QUANTIZER,
        Mutant("quantizer_scale:BlockScale._scale", "exp.all(), SCALE_NAN", "exp.all(), SCALE_NAN - 1"),
        ("quantizer",),
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path_factory, monkeypatch):
    """That of this worker alone: two mutants of the same unit are built in the same place."""
    monkeypatch.chdir(tmp_path_factory.getbasetemp())
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


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
