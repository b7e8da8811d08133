// Chain of ECP5 carry cells, combinational. INIT is what the LUT of each bit holds: bit 8 d + 4 c + 2 b + a says
// whether the two terms of that bit differ. Where they do not, the carry is that of INIT with c and d 0.
// With CARRY, a bit below takes the carry-in.
module carry_cells #(
  parameter integer WIDTH = 8,
  parameter integer INIT = 16'h663c,
  parameter integer CARRY = 0
) (
  input  [WIDTH-1:0] a,
  input  [WIDTH-1:0] b,
  input  [WIDTH-1:0] c,
  input  [WIDTH-1:0] d,
  input  carry,
  output [WIDTH-1:0] sum
);
  localparam integer CELLS = (WIDTH + CARRY + 1) / 2;
  wire [2*CELLS-1:0] cell_a = CARRY ? {a, carry} : a;
  wire [2*CELLS-1:0] cell_b = CARRY ? {b, 1'b0} : b;
  wire [2*CELLS-1:0] cell_c = CARRY ? {c, 1'b0} : c;
  wire [2*CELLS-1:0] cell_d = CARRY ? {d, 1'b1} : d;
  wire [2*CELLS-1:0] cell_sum;
  wire [CELLS:0] carries;
  assign carries[0] = 1'b0;
  genvar index;
  generate
    for (index = 0; index < CELLS; index = index + 1) begin : g_pairs
      CCU2C #(
        .INIT0((CARRY != 0 && index == 0) ? 16'h00aa : INIT[15:0]),
        .INIT1(INIT[15:0]),
        .INJECT1_0("NO"),
        .INJECT1_1("NO")
      ) carry_cell (
        .CIN(carries[index]),
        .COUT(carries[index+1]),
        .A0(cell_a[2*index]),
        .B0(cell_b[2*index]),
        .C0(cell_c[2*index]),
        .D0(cell_d[2*index]),
        .S0(cell_sum[2*index]),
        .A1(cell_a[2*index+1]),
        .B1(cell_b[2*index+1]),
        .C1(cell_c[2*index+1]),
        .D1(cell_d[2*index+1]),
        .S1(cell_sum[2*index+1])
      );
    end
  endgenerate
  assign sum = cell_sum >> CARRY;
endmodule
