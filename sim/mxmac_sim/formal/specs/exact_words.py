"""Specification of the words of an exact sum: together they are always the sum of the blocks that came in.

A word of a slot holds what the blocks of the dot product in that slot have in the word's place, as a number that may exceed the
word: it is carried out at the end. Which slot and which word is left open, so what is proved is true of all of them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from mxmac.accumulator.exact.words import parallel_words
from mxmac.config import EXACT_BLOCKS, MacConfig

from ..harness import Port, constant, delayed, found, inner, module_of, ports, rendered
from .word_parts import inner_words, part_bits, pending_content, with_look

__all__ = ["exact_words_harness"]


def _inputs(config: MacConfig) -> dict[str, str]:
    """Names of the accumulator's payloads: that of addends comes first."""
    return {"block": "i__payload"} if config.addend is None else {"addend": "i__payload", "block": "i__payload_2"}


def _streams(config: MacConfig) -> dict[str, str]:
    """Connections of the accumulator's inputs."""
    names = _inputs(config)
    valid = {name: payload.replace("payload", "valid") for name, payload in names.items()}
    return {names[name]: name for name in names} | {
        valid[name]: "valid" if name == "block" else "addend_valid" for name in names
    }


@dataclass(frozen=True)
class _Sizes:
    """Sizes of an accumulator of words, as its Verilog has them.

    Members
    -------
    module : str
        Name of the accumulator's module.
    memories : dict
        Ports of the memories of even and of odd words.
    parts : list of int
        Widths of the parts of a word, from the lowest up.
    words : int
        Words of a sum.
    word : int
        Bits from one word to the next.
    block_bits, sum_bits : int
        Bits of the sum of a block, and of a term: a block or an addend.
    clocks : int
        Cycles from a term's leaving the queue to its addition to the words.
    slots : int
        Sums that are held at a time.
    touched, edge, count, drained, add, payload : int
        Widths of registers and of the block.
    """

    module: str
    memories: dict[str, dict[str, Port]]
    parts: list[int]
    words: int
    word: int
    block_bits: int
    sum_bits: int
    clocks: int
    slots: int
    touched: int
    edge: int
    count: int
    drained: int
    add: int
    payload: int

    @classmethod
    def of(cls, config: MacConfig, text: str) -> "_Sizes":
        """Read the sizes from the text."""
        module = module_of(text, "datapath_accumulator")
        body = text[text.index(f"module {module} (") :]
        body = body[: body.index("endmodule")]
        registers = {"touched": "touched", "edge": "lowest", "count": "free_count", "drained": "read_word", "add": "add"}
        widths = {size: int(found(rf"^  reg \[(\d+):0\] {name};", body)) + 1 for size, name in registers.items()}
        return cls(
            module=module,
            memories={name: ports(text, f"{module}_{name}") for name in ("even", "odd")},
            parts=part_bits(body),
            words=parallel_words(config).count,
            word=parallel_words(config).bits,
            block_bits=config.block_sum_bits,
            sum_bits=config.term_bits,
            clocks=len(re.findall(r"^  reg add_valid_d\d+;", body, re.M)),
            slots=len(re.findall(r"^  reg .*\btouched\d+;", body, re.M)),
            payload=ports(text, module)[_inputs(config)["block"]].width,
            **widths,
        )

    @property
    def total(self) -> int:
        """Bits of a word, with those that it may exceed its place by."""
        return sum(self.parts)

    @property
    def level(self) -> int:
        """Bits of a position within a word."""
        return self.word.bit_length() - 1

    @property
    def slot(self) -> int:
        """Bits of the number of a slot."""
        return self.memories["even"]["slot"].width

    @property
    def word_number(self) -> int:
        """Bits of the number of a word."""
        return (self.touched - 1).bit_length()

    @property
    def entry(self) -> int:
        """Bits of a block that is on its way, with its slot and the two flags."""
        return self.slot + 2 + 9 + self.sum_bits

    @property
    def stages(self) -> int:
        """Cycles that a word is on its way from its memory and back."""
        return len(self.parts) + 2

    @property
    def way(self) -> range:
        """Numbers of the registers that a block goes through."""
        return range(1, self.clocks + 1)


