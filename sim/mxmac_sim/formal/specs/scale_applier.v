module prove (
  input wire clk,
  input wire rst,
  input wire valid,
  input wire signed [${bits - 1}:0] sum,
  input wire [3:0] specials,
  input wire dot_last,
  input wire [8:0] scale,
  input wire scale_nan,
  output wire given_scale,
  output wire ok_valid,
  output wire ok_value,
  output wire ok_lost,
  output wire ok_beyond,
  output wire ok_neg,
  output wire ok_anchor,
  output wire ok_specials,
  output wire ok_last,
  output wire ok_sign,
  output wire ok_held,
  output wire ok_idle,
  output wire seen_lost,
  output wire seen_beyond,
  output wire seen_inside,
  output wire [${window}:0] want_value,
  output wire [${window}:0] got_value,
  output wire [2:0] want_neg_beyond_lost,
  output wire [2:0] got_neg_beyond_lost,
  output wire [3:0] want_specials,
  output wire [3:0] got_specials,
  output wire [8:0] want_anchor,
  output wire [8:0] got_anchor
);
  wire [${v + 16}:0] payload;
  wire out_valid, out_idle;
${instance(text, module, "unit", connections)}
  assign given_scale = scale_nan || scale <= ${config.scale_sum_max};
  // The anchor: the scale of the first block of the dot product whose sum is not zero. One before it is zero wherever it lies.
  reg anchored;
  reg [8:0] held;
  wire signed [11:0] exp = $signed({1'b0, scale});
  wire [8:0] anchor = anchored ? held : scale;
  always @(posedge clk)
    if (rst) anchored <= 0;
    else if (valid) begin
      held <= anchor;
      anchored <= !dot_last && (anchored || sum != 0);
    end
  wire signed [11:0] held_exp = $signed({1'b0, held});
  wire signed [11:0] place = ${place.replace("held", "held_exp") if anchored else place};
  // The block, moved to its place: floored to the window's last bit, and in as many bits as it takes.
  wire signed [${wide - 1}:0] extended = sum;
  wire signed [${wide - 1}:0] floored = extended >>> (place < -${bits} ? ${bits} : -place);
  wire signed [${wide - 1}:0] raised = extended << (place > ${window + 1} ? ${window + 1} : place);
  wire signed [${wide - 1}:0] moved = place < 0 ? floored : raised;
  wire [${v - 1}:0] spec_value = moved[${v - 1}:0];
  wire fits = moved == $signed(spec_value);
  wire [${bits - 1}:0] cut = sum & ~({${bits}{1'b1}} << (place < -${bits} ? ${bits} : -place));
  wire spec_lost = place < 0 && cut != 0;
  wire [2:0] spec_flags = {sum < 0, !fits, spec_lost};
  wire [3:0] spec_specials = scale_nan ? 4'b0001 : specials;
  wire [8:0] spec_anchor = ${"anchor" if anchored else "0"};
  wire spec_last = dot_last;
  wire spec_nan = scale_nan;
  reg [${n}:0] spec_valid;
  always @(posedge clk)
    if (rst) spec_valid <= 0;
    else spec_valid <= {spec_valid[${n - 1}:0], valid};
  wire [${n}:0] valid_at = spec_valid;
${delays}
${delayed("held", 9, 1)}${registers}
  // Helps: the unit may find the anchor a cycle later.
  reg anchored_late;
  always @(posedge clk) anchored_late <= !rst && anchored;
  assign want_value = spec_value_${n};
  assign got_value = payload[${v - 1}:0];
  assign want_neg_beyond_lost = spec_flags_${n};
  assign got_neg_beyond_lost = {payload[${v + 2}], payload[${v + 1}], payload[${v}]};
  assign want_anchor = spec_anchor_${n};
  assign got_anchor = payload[${v + 11}:${v + 3}];
  assign want_specials = spec_specials_${n};
  assign got_specials = payload[${v + 15}:${v + 12}];
  wire due = valid_at[${n - 1}];
  // The place of a block whose scale is NaN means nothing.
  wire placed = due && !spec_nan_${n};
  assign ok_valid = out_valid == due;
  assign ok_beyond = !placed || got_neg_beyond_lost[1] == want_neg_beyond_lost[1];
  assign ok_value = !placed || want_neg_beyond_lost[1] || got_value == want_value;
  assign ok_lost = !placed || got_neg_beyond_lost[0] == want_neg_beyond_lost[0];
  assign ok_neg = !due || got_neg_beyond_lost[2] == want_neg_beyond_lost[2];
  // What the accumulator counts on.
  assign ok_sign = !placed || got_neg_beyond_lost[1] || got_neg_beyond_lost[2] == got_value[${v - 1}];
  assign ok_anchor = !due || got_anchor == want_anchor;
  assign ok_specials = !due || got_specials == want_specials;
  assign ok_last = !due || payload[${v + 16}] == spec_last_${n};
  assign ok_held = ${helps};
  assign ok_idle = out_idle == !out_valid;
  assign seen_lost = placed && got_neg_beyond_lost[0];
  assign seen_beyond = placed && got_neg_beyond_lost[1];
  assign seen_inside = placed && got_neg_beyond_lost[1:0] == 0 && got_value != 0${" && got_anchor != 0" if anchored else ""};
endmodule
