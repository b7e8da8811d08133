"""Proof that an element is what the specification makes of it, for all pairs of FP32 numbers that are a block: by SAT.

What is proved is the generated Verilog of two lanes' fronts, the scale of their block, and one lane's encoder, with registers
taken for wires: there is no feedback among them, so that values are what matters, and when they come is for the benches. The
specification is Verilog from OCP MX v1.0, 6.3, on integers: no significand is normalised, and no shift is shared.
"""

import subprocess
import sys
from pathlib import Path

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from mxmac.formats import SCALE_NAN
from mxmac.quantizer.lane import ElementEncoder, ElementPreparer
from mxmac.quantizer.rules import Overflow, ScaleRule
from mxmac.quantizer.scale import BlockScale
from mxmac.verilog.emit import component_verilog

__all__ = ["prove"]

_YOSYS = """
import sys
from pyosys import libyosys as ys

design = ys.Design()
for command in (
    "read_verilog proof.v", "hierarchy -check -top proof", "proc", "flatten", "dffunmap", "techmap -map wires.v",
    "opt -full", "select -assert-none t:$dff t:$dffe t:$sdff t:$sdffe t:$mem_v2", "check -assert",
    f"sat -timeout {sys.argv[1]} -verify -prove right 1 -show v0,v1,code,scale,spec_code,spec_scale proof",
):
    ys.Pass.call(design, command)
"""
_WIRES = r"""
module \$dff (CLK, D, Q);
  parameter WIDTH = 1;
  parameter CLK_POLARITY = 1;
  input CLK;
  input [WIDTH-1:0] D;
  output [WIDTH-1:0] Q;
  assign Q = D;
endmodule
"""


class _Block(wiring.Component):
    """The element that the first of two numbers becomes, and the scale of both."""

    def __init__(self, config):
        self.config = config
        width = config.source.width
        super().__init__({"v0": In(width), "v1": In(width), "scale": Out(8), "code": Out(config.to.width)})

    def elaborate(self, platform):
        m, config = Module(), self.config
        m.submodules.search = scale = BlockScale(config)
        m.submodules.element = encoder = ElementEncoder(config)
        for index, value in enumerate((self.v0, self.v1)):
            m.submodules[f"lane{index}"] = lane = ElementPreparer(config)
            m.d.comb += [lane.code.eq(value), scale.keys[index].eq(lane.key)]
            if not index:
                m.d.comb += encoder.prepared.eq(lane.prepared)
        m.d.comb += [encoder.grid.eq(scale.grid), encoder.nan.eq(scale.scale == SCALE_NAN)]
        m.d.comb += [self.scale.eq(scale.scale), self.code.eq(encoder.code)]
        return m


def _scale_spec(config):
    """Verilog of the scale: exponent and fraction of the largest magnitude as numbers, then the rule as it is defined."""
    to, rule = config.to, config.rules[0]
    # Half a unit in the last place of an element's significand, of one with 23 fraction bits.
    half = 1 << (22 - to.man_bits + to.is_integer)
    limit = to.max_value / 2**to.emax * 2**23
    twice = {
        ScaleRule.FLOOR: "1'b0",
        ScaleRule.CEIL: "significand != 24'h800000",
        ScaleRule.RCEIL: f"significand > 24'd{int(limit)}",
        ScaleRule.EVEN: f"{{1'b0, significand}} + 25'd{half} >= 25'd{1 << 24}",
    }[rule]
    return f"""
  wire [30:0] amax = v0[30:0] > v1[30:0] ? v0[30:0] : v1[30:0];
  reg [23:0] significand;
  reg signed [10:0] exponent;
  integer i;
  always @* begin
    significand = {{1'b1, amax[22:0]}};
    exponent = $signed({{3'b0, amax[30:23]}}) - 127;
    if (amax[30:23] == 0) begin
      significand = 24'h800000;
      exponent = -300;
      for (i = 0; i < 23; i = i + 1)
        if (amax[i]) begin
          significand = {{1'b0, amax[22:0]}} << (23 - i);
          exponent = i - 149;
        end
    end
  end
  wire signed [10:0] wanted = exponent - {to.emax} + 127 + $signed({{10'b0, {twice}}});
  wire [7:0] spec_scale = amax[30:23] == 255 ? 8'd255 : wanted < 0 ? 8'd0 : wanted > 254 ? 8'd254 : wanted[7:0];
"""