def _memories(sizes: _Sizes, text: str) -> tuple[str, str, str]:
    """The text with a look into its memories, the wires of the look, and the content of the word that is watched."""
    pending = looks = ""
    number = sizes.word_number
    for name, own in sizes.memories.items():
        bits, rows = own["index"].width, (sizes.words + (name == "even")) // 2
        # The last row lies apart if it is one more than a power of two, and so does not double the places of a slot.
        apart = sizes.slots == 3 and rows == (1 << bits - 1) + 1 and bits > 2
        address = sizes.slot + bits - apart
        text = with_look(text, f"{sizes.module}_{name}", sizes.parts, address)
        row = f"the_word[{bits}:1]" if bits < number else f"{{{bits + 1 - number}'d0, the_word[{number - 1}:1]}}"
        path = f"\\unit.{name}.look_at "
        at = f"{{the_slot, {name}_row}}"
        if apart:
            others = f"{{the_slot, {name}_row[{bits - 2}:0]}}"
            at = f"{name}_row == {bits}'d{rows - 1} ? {sizes.slots << bits - 1} + the_slot : {others}"
        looks += f"  wire [{bits - 1}:0] {name}_row = {row};\n"
        looks += f"  (* hierconn *) wire [{address - 1}:0] {path};\n  assign {path} = {at};\n"
        place = f"{name}_place"
        pending += f"  wire [{sizes.slot + bits - 1}:0] {place} = {{unit_{name}_slot, unit_{name}_index}};\n"
        pending += delayed(place, sizes.slot + bits, sizes.stages)
        pending += pending_content(name, sizes.parts, f"{{the_slot, {row}}}")
    return text, looks, pending


def _registers(sizes: _Sizes, config: MacConfig) -> dict[str, int]:
    """Widths of the registers inside the unit that the harness reads."""
    names: dict[str, int] = {}
    for name, own in sizes.memories.items():
        names |= inner_words(name, sizes.parts, own)
    slot, drained = sizes.slot, sizes.drained
    names |= {
        "unit.taken": 1, "unit.queue.o__payload": sizes.payload, "unit.queue.o__ready": 1, "unit.slot": slot, "unit.first": 1,
        "unit.free_count": sizes.count, "unit.free_left": 1, "unit.free_down_d1": 1, "unit.waiting_down_d1": 1,
        "unit.waiting_count": sizes.count, "unit.waiting_left": 1,
        "unit.write_valid_d1": 1, "unit.read_valid_d1": 1,
        "unit.last_read": 1, "unit.slot_read": slot, "unit.reading": 1, "unit.last_word": 1,
        "unit.drain_slot": slot, "unit.next_slot": slot, "unit.drained_touched": sizes.touched,
        "unit.read_word": drained, "unit.word_before_last": drained, "unit.carry_out.valid": 1,
        "unit.carry_out.last": 1, "unit.carry_out.index": drained, "unit.carry_out.content": sizes.total,
    }  # fmt: skip
    if config.addend is not None:
        names |= {"unit.room": 1, "unit.addend_pending": 1, "unit.addend_taken": 1}
        names["unit.addends.o__payload"] = config.addend.width
    for of in ["", *map(str, range(sizes.slots))]:
        kinds = {"touched": sizes.touched, "lowest": sizes.edge, "highest": sizes.edge + (of != "")}
        names |= {f"unit.{kind}{of}": bits for kind, bits in kinds.items()}
    names |= {f"unit.add_valid_d{i}": 1 for i in sizes.way}
    names |= {f"unit.word_d{i}": sizes.edge for i in sizes.way}
    names |= {f"unit.even_row_d{i}": sizes.memories["even"]["index"].width for i in range(1, sizes.clocks)}
    return names | {f"unit.{_fields(sizes, i)}": sizes.add for i in sizes.way}


def _fields(sizes: _Sizes, i: int) -> str:
    """Name of the unit's register with the slot and the flags of a block on its way."""
    return "add" if i == sizes.clocks else f"add_fields_d{i}"


def _even_row(sizes: _Sizes, i: int) -> str:
    """Name of the unit's register with the index of the even word that a block on its way falls into."""
    return "even_index" if i == sizes.clocks else f"even_row_d{i}"


def _chosen(sizes: _Sizes, name: str) -> str:
    """A register of the slot that is watched: its own once its dot product has ended."""
    choice = f"unit_{name}{sizes.slots - 1}"
    for slot in reversed(range(sizes.slots - 1)):
        choice = f"the_slot == {slot} ? unit_{name}{slot} : {choice}"
    return f"ended ? ({choice}) : unit_{name}"


def _any_of(word: str, indices: Iterable[int]) -> str:
    return " || ".join(f"{word}_{i}" for i in indices) or "1'b0"


