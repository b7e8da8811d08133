module prove (
${inputs}  output wire given_no_reset,
  output wire same_in_ready,
  output wire same_out_valid,
  output wire [${config.output.width + 4}:0] same_status_data,
  output wire blind_out_ready,
  output wire seen_idle,
  output wire seen_offered
);
${outputs}${unit}${restart}
  assign given_no_reset = !rst;
  assign same_in_ready = in_ready;
  assign same_out_valid = out_valid;
  assign same_status_data = {out_status, out_data};
  // A unit that offers nothing does not look whether anybody would take it, so it cannot wait for that.
  assign blind_out_ready = !out_valid;
  assign seen_idle = !out_valid;
  assign seen_offered = out_valid;
endmodule
