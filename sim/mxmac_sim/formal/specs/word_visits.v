module prove (
  input wire clk,
  input wire rst,
  input wire waits,
  input wire [${bits - 1}:0] first_word,
  input wire last,
  output wire given_held,
  output wire given_word,
  output wire ok_visit,
  output wire ok_chunk,
  output wire ok_done,
  output wire ok_taken,
  output wire ok_used,
  output wire ok_ahead,
  output wire ok_way,
  output wire ok_free,
  output wire seen_from_below,
  output wire seen_to_above,
  output wire seen_no_pause,
  output wire [${wide - 1}:0] want_index,
  output wire [${wide - 1}:0] got_index
);
  wire taken, valid, adds, more, upper, top, sweeps, done;
  wire [${bits - 1}:0] index;
${instance(text, module, "unit", connections)}
${registers}
  // A term waits until it is taken, as it does in a queue.
  reg waited, waited_last;
  reg [${bits - 1}:0] waited_word;
  always @(posedge clk) begin
    waited <= !rst && waits && !taken;
    waited_last <= last;
    waited_word <= first_word;
  end
  assign given_held = !waited || (waits && last == waited_last && first_word == waited_word);
  assign given_word = first_word <= ${most};

  // Terms as they are taken: first word, the word that is visited, and the last to be visited; and those of a sum so far.
  reg busy, any, term_last;
  reg [${wide - 1}:0] first, place, end_of_term, low, high;
  wire [${wide - 1}:0] next = {${wide - bits}'d0, first_word};
  wire [${wide - 1}:0] lowest = any && low < next ? low : next;
  wire [${wide - 1}:0] highest = any && high > next ? high : next;
  wire [${wide - 1}:0] top_of_sum = highest + ${span - 1} > ${floor} ? highest + ${span - 1} : ${floor};
  always @(posedge clk)
    if (rst) begin
      busy <= 0;
      any <= 0;
    end else if (taken) begin
      busy <= 1;
      any <= !last;
      low <= lowest;
      high <= highest;
      first <= next;
      term_last <= last;
      place <= last ? lowest : next;
      end_of_term <= last ? top_of_sum : next + ${span - 1};
    end else if (busy) begin
      busy <= place != end_of_term;
      place <= place + 1;
    end
  wire inside = place >= first && place < first + ${span};
  assign want_index = place;
  assign got_index = {${wide - bits}'d0, index};
  assign ok_visit = valid == busy && (!busy || (want_index == got_index && place < ${words} && sweeps == term_last));
  wire [${wide - 1}:0] number = place - first;
  wire [${chunk_bits - 1}:0] chunk = {top, unit_chunk};
  assign ok_chunk = chunk == (busy && inside ? ${chunk_bits}'d1 << number : ${chunk_bits}'d0)
    && adds == |chunk && more == |chunk[${chunk_bits - 2}:0] && upper == |chunk[${chunk_bits - 1}:1];
  assign ok_done = !busy || done == (place == end_of_term);
  // The next one follows without a pause if it waits early enough: all but the first cycle in which it does.
  assign ok_taken = taken == (waited && (!busy || place == end_of_term));
  assign seen_from_below = busy && term_last && place + 2 < first;
  assign seen_to_above = busy && term_last && place > first + ${span};
  assign seen_no_pause = taken && busy;

  // Helps: what is known of the sum so far, of the term that waits, and of the one that is on its way.
  wire [${wide - 1}:0] known = any && high > ${start} ? high : ${start};
  wire limits_known = unit_lowest == low && unit_above_lowest == low + ${bits}'d1 && low <= high && high <= ${most};
  assign ok_used = unit_empty == !any && (!any || limits_known) && unit_highest == known;
  assign ok_ahead = unit_ready_d1 == waited && (!waited || (
    unit_starts_next_below == (waited_last && any && low < waited_word && low + 1 == waited_word)
    && unit_starts_below == (waited_last && any && low < waited_word)
    && unit_ends_above == (waited_last && waited_word < known)
    && unit_two_before_first == waited_word - ${bits}'d2 && unit_before_last == known[${bits - 1}:0] + ${bits}'d${span - 2}
    && unit_lower == (!any || waited_word < low) && unit_higher == (waited_word > known)));
  wire above = end_of_term != first + ${span - 1};
  assign ok_way = !busy || (first <= ${most} && place <= end_of_term && first + ${span - 1} <= end_of_term
    && end_of_term < ${words} && (term_last || (place >= first && !above))
    && unit_below_first == (place < first) && unit_above_first == above
    && unit_arrives == (place + 1 == first) && (place >= first || unit_turn == first[${bits - 1}:0] - ${bits}'d2)
    && (!above || unit_before_end == end_of_term - 1));
  assign ok_free = unit_free == (!busy || place == end_of_term) && (busy || !(unit_below_first || unit_arrives));
endmodule
