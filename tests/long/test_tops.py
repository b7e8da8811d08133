"""All tops pass their benches and proofs: every reset, bus and accumulator; and the benches find all mistakes in a top."""

from dataclasses import replace
from itertools import product

import pytest
from rich.console import Console

from mxmac.config import Accumulator, Bus, MacConfig, Reset
from mxmac.quantizer.config import QuantizerConfig
from mxmac_sim.formal.console import prove_and_show
from mxmac_sim.formal.properties import unit_properties
from mxmac_sim.formal.prover import Prover, all_hold
from mxmac_sim.verify.runner import config_slug
from prove_checks import CONFIG
from tops import AXIS, WRONG_AXIS, WRONG_FLOW, WRONG_RESET, changed, failed, mistaken, needs_icarus, run, whole

TOPS = {
    f"{reset.value}, {bus.value}, {kind.value}": MacConfig(
        a="E2M1", b="E2M1", block=4, lanes=2, accumulator=kind, reset=reset, bus=bus
    )
    for reset, bus, kind in product(Reset, Bus, Accumulator)
}
#: The same with an addend, which the window does not have.
ADDENDS = {
    f"{name}, addend": replace(config, addend="fp32")
    for name, config in TOPS.items()
    if config.accumulator is not Accumulator.WINDOW
}
#: Units on AXI4-Stream that differ in more than the top.
AXIS_UNITS = {
    "formats at run time, 4 lanes, fp32 to BF16, addend": MacConfig(
        a=("E4M3", "E2M1"), b=("INT8", "E5M2"), block=8, lanes=4, accumulator="fp32", output="bf16", addend="fp32", bus="axis"
    ),
    "E4M3 × E5M2, 8 lanes, exact": MacConfig(b="E5M2", block=16, bus="axis"),
    "E3M2 × E2M3, 1 lane, exact": MacConfig(a="E3M2", b="E2M3", lanes=1, bus="axis", reset="async-low"),
    "E2M3, 1 lane, window to FP16": MacConfig(
        a="E2M3", b="E2M3", lanes=1, accumulator="window", output="fp16", bus="axis", reset="sync-high"
    ),
    "quantizer, rules and overflow at run time": QuantizerConfig(
        source="bf16", to="E5M2", block=8, lanes=4, rules=("floor", "rceil"), overflows=("sat", "ovf"), bus="axis"
    ),
}
#: Properties of the ports. Two units at a time are too much for the solver with some accumulators.
PORTS = ("held", "no_wait", "places", "answers")


@needs_icarus
@pytest.mark.parametrize("config", [*TOPS.values(), *ADDENDS.values()], ids=[*TOPS, *ADDENDS])
def test_the_bench_of_the_whole_unit_passes(tmp_path, config):
    assert run(tmp_path, config).passed


@pytest.mark.parametrize("config", [config for config in TOPS.values() if config.bus is Bus.AXIS], ids=config_slug)
def test_the_bench_of_axi4_stream_passes_on_verilator(tmp_path, config):
    assert run(tmp_path, config, simulator="verilator").passed


@pytest.mark.parametrize("simulator", ["verilator", pytest.param("icarus", marks=needs_icarus)])
@pytest.mark.parametrize("config", AXIS_UNITS.values(), ids=AXIS_UNITS)
def test_the_bench_of_axi4_stream_passes_on_other_units(tmp_path, config, simulator):
    assert run(tmp_path, config, "axis", simulator=simulator).passed


@pytest.mark.parametrize("config", TOPS.values(), ids=TOPS)
def test_properties_of_the_ports_are_proved(tmp_path, config):
    makers = unit_properties(config, list(PORTS))
    prover = Prover(tmp_path, jobs=1, timeout=3600)
    assert all_hold(prove_and_show(prover, makers, "ports", Console(quiet=True)))


@pytest.mark.parametrize("name", ["sync-high, plain", "async-low, axis"])
@pytest.mark.parametrize("kind", ["exact", "fp32"])
def test_properties_of_the_ports_are_proved_with_an_addend(tmp_path, name, kind):
    makers = unit_properties(ADDENDS[f"{name}, {kind}, addend"], [*PORTS, *(["reset"] if kind == "fp32" else [])])
    prover = Prover(tmp_path, jobs=1, timeout=3600)
    assert all_hold(prove_and_show(prover, makers, "ports", Console(quiet=True)))


@needs_icarus
@pytest.mark.parametrize("bus", Bus)
@pytest.mark.parametrize("reset", ["sync-low", "async-high"])
def test_the_bench_of_a_quantizer_passes(tmp_path, reset, bus):
    assert run(tmp_path, QuantizerConfig(to="E2M3", block=6, lanes=3, rules=("floor", "even"), reset=reset, bus=bus)).passed


@needs_icarus
def test_a_reset_of_the_other_level_is_noticed(tmp_path):
    config = replace(CONFIG, reset="sync-low")
    text = mistaken(whole(config)[1].text, r"(assign \w+ = )~ ?rst_n;", r"\1rst_n;")
    assert not run(tmp_path, config, "mac", text=text).passed


@needs_icarus
@pytest.mark.parametrize("mistake", WRONG_RESET)
def test_the_bench_of_an_asynchronous_reset_finds_a_mistake(tmp_path, mistake):
    config = replace(CONFIG, reset="async-high")
    pattern, replacement, _ = WRONG_RESET[mistake]
    text = mistaken(whole(config)[1].text, pattern, replacement)
    assert not run(tmp_path, config, "asynchronous_reset", text=text).passed


@needs_icarus
@pytest.mark.parametrize("module", ["mac_ports", "axis"])
@pytest.mark.parametrize("mistake", WRONG_AXIS)
def test_benches_find_a_mistake_in_the_packing_of_axi4_stream(tmp_path, module, mistake):
    text = mistaken(whole(AXIS)[1].text, *WRONG_AXIS[mistake])
    assert not run(tmp_path, AXIS, module, text=text).passed


@needs_icarus
@pytest.mark.parametrize("mistake", WRONG_FLOW)
def test_the_bench_of_axi4_stream_finds_a_mistake_in_its_flow(tmp_path, mistake):
    changes, tests = WRONG_FLOW[mistake]
    found = run(tmp_path, AXIS, "axis", text=changed(whole(AXIS)[1].text, changes))
    assert set(tests) <= failed(found)
