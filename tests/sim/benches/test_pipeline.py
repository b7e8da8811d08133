"""Depths of the pipeline, and elements multiplied as integers: what they change is latency, and no result."""

import pytest

from mxmac.config import Accumulator, MultiplierKind
from mxmac.mac import unit_plan
from mxmac.verilog import generate
from pipelines import DEPTHS, PAIRINGS, check_results, described, unit, units


@pytest.mark.parametrize("config", list(units())[::5], ids=described)
def test_results_are_the_same(config, tmp_path):
    check_results(config, tmp_path)


@pytest.mark.parametrize("pairing", PAIRINGS, ids="x".join)
@pytest.mark.parametrize("kind", [Accumulator.EXACT, Accumulator.WINDOW], ids=lambda kind: kind.value)
def test_a_deeper_pipeline_takes_longer(pairing, kind):
    latencies = [unit_plan(unit(pairing, accumulator=kind, pipeline=depth)).latency for depth in DEPTHS]
    assert latencies == sorted(set(latencies))


def test_integers_are_multiplied_by_one_multiplication_a_lane():
    text = generate(unit(PAIRINGS[0], multiplier=MultiplierKind.DSP), "unit").text
    module = text[text.index("module unit__mac_datapath_beat_sum_multiplier ") :]
    module = module[: module.index("endmodule")]
    assert module.count(" * ") == 1
    assert "[17:0]" in module