def _way(sizes: _Sizes) -> dict[str, str]:
    """Blocks between the queue and their addition: registers, how they move, and the blocks of the slot that is watched."""
    entry, slot = sizes.entry, sizes.slot
    return {
        "pipe": "".join(f"  reg valid_{i}; reg [{entry - 1}:0] entry_{i};\n" for i in sizes.way),
        "moves": "".join(
            f"    valid_{i} <= !rst && {'adds' if i == 1 else f'valid_{i - 1}'};\n"
            f"    entry_{i} <= {'entry' if i == 1 else f'entry_{i - 1}'};\n"
            for i in sizes.way
        ),
        "mine": "".join(
            f"  wire [{slot - 1}:0] slot_{i} = entry_{i}[{entry - 1}:{entry - slot}];\n"
            f"  wire mine_{i} = valid_{i} && slot_{i} == the_slot;\n"
            f"  wire first_{i} = entry_{i}[{entry - slot - 1}];\n  wire last_{i} = entry_{i}[{entry - slot - 2}];\n"
            f"  wire [7:0] lasts_{i} = {f'lasts_{i - 1}' if i > 1 else '0'} + {{7'd0, valid_{i} && last_{i}}};\n"
            for i in sizes.way
        ),
    }


def _orders(sizes: _Sizes) -> dict[str, str]:
    """Conditions on the blocks that are on their way."""
    between, clocks = " &&\n    ", sizes.clocks
    return {
        "order": between.join(
            f"(!mine_{i} || first_{i} == !(in_use || {_any_of('mine', range(i + 1, clocks + 1))}))" for i in sizes.way
        ),
        "ends": between.join(
            f"(!(mine_{i} && last_{i}) || (the_busy && !({_any_of('mine', range(1, i))})))" for i in sizes.way
        ),
        "last_pending": " || ".join(["the_last_read", *(f"(mine_{i} && last_{i})" for i in sizes.way)]),
        "flow": between.join(
            f"unit_add_valid_d{i} == valid_{i} && (!valid_{i} || "
            f"(unit_word_d{i} == entry_{i}[{sizes.sum_bits + 8}:{sizes.sum_bits + sizes.level}]"
            f" && unit_{_even_row(sizes, i)} == ({{1'b0, unit_word_d{i}}} + 1'b1) >> 1"
            f" && unit_{_fields(sizes, i)}[{sizes.slot + 1}:0]"
            f" == {{last_{i}, first_{i}, slot_{i}}} && slot_{i} < {sizes.slots} && (slot_{i} + lasts_{i} == slot"
            f" || slot_{i} + lasts_{i} == slot + 8'd{sizes.slots})))"
            for i in sizes.way
        ),
    }


def exact_words_harness(config: MacConfig, text: str) -> tuple[str, str, int]:
    """Harness of the words; the text with a look into their memories; and the depth of its induction."""
    sizes = _Sizes.of(config, text)
    text, looks, pending = _memories(sizes, text)
    ref = sizes.total + 3
    harness = rendered(
        "exact_words",
        **_way(sizes),
        **_orders(sizes),
        EXACT_BLOCKS=EXACT_BLOCKS,
        addend=config.addend is not None,
        # A binary32 code with a mantissa is an integer times 2^(exponent - 150).
        addend_place=-150 - config.block_exp_min,
        any_of=_any_of,
        chosen=partial(_chosen, sizes),
        block_bits=sizes.block_bits,
        clocks=sizes.clocks,
        connections={
            **_streams(config),
            "o__payload": "out",
            "o__valid": "out_valid",
            "taken": "out_taken",
        },
        drain=sizes.stages,
        drained_bits=sizes.drained,
        drained_word_and_one=constant(sizes.total, (1 << sizes.word) + 1),
        edge_bits=sizes.edge,
        entry=sizes.entry,
        exp_at=sizes.block_bits + 5,
        last_at=sizes.block_bits + 4,
        level=sizes.level,
        looks=looks,
        module=sizes.module,
        number=EXACT_BLOCKS.bit_length(),
        payload=sizes.payload,
        pending=pending,
        ref=ref,
        registers="".join(inner(path, width) for path, width in _registers(sizes, config).items()),
        row_bits=sizes.memories["even"]["index"].width,
        slot_bits=sizes.slot,
        slots=sizes.slots,
        sum_bits=sizes.sum_bits,
        text=text,
        total=sizes.total,
        touched_bits=sizes.touched,
        wide=2 * sizes.word,
        word=sizes.word,
        word_and_one=constant(ref, (1 << sizes.word) + 1),
        word_number=sizes.word_number,
        words=sizes.words,
    )
    # Until all that is on its way came in while it was watched.
    return text, harness, sizes.clocks + sizes.stages + 2
