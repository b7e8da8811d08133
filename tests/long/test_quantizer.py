"""The quantizer's Verilog, simulated, against the golden quantizer."""

import re
from itertools import product

import numpy as np
import pytest

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS, SOURCE_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.rules import Overflow, ScaleRule
from mxmac.quantizer.unit import quantizer_latency
from mxmac_sim.stimulus.quantizer_blocks import Choices, expected_blocks, mixed_blocks, values_of
from quantizer_units import Units

ALL_RULES = tuple(ScaleRule)


def quantizer(source, to, block, lanes, rules=ALL_RULES, overflows=None):
    to = ELEMENT_FORMATS[to]
    overflows = overflows or (tuple(Overflow) if to.has_nan else (Overflow.SAT,))
    return QuantizerConfig(source=RESULT_FORMATS[source], to=to, block=block, lanes=lanes, rules=rules, overflows=overflows)


def described(config):
    rules = "all" if config.rules == ALL_RULES else "+".join(rule.value for rule in config.rules)
    modes = "+".join(overflow.value for overflow in config.overflows)
    return f"{config.source.name}-{config.to.name}-block{config.block}-lanes{config.lanes}-{rules}-{modes}"


# Every format from both sources, lanes and blocks taking turns; then one rule and one mode at a time.
SHAPES = [(16, 4), (4, 4), (8, 1), (6, 3), (32, 2), (2, 2)]
EVERY_FORMAT = [
    quantizer(source, to, *SHAPES[(index + 3 * turn) % len(SHAPES)])
    for turn, source in enumerate(SOURCE_FORMATS)
    for index, to in enumerate(ELEMENT_FORMATS)
]
SINGLE = [
    quantizer("BF16", "E4M3", 1, 1, (ScaleRule.FLOOR,), (Overflow.OVF,)),
    quantizer("FP32", "E5M2", 2, 1, (ScaleRule.CEIL,), (Overflow.OVF,)),
    quantizer("FP32", "E4M3", 8, 4, (ScaleRule.EVEN,), (Overflow.SAT,)),
    quantizer("BF16", "E2M1", 16, 8, (ScaleRule.RCEIL,), (Overflow.OVF,)),
    quantizer("BF16", "INT8", 4, 1, (ScaleRule.EVEN, ScaleRule.RCEIL, ScaleRule.FLOOR)),
]
WIDE = quantizer("BF16", "E4M3", 32, 32)
CONFIGS = [*EVERY_FORMAT, *SINGLE, WIDE]


@pytest.fixture(scope="module")
def units(tmp_path_factory, request):
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if hasattr(request.config, "workerinput") else base) / "quantizers"
    folder.mkdir(exist_ok=True)
    return Units(CONFIGS, folder)


def check(config, results, values, choices):
    codes, scales = expected_blocks(config, values, choices)
    wrong = np.flatnonzero((results.codes != codes).any(axis=1) | (results.scales != scales[:, None]).any(axis=1))
    if len(wrong):
        block = wrong[0]
        chosen = config.rules[choices.rule[block]], config.overflows[choices.overflow[block]]
        lane = np.flatnonzero(results.codes[block] != codes[block])
        pytest.fail(
            f"{len(wrong)} of {len(values)} blocks differ; block {block}, {chosen}: scale {results.scales[block]} for "
            f"{scales[block]}, lanes {lane}: {values[block, lane]} gave {results.codes[block, lane]} for {codes[block, lane]}"
        )


@pytest.mark.parametrize("config", CONFIGS, ids=described)
def test_blocks_of_all_kinds_agree_with_the_golden_quantizer(units, config):
    rng = np.random.default_rng(1)
    values = mixed_blocks(config, rng, 3000)
    choices = Choices.random(config, len(values), rng)
    check(config, units.run(config, values, choices), values, choices)


