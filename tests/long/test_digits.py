"""All test digits through Verilated units: accuracy and results are golden's, and hardware with a wrong bit is found out."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from rich.console import Console

from mxmac.config import Accumulator, MacConfig
from mxmac_fpga.digits.demo import recognise
from mxmac_sim.simulators.bulk import BulkUnit

COUNT = 599


@dataclass(frozen=True)
class Simulated:
    """A Verilated unit as a backend; some bits of each result can be inverted on the way."""

    config: MacConfig
    folder: Path
    inverted: int = 0

    @cached_property
    def unit(self):
        return BulkUnit(self.config, self.folder)

    def dot(self, a, scale_a, b, scale_b):
        run = self.unit.run(a, scale_a, b, scale_b)
        return run.data ^ self.inverted, run.status


@pytest.mark.parametrize("accumulator", [Accumulator.EXACT, Accumulator.WINDOW], ids=lambda kind: kind.value)
def test_all_test_digits_through_hardware(tmp_path, accumulator):
    unit = Simulated(MacConfig(lanes=1, accumulator=accumulator), tmp_path)
    outcome = recognise(unit, count=COUNT, console=Console(quiet=True), batch=100)
    assert (outcome.mismatches, outcome.dots) == (0, 73 * COUNT)
    assert (outcome.predictions == outcome.golden_predictions).all()
    assert outcome.accuracy == outcome.golden_accuracy == outcome.fp32_accuracy == 584 / COUNT


def test_hardware_whose_last_bit_is_wrong_is_found_out(tmp_path):
    outcome = recognise(Simulated(MacConfig(lanes=8), tmp_path, inverted=1), count=8, console=Console(quiet=True))
    assert outcome.mismatches == outcome.dots
