"""Specification of the window's sum: how blocks add up in it, and stay at its limits (numerics, "window")."""

from mxmac.accumulator.window.parallel import WINDOW_CLOCKS
from mxmac.config import MacConfig

from ..harness import delayed, inner, instance, module_of

__all__ = ["window_accumulator_harness"]


def window_accumulator_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the window accumulator: any blocks, with pauses and resets; and the depth of its induction."""
    module, window = module_of(text, "datapath_accumulator"), config.window_bits
    v, wide, sum_bits, half = window + 1, window + 3, window + 2, window // 2
    held = ("total", window), ("inexact", 1), ("overflow", 1), ("any", 4), ("last_anchor", 9), ("lost_any", 1)
    later = "".join(delayed(name, width, WINDOW_CLOCKS - 1) for name, width in held)
    connections = {
        "i__payload": "{dot_last, specials, anchor, neg, beyond, lost, value}",
        "i__valid": "valid",
        "o__payload": "payload",
        "o__valid": "out_valid",
    }
    # Of the last blocks: what they were, and the sum within the limits with them. The unit is at three of them at once.
    block = {
        "exists": (1, "1'b1"),
        "first": (1, "!inside"),
        "last": (1, "dot_last"),
        "over": (1, "beyond"),
        "side": (1, "neg"),
        "addend": (v, "value"),
        "limited": (window, "clamped"),
        "before_out": (1, "inside && overflow"),
    }
    # And what the unit makes of each, from that.
    made = {
        "limit": (sum_bits, "first_{0} ? 0 : side_{1} ? LEAST : LARGEST"),
        "from_limit": (sum_bits, "$signed(limit_{0}) + $signed(addend_{0})"),
        "sum": (sum_bits, "(first_{0} ? 0 : $signed(limited_{1})) + $signed(addend_{0})"),
        "out": (1, f"over_{{0}} || (|sum_{{0}}[{window + 1}:{window - 1}] && !(&sum_{{0}}[{window + 1}:{window - 1}]))"),
        "lower": (half + 1, f"limit_{{0}}[{half - 1}:0] + addend_{{0}}[{half - 1}:0]"),
        "low": (half + 1, f"(first_{{0}} ? {half}'d0 : sum_{{1}}[{half - 1}:0]) + addend_{{0}}[{half - 1}:0]"),
        "twice": (half + 1, f"(first_{{0}} ? {half}'d0 : from_limit_{{1}}[{half - 1}:0]) + addend_{{0}}[{half - 1}:0]"),
    }
    ages = range(5)
    history = "".join(
        f"  reg [{width - 1}:0] {', '.join(f'{name}_{age}' for age in ages)};\n" for name, (width, _) in block.items()
    )
    history += "".join(
        f"  wire [{width - 1}:0] {name}_{age} = {what.format(age, age + 1)};\n"
        for name, (width, what) in made.items()
        for age in ages[: -2 if "sum_{1}" in what or "from_limit_{1}" in what else -1]
    )
    history += "".join(
        f"  wire [{width - 1}:0] {name}_low_done = adds_low ? {name}_1 : {name}_0;\n"
        f"  wire [{width - 1}:0] {name}_done =\n"
        f"    adds_low && adds_high ? {name}_2 : adds_low || adds_high ? {name}_1 : {name}_0;\n"
        for name, (width, _) in (block | made).items()
    )
    moves = "".join(
        f"      {name}_{age} <= {f'{name}_{age - 1}' if age else now};\n" for name, (_, now) in block.items() for age in ages
    )
    told = "".join(
        f""" &&
    (!exists_{age + 1} || exists_{age}) && (!exists_{age} || (
      (exists_{age + 1} ? first_{age} == last_{age + 1} : first_{age}) && (over_{age} || side_{age} == addend_{age}[{v - 1}]) &&
      limited_{age} == (out_{age} ? (side_{age} ? least : largest) : sum_{age}[{window - 1}:0]) &&
      (!first_{age} || !before_out_{age}) && (first_{age} || before_out_{age} == (before_out_{age + 1} || out_{age + 1}))))"""
        for age in ages[:-2]
    )
    # Helps: what the unit's registers hold, in the order of its clocks.
    registers = {
        "exists_0": {
            "addend": (v, "addend_0"),
            "alone": (1, "first_0"),
            "beyond": (1, "over_0"),
            "neg": (1, "side_0"),
            "largest": (1, "!first_0 && !side_1"),
            "least": (1, "!first_0 && side_1"),
            "limit_low": (half + 1, "lower_0"),
            "twice_low": (half + 1, "twice_0"),
            "lost": (1, "lost_any"),
            "specials": (4, "any"),
        },
        "1'b1": {
            "largest_before": (1, "exists_0 && !last_0 && !side_0"),
            "least_before": (1, "exists_0 && !last_0 && side_0"),
            "before_low": (half, f"exists_0 && !last_0 ? from_limit_0[{half - 1}:0] : {half}'d0"),
            "adds_low_d1": (1, "adds_low"),
            "adds_high_d1": (1, "adds_high"),
        },
        "exists_low_done": {
            "low": (half + 1, "low_low_done"),
            "limit_high": (sum_bits - half, f"from_limit_low_done[{sum_bits - 1}:{half}]"),
            "limit_low_later": (half, f"from_limit_low_done[{half - 1}:0]"),
            "addend_high": (v - half, f"addend_low_done[{v - 1}:{half}]"),
            "alone_later": (1, "first_low_done"),
            "beyond_later": (1, "over_low_done"),
            "neg_later": (1, "side_low_done"),
        },
        "exists_done": {
            "high": (sum_bits - half, f"sum_done[{sum_bits - 1}:{half}]"),
            "sum_low": (half, f"sum_done[{half - 1}:0]"),
            "sum_beyond": (1, "over_done"),
            "sum_neg": (1, "side_done"),
            "overflow": (1, "before_out_done"),
            "seen_outside": (1, "exists_before_done ? out_before_done : unit_seen_outside"),
        },
    }
    looks = "".join(inner(f"unit.{name}", width) for group in registers.values() for name, (width, _) in group.items())
    holds = " &&\n    ".join(
        f"(!({when}) || unit_{name} == ({what}))" for when, group in registers.items() for name, (_, what) in group.items()
    )
    return (
        f"""
