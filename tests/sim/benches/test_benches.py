"""What the benches are made of, without a simulator: which there are, what they are told, and what they expect."""

import random
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from bench_mutants import CASES
from mutants import Mutant
from mxmac.accumulator import accumulator_plan
from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.rules import Overflow, ScaleRule
from mxmac_sim.benches import accumulator_exact, narrower
from mxmac_sim.benches.kit.settings import config_from_dict
from mxmac_sim.verify.catalogue import quantizer_subject, unit_subject
from mxmac_sim.verify.runner import config_slug

FORMATS = list(ELEMENT_FORMATS.values())
UNITS = [MacConfig(accumulator=kind, output=output) for kind in Accumulator for output in RESULT_FORMATS.values()]
CONFIGS = [
    *UNITS,
    MacConfig(a=FORMATS, b=FORMATS[2:], block=6, lanes=3, accumulator=Accumulator.WINDOW, window=99, window_lsb=-40),
    MacConfig(accumulator=Accumulator.WINDOW, window=64, window_guard=3),
    MacConfig(storage=Storage.REGISTERS),
    QuantizerConfig(),
    QuantizerConfig(source=RESULT_FORMATS["BF16"], block=8, lanes=4, rules=tuple(ScaleRule), overflows=tuple(Overflow)),
]


def named(config):
    return config_slug(config)


@pytest.mark.parametrize("config", CONFIGS, ids=named)
def test_a_configuration_survives_being_written_down(config):
    again = config_from_dict(config.as_dict())
    assert type(again) is type(config)
    assert again.as_dict() == config.as_dict()


def test_folders_of_different_configurations_have_different_names():
    assert len({config_slug(config) for config in CONFIGS}) == len(CONFIGS)


@pytest.mark.parametrize("config", UNITS, ids=named)
def test_every_part_of_a_unit_has_a_bench(config):
    subject = unit_subject(config)
    first, second, *stages, last = subject.benches
    assert (first, second, last) == ("multiplier", "scale_applier", "mac")
    assert subject.whole == "mac"
    planned = accumulator_plan(config).stages
    assert [name for name in (second, *stages) if name in planned] == list(planned)


@pytest.mark.parametrize(
    ("accumulator", "output", "stages"),
    [
        ("exact", "BF16", ["accumulator", "rounder"]),
        ("window", "FP16", ["accumulator", "rounder"]),
        ("fp32", "FP32", ["accumulator"]),
        ("fp32", "FP16", ["accumulator", "narrower"]),
    ],
)
def test_benches_of_the_stages_of_an_accumulator(accumulator, output, stages):
    subject = unit_subject(MacConfig(accumulator=accumulator, output=output))
    assert list(subject.benches) == ["multiplier", "scale_applier", *stages, "mac"]


def test_a_quantizer_has_one_bench():
    assert list(quantizer_subject(QuantizerConfig()).benches) == ["quantizer"]


@pytest.mark.parametrize("name", ["E4M3", "E5M2", "E2M1"])
def test_blocks_of_the_exact_bench_add_up_to_what_was_asked_for(name):
    fmt = ELEMENT_FORMATS[name]
    config, rng = MacConfig(a=[fmt], b=[fmt]), random.Random(1)
    for _ in range(200):
        value = rng.choice((-1, 1)) * rng.getrandbits(rng.randint(1, 480))
        blocks = accumulator_exact._as_blocks(config, rng, value, config.block_exp_min)
        assert sum(block.sum * Fraction(2) ** block.exp for block in blocks) == value * Fraction(2) ** config.block_exp_min
        assert all(0 <= block.scale <= config.scale_sum_max for block in blocks)


@pytest.mark.parametrize(("output", "dtype"), [("BF16", ml_dtypes.bfloat16), ("FP16", np.float16)])
def test_the_bench_of_the_narrower_expects_what_numpy_makes_of_every_kind_of_code(output, dtype):
    fmt = RESULT_FORMATS[output]
    codes = [code for code in narrower._difficult(random.Random(1), fmt) if code & 0x7FFFFFFF <= 0x7F800000]
    with np.errstate(over="ignore"):
        expected = np.array(codes, np.uint32).view(np.float32).astype(dtype).view(np.uint16)
    assert [narrower._narrowed(code, fmt)[0] for code in codes] == expected.tolist()
    assert narrower._narrowed(0x7F800001, fmt) == (fmt.nan_code, 0)


def test_a_mutant_that_changes_nothing_is_refused(monkeypatch):
    with pytest.raises(AssertionError, match="has not exactly one"):
        Mutant("stages.rounder:Rounder._prepare", "no such text", "").put_in(monkeypatch)


@pytest.mark.parametrize("name", CASES)
def test_mutants_for_the_benches_fit_the_hardware(name):
    """They are run by tests/long/test_benches.py; here it is seen that the hardware has what each of them changes."""
    CASES[name].mutant.check()
