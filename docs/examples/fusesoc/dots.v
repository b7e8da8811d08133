// Numbers the results of a MAC unit, and collects their flags until they are cleared.
module dots (
  input  wire        clk,
  input  wire        rst,
  input  wire        beat_valid,
  output wire        beat_ready,
  input  wire [63:0] beat_a,
  input  wire [63:0] beat_b,
  input  wire [7:0]  beat_scale_a,
  input  wire [7:0]  beat_scale_b,
  input  wire        beat_last,
  output wire        store,
  output reg  [3:0]  store_index,
  output wire [31:0] store_data,
  input  wire        clear_flags,
  output reg  [4:0]  flags
);
  wire [4:0] status;

  mac8 mac (
    .clk(clk), .rst(rst),
    .in_valid(beat_valid), .in_ready(beat_ready), .in_last(beat_last),
    .in_a(beat_a), .in_b(beat_b), .in_scale_a(beat_scale_a), .in_scale_b(beat_scale_b),
    .out_valid(store), .out_ready(1'b1), .out_data(store_data), .out_status(status)
  );

  always @(posedge clk) begin
    if (rst) begin
      store_index <= 4'd0;
      flags <= 5'd0;
    end else begin
      if (store) store_index <= store_index + 4'd1;
      flags <= (clear_flags ? 5'd0 : flags) | (store ? status : 5'd0);
    end
  end
endmodule
