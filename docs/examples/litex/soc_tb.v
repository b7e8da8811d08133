// Clock and reset of the system on chip, what it prints, and its verdict.
`timescale 1ns / 1ps
module soc_tb;

  reg clk, rst;
  wire print;
  wire [7:0] character;
  wire [1:0] verdict;
  integer cycles;

  soc dut (
    .clk(clk), .rst(rst), .verdict(verdict),
    .serial_source_valid(print), .serial_source_ready(1'b1), .serial_source_data(character),
    .serial_sink_valid(1'b0), .serial_sink_ready(), .serial_sink_data(8'd0)
  );

  initial begin
    clk = 1'b0;
    forever #5 clk = !clk;
  end

  initial begin
    rst = 1'b1;
    cycles = 0;
  end

  always @(posedge clk) begin
    cycles <= cycles + 1;
    rst <= cycles < 4;
    if (!rst) begin
      if (print) $write("%c", character);
      if (verdict[0]) begin
        if (verdict[1]) $fatal(1, "results are wrong");
        $display("%0d cycles", cycles);
        $finish;
      end
      if (cycles > 1000000) $fatal(1, "FAIL: the firmware has not ended");
    end
  end

endmodule
