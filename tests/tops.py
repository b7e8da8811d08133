"""What the tests of tops with other ports share: how their benches are run, and texts that are wrong."""

import re
from dataclasses import replace

import pytest

from mxmac.config import MacConfig
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.simulators.toolchain import has_icarus
from mxmac_sim.verify.catalogue import quantizer_subject, unit_subject
from mxmac_sim.verify.runner import Runner

__all__ = ["AXIS", "WRONG_AXIS", "WRONG_FLOW", "WRONG_RESET", "changed", "failed", "mistaken", "needs_icarus", "run", "whole"]

needs_icarus = pytest.mark.skipif(not has_icarus(), reason="Icarus Verilog is not installed")
#: AXI4-Stream with bits of padding, and with operands of different widths.
AXIS = MacConfig(a="E3M2", b="E2M1", block=4, lanes=1, accumulator="window", window=24, bus="axis")
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
    "flags are reversed": (
        r"o__payload\[36:32\]\}",
        "o__payload[32], o__payload[33], o__payload[34], o__payload[35], o__payload[36]}",
    ),
}
_UNIT = r"(  mxmac__mac mac \()"
_TAKEN = "m_axis_tvalid & m_axis_tready"
#: Mistakes in the flow of AXI4-Stream with a reset that is active low: what is replaced, by what, and the tests of the bench
#: that have to find it. Others may fail, too.
WRONG_FLOW = {
    "every other beat is lost": (
        [
            (_UNIT, r"  reg odd;\n  always @(posedge aclk) odd <= aresetn & (odd ^ (s_axis_tvalid & s_axis_tready));\n\1"),
            (r"\.i__valid\(s_axis_tvalid\)", ".i__valid(s_axis_tvalid & ~odd)"),
        ],
        ["packets, idle none, stall none"],
    ),
    "every other result is lost": (
        [
            (
                _UNIT,
                r"  wire valid;\n  reg odd;\n  always @(posedge aclk) odd <= aresetn & (odd ^ (valid & ready));\n"
                r"  wire ready = m_axis_tready | odd;\n  assign m_axis_tvalid = valid & ~odd;\n\1",
            ),
            (r"\.o__valid\(m_axis_tvalid\)", ".o__valid(valid)"),
            (r"\.o__ready\(m_axis_tready\)", ".o__ready(ready)"),
        ],
        ["packets, idle none, stall none"],
    ),
    "every result is there twice": (
        [
            (_UNIT, rf"  reg odd;\n  always @(posedge aclk) odd <= aresetn & (odd ^ ({_TAKEN}));\n\1"),
            (r"\.o__ready\(m_axis_tready\)", ".o__ready(m_axis_tready & odd)"),
        ],
        ["packets, idle none, stall none"],
    ),
    "a result that waits is replaced by the next": (
        [(r"\.o__ready\(m_axis_tready\)", ".o__ready(1'h1)")],
        ["packets, idle none, stall some"],
    ),
    "the payload is wrong while TREADY is low": (
        [(r"(assign m_axis_tdata = o__payload\[\d+:0\])", r"\1 ^ {32{~m_axis_tready}}")],
        ["packets, idle none, stall some", "no_path_to_an_output"],
    ),
    "TVALID goes away after a cycle": (
        [
            (
                _UNIT,
                rf"  wire valid;\n  reg waits;\n  always @(posedge aclk) waits <= {_TAKEN[:13]} & ~m_axis_tready;\n"
                rf"  assign m_axis_tvalid = valid & ~waits;\n\1",
            ),
            (r"\.o__valid\(m_axis_tvalid\)", ".o__valid(valid)"),
            (r"\.o__ready\(m_axis_tready\)", ".o__ready(m_axis_tready & ~waits)"),
        ],
        ["packets, idle none, stall some"],
    ),
    "TREADY goes away": (
        [
            (
                _UNIT,
                r"  wire ready;\n  reg odd;\n  always @(posedge aclk) odd <= aresetn & ~odd;\n"
                r"  assign s_axis_tready = ready & odd;\n\1",
            ),
            (r"\.i__ready\(s_axis_tready\)", ".i__ready(ready)"),
            (r"\.i__valid\(s_axis_tvalid\)", ".i__valid(s_axis_tvalid & odd)"),
        ],
        ["packets, idle some, stall none"],
    ),
    "TVALID waits for TREADY in the same cycle": (
        [
            (_UNIT, r"  wire valid;\n  assign m_axis_tvalid = valid & m_axis_tready;\n\1"),
            (r"\.o__valid\(m_axis_tvalid\)", ".o__valid(valid)"),
        ],
        ["tvalid_does_not_wait", "no_path_to_an_output"],
    ),
    "TVALID waits for TREADY in an earlier cycle": (
        [
            (
                _UNIT,
                rf"  wire valid;\n  reg seen;\n"
                rf"  always @(posedge aclk) seen <= aresetn & (m_axis_tready | seen) & ~({_TAKEN});\n"
                rf"  assign m_axis_tvalid = valid & seen;\n\1",
            ),
            (r"\.o__valid\(m_axis_tvalid\)", ".o__valid(valid)"),
            (r"\.o__ready\(m_axis_tready\)", ".o__ready(m_axis_tready & seen)"),
        ],
        ["tvalid_does_not_wait"],
    ),
    "TREADY waits for TVALID": (
        [
            (_UNIT, r"  wire ready;\n  assign s_axis_tready = ready & s_axis_tvalid;\n\1"),
            (r"\.i__ready\(s_axis_tready\)", ".i__ready(ready)"),
        ],
        ["no_path_to_an_output", "reset_in_mid_stream"],
    ),
    "the reset does not reach the unit": ([(r"assign rst = ~aresetn;", "assign rst = 1'h0;")], ["reset_in_mid_stream"]),
}


def whole(config):
    """The bench of the whole of a unit or a quantizer."""
    subject = unit_subject(config) if isinstance(config, MacConfig) else quantizer_subject(config)
    return subject.whole, subject.benches[subject.whole]()


def run(folder, config, *modules, text=None, simulator="icarus"):
    """How modules of the bench of the whole run, on another text if one is given."""
    name, design = whole(config)
    design = replace(design, modules=modules or design.modules, text=text or design.text)
    return Runner(folder, simulator).run(name, design, config, seed=1, effort=Effort.QUICK)


def mistaken(text, pattern, replacement):
    found, count = re.subn(pattern, replacement, text)
    assert count
    return found


def changed(text, changes):
    for pattern, replacement in changes:
        text = mistaken(text, pattern, replacement)
    return text


def failed(found):
    """Names of the tests of a run that failed."""
    return {test.name for test in found.report.tests if test.misses or test.problem}
