// Dot products of ones, with results that are known: 1.0 is 8'h38 in E4M3, and scale code 127 is 2^0.
`timescale 1ns / 1ps
module dots_tb;
  reg clk = 1'b0, rst = 1'b1, valid = 1'b0, last = 1'b0;
  reg [7:0] scale = 8'd127;
  wire ready, store;
  wire [3:0] index;
  wire [31:0] data;
  wire [4:0] flags;
  reg [31:0] expected [0:3];
  integer received = 0;

  dots dut (
    .clk(clk), .rst(rst), .beat_valid(valid), .beat_ready(ready), .beat_a({8{8'h38}}), .beat_b({8{8'h38}}),
    .beat_scale_a(scale), .beat_scale_b(8'd127), .beat_last(last),
    .store(store), .store_index(index), .store_data(data), .clear_flags(1'b0), .flags(flags)
  );

  always #5 clk = !clk;

  // A dot product of some beats, with a scale of its first operand.
  task automatic send(input integer beats, input reg [7:0] with_scale);
    integer beat;
    for (beat = 1; beat <= beats; beat = beat + 1) begin
      valid <= 1'b1;
      last <= beat == beats;
      scale <= with_scale;
      @(posedge clk);
      while (!ready) @(posedge clk);
      valid <= 1'b0;
    end
  endtask

  always @(posedge clk) if (!rst && store) begin
    if (data !== expected[received] || index !== received[3:0]) begin
      $display("FAIL: result %0d is %h, not %h", index, data, expected[received]);
      $fatal(1, "dots is wrong");
    end
    received <= received + 1;
  end

  initial begin
    expected[0] = 32'h42000000;  // 32 ones
    expected[1] = 32'h42800000;  // the same, times 2
    expected[2] = 32'h41000000;  // 8 ones: the block ends after one beat
    expected[3] = 32'h7fc00000;  // a scale that is NaN
    repeat (2) @(posedge clk);
    rst <= 1'b0;
    send(4, 8'd127);
    send(4, 8'd128);
    send(1, 8'd127);
    send(1, 8'hff);
    repeat (200) @(posedge clk);
    if (received != 4 || flags !== 5'd0) $fatal(1, "FAIL: %0d results, flags %b", received, flags);
    $display("PASS: %0d results", received);
    $finish;
  end
endmodule
