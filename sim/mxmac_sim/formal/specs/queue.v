module prove (
  input wire clk,
  input wire rst,
  input wire [${width - 1}:0] data,
  input wire valid,
  input wire ready,
  input wire follow,
  output wire given_room,
  output wire ok_followed,
  output wire ok_counts,
  output wire ok_full,
  output wire ok_stays,
  output wire ok_number,
  output wire seen_followed,
  output wire seen_full,
  output wire [${width - 1}:0] want_data,
  output wire [${width - 1}:0] got_data,
  output wire [${bits + 1}:0] want_number,
  output wire [${bits + 1}:0] got_number
);
  wire [${width - 1}:0] out, look${", look_fetched" if deep else ""};
  wire out_valid;
  wire [${bits - 1}:0] look_at;
${instance(text, module, "unit", connections)}${registers}
  // Entries in the memory: the counter misses one that left it a cycle ago.
  wire [${bits + 1}:0] waiting = unit_waiting_count - unit_waiting_down_d1;
  // Entries that are in the queue: no more than ${most}, as the writer makes sure.
  reg [${bits + 1}:0] number;
  assign given_room = !valid || number < ${most};
  wire taken = out_valid && ready;
  // Whether an entry that was read waits to be offered; with a small memory, it is offered at once.
  wire fetched = ${"unit_fetched" if deep else "0"};
  wire leaves = !out_valid || ready;
  // The entry that is followed: where it is, and how many in the memory come before it.
  localparam NOWHERE = 2'd0, IN_MEMORY = 2'd1, AT_OUTPUT = 2'd2, FETCHED = 2'd3;
  reg [1:0] place;
  reg [${bits}:0] before;
  reg [${width - 1}:0] held;
  wire moves_up = waiting != 0 && (${"!fetched || " if deep else ""}leaves);
  always @(posedge clk)
    if (rst) begin
      number <= 0;
      place <= NOWHERE;
    end else begin
      number <= number + valid - taken;
      case (place)
        NOWHERE: if (valid && follow) begin
          place <= IN_MEMORY;
          before <= waiting - moves_up;
          held <= data;
        end
        IN_MEMORY: if (moves_up) begin
          if (before == 0) place <= ${"FETCHED" if deep else "AT_OUTPUT"};
          else before <= before - 1;
        end
        FETCHED: if (leaves) place <= AT_OUTPUT;
        default: if (taken) place <= NOWHERE;
      endcase
    end
  // The place that many after the next one to be read, the first one after the last.
  wire [${bits + 1}:0] place_of = ${reads} + before;
  assign look_at = place_of < ${places} ? place_of : place_of - ${places};
  assign want_data = held;
  assign got_data = place == AT_OUTPUT ? out : ${"place == FETCHED ? look_fetched : " if deep else ""}look;
  assign ok_followed = place == NOWHERE
    || place == AT_OUTPUT && out_valid && got_data == held
    || place == FETCHED && fetched && got_data == held
    || place == IN_MEMORY && before < waiting && got_data == held;
  assign want_number = number;
  assign got_number = waiting + fetched + out_valid;
  assign ok_number = got_number == want_number;
  wire [${bits + 1}:0] next_write = ${reads} + waiting;
  // Help: the pointers, the count and whether it is zero agree.
  assign ok_counts = unit_waiting_left == (waiting != 0)
    && ${reads} < ${places} && ${writes} == (next_write < ${places} ? next_write : next_write - ${places});
  assign ok_full = unit_waiting_count >= unit_waiting_down_d1 && waiting <= ${places} && number <= ${most};
  reg [${width - 1}:0] out_before;
  reg waited;
  always @(posedge clk) begin
    out_before <= out;
    waited <= !rst && out_valid && !ready;
  end
  assign ok_stays = !waited || out_valid && out == out_before;
  assign seen_followed = place == AT_OUTPUT && ready;
  assign seen_full = number == ${most};
endmodule
