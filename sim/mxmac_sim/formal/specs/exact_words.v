module prove (
  input wire clk,
  input wire rst,
  input wire [${payload - 1}:0] block,
  input wire valid,
<% if addend %>  input wire [31:0] addend,
  input wire addend_valid,
  output wire seen_addend,
<% endif %>  output wire given_number,
  output wire given_word,
  output wire ok_word,
  output wire ok_range,
  output wire ok_edges,
  output wire ok_drain,
  output wire ok_drained,
  output wire ok_turn,
  output wire ok_count,
  output wire ok_flow,
  output wire ok_slot,
  output wire ok_order,
  output wire ok_end,
  output wire seen_two_blocks,
  output wire seen_upper_negative,
  output wire seen_drained,
  output wire [${slot_bits - 1}:0] in_slot,
  output wire [${word_number - 1}:0] in_word,
  output wire signed [${ref - 1}:0] want_word,
  output wire signed [${ref - 1}:0] got_word
);
  wire [${ports(text, module)["o__payload"].width - 1}:0] out;
  wire out_valid, out_taken;
  // Which slot and which word: any, but always the same.
  reg [${slot_bits - 1}:0] the_slot;
  reg [${word_number - 1}:0] the_word;
  always @(posedge clk) begin
    the_slot <= the_slot;
    the_word <= the_word;
  end
${instance(text, module, "unit", connections)}
${registers}${looks}
${pending}
  wire [${total - 1}:0] content = the_word[0] ? odd_content : even_content;

  // Slots are used one after the other, and given back so: from the one that is carried out to before the next to be used.
  wire [7:0] behind = (unit_slot > the_slot ? 8'd0 : 8'd${slots}) + unit_slot - the_slot - 8'd1;
  wire [7:0] ahead = (the_slot >= unit_next_slot ? 8'd0 : 8'd${slots}) + the_slot - unit_next_slot;
  // Of slots that are free, and dot products that wait, counters miss what went down a cycle ago.
  wire [7:0] free_count = unit_free_count - unit_free_down_d1;
  wire [7:0] waiting_count = unit_waiting_count - unit_waiting_down_d1;
  wire the_busy = behind + free_count < 8'd${slots};
  wire the_waiting = ahead < waiting_count;
  wire the_last_read = unit_read_valid_d1 && unit_last_read && unit_slot_read == the_slot;
  wire the_reading = unit_reading && unit_drain_slot == the_slot;
  wire ended = the_waiting || the_reading;
  wire [${touched_bits - 1}:0] touched = ${chosen("touched")};
  wire [${edge_bits - 1}:0] lowest = ${chosen("lowest")};
  // The highest word; until the end the unit knows the one below.
  wire [${edge_bits}:0] highest = (${chosen("highest")}) + !ended;

  // Blocks as they leave the queue, dot product after dot product in the next slot; added a fixed number of clocks later.
  reg [${slot_bits - 1}:0] slot;
  reg first;
  wire block_last = unit_queue_o__payload[${last_at}];
  wire [8:0] block_exp = unit_queue_o__payload[${exp_at + 8}:${exp_at}];
  wire signed [${sum_bits - 1}:0] block_sum = $signed(unit_queue_o__payload[${block_bits - 1}:0]);
