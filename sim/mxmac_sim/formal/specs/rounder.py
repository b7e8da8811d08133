"""Specification of the rounder: IEEE 754-2019, 4.3.1 and 7.4 to 7.6, by the quantum that the result is a multiple of."""

from mxmac.formats import Format

from ..harness import delayed, instance

__all__ = ["rounder_harness", "rounding"]


def rounding(output: Format, *, width: int, exp_bits: int, exp_min: int) -> str:
    """Verilog of what ``value * 2^(exp + exp_min)`` is rounded to: wires ``spec_code`` and ``spec_flags``.

    It reads ``value``, ``exp``, ``inexact``, ``overflow`` and ``specials``. Of the value, the top bit is looked for.
    The quantum, the weight of the result's last bit, follows from it, and from how small a quantum may be at all.
    """
    man, lsb = output.man_bits, output.emin - output.man_bits
    # Exponents are signed numbers of this many bits; magnitudes have room for being moved up by man + 1.
    bits = max(12, exp_bits + 3)
    wide = width + man + 3
    return f"""
  wire [{width - 1}:0] magnitude = value[{width - 1}] ? -value : value;
  wire zero = value == 0;
  reg signed [{bits - 1}:0] top;
  integer index;
  always @* begin
    top = 0;
    for (index = 0; index < {width}; index = index + 1)
      if (magnitude[index]) top = index;
  end
  wire signed [{bits - 1}:0] scale = $signed({{1'b0, exp}}) + {exp_min};
  wire signed [{bits - 1}:0] normal_quantum = top + scale - {man};
  wire signed [{bits - 1}:0] quantum = normal_quantum < {lsb} ? {lsb} : normal_quantum;
  // The magnitude in quanta, with two bits below: the next one, and whether there is anything below that.
  wire signed [{bits - 1}:0] down = quantum - scale;
  wire signed [{bits - 1}:0] up = -down;
  wire [{wide - 1}:0] all_ones = {{{wide}{{1'b1}}}};
  wire [{wide - 1}:0] extended = magnitude;
  wire [{wide - 1}:0] whole = down > {width} ? 0 : down >= 0 ? extended >> down : extended << up;
  wire half = down > 0 && down <= {width} && ((extended >> (down - 1)) & 1);
  wire below = down > {width} ? !zero : down > 1 && (extended & ~(all_ones << (down - 1))) != 0;
  wire up_one = half && (below || whole[0]);
  wire [{man + 2}:0] quanta = whole[{man + 1}:0] + up_one;
  // Bits of a code count up quantum by quantum, from 0 to the largest number and on to Inf.
  wire [{bits + man + 1}:0] steps = quantum - {lsb};
  wire [{bits + man + 1}:0] code = (steps << {man}) + quanta;
  wire too_large = code >= {output.inf_code};
  wire lost = half || below;
  // Tiny: less than the smallest normal number, when rounded as if quanta could be as small as they like.
  wire signed [{bits - 1}:0] free_down = normal_quantum - scale;
  wire [{wide - 1}:0] free_whole = free_down >= 0 ? extended >> free_down : extended << -free_down;
  wire free_half = free_down > 0 && ((extended >> (free_down - 1)) & 1);
  wire free_below = free_down > 1 && (extended & ~(all_ones << (free_down - 1))) != 0;
  wire [{man + 2}:0] free_quanta = free_whole[{man}:0] + (free_half && (free_below || free_whole[0]));
  wire reaches = normal_quantum == {lsb - 1} && free_quanta == {2 << man};
  wire tiny = !zero && normal_quantum < {lsb} && !reaches;
  wire any_lost = inexact || lost || too_large;
  wire is_nan = specials[0] || specials[1] || specials[2] && specials[3];
  wire is_inf = specials[2] || specials[3];
  reg [{output.width - 1}:0] spec_code;
  reg [4:0] spec_flags;
  always @* begin
    if (is_nan) begin
      spec_code = {output.nan_code};
      spec_flags = {{specials[1] || specials[2] && specials[3], 4'b0}};
    end else if (is_inf) begin
      spec_code = {{specials[3], {output.width - 1}'d{output.inf_code}}};
      spec_flags = 0;
    end else begin
      spec_code = {{value[{width - 1}], {output.width - 1}'d0}} | (zero ? 0 : too_large ? {output.inf_code} : code);
      spec_flags = {{2'b00, overflow || !zero && too_large, tiny && any_lost, zero ? inexact : any_lost}};
    end
  end
"""


def rounder_harness(
    text: str, module: str, output: Format, *, width: int, exp_bits: int, exp_min: int, clocks: int
) -> tuple[str, int]:
    """Harness of the rounder, all its inputs free, and after how many clocks it has forgotten what was before."""
    size = width + exp_bits + 6
    connections = {"i__payload": "total", "i__valid": "valid", "o__payload": "payload", "o__valid": "out_valid"}
    at = f"total_{clocks}" if clocks else "total"
    top = width + exp_bits
    return (
        f"""
module prove (
  input wire clk,
  input wire rst,
  input wire [{size - 1}:0] total,
  input wire valid,
  output wire given_no_reset,
  output wire ok_code,
  output wire ok_flags,
  output wire ok_valid,
  output wire seen_subnormal,
  output wire seen_overflow,
  output wire seen_rounded_up,
  output wire signed [{width - 1}:0] in_value,
  output wire [{exp_bits - 1}:0] in_exp,
  output wire [3:0] in_specials,
  output wire in_inexact,
  output wire in_overflow,
  output wire [{output.width - 1}:0] want_code,
  output wire [{output.width - 1}:0] got_code,
  output wire [4:0] want_flags,
  output wire [4:0] got_flags
);
  wire [{output.width + 4}:0] payload;
  wire out_valid;
{instance(text, module, "unit", connections)}
{delayed("total", size, clocks)}{delayed("valid", 1, clocks)}
  wire signed [{width - 1}:0] value = {at}[{width - 1}:0];
  wire [{exp_bits - 1}:0] exp = {at}[{top - 1}:{width}];
  wire inexact = {at}[{top}];
  wire overflow = {at}[{top + 1}];
  wire [3:0] specials = {at}[{top + 5}:{top + 2}];
{rounding(output, width=width, exp_bits=exp_bits, exp_min=exp_min)}
  assign given_no_reset = !rst;
  assign in_value = value;
  assign in_exp = exp;
  assign in_specials = specials;
  assign in_inexact = inexact;
  assign in_overflow = overflow;
  assign want_code = spec_code;
  assign want_flags = spec_flags;
  assign got_code = payload[{output.width - 1}:0];
  assign got_flags = payload[{output.width + 4}:{output.width}];
  assign ok_code = got_code == want_code;
  assign ok_flags = got_flags == want_flags;
  assign ok_valid = out_valid == {f"valid_{clocks}" if clocks else "valid"};
  wire finite = specials == 0;
  assign seen_subnormal = finite && !zero && got_code[{output.width - 2}:{output.man_bits}] == 0
    && got_code[{output.man_bits - 1}:0] != 0;
  assign seen_overflow = finite && !overflow && got_flags[2];
  assign seen_rounded_up = finite && up_one && !too_large;
endmodule
""",
        clocks,
    )
