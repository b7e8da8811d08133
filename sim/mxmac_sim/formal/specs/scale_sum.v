module prove (
  input wire clk,
  input wire [7:0] a,
  input wire [7:0] b,
  output wire ok_sum,
  output wire ok_nan,
  output wire seen_nan,
  output wire seen_largest,
  output wire [7:0] in_a,
  output wire [7:0] in_b,
  output wire [8:0] want_sum,
  output wire [8:0] got_sum,
  output wire want_nan,
  output wire got_nan
);
  wire [9:0] scale;
${unit}
  assign in_a = a;
  assign in_b = b;
  assign want_sum = {1'b0, a} + {1'b0, b};
  assign want_nan = a == ${SCALE_NAN} || b == ${SCALE_NAN};
  assign got_sum = scale[8:0];
  assign got_nan = scale[9];
  assign ok_nan = got_nan == want_nan;
  assign ok_sum = got_nan || got_sum == want_sum;
  assign seen_nan = got_nan;
  assign seen_largest = !got_nan && got_sum == ${config.scale_sum_max};
endmodule
