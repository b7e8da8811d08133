"""The cocotb bench of the quantizer: it passes on the hardware, and fails on hardware that is not quite right."""

from dataclasses import replace

import pytest

from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.rules import Overflow, ScaleRule
from mxmac.quantizer.unit import quantizer_latency
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.verify.catalogue import quantizer_subject
from mxmac_sim.verify.runner import Runner

CONFIG = QuantizerConfig(
    source=RESULT_FORMATS["BF16"],
    to=ELEMENT_FORMATS["E4M3"],
    block=8,
    lanes=4,
    rules=tuple(ScaleRule),
    overflows=tuple(Overflow),
)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Run the bench of ``CONFIG``, told what it is; what is built once is used again."""
    runner, design = Runner(tmp_path_factory.mktemp("benches")), quantizer_subject(CONFIG).benches["quantizer"]()

    def run(config=CONFIG, **told):
        told_design = replace(design, parameters=design.parameters | told)
        return runner.run("quantizer", told_design, config, seed=1, effort=Effort.QUICK)

    return run


def test_the_bench_passes(bench):
    run = bench()
    assert run.problem is None
    assert run.report.misses == 0, run.report.details
    assert run.report.checks > 1000


def test_the_bench_sees_a_wrong_latency(bench):
    run = bench(latency=quantizer_latency(CONFIG) + 1)
    assert run.report.misses
    assert "latency" in run.report.details[0].expected


def test_the_bench_sees_rules_that_are_mixed_up(bench):
    run = bench(replace(CONFIG, rules=(ScaleRule.FLOOR, ScaleRule.CEIL, ScaleRule.RCEIL, ScaleRule.EVEN)))
    assert run.report.misses
    assert {"ceil", "rceil"} >= {miss.operands["rule"] for miss in run.report.details}
