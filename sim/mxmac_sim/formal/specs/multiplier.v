module prove (
  input wire clk,
  input wire rst,
  input wire [${fa.width - 1}:0] a,
  input wire [${fb.width - 1}:0] b,
  output wire given_no_reset,
  output wire ok_product,
  output wire ok_specials,
  output wire seen_largest,
  output wire seen_negative,
  output wire [${fa.width - 1}:0] in_a,
  output wire [${fb.width - 1}:0] in_b,
  output wire [${fa.width - 1}:0] in_a_for_specials,
  output wire [${fb.width - 1}:0] in_b_for_specials,
  output wire signed [${wide - 1}:0] want_product,
  output wire signed [${wide - 1}:0] got_product,
  output wire [3:0] want_specials,
  output wire [3:0] got_specials
);
${outputs}  wire [3:0] specials;
${instance(text, module, "unit", connections)}
${element_functions("a", fa)}${element_functions("b", fb)}
${delayed("a", fa.width, clocks)}${delayed("b", fb.width, clocks)}
  // A reset clears what is on its way.
  assign given_no_reset = !rst;
  assign in_a = a_${clocks};
  assign in_b = b_${clocks};
  assign in_a_for_specials = a_1;
  assign in_b_for_specials = b_1;
  wire [${fa.sig_bits + fb.sig_bits - 1}:0] mantissas = mantissa_a(in_a) * mantissa_b(in_b);
  wire [${wide - 1}:0] magnitude = ({{${wide}{1'b0}}, mantissas} << power_a(in_a)) << power_b(in_b);
  assign want_product = neg_a(in_a) == neg_b(in_b) ? magnitude : -magnitude;
  assign got_product = ${got};
  wire finite = !(nan_a(in_a) || nan_b(in_b) || inf_a(in_a) || inf_b(in_b));
  assign ok_product = !finite || got_product == want_product;

  wire is_nan = nan_a(a_1) || nan_b(b_1);
  wire is_invalid = (inf_a(a_1) && zero_b(b_1)) || (zero_a(a_1) && inf_b(b_1));
  wire is_inf = (inf_a(a_1) || inf_b(b_1)) && !is_nan && !is_invalid;
  wire is_neg = neg_a(a_1) != neg_b(b_1);
  assign want_specials = {is_inf && is_neg, is_inf && !is_neg, is_invalid, is_nan};
  assign got_specials = specials;
  assign ok_specials = got_specials == want_specials;
  assign seen_largest = finite && got_product == ${constant(wide, fa.max_integer * fb.max_integer)};
  assign seen_negative = finite && got_product == -${1};
endmodule
