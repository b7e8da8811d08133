// Two differently configured units: E4M3 with 16 lanes, and E2M1 by E4M3 with 8. Their results leave through one stream.
// The reset is active low and asynchronous; the units release it inside.
//
// Units, packages and wrappers are the files that run.py lets mxmac generate.
module two_units
  import precise_pkg::*, coarse_pkg::*;
(
  input  logic clk,
  input  logic rst_n,

  input  logic precise_valid,
  output logic precise_ready,
  input  precise_beat_t precise_beat,

  input  logic coarse_valid,
  output logic coarse_ready,
  input  coarse_beat_t coarse_beat,

  output logic out_valid,
  input  logic out_ready,
  output logic out_precise,  // which unit the result is from
  output logic [31:0] out_data,
  output logic [4:0] out_status
);

  logic precise_done, coarse_done, turn;
  precise_result_t precise_result;
  coarse_result_t coarse_result;

  precise_wrapper precise (
    .clk, .rst_n,
    .in_valid(precise_valid), .in_ready(precise_ready), .in_beat(precise_beat),
    .out_valid(precise_done), .out_ready(out_ready && out_precise), .out_result(precise_result)
  );

  coarse_wrapper coarse (
    .clk, .rst_n,
    .in_valid(coarse_valid), .in_ready(coarse_ready), .in_beat(coarse_beat),
    .out_valid(coarse_done), .out_ready(out_ready && !out_precise), .out_result(coarse_result)
  );

  // The units take turns. A result that is offered stays until it is taken, so the choice does too.
  logic waiting, waiting_precise;
  always_comb begin
    if (waiting) out_precise = waiting_precise;
    else out_precise = precise_done && (turn || !coarse_done);
  end
  assign out_valid = precise_done || coarse_done;
  assign out_data = out_precise ? precise_result.data : coarse_result.data;
  assign out_status = out_precise ? precise_result.status : coarse_result.status;

  always_ff @(posedge clk or negedge rst_n) begin
    if (!rst_n) begin
      turn <= 1'b0;
      waiting <= 1'b0;
      waiting_precise <= 1'b0;
    end else begin
      if (out_valid && out_ready) turn <= !out_precise;
      waiting <= out_valid && !out_ready;
      waiting_precise <= out_precise;
    end
  end

endmodule
