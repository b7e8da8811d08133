module prove (
${inputs}  output wire given_no_reset,
  output wire ok_held,
  output wire seen_waiting,
  output wire [${config.output.width + 5}:0] want_valid_status_data,
  output wire [${config.output.width + 5}:0] got_valid_status_data
);
${outputs}${unit}${restart}
  reg [${config.output.width + 4}:0] before;
  reg waited;
  always @(posedge clk) begin
    before <= {out_status, out_data};
    waited <= out_valid && !out_ready;
  end
  assign given_no_reset = !rst;
  assign want_valid_status_data = {1'b1, before};
  assign got_valid_status_data = {out_valid, out_status, out_data};
  assign ok_held = !waited || got_valid_status_data == want_valid_status_data;
  assign seen_waiting = waited;
endmodule
