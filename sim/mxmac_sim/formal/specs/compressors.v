module prove (
  input wire clk,
  input wire rst,
${inputs}  output wire given_products,
${oks}  output wire ok_addition,
  output wire seen_largest,
  output wire seen_least,
${shown}  output wire [${width - 1}:0] want_sum,
  output wire [${width - 1}:0] got_sum
);
  wire [${total_bits - 1}:0] total;
${instance(text, module, "unit", connections)}
${delays}${numbers}${assigned}
  // In units of the least product, and in as many bits as the sum of any has. The "+ 1" of a two's complement is a bit apart.
  assign given_products = ${given};
${rows}
  assign want_sum = ${want};
  assign got_sum = total[${width - 1}:0]${carry};
  assign ok_addition = got_sum == want_sum;
  assign seen_largest = got_sum == ${sum_largest};
  assign seen_least = got_sum == -${sum_largest};
endmodule
