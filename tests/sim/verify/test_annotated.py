"""Waveforms of units and quantizers show decoded operands, expected and actual results beside the raw ports, in step with them.

The values are decoded again from the raw ports and compared in every half of a cycle. tests/long/test_waves.py does the same
with Verilator, and with more tests of the benches.
"""

from dataclasses import replace

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.verify.annotated import annotated
from mxmac_sim.verify.catalogue import Design
from mxmac_sim.verify.runner import Runner
from tops import mistaken, needs_icarus, whole
from wave_checks import Dump, check_quantizer, check_unit, saved_names

UNIT = MacConfig(a=["E4M3", "INT8", "E2M1"], b="E3M2", block=4, lanes=2, accumulator="fp32", output="BF16", addend="FP32")
QUANTIZER = QuantizerConfig(source="BF16", to="E2M3", block=4, lanes=2, rules=("floor", "even"))


def waves(folder, config, *modules, pattern="", replacement=""):
    """The run of a bench that writes a waveform; with a mistake, it ends a few cycles after the first mismatch."""
    name, design = whole(config)
    text = mistaken(design.text, pattern, replacement) if pattern else design.text
    design = replace(design, modules=modules or design.modules, text=text)
    stop_after = 1 if pattern else 20
    runner = Runner(folder, "icarus")
    return runner.run(name, design, config, seed=1, effort=Effort.QUICK, waves=True, stop_after=stop_after)


def first_mismatch(run):
    return int(run.report.details[0].time.removesuffix(" ns")) * 1000


def check_names(run, dump):
    saved = saved_names(run.waves.with_suffix(".gtkw"))
    assert {name: dump.widths.get(name) for name in saved} == saved
    return saved


@needs_icarus
def test_annotations_of_a_unit_are_the_golden_values_of_its_ports(tmp_path):
    run = waves(tmp_path, UNIT, "mac_ports")
    assert run.passed
    dump = Dump(run.waves)
    beats, results, wrong = check_unit(dump, UNIT)
    assert beats == run.report.beats
    assert results >= run.report.dots > 100
    assert wrong == 0
    saved = check_names(run, dump)
    assert {"bench.test", "bench.in_a", "bench.a_1", "bench.scale_b", "bench.addend", "bench.expected", "bench.wrong"} <= set(
        saved
    )
    assert "bench.mxmac.mac.datapath.accumulator.i__valid" in saved


@needs_icarus
def test_annotations_of_a_quantizer_mark_a_wrong_result(tmp_path):
    # Zeros get another scale than they should.
    wrong = r"assign out_scale = (.*);", r"assign out_scale = (out_data == 0) ^ (\1);"
    run = waves(tmp_path, QUANTIZER, pattern=wrong[0], replacement=wrong[1])
    assert not run.passed
    dump = Dump(run.waves)
    beats, results, wrong = check_quantizer(dump, QUANTIZER, first_mismatch(run) + 5000)
    assert (beats > 5, results > 5, wrong) == (True, True, 1)
    assert {"bench.value_1", "bench.rule", "bench.expected_0", "bench.actual_scale"} <= set(check_names(run, dump))


def test_the_annotated_top_has_the_ports_of_the_unit():
    config = QuantizerConfig(block=4, lanes=2, reset="async-low", bus="axis")
    design = whole(config)[1]
    top = annotated(design, config)
    header = design.text[design.text.index(f"module {design.top} (") :].partition(");")[0]
    ports = [line.split()[-1].rstrip(",") for line in header.splitlines()[1:]]
    own = top.text[len(design.text) :]
    assert [line.split()[-1].rstrip(",") for line in own.partition(");")[0].splitlines()[2:]] == ports
    assert all(f".{port}({port})" in own for port in ports)


def test_the_annotated_top_has_a_name_of_its_own():
    design = Design("mine", "module bench;\nendmodule\nmodule mine ();\nendmodule\n", whole=True)
    assert annotated(design, UNIT).top == "bench_"


def test_benches_of_parts_are_not_annotated():
    part = Design("multiplier", "module multiplier ();\nendmodule\n")
    assert annotated(part, UNIT) is part
