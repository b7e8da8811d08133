module prove (
${inputs}  output wire ok_owed,
  output wire ok_in_time,
${helped}  output wire seen_two_owed,
  output wire seen_answer,
  output wire [${count - 1}:0] got_owed,
  output wire [${count - 1}:0] got_waited
);
${outputs}${unit}${restart}
  reg [${count - 1}:0] owed, waited;
  wire ends = in_valid && in_ready && in_last;
  wire taken = out_valid && out_ready;
  always @(posedge clk)
    if (restart) begin
      owed <= 0;
      waited <= 0;
    end else begin
      owed <= owed + ends - taken;
      // Clocks since a dot product is owed and none is offered.
      waited <= (owed != 0 || ends) && !out_valid ? waited + 1 : 0;
    end
${helps}
  assign got_owed = owed;
  assign got_waited = waited;
  assign ok_owed = !out_valid || owed != 0;
  assign ok_in_time = waited <= ${latency};
  assign seen_two_owed = owed == 2;
  assign seen_answer = taken;
endmodule
