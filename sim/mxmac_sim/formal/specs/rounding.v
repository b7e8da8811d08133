  wire [${width - 1}:0] magnitude = value[${width - 1}] ? -value : value;
  wire zero = value == 0;
  reg signed [${bits - 1}:0] top;
  integer index;
  always @* begin
    top = 0;
    for (index = 0; index < ${width}; index = index + 1)
      if (magnitude[index]) top = index;
  end
  wire signed [${bits - 1}:0] scale = $signed({1'b0, exp}) + ${exp_min};
  wire signed [${bits - 1}:0] normal_quantum = top + scale - ${man};
  wire signed [${bits - 1}:0] quantum = normal_quantum < ${lsb} ? ${lsb} : normal_quantum;
  // The magnitude in quanta, with two bits below: the next one, and whether there is anything below that.
  wire signed [${bits - 1}:0] down = quantum - scale;
  wire signed [${bits - 1}:0] up = -down;
  wire [${wide - 1}:0] all_ones = {${wide}{1'b1}};
  wire [${wide - 1}:0] extended = magnitude;
  wire [${wide - 1}:0] whole = down > ${width} ? 0 : down >= 0 ? extended >> down : extended << up;
  wire half = down > 0 && down <= ${width} && ((extended >> (down - 1)) & 1);
  wire below = down > ${width} ? !zero : down > 1 && (extended & ~(all_ones << (down - 1))) != 0;
  wire up_one = half && (below || whole[0]);
  wire [${man + 2}:0] quanta = whole[${man + 1}:0] + up_one;
  // Bits of a code count up quantum by quantum, from 0 to the largest number and on to Inf.
  wire [${bits + man + 1}:0] steps = quantum - ${lsb};
  wire [${bits + man + 1}:0] code = (steps << ${man}) + quanta;
  wire too_large = code >= ${output.inf_code};
  wire lost = half || below;
  // Tiny: less than the smallest normal number, when rounded as if quanta could be as small as they like.
  wire signed [${bits - 1}:0] free_down = normal_quantum - scale;
  wire [${wide - 1}:0] free_whole = free_down >= 0 ? extended >> free_down : extended << -free_down;
  wire free_half = free_down > 0 && ((extended >> (free_down - 1)) & 1);
  wire free_below = free_down > 1 && (extended & ~(all_ones << (free_down - 1))) != 0;
  wire [${man + 2}:0] free_quanta = free_whole[${man}:0] + (free_half && (free_below || free_whole[0]));
  wire reaches = normal_quantum == ${lsb - 1} && free_quanta == ${two_significands};
  wire tiny = !zero && normal_quantum < ${lsb} && !reaches;
  wire any_lost = inexact || lost || too_large;
  wire is_nan = specials[0] || specials[1] || specials[2] && specials[3];
  wire is_inf = specials[2] || specials[3];
  reg [${output.width - 1}:0] spec_code;
  reg [4:0] spec_flags;
  always @* begin
    if (is_nan) begin
      spec_code = ${output.nan_code};
      spec_flags = {specials[1] || specials[2] && specials[3], 4'b0};
    end else if (is_inf) begin
      spec_code = {specials[3], ${output.width - 1}'d${output.inf_code}};
      spec_flags = 0;
    end else begin
      spec_code = {value[${width - 1}], ${output.width - 1}'d0} | (zero ? 0 : too_large ? ${output.inf_code} : code);
      spec_flags = {2'b00, overflow || !zero && too_large, tiny && any_lost, zero ? inexact : any_lost};
    end
  end
