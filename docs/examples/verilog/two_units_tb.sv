// Dot products of ones through both units at the same time, with results that are known.
//
// 1.0 is 8'h38 in E4M3 and 4'h2 in E2M1; scale code 127 is 2^0.
module two_units_tb;

  import precise_pkg::*;
  import coarse_pkg::*;

  localparam int DOTS = 40;

  logic clk = 1'b0, rst_n = 1'b0;
  logic precise_valid = 1'b0, coarse_valid = 1'b0, precise_ready, coarse_ready;
  logic out_valid, out_ready = 1'b0, out_precise;
  logic [31:0] out_data;
  logic [4:0] out_status;
  precise_beat_t precise_beat;
  coarse_beat_t coarse_beat;
  int precise_beats = 0, coarse_beats = 0, precise_results = 0, coarse_results = 0, cycles = 0;

  two_units dut (.*);

  initial forever #5 clk = !clk;

  // Both send blocks of 32 elements, one in each dot product; the coarse unit doubles every other one by its scale.
  assign precise_beat.a = {16{8'h38}};
  assign precise_beat.b = {16{8'h38}};
  assign precise_beat.scale_a = 8'd127;
  assign precise_beat.scale_b = 8'd127;
  assign precise_beat.last = precise_beats % 2 == 1;
  assign coarse_beat.a = {8{4'h2}};
  assign coarse_beat.b = {8{8'h38}};
  assign coarse_beat.scale_a = coarse_beats / 4 % 2 == 1 ? 8'd128 : 8'd127;
  assign coarse_beat.scale_b = 8'd127;
  assign coarse_beat.last = coarse_beats % 4 == 3;

  always @(posedge clk) begin
    cycles <= cycles + 1;
    if (cycles > 1) rst_n <= 1'b1;
    if (rst_n) begin
      precise_beats <= precise_beats + (precise_valid && precise_ready ? 1 : 0);
      coarse_beats <= coarse_beats + (coarse_valid && coarse_ready ? 1 : 0);
      precise_valid <= precise_beats + (precise_valid && precise_ready ? 1 : 0) < 2 * DOTS;
      coarse_valid <= coarse_beats + (coarse_valid && coarse_ready ? 1 : 0) < 4 * DOTS;
      out_ready <= cycles % 3 != 0;
      if (out_valid && out_ready) begin
        if (out_precise) precise_results <= precise_results + 1;
        else coarse_results <= coarse_results + 1;
        if (out_data !== (!out_precise && coarse_results % 2 == 1 ? 32'h42800000 : 32'h42000000) || out_status !== 5'd0)
          $fatal(1, "FAIL: %h, flags %b, after %0d and %0d results",
                 out_data, out_status, precise_results, coarse_results);
      end
      if (precise_results == DOTS && coarse_results == DOTS) begin
        $display("PASS: %0d results of each unit", DOTS);
        $finish;
      end
      if (cycles > 5000) $fatal(1, "FAIL: stuck after %0d and %0d results", precise_results, coarse_results);
    end
  end

endmodule
