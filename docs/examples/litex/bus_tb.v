// Accesses to the registers of the unit over the bus of a system without a processor, one of each line of accesses.hex.
//
// A line has what to do (0 write, 1 read until a bit of the data is set, 2 read and compare, 3 end), address and data.
`timescale 1ns / 1ps
module bus_tb;

  reg [71:0] access, next;
  reg clk, rst, cyc;
  integer file, scanned, line, cycles, checked, wrong;
  wire [31:0] found;
  wire ack;
  wire [7:0] action = access[71:64];
  wire [31:0] address = access[63:32];
  wire [31:0] data = access[31:0];

  soc dut (
    .clk(clk), .rst(rst),
    .wishbone_adr(address[31:2]), .wishbone_dat_w(data), .wishbone_dat_r(found), .wishbone_sel(4'hf),
    .wishbone_cyc(cyc), .wishbone_stb(cyc), .wishbone_ack(ack), .wishbone_we(action == 8'd0),
    .wishbone_cti(3'd0), .wishbone_bte(2'd0), .wishbone_err()
  );

  initial begin
    clk = 1'b0;
    forever #5 clk = !clk;
  end

  initial begin
    file = $fopen("accesses.hex", "r");
    scanned = $fscanf(file, "%h", access);
    rst = 1'b1;
    cyc = 1'b0;
    line = 1;
    cycles = 0;
    checked = 0;
    wrong = 0;
  end

  always @(posedge clk) begin
    cycles <= cycles + 1;
    rst <= cycles < 4;
    if (cycles > 1000000) $fatal(1, "FAIL: stuck in line %0d of accesses.hex", line);
    if (!rst && action == 8'd3) begin
      if (wrong != 0) $fatal(1, "FAIL: %0d of %0d words are wrong", wrong, checked);
      $display("PASS: %0d words in %0d cycles", checked, cycles);
      $finish;
    end else if (!rst) begin
      cyc <= !(cyc && ack);
      if (cyc && ack && !(action == 8'd1 && (found & data) == 32'd0)) begin
        scanned = $fscanf(file, "%h", next);
        access <= next;
        line <= line + 1;
      end
      if (cyc && ack && action == 8'd2) begin
        checked <= checked + 1;
        if (found !== data) begin
          wrong <= wrong + 1;
          $display("line %0d: %h is %h, not %h", line, address, found, data);
        end
      end
    end
  end

endmodule