def _code_spec(config):
    """Verilog of the element: the quotient in half units of the smallest element, and its rounding binade by binade."""
    to, man = config.to, config.to.man_bits
    binades = 1 if to.is_integer else to.exp_max
    bits = (binades - 1) + (8 if to.is_integer else man + 1) + 1 + (1 if to.is_integer else 0)
    quotient = f"""
  wire [23:0] whole = {{v0[30:23] != 0, v0[22:0]}};
  wire signed [10:0] field = v0[30:23] == 0 ? 11'sd1 : $signed({{3'b0, v0[30:23]}});
  wire signed [10:0] move = field - $signed({{3'b0, spec_scale}}) - 22 - ({to.lsb_exp});
  wire [{bits + 23}:0] left = {{{bits}'b0, whole}} << (move < 0 ? 0 : move);
  wire [{bits - 1}:0] halves = move < 0 ? (move < -24 ? 0 : whole >> -move) : left[{bits - 1}:0];
  wire below = move < -24 ? whole != 0 : move < 0 && ((whole >> -move) << -move) != whole;
  reg [9:0] nearest;
"""
    steps = []
    for binade in reversed(range(binades)):
        top = binade + man + 1 if not to.is_integer else bits - 1
        taken = f"halves[{top}]" if binade else "1'b1"
        odd, half = f"halves[{binade + 1}]", f"halves[{binade}]"
        rest = f"(below || halves[{binade - 1}:0] != 0)" if binade else "below"
        steps.append(
            f"if ({taken}) nearest = {binade << man} + halves[{bits - 1 if binade == binades - 1 else top}:{binade + 1}] "
            f"+ ({half} && ({rest} || {odd}));"
        )
    rounding = "  always @*\n    " + "\n    else ".join(steps) + "\n"
    if to.is_integer:
        largest = to.max_integer - 1
        return f"""{quotient}{rounding}
  wire [7:0] limited = nearest > {largest} ? 8'd{largest} : nearest[7:0];
  wire [7:0] spec_code = spec_scale == 255 ? 8'd0 : v0[31] ? -limited : limited;
"""
    largest = ((to.exp_max - 1) << man) + (to.max_integer >> (to.exp_max - 1))
    beyond = largest
    if config.overflows[0] is Overflow.OVF and to.has_nan:
        beyond = to.inf_code if to.has_inf else to.nan_code
    nan = to.nan_code if to.has_nan else 0
    return f"""{quotient}{rounding}
  wire [{to.width - 2}:0] limited = nearest > {largest} ? {to.width - 1}'d{beyond} : nearest[{to.width - 2}:0];
  wire [{to.width - 1}:0] spec_code = spec_scale == 255 ? {to.width}'d{nan} : {{v0[31], limited}};
"""


def prove(config, folder: Path, seconds=600):
    """Prove a quantizer from FP32 with two lanes, two numbers a block, one rule and one mode; return what Yosys printed.

    Raises
    ------
    AssertionError
        With two numbers that come out wrong, if there are such.
    """
    text = f"""
module proof (input [31:0] v0, input [31:0] v1, output [{config.to.width - 1}:0] code, output [7:0] scale, output right);
  block unit (.clk(1'b0), .rst(1'b0), .v0(v0), .v1(v1), .code(code), .scale(scale));
{_scale_spec(config)}{_code_spec(config)}
  assign right = code == spec_code && scale == spec_scale;
endmodule
"""
    (folder / "proof.v").write_text(component_verilog(_Block(config), "block") + text)
    (folder / "wires.v").write_text(_WIRES)
    done = subprocess.run([sys.executable, "-c", _YOSYS, str(seconds)], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    return done.stdout
