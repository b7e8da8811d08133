"""Waveforms of all tests of a bench, by both simulators and in both formats: annotations are the golden values of the ports."""

import numpy as np
import pytest
from numpy.random import default_rng

from mxmac.config import MacConfig
from mxmac.errors import ToolError
from mxmac.quantizer.config import QuantizerConfig
from mxmac_sim.benches.kit.settings import Effort
from mxmac_sim.cli import dot
from mxmac_sim.simulators.builds import check_fst
from mxmac_sim.tensors.mx_tensor import MxTensor
from mxmac_sim.verify.catalogue import quantizer_subject, unit_subject
from mxmac_sim.verify.verification import Verification
from tops import needs_icarus
from wave_checks import Dump, check_quantizer, check_unit, saved_names

UNITS = {
    "formats": MacConfig(a=["E4M3", "E2M1"], b="E5M2", block=4, lanes=2, addend="FP32"),
    "many lanes": MacConfig(a="INT8", b="E2M3", block=16, lanes=16, accumulator="window", window=40, output="FP16"),
    "serial": MacConfig(a="E3M2", b="E3M2", block=4, lanes=1, accumulator="fp32", output="BF16"),
}
QUANTIZERS = {
    "rules": QuantizerConfig(to="E5M2", block=4, lanes=2, rules=("floor", "even"), overflows=("sat", "ovf")),
    "one": QuantizerConfig(source="BF16", to="E2M1", block=2, lanes=1),
}
#: Other ports, and a reset that rests the streams at once.
TOP = MacConfig(a="E2M1", b="E3M2", block=4, lanes=2, accumulator="window", window=24, bus="axis", reset="async-low")
QUANTIZER_TOP = QuantizerConfig(to="E2M3", block=6, lanes=3, bus="axis", reset="async-low")


def fst_missing():
    try:
        check_fst()
    except ToolError as error:
        return str(error)
    return ""


FST_MISSING = fst_missing()
KINDS = [
    pytest.param("verilator", ".vcd", id="verilator vcd"),
    pytest.param("verilator", ".fst", id="verilator fst", marks=pytest.mark.skipif(bool(FST_MISSING), reason=FST_MISSING)),
    pytest.param("icarus", ".fst", id="icarus", marks=needs_icarus),
]


def waves(subject, folder, simulator, suffix):
    """The run of the bench of the whole that writes a waveform, and that."""
    path = folder / f"unit{suffix}"
    run = Verification(subject, folder, simulator=simulator, seed=1, effort=Effort.QUICK).waves(path)
    assert run.passed
    dump, saved = Dump(path), saved_names(path.with_suffix(".gtkw"))
    assert {name: dump.widths.get(name) for name in saved} == saved
    assert len(saved) > 30
    return run, dump


@pytest.mark.parametrize("config", UNITS.values(), ids=UNITS)
@pytest.mark.parametrize(("simulator", "suffix"), KINDS)
def test_annotations_of_a_unit_are_the_golden_values_of_its_ports(tmp_path, simulator, suffix, config):
    run, dump = waves(unit_subject(config), tmp_path, simulator, suffix)
    beats, results, wrong = check_unit(dump, config)
    assert beats >= run.report.beats > 5000
    assert results >= run.report.dots > 1000
    assert wrong == 0


@pytest.mark.parametrize("config", QUANTIZERS.values(), ids=QUANTIZERS)
@pytest.mark.parametrize(("simulator", "suffix"), KINDS)
def test_annotations_of_a_quantizer_are_the_golden_values_of_its_ports(tmp_path, simulator, suffix, config):
    run, dump = waves(quantizer_subject(config), tmp_path, simulator, suffix)
    beats, results, wrong = check_quantizer(dump, config)
    assert beats >= run.report.beats > 2000
    assert results > 0.9 * beats
    assert wrong == 0


@needs_icarus
@pytest.mark.parametrize("subject", [unit_subject(TOP), quantizer_subject(QUANTIZER_TOP)], ids=["unit", "quantizer"])
def test_other_ports_and_resets_have_annotations_too(tmp_path, subject):
    _, dump = waves(subject, tmp_path, "icarus", ".fst")
    assert {"bench.s_axis_tdata", "bench.aresetn", "bench.wrong"} <= dump.widths.keys()
    first = "actual" if subject.whole == "mac" else "actual_0"
    offered = shown = 0
    for _, _, values in dump.edges():
        assert not values["wrong"]
        assert values["aresetn"] or not values[first]
        # The models of cocotbext-axi have no annotations, and cycles with an asynchronous reset have none.
        if values["m_axis_tvalid"] and not name(values).startswith((b"packets", b"tvalid", b"no_path", b"reset_in", b"pulses")):
            offered, shown = offered + 1, shown + bool(values[first])
    assert shown == offered > 1000


def name(values):
    return (values["test"] or 0).to_bytes(48, "big").lstrip(b"\0")


def test_the_waveform_of_a_dot_product_has_a_save_file_of_its_signals(tmp_path):
    config = MacConfig(a="E2M1", b="E2M1", block=4, lanes=2)
    codes = default_rng(1).integers(16, size=(1, 8)).astype(np.uint8)
    tensor = MxTensor(codes, np.array([[127, 120]], np.uint8), config.a[0], 4)
    path = tmp_path / "mismatch.vcd"
    dot._write_waves(config, tensor, tensor, 0, 0, path)
    dump, saved = Dump(path, "TOP.unit"), saved_names(tmp_path / "mismatch.gtkw")
    assert {name: dump.widths.get(name) for name in saved} == saved
    assert {"TOP.unit.in_a", "TOP.unit.out_status", "TOP.unit.mac.datapath.rounder.o__valid"} <= set(saved)
