module prove (
${inputs}  output wire given_one_reset,
  output wire ok_same_flow,
  output wire ok_same_beat,
  output wire seen_answer,
  output wire [1:0] want_ready_valid,
  output wire [1:0] got_ready_valid
);
${outputs}${outputs_other}
${unit}${other}${restart}${beats}
  // A second reset would begin another run like this one, which starts from any state as it is.
  assign given_one_reset = !(rst && begun);
  reg begun;
  always @(posedge clk) begun <= 1;
  assign want_ready_valid = {in_ready_other, out_valid_other};
  assign got_ready_valid = {in_ready, out_valid};
  assign ok_same_flow = got_ready_valid == want_ready_valid;
  assign ok_same_beat = ${same_beat};
  assign seen_answer = out_valid && out_ready;
endmodule
