"""Readable text is the hardware that Yosys wrote, for units of every kind."""

import pytest

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac.mac.top import MacTop
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.top import QuantizerTop
from same_hardware import differences, texts_of

UNITS = {f"{kind.value}, {lanes}": MacConfig(accumulator=kind, lanes=lanes) for kind in Accumulator for lanes in (1, 4)}
UNITS["DSP"] = MacConfig(b="E5M2", lanes=2, accumulator="window", window_lsb=-40, multiplier="dsp", pipeline=1)
UNITS["formats at run time"] = MacConfig(a=tuple(ELEMENT_FORMATS), b=tuple(ELEMENT_FORMATS), lanes=1, accumulator="window")
UNITS["small"] = MacConfig(a="E2M1", b="E2M1", block=4, lanes=2, accumulator="window", window=24, window_guard=4)
UNITS["quantizer"] = QuantizerConfig(lanes=2)


@pytest.mark.parametrize("unit", UNITS)
def test_the_text_is_proved_to_be_the_same_hardware(unit, tmp_path):
    config = UNITS[unit]
    top = QuantizerTop(config) if isinstance(config, QuantizerConfig) else MacTop(config)
    assert differences(texts_of(top), tmp_path) == []
