"""Equal components are elaborated once, and each place has its instance."""

import gc
import re

import pytest

from mxmac.config import Accumulator, MacConfig
from mxmac.mac.top import MacTop
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.lane import ElementEncoder, ElementPreparer
from mxmac.stages.multiplier import Multiplier
from mxmac.verilog import generate, generate_quantizer
from mxmac.verilog.convert import converted

WINDOW = {"accumulator": Accumulator.WINDOW, "window_lsb": -40}


@pytest.fixture
def elaborations(monkeypatch):
    """Classes of the shared components that are elaborated, in order."""
    seen = []
    for kind in (Multiplier, ElementPreparer, ElementEncoder):

        def counted(self, kind=kind, right=kind._elaborated):
            seen.append(kind)
            return right(self)

        monkeypatch.setattr(kind, "_elaborated", counted)
    return seen


def test_lanes_of_a_unit_are_elaborated_once(elaborations):
    text = generate(MacConfig(lanes=8, **WINDOW), "unit").text
    assert elaborations == [Multiplier]
    lanes = re.findall(r"^  unit__mac_datapath_beat_sum_multiplier multiplier(\d+) \(\n    \.a\(port\[(\d+):", text, re.M)
    assert lanes == [(str(lane), str(8 * lane + 7)) for lane in range(8)]
    assert text.count("\nmodule unit__mac_datapath_beat_sum_multiplier (") == 1


def test_lanes_of_a_quantizer_are_elaborated_once(elaborations):
    text = generate_quantizer(QuantizerConfig(lanes=4), "unit").text
    assert sorted(kind.__name__ for kind in elaborations) == ["ElementEncoder", "ElementPreparer"]
    assert len(re.findall(r"^  unit__\w*preparer preparer\d \(", text, re.M)) == 4
    assert len(re.findall(r"^  unit__\w*encoder encoder\d \(", text, re.M)) == 4


def test_modules_are_those_of_an_elaboration_in_full(monkeypatch):
    config = MacConfig(a=["E4M3", "E5M2"], lanes=2, **WINDOW)
    once = generate(config, "unit").text
    monkeypatch.setattr(Multiplier, "elaborate", lambda self, platform: self._elaborated())
    full = generate(config, "unit").text
    assert re.findall(r"^module .*|^  \w+ \w+ \($", once, re.M) == re.findall(r"^module .*|^  \w+ \w+ \($", full, re.M)
    # But for the number that tells operands apart, which elaboration gives out in another order.
    words = [sorted(re.sub(r"(?<=\bcode)_2", "", text).split()) for text in (once, full)]
    assert set(words[0]) == set(words[1])


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_of_garbage_is_as_it_was(enabled):
    was = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        converted(MacTop(MacConfig(lanes=1, block=1, **WINDOW)), "unit")
        assert gc.isenabled() == enabled
    finally:
        (gc.enable if was else gc.disable)()