module prove (
  input wire clk,
  input wire rst,
  input wire valid,
  input wire signed [{v - 1}:0] value,
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
  output wire signed [{window - 1}:0] want_sum,
  output wire signed [{window - 1}:0] got_sum,
  output wire [1:0] want_overflow_inexact,
  output wire [1:0] got_overflow_inexact,
  output wire [3:0] want_specials,
  output wire [3:0] got_specials
);
  wire [{window + 14}:0] payload;
  wire out_valid;
{instance(text, module, "unit", connections)}{inner("unit.fresh", 1)}{looks}
  localparam signed [{wide - 1}:0] LARGEST = {{{wide - window + 1}'d0, {{{window - 1}{{1'b1}}}}}};
  localparam signed [{wide - 1}:0] LEAST = {{{{{wide - window + 1}{{1'b1}}}}, {window - 1}'d0}};
  // As the scale applier has it: a block that fits has its own sign.
  assign given_sign = beyond || neg == value[{v - 1}];
  // The sum so far, its flags, and whether a dot product has begun.
  reg signed [{window - 1}:0] total;
  reg inexact, overflow, inside, lost_any;
  reg [{WINDOW_CLOCKS - 1}:0] known, done;
  reg [3:0] any;
  reg [8:0] last_anchor;
  reg adds_low, adds_high;
  wire signed [{wide - 1}:0] before = inside ? total : 0;
  wire signed [{wide - 1}:0] after = before + value;
  // A block that does not even fit is further out than any sum could bring back.
  wire too_high = beyond ? !neg : after > LARGEST;
  wire too_low = beyond ? neg : after < LEAST;
  wire [{window - 1}:0] largest = LARGEST, least = LEAST;
  wire signed [{window - 1}:0] clamped = too_high ? LARGEST : too_low ? LEAST : after;
{history}  wire exists_before_done = adds_low && adds_high ? exists_3 : adds_low || adds_high ? exists_2 : exists_1;
  wire out_before_done = adds_low && adds_high ? out_3 : adds_low || adds_high ? out_2 : out_1;
  always @(posedge clk) begin
    done <= rst ? 0 : {{done[{WINDOW_CLOCKS - 2}:0], valid && dot_last}};
    known <= rst ? 0 : {{known[{WINDOW_CLOCKS - 2}:0], known[0] || valid}};
    adds_low <= !rst && valid;
    adds_high <= !rst && adds_low;
    if (rst) begin
      inside <= 0;
      {"; ".join(f"exists_{age} <= 0" for age in ages)};
    end else if (valid) begin
      inside <= !dot_last;
      total <= clamped;
      overflow <= inside && overflow || too_high || too_low;
      inexact <= inside && inexact || lost || too_high || too_low;
      lost_any <= inside && lost_any || lost;
      any <= specials | (inside ? any : 4'd0);
      last_anchor <= anchor;
{moves}    end
  end
{later}
  wire due = done[{WINDOW_CLOCKS - 1}];
  wire shown = known[{WINDOW_CLOCKS - 1}];
  assign want_sum = total_{WINDOW_CLOCKS - 1};
  assign got_sum = payload[{window - 1}:0];
  assign want_overflow_inexact = {{overflow_{WINDOW_CLOCKS - 1}, inexact_{WINDOW_CLOCKS - 1}}};
  assign got_overflow_inexact = payload[{window + 10}:{window + 9}];
  assign want_specials = any_{WINDOW_CLOCKS - 1};
  assign got_specials = payload[{window + 14}:{window + 11}];
  assign ok_valid = out_valid == due;
  assign ok_sum = !due || got_sum == want_sum;
  assign ok_flags = !due || got_overflow_inexact == want_overflow_inexact;
  assign ok_specials = !due || got_specials == want_specials;
  assign ok_anchor = !due || payload[{window + 8}:{window}] == last_anchor_{WINDOW_CLOCKS - 1};
  // Helps: both know when a dot product begins, and what is on its way.
  assign ok_help_begins = unit_fresh == !inside && (!inside || exists_0);
  assign ok_help_history = inside == (exists_0 && !last_0) &&
    (!exists_0 || (total == limited_0 && overflow == (before_out_0 || out_0) && inexact == (lost_any || overflow))){told};
  assign ok_help_registers = {holds};
  assign seen_clamped_up = due && got_overflow_inexact[1] && !got_sum[{window - 1}];
  assign seen_clamped_down = due && got_overflow_inexact[1] && got_sum[{window - 1}];
  assign seen_back_from_limit = due && got_overflow_inexact[1] && got_sum == 0;
  assign seen_later_block = due && got_overflow_inexact == 2'b01 && got_sum != 0;
endmodule
""",
        WINDOW_CLOCKS + 1,
    )
