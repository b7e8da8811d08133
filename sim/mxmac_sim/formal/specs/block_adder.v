module prove (
  input wire clk,
  input wire rst,
  input wire valid,
  input wire first,
  input wire block_end,
  input wire [${beat_bits - 1}:0] beat,
  input wire carry,
  input wire [3:0] specials,
  input wire dot_last,
  output wire given_beat,
  output wire given_end,
  output wire given_beats,
  output wire ok_sum,
  output wire ok_specials,
  output wire ok_range,
  output wire ok_last,
  output wire ok_valid,
  output wire seen_largest,
  output wire [${number - 1}:0] in_beats,
  output wire signed [${wide - 1}:0] want_sum,
  output wire signed [${wide - 1}:0] got_sum,
  output wire [3:0] want_specials,
  output wire [3:0] got_specials
);
  wire [${bits + 4}:0] payload;
  wire out_valid;
${instance(text, module, "unit", connections)}
  wire signed [${wide - 1}:0] extended = $signed(beat);
  wire signed [${wide - 1}:0] number = extended${" + $signed({1'b0, carry})" if carries else ""};
  assign given_beat = number <= ${largest} && number >= -${largest};
  // A block has a first beat and no more than ${config.beats}. It ends with a beat, or later without one if beats are several.
  reg [${number - 1}:0] beats;
  reg signed [${wide - 1}:0] total;
  reg [3:0] any;
  reg last, ended, begun;
  wire [${number - 1}:0] count = first || !begun ? 1 : beats + 1;
  assign given_beats = !valid || (${"first || begun" if several else "first"}) && count <= ${config.beats};
  assign given_end = !block_end || valid${" || begun" if several else ""};
  always @(posedge clk) begin
    begun <= !rst && (valid || begun);
    ended <= !rst && block_end;
    last <= dot_last;
    if (valid) begin
      beats <= count;
      total <= first ? number : total + number;
      any <= first ? specials : any | specials;
    end
  end
  assign in_beats = beats;
  assign want_sum = total;
  assign got_sum = $signed(payload[${bits - 1}:0]);
  assign want_specials = any;
  assign got_specials = payload[${bits + 3}:${bits}];
  assign ok_sum = !begun || got_sum == want_sum;
  assign ok_specials = !begun || got_specials == want_specials;
  // Helps: the sum has at most this number of beats.
  wire signed [${wide + number - 1}:0] limit = $signed({1'b0, beats}) * ${largest};
  assign ok_range = !begun || beats >= 1 && beats <= ${config.beats} && total <= limit && total >= -limit;
  assign ok_last = !ended || payload[${bits + 4}] == last;
  assign ok_valid = out_valid == ended;
  assign seen_largest = out_valid && got_sum == ${constant(wide, most * config.beats)};
endmodule
