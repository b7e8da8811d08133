"""What the tests of tops with other ports share: how their benches are run, and texts that are wrong."""

import re
from dataclasses import replace

import pytest

from mxmac.config import MacConfig
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.simulators.toolchain import has_icarus
from mxmac_sim.verify.catalogue import quantizer_subject, unit_subject
from mxmac_sim.verify.runner import Runner

__all__ = ["WRONG_AXIS", "WRONG_RESET", "mistaken", "needs_icarus", "run", "whole"]

needs_icarus = pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")
#: Mistakes in a top with the reset async-high: what is replaced, by what, and the properties that have to find it.
WRONG_RESET = {
    "in_ready is not gated": (r"(assign in_ready = \w+) & ~?\w+;", r"\1;", ["places"]),
    "out_valid is not gated": (r"(assign out_valid = \w+) & ~?\w+;", r"\1;", ["places"]),
    "it waits for the clock": (r"@\(posedge (\w+), posedge release_rst\)", r"@(posedge \1)", ["places"]),
    "one flip-flop is missing": (r"held <= stage0;", "held <= 1'h0;", ["places"]),
    "it has the other level": (r"\.release_rst\(rst\)", ".release_rst(!rst)", ["places", "held"]),
    "it does not reach the unit": (r"\.rst\(\w+\)", ".rst(1'h0)", ["places"]),
}
#: Mistakes in the packing of AXI4-Stream, likewise.
WRONG_AXIS = {
    "b is in the place of a": (r"s_axis_tdata\[11:8\]", "s_axis_tdata[3:0]"),
    "padding is not zero": (r"(assign m_axis_tuser = \{ ?3'h)0", r"\g<1>1"),
    "TLAST is low": (r"assign m_axis_tlast = 1'h1", "assign m_axis_tlast = 1'h0"),
}


def whole(config):
    """The bench of the whole of a unit or a quantizer."""
    subject = unit_subject(config) if isinstance(config, MacConfig) else quantizer_subject(config)
    return subject.whole, subject.benches[subject.whole]()


def run(folder, config, *modules, text=None):
    """How modules of the bench of the whole run, on another text if one is given."""
    name, design = whole(config)
    design = replace(design, modules=modules or design.modules, text=text or design.text)
    return Runner(folder, "icarus").run(name, design, config, seed=1, effort=Effort.QUICK)


def mistaken(text, pattern, replacement):
    found, count = re.subn(pattern, replacement, text)
    assert count
    return found
