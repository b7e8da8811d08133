"""Plans of the accumulators: kind, timing, range and interface, against the formulas of docs/architecture.md."""

from itertools import pairwise
from math import ceil, log2

import pytest
from amaranth.hdl import Fragment

from mxmac.accumulator import Kind, accumulator_plan
from mxmac.accumulator.exact.chunked import chunked_words
from mxmac.accumulator.window.sizes import window_parts
from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.mac import unit_plan
from mxmac.stages.layouts import block_layout, result_layout, scaled_block_layout

EXACT, WINDOW, FP32 = Accumulator.EXACT, Accumulator.WINDOW, Accumulator.FP32
#: Blocks of 32: one lane for serial kinds, 8 for others, and for exact sums 16 if parallel.
OF_KIND = {
    Kind.PARALLEL_EXACT: MacConfig(accumulator=EXACT, lanes=16),
    Kind.CHUNKED_EXACT: MacConfig(accumulator=EXACT),
    Kind.SERIAL_EXACT: MacConfig(accumulator=EXACT, lanes=1),
    Kind.PARALLEL_WINDOW: MacConfig(accumulator=WINDOW),
    Kind.SERIAL_WINDOW: MacConfig(accumulator=WINDOW, lanes=1),
    Kind.FP32: MacConfig(accumulator=FP32),
}
#: Bits of the sum of a block of 32 products of E4M3, with its sign.
BLOCK_BITS = 42
each_kind = pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)


def planned(**parameters):
    return accumulator_plan(MacConfig(**parameters))


def text_of(lines):
    return " ".join(lines)


def sides(*names):
    a, b = (tuple(ELEMENT_FORMATS[name] for name in side.split(",")) for side in names)
    return {"a": a, "b": b}


# Kinds


@each_kind
def test_each_kind_is_built_for_its_configuration(kind):
    assert accumulator_plan(OF_KIND[kind]).kind is kind


@pytest.mark.parametrize(
    ("beats", "kind"),
    [(1, "PARALLEL"), (2, "PARALLEL"), (3, "CHUNKED"), (31, "CHUNKED"), (32, "SERIAL"), (1024, "SERIAL")],
)
def test_exact_is_chunked_from_3_beats_on_and_serial_from_32(beats, kind):
    for fmt in ELEMENT_FORMATS:
        assert planned(a=fmt, b=fmt, block=beats, lanes=1).kind is Kind[f"{kind}_EXACT"]