@pytest.mark.parametrize("config", [config for config in CONFIGS if config.source.name == "BF16"], ids=described)
def test_all_values_of_bf16_as_elements_of_a_block_with_a_given_largest(units, config):
    every = values_of(config, np.arange(1 << 16))
    for exponent in (-126, -120, 0, 100):
        amax = np.float32(2.0**exponent)
        values = np.where(np.abs(every) <= amax, every, 0).astype(np.float32)
        if config.block > 1:
            blocks = np.concatenate([values, np.zeros(-len(values) % (config.block - 1), np.float32)])
            blocks = blocks.reshape(-1, config.block - 1)
            blocks = np.concatenate([blocks, np.full((len(blocks), 1), amax)], axis=1)
        else:
            blocks = values[:, None]
        choices = Choices.random(config, len(blocks), np.random.default_rng(2))
        check(config, units.run(config, blocks, choices), blocks, choices)


@pytest.mark.parametrize("config", CONFIGS, ids=described)
@pytest.mark.parametrize(("idle", "stall"), [(i, s) for i, s in product((0, 0.3, 0.9), repeat=2) if i or s])
def test_idles_and_back_pressure_change_no_result(units, config, idle, stall):
    rng = np.random.default_rng(3)
    values = mixed_blocks(config, rng, 200)
    choices, last = Choices.random(config, len(values), rng), rng.integers(2, size=len(values))
    results = units.run(config, values, choices, last=last, idle=idle, stall=stall, seed=round(100 * idle + stall))
    check(config, results, values, choices)
    assert np.array_equal(results.last[:, -1], last)
    assert not results.last[:, :-1].any()


@pytest.mark.parametrize("config", CONFIGS, ids=described)
def test_one_beat_a_clock_with_the_latency_that_is_stated(units, config):
    rng = np.random.default_rng(4)
    values = mixed_blocks(config, rng, 100)
    results = units.run(config, values, Choices.random(config, len(values), rng))
    latency = quantizer_latency(config)
    clocks = np.arange(results.taken_at.size).reshape(results.taken_at.shape)
    assert np.array_equal(results.taken_at, clocks + results.taken_at[0, 0])
    assert np.array_equal(results.given_at, results.taken_at + config.beats - 1 + latency)


@pytest.mark.parametrize("config", CONFIGS, ids=described)
def test_a_single_block_is_not_held_up_by_what_comes_after(units, config):
    values = mixed_blocks(config, np.random.default_rng(5), 6)[:1]
    results = units.run(config, values, Choices.random(config, 1, np.random.default_rng(5)), idle=0.5)
    assert results.given_at[0, 0] == results.taken_at[0, -1] + quantizer_latency(config)


def test_rules_differ_where_they_should(units):
    # The codes of scales from SEMANTICS: amax 150, 256, 448, 449 and 496 in E4M3.
    amax = np.array([150, 256, 448, 450, 496], np.float32)
    blocks = np.zeros((4, 5, WIDE.block), np.float32)
    blocks[..., 7] = -amax
    rule = np.repeat(np.arange(4), 5)
    results = units.run(WIDE, blocks.reshape(-1, WIDE.block), Choices(rule, np.zeros(20, int)))
    assert results.scales[:, 0].reshape(4, 5).tolist() == [
        [126, 127, 127, 127, 127],
        [126, 127, 127, 128, 128],
        [127, 127, 128, 128, 128],
        [126, 127, 127, 127, 128],
    ]


@pytest.mark.parametrize(
    ("parameter", "message", "parameters"),
    [
        ("source", "one of FP32, BF16, not FP16", {"source": RESULT_FORMATS["FP16"]}),
        ("to", "not FP32", {"to": RESULT_FORMATS["FP32"]}),
        ("block", "1 to 1024 elements, not 0", {"block": 0}),
        ("lanes", "1 to 32 for a block of 32 elements, not 64", {"lanes": 64}),
        ("lanes", "must divide the block of 32 elements, which 5 does not", {"lanes": 5}),
        ("rules", "each of its choices once, not even twice", {"rules": (ScaleRule.EVEN, ScaleRule.EVEN)}),
        ("overflows", "at least one of sat, ovf", {"overflows": ()}),
        ("overflows", "E2M1, which has neither Inf nor NaN", {"to": ELEMENT_FORMATS["E2M1"], "overflows": tuple(Overflow)}),
    ],
)
def test_init_wrong_parameter_is_named(parameter, message, parameters):
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        QuantizerConfig(**parameters)
    assert caught.value.parameter == parameter
