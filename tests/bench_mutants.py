"""Mutants that the benches of ``mxmac verify`` have to catch: one constant or one step of the hardware, changed."""

from dataclasses import dataclass

from mutants import Mutant
from mxmac.formats import ELEMENT_FORMATS

__all__ = [
    "ALL_FORMATS",
    "ASIC",
    "CASES",
    "CHUNKED",
    "CHUNKED_ADDEND",
    "EXACT",
    "EXACT_ADDEND",
    "FP32",
    "FP32_ADDEND",
    "INTEGER_EXACT",
    "NARROW",
    "NARROW_EXACT",
    "QUANTIZER",
    "SERIAL_ADDEND",
    "SERIAL_EXACT",
    "SERIAL_WINDOW",
    "WINDOW",
    "Case",
    "described",
]

_UNIT = ("--block", "8", "--lanes", "4")
EXACT, WINDOW = (*_UNIT, "--accumulator", "exact"), (*_UNIT, "--accumulator", "window")
ASIC = (*_UNIT, "--target", "asic")
CHUNKED = ("--block", "8", "--lanes", "2", "--accumulator", "exact")
FP32, NARROW = (*_UNIT, "--accumulator", "fp32"), (*_UNIT, "--accumulator", "fp32", "--output", "fp16")
NARROW_EXACT = (*EXACT, "--a", "E2M1", "--b", "E2M1")
INTEGER_EXACT = (*EXACT, "--a", "INT8", "--b", "INT8")
SERIAL_EXACT, SERIAL_WINDOW = ("--lanes", "1", "--accumulator", "exact"), ("--lanes", "1", "--accumulator", "window")
ALL_FORMATS = (*EXACT, *(f"--{side}={name}" for side in "ab" for name in ELEMENT_FORMATS))
_ADDEND = ("--addend", "fp32")
EXACT_ADDEND, CHUNKED_ADDEND = (*EXACT, *_ADDEND), (*CHUNKED, *_ADDEND)
FP32_ADDEND, SERIAL_ADDEND = (*FP32, *_ADDEND), (*SERIAL_EXACT, *_ADDEND)
QUANTIZER = ("quantizer", "--block", "8", "--lanes", "4", "--rule", "all", "--overflow", "both", "--from", "bf16")


@dataclass(frozen=True)
class Case:
    """A mutant, the options of what it is put into, and the benches that catch it."""

    options: tuple[str, ...]
    mutant: Mutant
    caught_by: tuple[str, ...]


