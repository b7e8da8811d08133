module prove (
  input wire clk,
  input wire rst,
  input wire valid,
  input wire signed [${v - 1}:0] value,
  input wire lost,
  input wire beyond,
  input wire neg,
  input wire [8:0] anchor,
  input wire [3:0] specials,
  input wire dot_last,
  output wire given_sign,
  output wire ok_valid,
  output wire ok_sum,
  output wire ok_flags,
  output wire ok_specials,
  output wire ok_anchor,
  output wire ok_help_begins,
  output wire ok_help_history,
  output wire ok_help_registers,
  output wire seen_clamped_up,
  output wire seen_clamped_down,
  output wire seen_back_from_limit,
  output wire seen_later_block,
  output wire signed [${window - 1}:0] want_sum,
  output wire signed [${window - 1}:0] got_sum,
  output wire [1:0] want_overflow_inexact,
  output wire [1:0] got_overflow_inexact,
  output wire [3:0] want_specials,
  output wire [3:0] got_specials
);
  wire [${window + 14}:0] payload;
  wire out_valid;
${instance(text, module, "unit", connections)}${inner("unit.fresh", 1)}${inner("unit.lost", 1)}${inner("unit.specials", 4)}${looks}
  localparam signed [${wide - 1}:0] LARGEST = {${wide - window + 1}'d0, {${window - 1}{1'b1}}};
  localparam signed [${wide - 1}:0] LEAST = {{${wide - window + 1}{1'b1}}, ${window - 1}'d0};
  // As the scale applier has it: a block that fits has its own sign.
  assign given_sign = beyond || neg == value[${v - 1}];
  // The sum so far, its flags, and whether a dot product has begun.
  reg signed [${window - 1}:0] total;
  reg inexact, overflow, inside, lost_any;
  reg [${clocks - 1}:0] done;
  reg [3:0] any;
  reg [8:0] last_anchor;
  reg begun;
  wire signed [${wide - 1}:0] before = inside ? total : 0;
  wire signed [${wide - 1}:0] after = before + value;
  // A block that does not even fit is further out than any sum could bring back.
  wire too_high = beyond ? !neg : after > LARGEST;
  wire too_low = beyond ? neg : after < LEAST;
  wire [${window - 1}:0] largest = LARGEST, least = LEAST;
  wire signed [${window - 1}:0] clamped = too_high ? LARGEST : too_low ? LEAST : after;
${history}  always @(posedge clk) begin
    done <= rst ? 0 : {done[${clocks - 2}:0], valid && dot_last};
    if (rst) begin
      inside <= 0;
      begun <= 0;
      ${forget};
    end else begin
${moves}    end
    if (!rst && valid) begin
      begun <= 1;
      inside <= !dot_last;
      total <= clamped;
      overflow <= inside && overflow || too_high || too_low;
      inexact <= inside && inexact || lost || too_high || too_low;
      lost_any <= inside && lost_any || lost;
      any <= specials | (inside ? any : 4'd0);
      last_anchor <= anchor;
    end
  end
${later}
  wire due = done[${clocks - 1}];
  assign want_sum = total_${clocks - 1};
  assign got_sum = payload[${window - 1}:0];
  assign want_overflow_inexact = {overflow_${clocks - 1}, inexact_${clocks - 1}};
  assign got_overflow_inexact = payload[${window + 10}:${window + 9}];
  assign want_specials = any_${clocks - 1};
  assign got_specials = payload[${window + 14}:${window + 11}];
  assign ok_valid = out_valid == due;
  assign ok_sum = !due || got_sum == want_sum;
  assign ok_flags = !due || got_overflow_inexact == want_overflow_inexact;
  assign ok_specials = !due || got_specials == want_specials;
  assign ok_anchor = !due || payload[${window + 8}:${window}] == last_anchor_${clocks - 1};
  // Helps: both know when a dot product begins, and what is on its way.
  assign ok_help_begins = unit_fresh == !inside && (!inside || begun)
    && (!begun || unit_lost == lost_any && unit_specials == any);
  assign ok_help_history = (inside
    ? exists_0 && more_0 && total == limited_0 && overflow == ever_0 && inexact == (lost_any || overflow)
    : !more_0 || limited_0 == 0 && !ever_0)${consistent};
  assign ok_help_registers = ${holds};
  assign seen_clamped_up = due && got_overflow_inexact[1] && !got_sum[${window - 1}];
  assign seen_clamped_down = due && got_overflow_inexact[1] && got_sum[${window - 1}];
  assign seen_back_from_limit = due && got_overflow_inexact[1] && got_sum == 0;
  assign seen_later_block = due && got_overflow_inexact == 2'b01 && got_sum != 0;
endmodule