# One word, and as many as hold 16 bits more than the sum of a block: E4M3 has 42 bits, E5M2 has 70, E2M1 has 14.
@pytest.mark.parametrize(
    ("fmt", "lanes", "bits", "span"),
    [("E4M3", 8, 32, 3), ("E4M3", 4, 16, 5), ("E4M3", 2, 16, 5), ("E5M2", 8, 64, 3), ("E5M2", 4, 32, 4), ("E2M1", 8, 32, 2)],
)
def test_words_are_the_narrowest_for_which_16_blocks_make_up_for_a_sweep(fmt, lanes, bits, span):
    words = chunked_words(MacConfig(a=fmt, b=fmt, lanes=lanes))
    assert (words.bits, words.span, words.count) == (bits, span, 508 // bits + span)
    assert 508 // bits <= 16 * (32 // lanes - span)


# A turn of the window, then the carry out of it and the block's chunks, or the rounding of a result: 3 + 6 cycles with 32 bits
# per cycle, 5 + 7 with 16, 10 + 9 with 8, 20 + 12 with 4.
@pytest.mark.parametrize(("beats", "chunk"), [(9, 32), (11, 32), (12, 16), (18, 16), (19, 8), (31, 8), (32, 4), (64, 4)])
def test_window_works_on_the_fewest_bits_that_a_block_has_time_for(beats, chunk):
    config = MacConfig(block=beats, lanes=1, accumulator=WINDOW)
    plan = accumulator_plan(config)
    assert plan.kind is Kind.SERIAL_WINDOW
    accumulate = 5 + ceil(config.block_sum_bits / chunk) + 2 * ceil(80 / chunk)
    assert plan.latency[0] == accumulate + 7 + ceil((23 + 4) / chunk)


def test_window_is_parallel_below_9_beats():
    assert planned(block=8, lanes=1, accumulator=WINDOW).kind is Kind.PARALLEL_WINDOW


# Timing


def test_latency_of_a_parallel_window_is_fixed():
    applier = 3 + ceil(ceil(log2(BLOCK_BITS + 80 + 2)) / 2)
    assert accumulator_plan(OF_KIND[Kind.PARALLEL_WINDOW]).latency == (applier + 6 + 12, applier + 6 + 12)


@pytest.mark.parametrize("window", [42, 43, 80, 200, 1024])
@pytest.mark.parametrize(
    ("given", "most"), [({"pipeline": 1}, 2), ({"pipeline": 2}, 2), ({"pipeline": 3}, 3), ({"target": "asic"}, 3)], ids=str
)
def test_parts_of_a_sum_in_a_window_are_all_of_it_and_a_few_bits_longer_each(given, most, window):
    parts = window_parts(MacConfig(accumulator=WINDOW, window=window, **given))
    assert [bit for part in parts for bit in range(part.start, part.stop)] == list(range(window + 2))
    assert 2 <= len(parts) <= most
    lengths = [part.stop - part.start for part in parts]
    assert all(5 <= longer - shorter <= 7 for shorter, longer in pairwise(lengths))


def test_latency_of_a_serial_window_depends_on_whether_the_last_block_is_whole():
    least = 5 + ceil(BLOCK_BITS / 4) + 2 * ceil(80 / 4) + 7 + ceil((23 + 4) / 4)
    assert accumulator_plan(OF_KIND[Kind.SERIAL_WINDOW]).latency == (least, least + 31)


def test_latency_of_parallel_exact_depends_on_the_words_of_a_sum():
    word = 64
    parts = ceil((word + 17) / 28)
    fixed = 2 + 1 + ceil((log2(word) - 1) / 2) + 12 + parts + 12
    # All blocks in the same two words, or in all 9 of them.
    assert accumulator_plan(OF_KIND[Kind.PARALLEL_EXACT]).latency == (fixed + 2, fixed + 9)


def test_latency_of_chunked_exact_depends_on_the_words_of_a_sum():
    fixed = 2 + ceil(log2(32) / 2) + 9 + 11
    # The last block in three words, or in all 18; then it may wait for two cycles for the one before.
    assert accumulator_plan(OF_KIND[Kind.CHUNKED_EXACT]).latency == (fixed + 3, fixed + 18 + 2)


def test_latency_of_serial_exact_is_at_least_that_of_a_block_alone():
    words = ceil((BLOCK_BITS + 15) / 16)
    least, most = accumulator_plan(OF_KIND[Kind.SERIAL_EXACT]).latency
    assert least == 2 + 6 + 2 * words + 16 // 4 + 7 + ceil((23 + 4) / 4)
    assert most > least


@pytest.mark.parametrize("lanes", [1, 4, 8, 32])
@pytest.mark.parametrize(("output", "narrow"), [("FP32", 0), ("BF16", 3), ("FP16", 3)])
def test_latency_of_fp32_is_the_normaliser_an_addition_and_the_result(lanes, output, narrow):
    plan = planned(lanes=lanes, accumulator=FP32, output=RESULT_FORMATS[output])
    assert plan.latency[0] == 2 + (ceil(log2(BLOCK_BITS)) - 1 + 1 + 2) + 4 + 4 + narrow
    assert plan.latency[1] >= plan.latency[0] + 4
    assert list(plan.stages) == ["accumulator", "narrower"][: 1 + bool(narrow)]


@pytest.mark.parametrize("accumulator", [EXACT, WINDOW, FP32], ids=lambda kind: kind.value)
@pytest.mark.parametrize(("block", "lanes"), [(1, 1), (32, 32), (32, 16), (32, 8), (32, 4), (32, 1), (9, 3), (1024, 1)])
def test_a_block_of_four_beats_or_more_takes_a_beat_per_cycle(accumulator, block, lanes):
    beats, plan = block // lanes, planned(block=block, lanes=lanes, accumulator=accumulator)
    shortest = 4 if accumulator is FP32 else 1
    assert plan.block_interval == max(beats, shortest)


@pytest.mark.parametrize(
    ("kind", "interval"),
    [
        # 9 words of 64 bits for scale sums of 0 to 508 and the word above, and a cycle for the carry out of the highest.
        (Kind.PARALLEL_EXACT, 508 // 64 + 2 + 1),
        # 18 words of 32 bits. 16 blocks of 3 cycles and all words take as long as a beat for each of 66 beats, in 17 blocks.
        (Kind.CHUNKED_EXACT, 16 * 3 + 508 // 32 + 3),
        (Kind.PARALLEL_WINDOW, 1),
        (Kind.SERIAL_WINDOW, 32),
        (Kind.FP32, 4),
    ],
)
def test_short_dot_products_take_no_more_than_the_dot_interval(kind, interval):
    assert accumulator_plan(OF_KIND[kind]).dot_interval == interval


def test_with_registers_a_window_has_places_for_results_of_four_blocks():
    for storage, interval in ((Storage.LUTRAM, 1), (Storage.REGISTERS, 16)):
        plan = planned(accumulator=WINDOW, storage=storage)
        assert (plan.dot_interval, plan.result_interval) == (interval, interval)


@each_kind
def test_results_queue_up_for_as_long_as_the_latency(kind):
    unit = unit_plan(OF_KIND[kind])
    plan = unit.accumulator
    assert unit.results_queued * plan.result_interval > unit.latency
    assert plan.result_interval <= max(plan.dot_interval, plan.block_interval)


# Range


@pytest.mark.parametrize(
    ("headroom", "parameters"),
    [
        (22, {}),
        (22, {"lanes": 1}),
        (0, {"window": 58}),
        (-1, {"window": 57}),
        (8, sides("E5M2", "E4M3")),
        (-6, sides("E5M2", "E5M2")),
        (10, {**sides("E5M2", "E5M2"), "window": 96}),
        (0, {**sides("E5M2", "E5M2"), "window": 70, "window_guard": 0}),
    ],
)
def test_a_window_states_its_headroom_and_warns_if_bits_are_missing(headroom, parameters):
    plan = planned(accumulator=WINDOW, **parameters)
    said = f"has {headroom} bits above" if headroom >= 0 else f"is {-headroom} bits too narrow for"
    assert f"The window {said} the largest sum" in text_of(plan.range)
    assert bool(plan.note) == (headroom < 0)
    if plan.note:
        assert f" {-headroom} bits " in plan.note


def test_a_fixed_window_states_no_range():
    plan = planned(accumulator=WINDOW, window=57, window_lsb=-20)
    assert (plan.range, plan.note) == ((), "")


@pytest.mark.parametrize("lanes", [1, 8])
def test_exact_states_how_many_blocks_it_holds(lanes):
    assert " 65536 blocks" in text_of(planned(lanes=lanes).range)


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Kind.PARALLEL_EXACT, "One beat a cycle, sustained, if dot products have 10 beats or more."),
        (Kind.CHUNKED_EXACT, "One beat a cycle, sustained, if dot products have 66 beats or more."),
        (Kind.SERIAL_EXACT, "One beat a cycle, sustained, if scales lie close together."),
        (Kind.PARALLEL_WINDOW, "One beat a cycle, sustained, however short dot products are."),
        (
            Kind.SERIAL_WINDOW,
            "One beat a cycle, sustained, for whole blocks. One that ends early takes 32 cycles all the same.",
        ),
        (Kind.FP32, "One beat a cycle, sustained, if blocks have 4 beats or more."),
    ],
)
def test_rate_in_words(kind, promise):
    assert text_of(accumulator_plan(OF_KIND[kind]).rate).startswith(promise)


# Interface


@each_kind
def test_the_first_stage_takes_scaled_blocks_and_the_last_gives_results(kind):
    config = OF_KIND[kind]
    plan = accumulator_plan(config)
    stages = [create() for create in plan.stages.values()]
    for stage in stages:
        Fragment.get(stage, None)
    taken_in = block_layout(config) if plan.scale_lead else scaled_block_layout(config)
    assert stages[0].i.p.shape() == taken_in
    assert hasattr(stages[0], "scale") == (plan.scale_lead > 0)
    assert hasattr(stages[0], "taken") == (plan.queue > 0)
    assert stages[-1].o.p.shape() == result_layout(config.output)
    for before, after in pairwise(stages):
        assert before.o.p.shape() == after.i.p.shape()


@pytest.mark.parametrize(
    "kind", [Kind.PARALLEL_EXACT, Kind.CHUNKED_EXACT, Kind.SERIAL_EXACT, Kind.FP32], ids=lambda kind: kind.name
)
def test_a_queue_has_the_places_that_are_asked_for(kind):
    plan = accumulator_plan(OF_KIND[kind], queue=4)
    assert plan.queue == 4
    assert plan.stages["accumulator"].keywords["queue"] == 4
