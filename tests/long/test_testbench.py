"""Testbenches in Verilog of several units, on Verilator."""

import pytest

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig
from testbench_checks import run_testbench, written

UNITS = {
    "exact": MacConfig(lanes=8),
    "window, formats at run time": MacConfig(a=["E2M1", "E4M3"], b="E5M2", lanes=4, accumulator="window", window=128),
    "fp32": MacConfig(a="INT8", b="INT8", block=16, lanes=16, accumulator="fp32"),
    "AXI4-Stream, formats at run time": MacConfig(a=["E2M1", "E4M3"], b="E3M2", lanes=4, bus="axis", reset="async-low"),
    "AXI4-Stream, reset active high": MacConfig(a="E2M1", b="E2M1", block=4, lanes=1, bus="axis", reset="sync-high"),
    "quantizer": QuantizerConfig(rules=["floor", "rceil", "ceil", "even"], overflows=["sat", "ovf"]),
}


@pytest.mark.parametrize("simulator", ["Icarus", "Verilator"])
@pytest.mark.parametrize("name", UNITS)
def test_units_pass(name, simulator, tmp_path):
    status, said = run_testbench(written(UNITS[name], tmp_path), simulator)
    assert said.startswith("PASS: "), said
    assert status == 0
