"""Specification of the words of an exact sum: together they are always the sum of the blocks that came in.

A word of a slot holds what the blocks of the dot product in that slot have in the word's place, as a number that may exceed the
word: it is carried out at the end. Which slot and which word is left open, so what is proved is true of all of them.
"""

import re

from mxmac.accumulator.exact_sizes import exact_words, word_bits
from mxmac.config import EXACT_BLOCKS, MacConfig

from ..harness import found, inner, instance, module_of, ports

__all__ = ["exact_words_harness"]


def _with_look(text: str, module: str) -> str:
    """Let a memory of words be looked into, at ``look_at``, without a change to what it does."""
    start = text.index(f"module {module} (")
    end = text.index("endmodule", start)
    own = ports(text, module)
    address = own["slot"].width + own["index"].width
    look = f"  wire [{address - 1}:0] look_at;\n  wire [{own['read_data'].width - 1}:0] look = words[look_at];\n"
    return text[:end] + look + text[end:]


def _looked(name: str, own: dict, address: str) -> str:
    """Drive ``look_at`` of a memory from outside, and read ``look``."""
    bits = own["slot"].width + own["index"].width
    path = f"\\unit.{name}.look_at "
    return f"  (* hierconn *) wire [{bits - 1}:0] {path};\n  assign {path} = {address};\n" + inner(
        f"unit.{name}.look", own["read_data"].width
    )


