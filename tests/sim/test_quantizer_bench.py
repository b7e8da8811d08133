"""The cocotb bench of the quantizer: it passes on the hardware, and fails on hardware that is not quite right."""

import pytest

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
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
SINGLE = QuantizerConfig(to=ELEMENT_FORMATS["E2M1"], block=4, lanes=4)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Run the bench; what is built for a configuration is used again."""
    folder = tmp_path_factory.mktemp("benches")

    def run(config, design=None):
        # The configuration of a quantizer is one of the parameters of its design.
        place = folder / f"{config.to.name}-{len(config.rules)}"
        return Runner(place).run("quantizer", design or quantizer_design(config), MacConfig(), seed=1, effort=Effort.QUICK)

    return run


@pytest.mark.parametrize("config", [CONFIG, SINGLE], ids=["chosen-at-run-time", "single"])
def test_the_bench_passes(bench, config):
    run = bench(config)
    assert run.problem is None
    assert run.report.misses == 0, run.report.details
    assert run.report.checks > 1000


def test_the_bench_sees_a_wrong_latency(bench):
    design = quantizer_design(SINGLE)
    parameters = design.parameters | {"latency": design.parameters["latency"] + 1}
    run = bench(SINGLE, Design(design.top, design.text, design.modules, parameters))
    assert run.report.misses
    assert "latency" in run.report.details[0].expected


def test_the_bench_sees_another_rule(bench):
    design = quantizer_design(SINGLE)
    other = SINGLE.as_dict() | {"rule": ["ceil"]}
    run = bench(SINGLE, Design(design.top, design.text, design.modules, design.parameters | {"quantizer": other}))
    assert run.report.misses
    assert "scale" in run.report.details[0].expected


@pytest.mark.parametrize("config", [CONFIG, SINGLE], ids=["chosen-at-run-time", "single"])
def test_a_configuration_survives_being_written_down(config):
    assert quantizer_from_dict(config.as_dict()) == config
