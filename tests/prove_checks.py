"""What the tests of ``mxmac prove`` share: how it is run, a unit that is proved fast, and Verilog that is wrong."""

import re

import pytest

from mxmac.cli import app as cli
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS

__all__ = [
    "ASIC",
    "CHAIN",
    "CONFIG",
    "DSP",
    "EXACT",
    "SMALL",
    "WRONG",
    "WRONG_ADDENDS",
    "WRONG_CHAINS",
    "WRONG_COMPRESSORS",
    "WRONG_DSP",
    "WRONG_WINDOW",
    "WRONG_WORDS",
    "prove",
    "wrong",
]

#: A unit that is proved fast, and its options.
CONFIG = MacConfig(
    a=[ELEMENT_FORMATS["E2M1"]],
    b=[ELEMENT_FORMATS["E2M1"]],
    block=4,
    lanes=2,
    accumulator=Accumulator.WINDOW,
    window=24,
    output=RESULT_FORMATS["FP16"],
)
SMALL = [
    "--a",
    "E2M1",
    "--b",
    "E2M1",
    "--block",
    "4",
    "--lanes",
    "2",
    "--accumulator",
    "window",
    "--window",
    "24",
    "--output",
    "fp16",
]

#: By the property that has to fail: the module that is wrong, what is replaced in it, and by what.
WRONG = {
    "multiplier": ("multiplier", r"64'h80+ >>", "64'h4000000000000000 >>"),
    "scales": ("scale_sum", r"8'hff", "8'hfe"),
    "tree": ("tree", r" \+ ", " - "),
    "block": ("block_adder", r" \+ ", " - "),
    "scale_applier": ("scale_applier", r"anchored \| nonzero", "anchored"),
    "window": ("accumulator", r"overflow <= outside \| ", "overflow <= "),
    "rounder": ("rounder", r"\w+_sticky \| \(", "("),
    "result_queue": ("results", r"(read__addr) \+ (\d'h)0*1", r"\1 + \g<2>2"),
    "held": ("results", r"assign fetch = waiting_left & [^;]+", "assign fetch = waiting_left"),
    "no_wait": ("results", r"assign fetch = waiting_left & [^;]+", "assign fetch = waiting_left & o__ready"),
    "places": ("mac", r"result_taken_d1 \^ result_down_d1", "result_taken_d1 | result_down_d1"),
    "answers": ("accumulator", r"o__valid <= done\w*", "o__valid <= 1'h0"),
    "reset": ("mac", r"if \(rst\) beat_index <= \S+;\n    else if", "if"),
}

#: Mistakes in the same unit that the property of its window has to find, by what they are.
WRONG_WINDOW = {
    "a block that left the limits": ("accumulator", r"restarts = over_or_last \| mixed", "restarts = over_or_last"),
    "when it is known": ("accumulator", r"over <= beyond_d3", "over <= beyond_d2"),
    "which limit": ("accumulator", r"largest <= goes_on_d1 & ~neg", "largest <= goes_on_d1 & neg"),
    "two blocks from a limit": ("accumulator", r"start0_1 <= \{1'h0, start0_0\[9:0\]\} \+", "start0_1 <= 11'h0 +"),
    "what a reset leaves": ("accumulator", r"if \(rst\) goes_on_d1 <= \S+;\n    else ", ""),
    "a carry": ("accumulator", r"went_on0\[10\]", "1'h0"),
    "the block before": ("accumulator", r"over_or_last <= beyond_d3 \| ~goes_on_later_d2", "over_or_last <= beyond_d3"),
}

#: Options of lanes for standard cells, and mistakes in their tree that its property has to find, by what they are.
ASIC = ["--target", "asic", "--block", "3", "--lanes", "3", "--accumulator", "window"]
WRONG_COMPRESSORS = {
    "a full adder": ("tree_full_adders", r"\(x & y\) \| ", ""),
    "a sign that is not inverted": ("tree", r"positive1 = ~", "positive1 = "),
    "a carry of a product": ("tree", r"term2\[37\]", "1'h0"),
    "the carry that is left": ("tree", r"carry_d1 <= term1\[37\]", "carry_d1 <= term0[37]"),
    "a carry between parts": ("tree", r"part0\[6\]", "1'h0"),
    "the highest bit of the constant": ("tree", r"~(added2_partly_unused)", r"\1"),
    "another bit of the constant": ("tree", r"~(\(sum0\[36\] \^ carry0\[35\]\))", r"\1"),
}

#: Options of lanes in chains of carry cells, and mistakes that properties of chain, lanes, scales and queue have to find.
CHAIN = ["--target", "ecp5", "--block", "6", "--lanes", "3", "--accumulator", "window"]
WRONG_CHAINS = {
    "a carry of a product": ("chain0", "beat_sum_chain", r"\.carry\(product\[37\]\)", ".carry(1'h0)"),
    "the carry that is left": ("chain0", "beat_sum_chain", r"total = \{carry2, ", "total = {carry, "),
    "a place": ("chain0", "beat_sum_chain", r"\.d\(\{\{39\{upper\}\}\}\)", ".d(39'h0)"),
    "when an element comes": ("chain0", "beat_sum_chain", r"a2_d2 <= a2_d1", "a2_d2 <= a[23:16]"),
    "specials of a lane": ("chain0", "beat_sum_chain", r"specials <= specials1 \| \w+", "specials <= specials1"),
    "a level of the shift": ("partial_product", "chain_partial_product1", r"\{shifted1_mux, 2'h0\}", "{2'h0, shifted1_mux}"),
    "the exponent of a subnormal": ("partial_product", "carry_chain_either_5", r"\(a \| ~b\)", "a"),
    "a row of a product": ("partial_product", "carry_chain_gated_unless_6", r"c & ~d", "c & d"),
    "the half that an entry is in": ("result_queue", "results", r"is_high <= read_next", "is_high <= ~read_next"),
    "whether an entry waits in between": ("result_queue", "results", r"fetched <= \w+ \| ", "fetched <= "),
    "whether there is a pause": ("scale_applier", "scale_applier", r"idle <= ~", "idle <= "),
}