def exact_words_harness(config: MacConfig, text: str) -> tuple[str, str, int]:
    """Harness of the words; the text with a look into their memories; and the depth of its induction."""
    module = module_of(text, "datapath_accumulator")
    memories = {name: ports(text, f"{module}_{name}") for name in ("even", "odd")}
    for name in memories:
        text = _with_look(text, f"{module}_{name}")
    word, total = word_bits(config), memories["even"]["read_data"].width
    level = word.bit_length() - 1
    body = text[text.index(f"module {module} (") :]
    body = body[: body.index("endmodule")]
    clocks = len(re.findall(r"^  reg add_valid_d\d+;", body, re.M))
    slots = len(re.findall(r"^  reg .*\btouched\d+;", body, re.M))
    slot_bits = memories["even"]["slot"].width
    touched_bits = int(found(r"^  reg \[(\d+):0\] touched0;", body)) + 1
    word_number = (touched_bits - 1).bit_length()
    payload = ports(text, module)["i__payload"].width
    sum_bits = config.block_sum_bits
    last_at, exp_at = sum_bits + 4, sum_bits + 5
    ref = total + 3
    number = EXACT_BLOCKS.bit_length()
    row_bits = {name: own["index"].width for name, own in memories.items()}
    rows = {
        name: f"the_word[{bits}:1]" if bits < word_number else f"{{{bits + 1 - word_number}'d0, the_word[{word_number - 1}:1]}}"
        for name, bits in row_bits.items()
    }
    names: dict[str, int] = {}
    pending = ""
    words = exact_words(config)
    looks = "".join(
        _looked(name, own, f"the_slot * {(words + (name == 'even')) // 2} + {rows[name]}") for name, own in memories.items()
    )
    enable = next(port for port in memories["even"] if port.startswith("write") and port.endswith("en"))
    extended = lambda part: f"{{{{{total - word - 1}{{{part}[{word}]}}}}, {part}}}"  # noqa: E731
    for name, bits in row_bits.items():
        place = f"{{the_slot, {rows[name]}}}"
        # What a block is on its way to change: asked for, read, and written, a clock after each other.
        pending += f"""
  reg [{slot_bits + bits - 1}:0] {name}_read, {name}_written;
  always @(posedge clk) begin
    {name}_read <= {{unit_{name}_slot, unit_{name}_index}};
    {name}_written <= {name}_read;
  end
  wire [{total - 1}:0] {name}_after = unit_{name}_{enable} && {name}_written == {place}
    ? unit_{name}_old + {extended(f"unit_{name}_addend")} : unit_{name}_look;
  wire [{total - 1}:0] {name}_content = unit_read_valid_d1 && {name}_read == {place}
    ? (unit_{name}_kept ? {name}_after : {total}'d0) + {extended(f"unit_{name}_part")} : {name}_after;
"""
        names |= {f"unit.{name}_{what}": word + 1 for what in ("part", "addend")}
        names |= {f"unit.{name}_old": total, f"unit.{name}_kept": 1}
        names |= {f"unit.{name}.{port}": memories[name][port].width for port in ("slot", "index", enable)}
    names |= {
        "unit.taken": 1, "unit.queue.o__payload": payload, "unit.slot": slot_bits, "unit.first": 1, "unit.busy": slots,
        "unit.waiting": slots, "unit.reading": 1, "unit.read_valid_d1": 1, "unit.last_read": 1,
        "unit.drain_slot": slot_bits, "unit.done_valid": 1,
        **{f"unit.touched{slot}": touched_bits for slot in range(slots)},
    }  # fmt: skip
    edge_bits = int(found(r"^  reg \[(\d+):0\] lowest0;", body)) + 1
    names |= {f"unit.{edge}{slot}": edge_bits for slot in range(slots) for edge in ("lowest", "highest")}

    def chosen(name: str) -> str:
        choice = f"unit_{name}{slots - 1}"
        for slot in reversed(range(slots - 1)):
            choice = f"the_slot == {slot} ? unit_{name}{slot} : {choice}"
        return choice

    entry = slot_bits + 2 + 9 + sum_bits
    pipe = "".join(f"  reg valid_{i}; reg [{entry - 1}:0] entry_{i};\n" for i in range(1, clocks + 1))
    moves = "".join(
        f"    valid_{i} <= !rst && {'unit_taken' if i == 1 else f'valid_{i - 1}'};\n"
        f"    entry_{i} <= {'entry' if i == 1 else f'entry_{i - 1}'};\n"
        for i in range(1, clocks + 1)
    )
    mine = "".join(
        f"  wire mine_{i} = valid_{i} && entry_{i}[{entry - 1}:{entry - slot_bits}] == the_slot;\n"
        f"  wire first_{i} = entry_{i}[{entry - slot_bits - 1}];\n  wire last_{i} = entry_{i}[{entry - slot_bits - 2}];\n"
        for i in range(1, clocks + 1)
    )
    any_of = lambda word, indices: " || ".join(f"{word}_{i}" for i in indices) or "1'b0"  # noqa: E731
    order = " &&\n    ".join(
        f"(!mine_{i} || first_{i} == !(in_use || {any_of('mine', range(i + 1, clocks + 1))}))" for i in range(1, clocks + 1)
    )
    ends = " &&\n    ".join(
        f"(!(mine_{i} && last_{i}) || (the_busy && !({any_of('mine', range(1, i))})))" for i in range(1, clocks + 1)
    )
    last_pending = " || ".join(["the_last_read", *(f"(mine_{i} && last_{i})" for i in range(1, clocks + 1))])
    connections = {
        "i__payload": "block",
        "i__valid": "valid",
        "o__payload": "out",
        "o__valid": "out_valid",
        "taken": "out_taken",
    }
    wide = 2 * word
    return (
        text,
        f"""
module prove (
  input wire clk,
  input wire rst,
  input wire [{payload - 1}:0] block,
  input wire valid,
  output wire given_number,
  output wire given_word,
  output wire ok_word,
  output wire ok_clear,
  output wire ok_range,
  output wire ok_edges,
  output wire ok_turn,
  output wire ok_slot,
  output wire ok_order,
  output wire ok_end,
  output wire seen_two_blocks,
  output wire seen_upper_negative,
  output wire [{slot_bits - 1}:0] in_slot,
  output wire [{word_number - 1}:0] in_word,
  output wire signed [{ref - 1}:0] want_word,
  output wire signed [{ref - 1}:0] got_word
);
  wire [{ports(text, module)["o__payload"].width - 1}:0] out;
  wire out_valid, out_taken;
  // Which slot and which word: any, but always the same.
  reg [{slot_bits - 1}:0] the_slot;
  reg [{word_number - 1}:0] the_word;
  always @(posedge clk) begin
    the_slot <= the_slot;
    the_word <= the_word;
  end
{instance(text, module, "unit", connections)}
{"".join(inner(path, width) for path, width in names.items())}{looks}
{pending}
  wire [{total - 1}:0] content = the_word[0] ? odd_content : even_content;
  wire [{touched_bits - 1}:0] touched = {chosen("touched")};
  wire [{edge_bits - 1}:0] lowest = {chosen("lowest")};
  wire [{edge_bits - 1}:0] highest = {chosen("highest")};
  wire the_busy = unit_busy[the_slot];
  wire the_waiting = unit_waiting[the_slot];
  wire the_last_read = unit_read_valid_d1 && unit_last_read && even_read >> {row_bits["even"]} == the_slot;
  wire the_reading = unit_reading && unit_drain_slot == the_slot;

  // Blocks as they leave the queue, dot product after dot product in the next slot; added so many clocks later.
  reg [{slot_bits - 1}:0] slot;
  reg first;
  wire block_last = unit_queue_o__payload[{last_at}];
  wire [8:0] block_exp = unit_queue_o__payload[{exp_at + 8}:{exp_at}];
  wire [{entry - 1}:0] entry = {{slot, first, block_last, block_exp, unit_queue_o__payload[{sum_bits - 1}:0]}};
{pipe}{mine}
  wire [8:0] exp = entry_{clocks}[{sum_bits + 8}:{sum_bits}];
  wire signed [{wide - 1}:0] value = $signed(entry_{clocks}[{sum_bits - 1}:0]);
  wire signed [{wide - 1}:0] placed = value <<< exp[{level - 1}:0];
  wire [{9 - level}:0] place = exp >> {level};
  wire signed [{ref - 1}:0] lower = $signed({{1'b0, placed[{word - 1}:0]}});
  wire signed [{ref - 1}:0] upper = $signed(placed[{wide - 1}:{word}]);
  wire in_lower = the_word == place;
  wire in_upper = the_word == place + 1;
  wire signed [{ref - 1}:0] part = in_lower ? lower : in_upper ? upper : 0;

  reg in_use, hit;
  reg signed [{ref - 1}:0] sum;
  reg [{number}:0] blocks;
  always @(posedge clk) begin
{moves}    if (rst) begin
      slot <= 0;
      first <= 1;
      in_use <= 0;
    end else begin
      if (unit_taken) begin
        first <= block_last;
        if (block_last) slot <= slot == {slots - 1} ? 0 : slot + 1;
      end
      if (mine_{clocks}) begin
        in_use <= 1;
        hit <= in_lower || in_upper || (!first_{clocks} && hit);
        sum <= (first_{clocks} || !hit ? {ref}'sd0 : sum) + part;
        blocks <= first_{clocks} ? 1 : blocks + 1;
      end else if (unit_done_valid && the_reading) in_use <= 0;
    end
  end
  assign given_word = the_word < {words} && the_slot < {slots};
  assign given_number = !(mine_{clocks} && !first_{clocks} && blocks == {EXACT_BLOCKS});
  assign in_slot = the_slot;
  assign in_word = the_word;
  assign want_word = sum;
  assign got_word = $signed(content);
  assign ok_word = !in_use || (touched[the_word] == hit && (!hit || got_word == want_word));
  assign ok_clear = in_use || !touched[the_word];
  // Helps: so many blocks make no more of it.
  wire signed [{ref + 1}:0] most = {{blocks, {word}'d0}};
  assign ok_range = !in_use || (blocks >= 1 && blocks <= {EXACT_BLOCKS} && (!hit || (sum <= most && sum >= -most)));
  assign ok_edges = !in_use || !hit || (lowest <= the_word && the_word <= highest + {word_number}'d1);
  // Help: where a slot is on its way from the first block to having been carried out.
  assign ok_turn = unit_slot == slot && slot < {slots} && unit_first == first;
  wire pending = {any_of("mine", range(1, clocks + 1))};
  assign ok_slot = (the_busy || !(the_waiting || the_reading))
    && (the_busy || (slot == the_slot && !first) || !(in_use || pending))
    && (!(slot == the_slot && the_busy) || first)
    && (the_busy || !(slot == the_slot && !first) || in_use || pending);
  assign ok_order = {order};
  assign ok_end = ({ends})
    && !(the_waiting && the_reading) && (!(the_waiting || the_reading) || (in_use && !pending))
    && (!the_last_read || (the_busy && in_use && !pending && !the_waiting && !the_reading))
    && (!the_busy || the_waiting || the_reading || {last_pending})
    && (the_busy || !({last_pending}));
  assign seen_two_blocks = in_use && hit && blocks == 2 && got_word == {(1 << word) + 1};
  assign seen_upper_negative = in_use && hit && got_word == -1;
endmodule
""".replace(f"got_word == {(1 << word) + 1}", f"got_word == {ref}'sd{(1 << word) + 1}"),
        # Until all that is on its way came in while it was watched.
        clocks + 4,
    )
