"""The cocotb bench of the quantizer: it passes on the hardware, and fails on hardware that is not quite right."""

import pytest

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer import quantizer_latency
from mxmac.quantizer_config import QuantizerConfig
from mxmac.scale_rules import Overflow, ScaleRule
from mxmac_sim.benches.catalogue import Design
from mxmac_sim.benches.quantizer_blocks import quantizer_design, quantizer_from_dict
from mxmac_sim.benches.settings import Effort
from mxmac_sim.runner import Runner

CONFIG = QuantizerConfig(
    source=RESULT_FORMATS["BF16"],
    to=ELEMENT_FORMATS["E4M3"],
    block=8,
    lanes=4,
    rules=tuple(ScaleRule),
    overflows=tuple(Overflow),
)
OTHER = QuantizerConfig(to=ELEMENT_FORMATS["E2M1"], block=4, lanes=4)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Run the bench of ``CONFIG``, told what it is; what is built once is used again."""
    runner, design = Runner(tmp_path_factory.mktemp("benches")), quantizer_design(CONFIG)

    def run(**told):
        # The configuration of a quantizer is one of the parameters of its design; that of a unit means nothing here.
        wanted = Design(design.top, design.text, design.modules, design.parameters | told)
        return runner.run("quantizer", wanted, MacConfig(), seed=1, effort=Effort.QUICK)

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
    run = bench(quantizer=CONFIG.as_dict() | {"rule": ["floor", "ceil", "rceil", "even"]})
    assert run.report.misses
    assert {"ceil", "rceil"} >= {miss.operands["rule"] for miss in run.report.details}


@pytest.mark.parametrize("config", [CONFIG, OTHER], ids=["chosen-at-run-time", "one-rule"])
def test_a_configuration_survives_being_written_down(config):
    assert quantizer_from_dict(config.as_dict()) == config
