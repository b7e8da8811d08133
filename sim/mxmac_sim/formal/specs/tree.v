module prove (
  input wire clk,
  input wire rst,
${inputs}  output wire given_products,
  output wire ok_sum,
  output wire seen_largest,
  output wire seen_least,
${shown}  output wire signed [${wide - 1}:0] want_sum,
  output wire signed [${wide - 1}:0] got_sum
);
  wire [${total_bits - 1}:0] total;
${instance(text, module, "unit", connections)}
${delays}${numbers}${assigned}
  // In units of the least product. The "+ 1" that completes a two's complement comes as a bit of its own.
  assign given_products = ${given};
  assign want_sum = ${total};
  assign got_sum = ${got};
  assign ok_sum = got_sum == want_sum;
  assign seen_largest = got_sum == ${sum_largest};
  assign seen_least = got_sum == -${sum_largest};
endmodule
