module prove (
${inputs}  output wire given_answer,
  output wire ok_places,
  output wire ok_left,
  output wire ok_number,
  output wire seen_full,
  output wire [${bits}:0] want_free,
  output wire [${bits}:0] got_free
);
${outputs}${unit}${restart}${counters}
  // Dot products that were taken in and whose results were not taken yet.
  reg [${bits}:0] owed;
  wire ends = in_valid && in_ready && in_last;
  wire taken = out_valid && out_ready;
  always @(posedge clk)
    if (restart) owed <= 0;
    else owed <= owed + ends - taken;
  // That there is no result which nobody asked for is another property.
  assign given_answer = !out_valid || owed != 0;
  assign want_free = ${depth} - owed;
  assign got_free = got_places;
  assign ok_places = got_free == want_free;
  assign ok_number = owed <= ${depth};
  assign ok_left = unit_mac_result_left == (places != 0) && unit_mac_result_count >= unit_mac_result_down_d1 && (!in_ready || unit_mac_result_left);
  assign seen_full = owed == ${seen_depth};
endmodule
