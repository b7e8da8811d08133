module prove (
  input wire clk,
  input wire rst,
  input wire [${size - 1}:0] total,
  input wire valid,
  output wire given_no_reset,
  output wire ok_code,
  output wire ok_flags,
  output wire ok_valid,
  output wire seen_subnormal,
  output wire seen_overflow,
  output wire seen_rounded_up,
  output wire signed [${width - 1}:0] in_value,
  output wire [${exp_bits - 1}:0] in_exp,
  output wire [3:0] in_specials,
  output wire in_inexact,
  output wire in_overflow,
  output wire [${output.width - 1}:0] want_code,
  output wire [${output.width - 1}:0] got_code,
  output wire [4:0] want_flags,
  output wire [4:0] got_flags
);
  wire [${output.width + 4}:0] payload;
  wire out_valid;
${instance(text, module, "unit", connections)}
${delayed("total", size, clocks)}${delayed("valid", 1, clocks)}
  wire signed [${width - 1}:0] value = ${at}[${width - 1}:0];
  wire [${exp_bits - 1}:0] exp = ${at}[${top - 1}:${width}];
  wire inexact = ${at}[${top}];
  wire overflow = ${at}[${top + 1}];
  wire [3:0] specials = ${at}[${top + 5}:${top + 2}];
${rounding(output, width=width, exp_bits=exp_bits, exp_min=exp_min)}
  assign given_no_reset = !rst;
  assign in_value = value;
  assign in_exp = exp;
  assign in_specials = specials;
  assign in_inexact = inexact;
  assign in_overflow = overflow;
  assign want_code = spec_code;
  assign want_flags = spec_flags;
  assign got_code = payload[${output.width - 1}:0];
  assign got_flags = payload[${output.width + 4}:${output.width}];
  assign ok_code = got_code == want_code;
  assign ok_flags = got_flags == want_flags;
  assign ok_valid = out_valid == ${valid_at};
  wire finite = specials == 0;
  assign seen_subnormal = finite && !zero && got_code[${output.width - 2}:${output.man_bits}] == 0
    && got_code[${output.man_bits - 1}:0] != 0;
  assign seen_overflow = finite && !overflow && got_flags[2];
  assign seen_rounded_up = finite && up_one && !too_large;
endmodule
