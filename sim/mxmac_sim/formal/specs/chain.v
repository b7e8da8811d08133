module prove (
  input wire clk,
  input wire rst,
  input wire [${a_bits - 1}:0] a,
  input wire [${b_bits - 1}:0] b,
  output wire given_products,
  output wire ok_sum,
  output wire ok_specials,
  output wire ok_elements,
  output wire seen_largest,
  output wire seen_least,
${shown}  output wire signed [${wide - 1}:0] want_sum,
  output wire signed [${wide - 1}:0] got_sum,
  output wire [3:0] want_specials,
  output wire [3:0] got_specials
);
  wire [${total_bits - 1}:0] total;
  wire [3:0] specials;
${instance(text, module, "unit", connections)}
  // Outputs of the multipliers are free; each counts in the cycle in which it is added.
${signals}${numbers}${assigned}
  assign given_products = ${given};
  assign want_sum = ${sum};
  assign got_sum = ${got};
  assign ok_sum = got_sum == want_sum;
  assign want_specials = ${any};
  assign got_specials = specials;
  assign ok_specials = got_specials == want_specials;
  // The elements of each lane wait for the sum of those before it.
${elements}  assign ok_elements = ${fed};
  assign seen_largest = got_sum == ${largest};
  assign seen_least = got_sum == -${largest};
endmodule
