"""Specification of the words of an exact sum: together they are always the sum of the blocks that came in.

A word of a slot holds what the blocks of the dot product in that slot have in the word's place, as a number that may exceed the
word: it is carried out at the end. Which slot and which word is left open, so what is proved is true of all of them.
"""

import re

from mxmac.accumulator.exact.words import exact_words, word_bits
from mxmac.config import EXACT_BLOCKS, MacConfig

from ..harness import constant, delayed, found, inner, module_of, ports, rendered
from .word_parts import inner_words, part_bits, pending_content, with_look

__all__ = ["exact_words_harness"]


def exact_words_harness(config: MacConfig, text: str) -> tuple[str, str, int]:
    """Harness of the words; the text with a look into their memories; and the depth of its induction."""
    module = module_of(text, "datapath_accumulator")
    memories = {name: ports(text, f"{module}_{name}") for name in ("even", "odd")}
    body = text[text.index(f"module {module} (") :]
    body = body[: body.index("endmodule")]
    parts, words = part_bits(body), exact_words(config)
    word, total = word_bits(config), sum(parts)
    level = word.bit_length() - 1
    clocks = len(re.findall(r"^  reg add_valid_d\d+;", body, re.M))
    slots = len(re.findall(r"^  reg .*\btouched\d+;", body, re.M))
    slot_bits = memories["even"]["slot"].width
    touched_bits = int(found(r"^  reg \[(\d+):0\] touched;", body)) + 1
    edge_bits = int(found(r"^  reg \[(\d+):0\] lowest;", body)) + 1
    count_bits = int(found(r"^  reg \[(\d+):0\] free_count;", body)) + 1
    drained_bits = int(found(r"^  reg \[(\d+):0\] read_word;", body)) + 1
    add_bits = int(found(r"^  reg \[(\d+):0\] add;", body)) + 1
    word_number = (touched_bits - 1).bit_length()
    payload = ports(text, module)["i__payload"].width
    sum_bits = config.block_sum_bits
    last_at, exp_at = sum_bits + 4, sum_bits + 5
    ref = total + 3
    number = EXACT_BLOCKS.bit_length()
    # What is on its way to the memories, and what comes out of them when a sum is carried out.
    stages, drain = len(parts) + 1, len(parts) + 2
    names: dict[str, int] = {}
    pending = looks = ""
    for name, own in memories.items():
        bits, rows = own["index"].width, (words + (name == "even")) // 2
        address = (slots * rows - 1).bit_length()
        text = with_look(text, f"{module}_{name}", parts, address)
        row = f"the_word[{bits}:1]" if bits < word_number else f"{{{bits + 1 - word_number}'d0, the_word[{word_number - 1}:1]}}"
        path = f"\\unit.{name}.look_at "
        looks += f"  (* hierconn *) wire [{address - 1}:0] {path};\n  assign {path} = the_slot * {rows} + {row};\n"
        place = f"{name}_place"
        pending += f"  wire [{slot_bits + bits - 1}:0] {place} = {{unit_{name}_slot, unit_{name}_index}};\n"
        pending += delayed(place, slot_bits + bits, stages) + pending_content(name, parts, f"{{the_slot, {row}}}")
        names |= inner_words(name, parts, own)
    names |= {
        "unit.taken": 1, "unit.queue.o__payload": payload, "unit.queue.o__ready": 1, "unit.slot": slot_bits, "unit.first": 1,
        "unit.free_count": count_bits, "unit.free_left": 1, "unit.waiting_count": count_bits, "unit.waiting_left": 1,
        "unit.read_valid_d1": 1, "unit.last_read": 1, "unit.slot_read": slot_bits, "unit.reading": 1, "unit.last_word": 1,
        "unit.drain_slot": slot_bits, "unit.next_slot": slot_bits, "unit.drained_touched": touched_bits,
        "unit.read_word": drained_bits, "unit.word_before_last": drained_bits, "unit.carry_out.valid": 1,
        "unit.carry_out.last": 1, "unit.carry_out.index": drained_bits, "unit.carry_out.content": total,
    }  # fmt: skip
    kinds = {"touched": touched_bits, "lowest": edge_bits, "highest": edge_bits}
    names |= {f"unit.{kind}{slot}": bits for kind, bits in kinds.items() for slot in ["", *range(slots)]}

    names |= {f"unit.add_valid_d{i}": 1 for i in range(1, clocks + 1)}
    names |= {f"unit.word_d{i}": edge_bits for i in range(1, clocks + 1)}
    names |= {("unit.add" if i == clocks else f"unit.add_fields_d{i}"): add_bits for i in range(1, clocks + 1)}

    def chosen(name: str) -> str:
        choice = f"unit_{name}{slots - 1}"
        for slot in reversed(range(slots - 1)):
            choice = f"the_slot == {slot} ? unit_{name}{slot} : {choice}"
        return f"ended ? ({choice}) : unit_{name}"

    entry = slot_bits + 2 + 9 + sum_bits
    pipe = "".join(f"  reg valid_{i}; reg [{entry - 1}:0] entry_{i};\n" for i in range(1, clocks + 1))
    moves = "".join(
        f"    valid_{i} <= !rst && {'unit_taken' if i == 1 else f'valid_{i - 1}'};\n"
        f"    entry_{i} <= {'entry' if i == 1 else f'entry_{i - 1}'};\n"
        for i in range(1, clocks + 1)
    )
    mine = "".join(
        f"  wire [{slot_bits - 1}:0] slot_{i} = entry_{i}[{entry - 1}:{entry - slot_bits}];\n"
        f"  wire mine_{i} = valid_{i} && slot_{i} == the_slot;\n"
        f"  wire first_{i} = entry_{i}[{entry - slot_bits - 1}];\n  wire last_{i} = entry_{i}[{entry - slot_bits - 2}];\n"
        f"  wire [7:0] lasts_{i} = {f'lasts_{i - 1}' if i > 1 else '0'} + {{7'd0, valid_{i} && last_{i}}};\n"
        for i in range(1, clocks + 1)
    )

    def any_of(word, indices):
        return " || ".join(f"{word}_{i}" for i in indices) or "1'b0"

    order = " &&\n    ".join(
        f"(!mine_{i} || first_{i} == !(in_use || {any_of('mine', range(i + 1, clocks + 1))}))" for i in range(1, clocks + 1)
    )
    ends = " &&\n    ".join(
        f"(!(mine_{i} && last_{i}) || (the_busy && !({any_of('mine', range(1, i))})))" for i in range(1, clocks + 1)
    )
    last_pending = " || ".join(["the_last_read", *(f"(mine_{i} && last_{i})" for i in range(1, clocks + 1))])
    flow = " &&\n    ".join(
        f"unit_add_valid_d{i} == valid_{i} && (!valid_{i} || (unit_word_d{i} == entry_{i}[{sum_bits + 8}:{sum_bits + level}]"
        f" && {'unit_add' if i == clocks else f'unit_add_fields_d{i}'}[{slot_bits + 1}:0]"
        f" == {{last_{i}, first_{i}, slot_{i}}} && slot_{i} < {slots} && (slot_{i} + lasts_{i} == slot"
        f" || slot_{i} + lasts_{i} == slot + 8'd{slots})))"
        for i in range(1, clocks + 1)
    )
    row_bits = memories["even"]["index"].width
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
        rendered(
            "exact_words",
            EXACT_BLOCKS=EXACT_BLOCKS,
            any_of=any_of,
            chosen=chosen,
            clocks=clocks,
            connections=connections,
            drain=drain,
            drained_bits=drained_bits,
            drained_word_and_one=constant(total, (1 << word) + 1),
            edge_bits=edge_bits,
            ends=ends,
            entry=entry,
            exp_at=exp_at,
            flow=flow,
            last_at=last_at,
            last_pending=last_pending,
            level=level,
            looks=looks,
            mine=mine,
            module=module,
            moves=moves,
            number=number,
            order=order,
            payload=payload,
            pending=pending,
            pipe=pipe,
            ref=ref,
            registers="".join(inner(path, width) for path, width in names.items()),
            row_bits=row_bits,
            slot_bits=slot_bits,
            slots=slots,
            sum_bits=sum_bits,
            text=text,
            total=total,
            touched_bits=touched_bits,
            wide=wide,
            word=word,
            word_and_one=constant(ref, (1 << word) + 1),
            word_number=word_number,
            words=words,
        ),
        # Until all that is on its way came in while it was watched.
        clocks + stages + 2,
    )
