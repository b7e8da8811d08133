"""Depths of the pipeline, and elements multiplied as integers: what they change is latency, and no result."""

from itertools import product

import pytest

from mxmac.config import Accumulator, MacConfig, MultiplierKind
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac import unit_plan
from mxmac.verilog import generate
from mxmac_sim.campaigns.vectors import make_vectors
from mxmac_sim.simulators.bulk import BulkUnit

DEPTHS = (1, 2, 3)
#: Operands that shift by levels alone, by places too, and not at all; and one that chooses.
PAIRINGS = (("E4M3", "E4M3"), ("E5M2", "INT8"), ("E2M1", "E2M3"), ("E4M3,E5M2,INT8", "E3M2,E2M1"))


def unit(pairing, **parameters):
    a, b = ([ELEMENT_FORMATS[name] for name in names.split(",")] for names in pairing)
    return MacConfig(a=a, b=b, block=4, lanes=2, **parameters)


def units():
    """Each depth with each accumulator that has one, and each multiplier; pairings take turns."""
    chosen = product(DEPTHS, (Accumulator.EXACT, Accumulator.WINDOW), MultiplierKind)
    for index, (pipeline, kind, multiplier) in enumerate(chosen):
        pairing = PAIRINGS[(index + index // len(PAIRINGS)) % len(PAIRINGS)]
        yield unit(pairing, accumulator=kind, multiplier=multiplier, pipeline=pipeline)


def described(config):
    a, b = ("+".join(fmt.name for fmt in side) for side in (config.a, config.b))
    return f"{a}x{b}-{config.accumulator.value}-{config.multiplier.value}-pipeline{config.pipeline}"


@pytest.mark.parametrize("config", list(units()), ids=described)
def test_results_are_the_same(config, tmp_path):
    built_unit, vectors = BulkUnit(config, tmp_path), make_vectors(config, randoms=200, seed=1)
    for idle, stall in ((0, 0), (0.3, 0.6)):
        run = built_unit.run_beats(vectors.beats, len(vectors.data), idle=idle, stall=stall)
        assert run.data.tolist() == vectors.data.tolist()
        assert run.status.tolist() == vectors.status.tolist()


@pytest.mark.parametrize("pairing", PAIRINGS, ids="x".join)
@pytest.mark.parametrize("kind", [Accumulator.EXACT, Accumulator.WINDOW], ids=lambda kind: kind.value)
def test_a_deeper_pipeline_takes_longer(pairing, kind):
    latencies = [unit_plan(unit(pairing, accumulator=kind, pipeline=depth)).latency for depth in DEPTHS]
    assert latencies == sorted(set(latencies))


def test_integers_are_multiplied_by_one_multiplication_a_lane():
    text = generate(unit(PAIRINGS[0], multiplier=MultiplierKind.DSP), "unit").text
    module = text[text.index("module unit__mac_datapath_multiplier ") :]
    module = module[: module.index("endmodule")]
    assert module.count(" * ") == 1
    assert "[17:0]" in module