#: Options of lanes with DSP blocks, and mistakes that the properties of a lane and of the tree behind have to find.
DSP = ["--target", "ecp5", "--multiplier", "dsp", "--block", "4", "--lanes", "2", "--accumulator", "window"]
WRONG_DSP = {
    "a place": ("multiplier", "beat_sum_multiplier", r"low <= upper_d1 \? 4'h0 : ", "low <= "),
    "how the shift is split": ("multiplier", "beat_sum_multiplier", r"32'd4294901760", "32'd4294836224"),
    "a sign": ("tree", "carry_chain_complemented_38_carry", r"a \^ b", "a"),
}

#: Options of a unit with an exact accumulator, and mistakes in it that the property of its words has to find, by what they are.
EXACT = ["--a", "E2M1", "--b", "E2M1", "--block", "4", "--lanes", "2"]
WRONG_WORDS = {
    "what is added": ("accumulator", r"shamt\[0\] \?", "shamt[1] ?"),
    "a word that is not cleared": ("accumulator", r"even_kept <= [^;]+;", "even_kept <= 1'h1;"),
    "a slot that is used too soon": ("accumulator", r"else o__ready <= \w+;", "else o__ready <= 1'h1;"),
    "the highest word": ("accumulator", r"if \(add_valid_d\d\)\n +highest <=", "if (1'h0) highest <="),
    "where it is written": ("accumulator_odd", r"part0\[(\w+)\] <=", r"part0[\1 ^ 1] <="),
    "a carry between parts": ("accumulator", r"odd_part0_carry <= .*;", "odd_part0_carry <= 1'h0;"),
    "what is kept of the upper part": ("accumulator", r"(even_kept <= ([^;]+);[\s\S]*?even_part1_kept) <= \w+;", r"\1 <= \2;"),
    "what is just being written": ("accumulator", r"even_again <= [^;]+;", "even_again <= 1'h0;"),
    "what is just being written to the upper part": ("accumulator", r"odd_part1_again <= [^;]+;", "odd_part1_again <= 1'h0;"),
    "where the upper part is written": ("accumulator_even", r"part1\[(\w+)\] <=", r"part1[\1 ^ 1] <="),
    "which words a finished sum has": ("accumulator", r"if \(\w+\) touched1 <=", "if (1'h0) touched1 <="),
    "a word that is carried out too soon": (
        "accumulator",
        r"odd_part0_drained_d2 <= \w+",
        "odd_part0_drained_d2 <= drain_data[15:0]",
    ),
    "how many wait to be carried out": (
        "accumulator",
        r"else if \([^;]+\) waiting_count <=",
        "else if (drain_begins) waiting_count <=",
    ),
}

#: Options of a unit with a chunked exact accumulator, and mistakes that the property of its visits has to find.
CHUNKED = ["--a", "E2M1", "--b", "E2M1", "--block", "4", "--lanes", "1"]
WRONG_VISITS = {
    "where a sweep begins": ("accumulator_visits", r"starts_below <= [^;]+;", "starts_below <= 1'h0;"),
    "where a sweep ends": ("accumulator_visits", r"ends_above <= [^;]+;", "ends_above <= 1'h0;"),
    "the lowest word in use": ("accumulator_visits", r"lower <= empty \|", "lower <="),
    "a sum that has ended": ("accumulator_visits", r"empty <= last;", "empty <= 1'h0;"),
    "when the first chunk is added": (
        "accumulator_visits",
        r"starts_next_below <= starts_below_next & [^;]+;",
        "starts_next_below <= 1'h0;",
    ),
    "a term that is taken too soon": ("accumulator_visits", r"assign taken = [^;]+;", "assign taken = ready_d1;"),
}

#: Mistakes with addends in the parallel unit, likewise.
WRONG_ADDENDS = {
    "where an addend goes": ("accumulator", r"\+ 6'h2b\)", "+ 6'h2a)"),
    "which addends are zero": (
        "accumulator",
        r"o__valid_2 & \(\|o__payload_3\[30:0\]\)",
        "o__valid_2 & (|o__payload_3[30:23])",
    ),
    "when an addend comes": ("accumulator", r"(assign o__ready =) addend_pending & ", r"\1 "),
    "whether an addend is the first term": ("accumulator", r"first <= first_next;", "first <= o__payload_3[15];"),
}


def wrong(text, name, mistakes=WRONG):
    """The text of a unit with the one mistake that the property of that name has to find."""
    module, pattern, replacement = mistakes[name]
    start = re.search(rf"^module \w+_{module} \(", text, re.M).start()
    end = text.index("endmodule", start)
    body, count = re.subn(pattern, replacement, text[start:end])
    assert count, f"There is no {pattern} in {module} any more"
    return text[:start] + body + text[end:]


def prove(capsys, *arguments):
    """Exit status, standard output and standard error of ``mxmac prove``, in this process."""
    with pytest.raises(SystemExit) as end:
        cli.main(["prove", *map(str, arguments)])
    return end.value.code, *capsys.readouterr()
