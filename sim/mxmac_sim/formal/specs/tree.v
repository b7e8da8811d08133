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
  wire [${out}:0] beat;
${instance(text, module, "unit", connections)}
${delays}${numbers}${assigned}
  // In units of the least product. The "+ 1" that completes the two's complement comes as a bit of its own.
  assign given_products = ${given};
  assign want_sum = ${total};
  wire signed [${wide - 1}:0] sum = $signed(beat[${out - 1}:0]);
  assign got_sum = sum + $signed({1'b0, beat[${out}]});
  assign ok_sum = got_sum == want_sum;
  assign seen_largest = got_sum == ${sum_largest};
  assign seen_least = got_sum == -${sum_largest};
endmodule