<% if addend %>  // Before the first block of each comes its addend, a term like a block unless it is zero.
  reg begins;
  wire [31:0] code = unit_addends_o__payload;
  wire [7:0] code_exp = code[30:23] == 0 ? 8'd1 : code[30:23];
  wire signed [${sum_bits - 1}:0] magnitude = $signed({1'b0, code[30:23] != 0, code[22:0]});
  wire signed [${sum_bits - 1}:0] addend_sum = code[31] ? -magnitude : magnitude;
  wire [8:0] addend_exp = {1'b0, code_exp} + 9'd${addend_place};
  wire adds_addend = unit_addend_taken && magnitude != 0;
  wire [${entry - 1}:0] entry = unit_taken ? {slot, first, block_last, block_exp, block_sum}
    : {slot, first, 1'b0, addend_exp, addend_sum};
  wire adds = unit_taken || adds_addend;
  always @(posedge clk)
    if (rst) begins <= 1;
    else if (unit_addend_taken || unit_taken) begins <= unit_taken && block_last;
  wire ok_begins = unit_addend_pending == begins && !(unit_taken && begins) && !(unit_addend_taken && !begins);
  assign seen_addend = adds_addend;
<% else %>  wire [${entry - 1}:0] entry = {slot, first, block_last, block_exp, block_sum};
  wire adds = unit_taken;
  wire ok_begins = 1;
<% endif %>${pipe}${mine}
  wire [8:0] exp = entry_${clocks}[${sum_bits + 8}:${sum_bits}];
  wire signed [${wide - 1}:0] value = $signed(entry_${clocks}[${sum_bits - 1}:0]);
  wire signed [${wide - 1}:0] placed = value <<< exp[${level - 1}:0];
  wire [${9 - level}:0] place = exp >> ${level};
  wire signed [${ref - 1}:0] lower = $signed({1'b0, placed[${word - 1}:0]});
  wire signed [${ref - 1}:0] upper = $signed(placed[${wide - 1}:${word}]);
  wire in_lower = the_word == place;
  wire in_upper = the_word == place + 1;
  wire signed [${ref - 1}:0] part = in_lower ? lower : in_upper ? upper : 0;

  reg in_use, hit;
  reg signed [${ref - 1}:0] sum;
  reg [${number}:0] blocks;
  always @(posedge clk) begin
${moves}    if (rst) begin
      slot <= 0;
      first <= 1;
      in_use <= 0;
    end else begin
      if (adds) first <= unit_taken && block_last;
      if (unit_taken) begin
        if (block_last) slot <= slot == ${slots - 1} ? 0 : slot + 1;
      end
      if (mine_${clocks}) begin
        in_use <= 1;
        hit <= in_lower || in_upper || (!first_${clocks} && hit);
        sum <= (first_${clocks} || !hit ? ${ref}'sd0 : sum) + part;
        blocks <= first_${clocks} ? 1 : blocks + 1;
      end else if (unit_last_word && the_reading) in_use <= 0;
    end
  end
  assign given_word = the_word < ${words} && the_slot < ${slots};
  assign given_number = !(mine_${clocks} && !first_${clocks} && blocks == ${EXACT_BLOCKS});
  assign in_slot = the_slot;
  assign in_word = the_word;
  assign want_word = sum;
  assign got_word = $signed(content);
  assign ok_word = !in_use || (touched[the_word] == hit && (!hit || got_word == want_word));
  // Helps: a bound for this number of blocks.
  wire signed [${ref + 1}:0] most = {blocks, ${word}'d0};
  assign ok_range = !in_use || (blocks >= 1 && blocks <= ${EXACT_BLOCKS} && (!hit || (sum <= most && sum >= -most)));
  assign ok_edges = !in_use || (lowest < highest && highest < ${words} && (!hit || (lowest <= the_word && the_word <= highest)));
  // When it is carried out, every word of it is read, and comes out as it was.
  assign ok_drain = !the_reading || (unit_drained_touched == touched && unit_word_before_last == highest
    && unit_read_word >= lowest && unit_read_word <= unit_word_before_last + unit_last_word
    && (!unit_last_word || unit_read_word == unit_word_before_last + ${drained_bits}'d1));
  wire the_word_read = !rst && the_reading && !unit_last_word && unit_read_word == the_word;
  wire [${total}:0] drained = {the_word_read, hit ? sum[${total - 1}:0] : ${total}'d0};
${delayed("drained", total + 1, drain)}
  reg [${drain - 1}:0] since_reset;
  always @(posedge clk) since_reset <= rst ? 0 : {since_reset, 1'b1};
  wire drained_now = drained_${drain}[${total}] && (&since_reset);
  assign ok_drained = !drained_now || (unit_carry_out_content == drained_${drain}[${total - 1}:0]
    && unit_carry_out_valid && !unit_carry_out_last && unit_carry_out_index == the_word);
  // Help: where a slot is on its way from the first block to having been carried out.
  assign ok_turn = unit_slot == slot && slot < ${slots} && unit_first == first && ok_begins;
  wire [7:0] ending = lasts_${clocks} + {7'd0, unit_read_valid_d1 && unit_last_read};
  wire [7:0] next_to_use = unit_next_slot + waiting_count + ending;
  assign ok_count = unit_next_slot < ${slots} && free_count + waiting_count + unit_reading + ending == 8'd${slots}
    && (next_to_use == slot || next_to_use == slot + 8'd${slots})
    && (!unit_reading || unit_next_slot == (unit_drain_slot == ${slots - 1} ? 0 : unit_drain_slot + 1))
    && unit_free_left == (free_count != 0) && unit_waiting_left == (waiting_count != 0)
    && free_count <= unit_free_count && waiting_count <= unit_waiting_count
    && (!${"unit_room" if addend else "unit_queue_o__ready"} || unit_free_left) && (!unit_last_word || unit_reading);
  // Help: a fixed number of clocks on, the input is what came in here, and none of a slot is on its way when that is read.
  assign ok_flow = ${flow}
    && (!unit_read_valid_d1 || unit_slot_read < ${slots})
    && !(unit_read_valid_d1 && unit_slot_read == the_slot && (ended || !in_use))
    && !(unit_write_valid_d1 && even_place_2 >> ${row_bits} == the_slot && (the_reading || !in_use));
  wire pending = ${any_of("mine", range(1, clocks + 1))};
  assign ok_slot = (the_busy || !(the_waiting || the_reading))
    && (the_busy || (slot == the_slot && !first) || !(in_use || pending))
    && (!(slot == the_slot && the_busy) || first)
    && (the_busy || !(slot == the_slot && !first) || in_use || pending);
  assign ok_order = ${order};
  assign ok_end = (${ends})
    && !(the_waiting && the_reading) && (!(the_waiting || the_reading) || (in_use && !pending))
    && (!the_last_read || (the_busy && in_use && !pending && !the_waiting && !the_reading))
    && (!the_busy || the_waiting || the_reading || ${last_pending})
    && (the_busy || !(${last_pending}));
  assign seen_two_blocks = in_use && hit && blocks == 2 && got_word == ${word_and_one};
  assign seen_upper_negative = in_use && hit && got_word == -1;
  assign seen_drained = drained_now && drained_${drain}[${total - 1}:0] == ${drained_word_and_one};
endmodule
