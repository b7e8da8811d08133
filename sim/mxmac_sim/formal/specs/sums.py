"""Specification of what adds up inside a block: the lanes of a beat, the beats of a block, and the two scales of a block."""

from mxmac.config import MacConfig
from mxmac.formats import SCALE_NAN
from mxmac.stages.adder_tree import adder_tree_latency

from ..harness import constant, delayed, instance, module_of, ports

__all__ = ["block_adder_harness", "scale_sum_harness", "tree_harness"]


def scale_sum_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the sum of two scales (MX v1.0, 5.4.1 and 6.1), and after how many clocks it has forgotten what was before."""
    module = module_of(text, "datapath_scale_sum")
    inputs = [name for name, port in ports(text, module).items() if port.direction == "input"]
    codes = {inputs[0]: "{b, a}"} if len(inputs) == 1 else dict(zip(inputs, "ab", strict=True))
    return (
        f"""
module prove (
  input wire clk,
  input wire [7:0] a,
  input wire [7:0] b,
  output wire ok_sum,
  output wire ok_nan,
  output wire seen_nan,
  output wire seen_largest,
  output wire [7:0] in_a,
  output wire [7:0] in_b,
  output wire [8:0] want_sum,
  output wire [8:0] got_sum,
  output wire want_nan,
  output wire got_nan
);
  wire [9:0] scale;
{instance(text, module, "unit", codes | {"scale": "scale"})}
  assign in_a = a;
  assign in_b = b;
  assign want_sum = {{1'b0, a}} + {{1'b0, b}};
  assign want_nan = a == {SCALE_NAN} || b == {SCALE_NAN};
  assign got_sum = scale[8:0];
  assign got_nan = scale[9];
  assign ok_nan = got_nan == want_nan;
  assign ok_sum = got_nan || got_sum == want_sum;
  assign seen_nan = got_nan;
  assign seen_largest = !got_nan && got_sum == {config.scale_sum_max};
endmodule
""",
        0,
    )


def tree_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the adder tree over any products, and after how many clocks it has forgotten what was before."""
    module, lanes, clocks = module_of(text, "datapath_tree"), config.lanes, adder_tree_latency(config)
    wide, own, out = config.sum_bits(lanes) + 2, config.product_bits + 2, config.sum_bits(lanes)
    inputs = "".join(f"  input wire [{own - 1}:0] product{lane},\n" for lane in range(lanes))
    later = [f"product{lane}_{clocks}" if clocks else f"product{lane}" for lane in range(lanes)]
    most = config.operand_a.max_integer * config.operand_b.max_integer
    largest, sum_largest = constant(wide, most), constant(wide, lanes * most)
    numbers = "".join(
        f"  wire signed [{wide - 1}:0] number{lane} = $signed({name}[{own - 2}:0]) + $signed({{1'b0, {name}[{own - 1}]}});\n"
        for lane, name in enumerate(later)
    )
    given = " &&\n    ".join(f"number{lane} <= {largest} && number{lane} >= -{largest}" for lane in range(lanes))
    shown = "".join(f"  output wire signed [{wide - 1}:0] in_{lane},\n" for lane in range(lanes))
    assigned = "".join(f"  assign in_{lane} = number{lane};\n" for lane in range(lanes))
    total = " + ".join(f"number{lane}" for lane in range(lanes))
    connections = {f"products__{lane}": f"product{lane}" for lane in range(lanes)} | {"beat": "beat"}
    return (
        f"""
module prove (
  input wire clk,
  input wire rst,
{inputs}  output wire given_products,
  output wire ok_sum,
  output wire seen_largest,
  output wire seen_least,
{shown}  output wire signed [{wide - 1}:0] want_sum,
  output wire signed [{wide - 1}:0] got_sum
);
  wire [{out}:0] beat;
{instance(text, module, "unit", connections)}
{"".join(delayed(f"product{lane}", own, clocks) for lane in range(lanes))}{numbers}{assigned}
  // In units of the least product. The "+ 1" that completes the two's complement comes as a bit of its own.
  assign given_products = {given};
  assign want_sum = {total};
  wire signed [{wide - 1}:0] sum = $signed(beat[{out - 1}:0]);
  assign got_sum = sum + $signed({{1'b0, beat[{out}]}});
  assign ok_sum = got_sum == want_sum;
  assign seen_largest = got_sum == {sum_largest};
  assign seen_least = got_sum == -{sum_largest};
endmodule
""",
        clocks,
    )


def block_adder_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the block adder: any beats, with pauses, and blocks that end early; and the depth of its induction."""
    module = module_of(text, "datapath_block_adder")
    beat_bits, bits = config.sum_bits(config.lanes), config.block_sum_bits
    wide = bits + 2
    several = config.beats > 1
    most = config.operand_a.max_integer * config.operand_b.max_integer * config.lanes
    largest = constant(wide, most)
    first = "first, " if several else ""
    connections = {
        "block_end": "block_end",
        "i__payload": f"{{dot_last, {first}specials, carry, beat}}",
        "i__valid": "valid",
        "o__payload": "payload",
        "o__valid": "out_valid",
    }
    number = config.beats.bit_length()
    return (
        f"""
module prove (
  input wire clk,
  input wire rst,
  input wire valid,
  input wire first,
  input wire block_end,
  input wire [{beat_bits - 1}:0] beat,
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
  output wire [{number - 1}:0] in_beats,
  output wire signed [{wide - 1}:0] want_sum,
  output wire signed [{wide - 1}:0] got_sum,
  output wire [3:0] want_specials,
  output wire [3:0] got_specials
);
  wire [{bits + 4}:0] payload;
  wire out_valid;
{instance(text, module, "unit", connections)}
  wire signed [{wide - 1}:0] extended = $signed(beat);
  wire signed [{wide - 1}:0] number = extended + $signed({{1'b0, carry}});
  assign given_beat = number <= {largest} && number >= -{largest};
  // A block has a first beat and no more than {config.beats}. It ends with a beat, or later without one if beats are several.
  reg [{number - 1}:0] beats;
  reg signed [{wide - 1}:0] total;
  reg [3:0] any;
  reg last, ended, begun;
  wire [{number - 1}:0] count = first || !begun ? 1 : beats + 1;
  assign given_beats = !valid || ({"first || begun" if several else "first"}) && count <= {config.beats};
  assign given_end = !block_end || valid{" || begun" if several else ""};
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
  assign got_sum = $signed(payload[{bits - 1}:0]);
  assign want_specials = any;
  assign got_specials = payload[{bits + 3}:{bits}];
  assign ok_sum = !begun || got_sum == want_sum;
  assign ok_specials = !begun || got_specials == want_specials;
  // Helps: the sum has at most this number of beats.
  wire signed [{wide + number - 1}:0] limit = $signed({{1'b0, beats}}) * {largest};
  assign ok_range = !begun || beats >= 1 && beats <= {config.beats} && total <= limit && total >= -limit;
  assign ok_last = !ended || payload[{bits + 4}] == last;
  assign ok_valid = out_valid == ended;
  assign seen_largest = out_valid && got_sum == {constant(wide, most * config.beats)};
endmodule
""",
        1,
    )