CASES = {
    "decoder: subnormals have the exponent 0": Case(
        EXACT, Mutant("stages.decoder:Decoder._decode", "Cat(exp[0] | ~normal, ", "Cat(exp[0], "), ("multiplier", "mac")
    ),
    "decoder: a narrow exponent is biased as a wide one": Case(
        ALL_FORMATS,
        Mutant("stages.decoder:Decoder._decode", "(~exp[-1]).replicate(", "exp[-1].replicate("),
        ("multiplier", "mac"),
    ),
    "multiplier: one step of its shifter moves twice as far": Case(
        EXACT,
        Mutant(
            "primitives.up_shifter:shifted_up",
            "shift_left_stage(sig, 1 << level,",
            "shift_left_stage(sig, 1 << max(1, level),",
        ),
        ("multiplier", "mac"),
    ),
    "multiplier: the last entry of its table is zero": Case(
        NARROW_EXACT,
        Mutant("stages.multiplier:Multiplier._tabulate", "products, self", "[*products[:-1], 0], self"),
        ("multiplier", "mac"),
    ),
    "multiplier: the sign bit of an integer has a positive weight": Case(
        INTEGER_EXACT,
        Mutant("stages.integer_product:IntegerProduct.elaborate", "last=start == starts[-1]", "last=False"),
        ("multiplier", "mac"),
    ),
    "multiplier: Inf times 0 is no NaN": Case(
        (*EXACT, "--a", "E5M2"), Mutant("stages.product:decoded_pair", "(a.inf & zero_b) | ", ""), ("multiplier", "mac")
    ),
    "lanes for standard cells: a place of the shifter has the bits of another one": Case(
        ASIC,
        Mutant("primitives.gate_shifter:GateShifter._place", "value[offset + stride])", "value[offset])"),
        ("multiplier", "mac"),
    ),
    "lanes for standard cells: a carry of a product is lost": Case(
        ASIC,
        Mutant("stages.compressor_tree:CompressorTree._compress", "carries = [carry_in]", "carries = [Const(0, 1)]"),
        ("mac",),
    ),
    "lanes for standard cells: the constant is that of one lane less": Case(
        ASIC,
        Mutant("stages.compressor_tree:_constant", "-(config.lanes <<", "-(config.lanes - 1 <<"),
        ("mac",),
    ),
    "lanes for standard cells: a carry between parts of the addition is lost": Case(
        ASIC,
        Mutant("stages.compressor_tree:CompressorTree._add", "carry = total[-1]", "carry = Const(0, 1)"),
        ("mac",),
    ),
    "scale applier: a block lands one bit too high": Case(
        WINDOW,
        Mutant(
            "accumulator.window.scale_applier:ScaleApplier._distance",
            "offset = config.window_guard_bits + below",
            "offset = config.window_guard_bits + below + 1",
        ),
        ("scale_applier", "mac"),
    ),
    "scale applier: 0xfe is NaN, too": Case(
        WINDOW,
        Mutant(
            "stages.scale_sum:ScaleSum.elaborate",
            "(self.scale_a == SCALE_NAN)",
            "(self.scale_a >= SCALE_NAN - 1)",
        ),
        ("scale_applier", "mac"),
    ),
    "window accumulator: a limit is one bit too narrow": Case(
        WINDOW,
        Mutant(
            "accumulator.window.parallel:WindowAccumulator._limited",
            "which.replicate(len(highest) - 1)",
            "(which.replicate(len(highest) - 1) << 1)[:-1]",
        ),
        ("accumulator",),
    ),
    "window accumulator: a limit is known to be reached a cycle late": Case(
        WINDOW,
        Mutant(
            "accumulator.window.parallel:WindowAccumulator._limited",
            "restarts.eq(over_or_last | mixed)",
            'restarts.eq(over_or_last | register(m, mixed, name="late"))',
        ),
        ("accumulator",),
    ),
    "window accumulator: no carry from the second part to the third": Case(
        (*WINDOW, "--pipeline", "3"),
        Mutant(
            "accumulator.window.parallel:WindowAccumulator._add",
            "carry = (restarted, *lower[-1].carries) if lower else None",
            "carry = (restarted, *lower[-1].carries) if lower and number < 2 else None",
        ),
        ("accumulator",),
    ),
    "window accumulator: the lowest part of three does not know of the last but two": Case(
        (*WINDOW, "--pipeline", "3"),
        Mutant(
            "accumulator.window.parallel:WindowAccumulator._limited",
            "Mux(restarted, start, settled)",
            "settled",
        ),
        ("accumulator",),
    ),
    "window accumulator: a pause adds what is not valid": Case(
        WINDOW,
        Mutant(
            "accumulator.window.parallel:WindowAccumulator._sum",
            "Mux(self.idle, 0, block.value.as_unsigned())",
            "block.value.as_unsigned()",
        ),
        ("accumulator",),
    ),
    "serial window: it is one chunk short": Case(
        SERIAL_WINDOW,
        Mutant("accumulator.window.serial:_Sweep.__init__", "exceeds(index, chunks - 1)", "exceeds(index, chunks - 2)"),
        ("accumulator", "mac"),
    ),
    "serial window: the next block goes on with the last bits of the one before": Case(
        SERIAL_WINDOW,
        Mutant("accumulator.window.serial:SerialWindow._addend", "self.i.valid, 2, name", "self.i.valid, 3, name"),
        ("accumulator", "mac"),
    ),
    "serial window: what is lost below is forgotten": Case(
        SERIAL_WINDOW,
        Mutant("accumulator.window.serial:SerialWindow._track_losses", "lost | (sweep.running", "lost & (sweep.running"),
        ("accumulator", "mac"),
    ),
    "serial window: a limit of the block before the last is forgotten": Case(
        SERIAL_WINDOW,
        Mutant("accumulator.window.serial:SerialWindow._sum", "(swept & ~settled & limited)", "(swept & settled & limited)"),
        ("accumulator", "mac"),
    ),
    "fp32 normaliser: the exponent of a block is one too large": Case(
        FP32,
        Mutant("accumulator.fp32.normaliser:BlockNormaliser.elaborate", "taken) + block", "taken) + 1 + block"),
        ("accumulator", "mac"),
    ),
    "fp32 near sum: an operand one place too low stays where it is": Case(
        FP32,
        Mutant("accumulator.fp32.near_sum:NearSum._add", "Mux(self.distance[0], level, below)", "level"),
        ("accumulator", "mac"),
    ),
    "fp32 near sum: the increment of the last rounding is dropped": Case(
        FP32, Mutant("accumulator.fp32.near_sum:NearSum._add", "self.up, width)", "Const(0), width)"), ("accumulator", "mac")
    ),
    "fp32 near sum: nothing limits the normalisation": Case(
        FP32, Mutant("accumulator.fp32.near_sum:NearSum._leading_group", " | stops[group]", ""), ("accumulator", "mac")
    ),
    "fp32 near sum: bits below the field are forgotten": Case(
        FP32, Mutant("accumulator.fp32.near_sum:NearSum._shift", "lost | (", "lost & ("), ("accumulator", "mac")
    ),
    "fp32 far sum: bits shifted out are forgotten": Case(
        FP32,
        Mutant("accumulator.fp32.far_sum:FarSum._shift", "operands.sticky | (take", "operands.sticky & (take"),
        ("accumulator", "mac"),
    ),
    "fp32 far sum: a distance beyond the field counts modulo": Case(
        FP32,
        Mutant("accumulator.fp32.far_sum:FarSum._ordered", " | beyond.replicate(levels - _EARLY_LEVELS)", ""),
        ("accumulator", "mac"),
    ),
    "fp32 far sum: ones shifted out with zeros amount to a carry": Case(
        FP32,
        Mutant("accumulator.fp32.far_sum:FarSum.elaborate", "operands.up & ~(operands.fill & operands.sticky)", "operands.up"),
        ("accumulator", "mac"),
    ),
    "fp32 far sum: the increment of the last rounding is dropped": Case(
        FP32,
        Mutant("accumulator.fp32.far_sum:FarSum.elaborate", "operands.up & ~(operands.fill & operands.sticky)", "Const(0)"),
        ("accumulator", "mac"),
    ),
    "fp32 sum: one that cancels keeps its exponent": Case(
        FP32,
        Mutant(
            "accumulator.fp32.running_sum:RunningSum._distance",
            "start, at_start = total.top_exp, first | zero",
            "start, at_start = total.top_exp, first",
        ),
        ("accumulator",),
    ),
    "fp32 sum: the distance leaves out the last shift": Case(
        FP32,
        Mutant("accumulator.fp32.running_sum:RunningSum._distance", "unshifted - shamt", "unshifted - (shamt & ~1)"),
        ("accumulator", "mac"),
    ),
    "fp32 sum: subnormal far sums are normalised": Case(
        FP32,
        Mutant("accumulator.fp32.running_sum:RunningSum._add", "Mux(is_near, near.bound, least_exp)", "is_near & near.bound"),
        ("accumulator", "mac"),
    ),
    "fp32 sum: it does not stay until the next block": Case(
        FP32,
        Mutant("accumulator.fp32.running_sum:RunningSum._add", "delay_valid(m, valid, 1", "1 | delay_valid(m, valid, 1"),
        ("accumulator", "mac"),
    ),
    "fp32 sum: ties are rounded up": Case(
        FP32,
        Mutant("accumulator.fp32.running_sum:RunningSum._round", "half & (below | sticky | sig[0])", "half"),
        ("accumulator", "mac"),
    ),
    "fp32 result: a negative sum is rounded as a positive one": Case(
        FP32, Mutant("accumulator.fp32.result:SumResult._round", "(total.up ^ neg)", "total.up"), ("accumulator", "mac")
    ),
    "fp32 result: a sum that overflowed becomes finite again": Case(
        FP32,
        Mutant("accumulator.fp32.result:SumResult._accumulate", "infinite | rounded.overflow", "rounded.overflow"),
        ("accumulator", "mac"),
    ),
    "fp32 result: a sum that overflowed does not meet an Inf of the other sign": Case(
        FP32, Mutant("accumulator.fp32.result:SumResult._accumulate", "opposite, Const", "Const(0, 1), Const"), ("accumulator",)
    ),
    "narrower: subnormals are half as large": Case(
        NARROW, Mutant("accumulator.narrower:Fp32Narrower.elaborate", "exp - normal", "exp - 1"), ("narrower", "mac")
    ),
    "exact accumulator: a borrow becomes a carry": Case(
        EXACT,
        Mutant("accumulator.exact.carry_out:CarryOut.elaborate", "down.replicate(width)", "Cat(down, 0)"),
        ("accumulator", "mac"),
    ),
    "exact accumulator: a carry goes on through what is not all ones": Case(
        EXACT, Mutant("accumulator.exact.carry_out:CarryOut.elaborate", "more & ~stops_up.any()", "more"), ("accumulator",)
    ),
    "exact accumulator: what is cut off is forgotten": Case(
        EXACT,
        Mutant("accumulator.exact.highest_word:HighestWord._track_below", "(next_sticky | lost)", "(next_sticky & lost)"),
        ("accumulator", "mac"),
    ),
    "exact accumulator: what lies below a kept word is forgotten": Case(
        EXACT,
        Mutant("accumulator.exact.highest_word:HighestWord._track_below", "low | high_below", "low"),
        ("accumulator", "mac"),
    ),
    "exact accumulator: the upper word of a block does not count as used": Case(
        EXACT,
        Mutant("accumulator.exact.parallel:ExactAccumulator._track_extent", "Const(3, 2) << word", "Const(1, 2) << word"),
        ("accumulator", "mac"),
    ),
    "exact accumulator: the highest word passes on no more than 7 bits": Case(
        NARROW_EXACT,
        Mutant(
            "accumulator.exact.carry_out:CarryOut.elaborate",
            "self.content[bits:].as_signed())",
            "Mux(self.index == self.words.count - 1, self.content[bits : bits + 7].as_signed(), "
            "self.content[bits:].as_signed()))",
        ),
        ("accumulator",),
    ),
    "chunked exact accumulator: words below the last block stay behind": Case(
        CHUNKED,
        Mutant(
            "accumulator.exact.word_visits:WordVisits._compare", "self.last & ~empty & (first_word > lowest)", "empty & ~empty"
        ),
        ("accumulator", "mac"),
    ),
    "chunked exact accumulator: words above the last block stay behind": Case(
        CHUNKED,
        Mutant("accumulator.exact.word_visits:WordVisits._compare", "self.last & (first_word < highest)", "empty & ~empty"),
        ("accumulator", "mac"),
    ),
    "chunked exact accumulator: a second block in the same word is added to the word before the first": Case(
        CHUNKED,
        Mutant("accumulator.exact.chunked:ChunkedExact._add", "again & kept, name", "again & kept & 0, name"),
        ("accumulator",),
    ),
    "chunked exact accumulator: a block in the same word as the last but one is added to the word before": Case(
        CHUNKED,
        Mutant("accumulator.exact.chunked:ChunkedExact._add", "Mux(being_written, last_word, port.data)", "port.data"),
        ("accumulator",),
    ),
    "chunked exact accumulator: the highest chunk passes its carry on": Case(
        CHUNKED,
        Mutant("accumulator.exact.chunked:ChunkedExact._visit", "visits.top | visits.done", "visits.done"),
        ("accumulator", "mac"),
    ),
    "chunked exact accumulator: the highest chunk is never negative": Case(
        CHUNKED,
        Mutant("accumulator.exact.chunked:ChunkedExact._visit", "~visits.top | value[-1]", "~visits.top"),
        ("accumulator", "mac"),
    ),
    "chunked exact accumulator: a word that was taken out is not empty": Case(
        CHUNKED,
        Mutant(
            "accumulator.exact.chunked:ChunkedExact._add",
            "Mux(looked.final, in_use & ~place, in_use | place)",
            "in_use | place",
        ),
        ("accumulator", "mac"),
    ),
    "chunked exact accumulator: a borrow goes no further than a word": Case(
        CHUNKED,
        Mutant("accumulator.exact.chunked:ChunkedExact._propagate", "less.eq(goes_on & next_less)", "less.eq(0)"),
        ("accumulator", "mac"),
    ),
    "chunked exact accumulator: a word that exceeds its place by one does not pass it on": Case(
        CHUNKED,
        Mutant("accumulator.exact.chunked:ChunkedExact._propagate", "one & other & ~less", "one & ~one"),
        ("accumulator", "mac"),
    ),
    "chunked exact accumulator: a sum is rounded from a word too low": Case(
        CHUNKED,
        Mutant("accumulator.exact.highest_word:HighestWord._keep", "first | at_floor", "first"),
        ("accumulator", "mac"),
    ),
    "chunked exact accumulator: of a run of zeros none is kept": Case(
        CHUNKED,
        Mutant("accumulator.exact.highest_word:HighestWord._keep", "(word.zeros & zeros)", "word.zeros"),
        ("accumulator",),
    ),
    "serial exact accumulator: it is one word short": Case(
        SERIAL_EXACT,
        Mutant("accumulator.exact.serial:_words", "+ 1) // SERIAL_WORD_BITS)", "+ 1) // SERIAL_WORD_BITS) - 1"),
        ("accumulator",),
    ),
    "serial exact accumulator: words between two blocks are not written": Case(
        SERIAL_EXACT,
        Mutant("accumulator.exact.serial:SerialExact.elaborate", "Mux(apart, written.highest, first_word)", "first_word"),
        ("accumulator", "mac"),
    ),
    "serial exact accumulator: a sum is done before its carry is": Case(
        SERIAL_EXACT,
        Mutant("accumulator.exact.serial:SerialExact._add", "(out == sign) & ~below", "~below"),
        ("accumulator", "mac"),
    ),
    "serial exact accumulator: what lies far below is forgotten": Case(
        SERIAL_EXACT,
        Mutant("accumulator.exact.serial:SerialExact._hand_out", "below | word.any()", "below & word.any()"),
        ("accumulator", "mac"),
    ),
    "serial rounder: ties to odd": Case(
        SERIAL_EXACT,
        Mutant("accumulator.serial_rounder:SerialRounder._collect", "(quarter | sticky | odd)", "(quarter | sticky | ~odd)"),
        ("accumulator", "mac"),
    ),
    "serial rounder: subnormals start a bit too high": Case(
        SERIAL_WINDOW,
        Mutant(
            "accumulator.serial_rounder:SerialRounder._start",
            "self._start_min - self._least + 1",
            "self._start_min - self._least + 2",
        ),
        ("accumulator", "mac"),
    ),
    "rounder: ties to odd": Case(
        EXACT,
        Mutant("stages.rounder:Rounder._prepare", "half & (below | sig[0])", "half & (below | ~sig[0])"),
        ("rounder", "mac"),
    ),
    "rounder: tiny before rounding": Case(
        EXACT, Mutant("stages.rounder:Rounder._prepare", "~hidden & ~reaches_normal", "~hidden"), ("rounder", "mac")
    ),
    "rounder: what is cut off unless the value moves is forgotten": Case(
        EXACT, Mutant("stages.rounder:Rounder._decide", "stage.lost_still.any() & ~take", "take & ~take"), ("rounder", "mac")
    ),
    "addend: it counts twice": Case(
        EXACT_ADDEND,
        Mutant("accumulator.exact.parallel:next_term", "Mux(pending, code.exp,", "Mux(pending, code.exp + 1,"),
        ("mac",),
    ),
    "addend: a subnormal one is half as large": Case(
        EXACT_ADDEND, Mutant("accumulator.addend:addend_term", "(exp - normal +", "(exp - 1 +"), ("mac",)
    ),
    "addend: a signalling NaN is no invalid operation": Case(
        EXACT_ADDEND, Mutant("accumulator.addend:addend_specials", "nan & ~man[-1]", "Const(0)"), ("mac",)
    ),
    "addend: it is read on the first beat of a block": Case(
        EXACT_ADDEND,
        Mutant("mac.unit:MacUnit.elaborate", "dot_first.eq(self.i.payload.last)", "dot_first.eq(datapath.block_end)"),
        ("mac",),
    ),
    "addend: the sign is lost": Case(
        SERIAL_ADDEND, Mutant("accumulator.addend:addend_term", "neg.replicate(len(sig))) + neg)", "0) + 0)"), ("mac",)
    ),
    "addend: a serial sum takes it after the first block": Case(
        SERIAL_ADDEND,
        Mutant("accumulator.exact.serial:next_term", "Signal(init=1, name", "Signal(init=0, name"),
        ("mac",),
    ),
    "addend: an infinite one counts as a finite one": Case(
        FP32_ADDEND,
        Mutant(
            "accumulator.fp32.accumulator:Fp32Accumulator.elaborate",
            "specials | Mux(first, addend_specials(addend).as_value(), 0)",
            "specials",
        ),
        ("mac",),
    ),
    "addend: it comes with the second block": Case(
        FP32_ADDEND,
        Mutant("accumulator.fp32.accumulator:Fp32Accumulator._first_of_dot", "Signal(init=1, name", "Signal(init=0, name"),
        ("mac",),
    ),
    "addend: its exponent counts from the next block on": Case(
        FP32_ADDEND,
        Mutant(
            "accumulator.fp32.running_sum:RunningSum._distance",
            "Mux(self.first, self._addend_operand().exp, total.top_exp)",
            "total.top_exp",
        ),
        ("accumulator", "mac"),
    ),
    "ports: there is one place less for results than stated": Case(
        WINDOW, Mutant("mac.unit:MacUnit.elaborate", "queue.depth, taken=", "queue.depth - 1, taken="), ("mac",)
    ),
    "ports: one result more is taken on than there is room for": Case(
        WINDOW, Mutant("mac.unit:MacUnit.elaborate", "queue.depth, taken=", "queue.depth + 1, taken="), ("mac",)
    ),
    "ports: a reset leaves the number of the beat": Case(
        WINDOW,
        Mutant("mac.unit:MacUnit._count_beats", "Signal(range(config.beats))", "Signal(range(config.beats), reset_less=True)"),
        ("mac",),
    ),
    "ports: a reset leaves a block that has ended early": Case(
        SERIAL_WINDOW,
        Mutant("mac.unit:MacUnit.elaborate", "resting = Signal()", "resting = Signal(reset_less=True)"),
        ("mac",),
    ),
    "quantizer: 0xfe in the place of a NaN scale": Case(
        QUANTIZER,
        Mutant("quantizer.scale:BlockScale._scale", "exp.all(), SCALE_NAN", "exp.all(), SCALE_NAN - 1"),
        ("quantizer",),
    ),
}


def described() -> list[list[str]]:
    """Rows for people: part, all that is wrong with it in turn, and who tells."""
    rows: dict[tuple[str, str], list[str]] = {}
    for name, case in CASES.items():
        part, what = name.split(": ", 1)
        rows.setdefault((part, ", ".join(case.caught_by)), []).append(what)
    return [[part, "; ".join(wrong), by] for (part, by), wrong in rows.items()]
