"""Netlists for every technology, the one of standard cells with a library of five."""

import json

import numpy as np
import pytest

from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.rules import Overflow, ScaleRule
from mxmac.verilog import generate_quantizer
from mxmac_sim.campaigns.gates import campaign as gates
from mxmac_sim.campaigns.gates.netlists import synthesized, with_changes
from mxmac_sim.campaigns.gates.technologies import TECHNOLOGIES
from mxmac_sim.stimulus.quantizer_blocks import Choices, expected_blocks, mixed_blocks
from quantizer_units import Units

LIBRARY = """library (five) {
  cell (INV) { area : 1; pin (A) { direction : input; } pin (Y) { direction : output; function : "(!A)"; } }
  cell (BUF) { area : 2; pin (A) { direction : input; } pin (Y) { direction : output; function : "A"; } }
  cell (NAND2) { area : 2; pin (A) { direction : input; } pin (B) { direction : input; }
    pin (Y) { direction : output; function : "(!(A B))"; } }
  cell (NOR2) { area : 2; pin (A) { direction : input; } pin (B) { direction : input; }
    pin (Y) { direction : output; function : "(!(A+B))"; } }
  cell (DFF) { area : 6; ff (IQ, IQN) { clocked_on : "CLK"; next_state : "D"; }
    pin (CLK) { direction : input; clock : true; } pin (D) { direction : input; }
    pin (Q) { direction : output; function : "IQ"; } }
}
"""


QUANTIZER = QuantizerConfig(
    source=RESULT_FORMATS["BF16"],
    to=ELEMENT_FORMATS["E4M3"],
    block=8,
    lanes=2,
    rules=tuple(ScaleRule),
    overflows=tuple(Overflow),
)
CHANGES = 6


@pytest.mark.parametrize("on", TECHNOLOGIES)
def test_the_netlist_of_a_small_unit_passes_but_not_with_a_changed_cell(on, tmp_path):
    library, results = tmp_path / "five.lib", tmp_path / "gates.json"
    library.write_text(LIBRARY)
    arguments = ["--unit", gates.SMALL, "--on", on, "--liberty", str(library), "--random", "60"]
    assert gates.main([*arguments, "--work", str(tmp_path / "work"), "--json", str(results)]) == 0
    (row,) = json.loads(results.read_text())["results"]
    assert row["problem"] is None
    assert row["cells"] > 500
    assert row["dots"] > 100
    assert sum(problem is not None for problem in row["changes"].values()) >= 9


@pytest.mark.parametrize("on", TECHNOLOGIES)
def test_the_netlist_of_a_quantizer_passes_but_not_with_a_changed_cell(on, tmp_path):
    library = tmp_path / "five.lib"
    library.write_text(LIBRARY)

    def text_of(config, top):
        netlist = synthesized(generate_quantizer(config, top).text, top, on, tmp_path / "netlist", liberty=library)
        changeable, _ = with_changes(netlist, CHANGES)
        return changeable.text + changeable.models

    folder, rng = tmp_path / "units", np.random.default_rng(1)
    folder.mkdir()
    units = Units([QUANTIZER], folder, text_of)
    values = mixed_blocks(QUANTIZER, rng, 2000)
    choices = Choices.random(QUANTIZER, len(values), rng)
    codes, scales = expected_blocks(QUANTIZER, values, choices)

    def passes(change, **pauses):
        # A netlist that is wrong may have results that do not come at all, which its simulation tells.
        try:
            results = units.run(QUANTIZER, values, choices, plusargs=[f"change={change}"], **pauses)
        except AssertionError:
            return False
        return np.array_equal(results.codes, codes) and (results.scales == scales[:, None]).all()

    assert passes(0)
    assert passes(0, idle=0.3, stall=0.5)
    assert sum(passes(change) for change in range(1, CHANGES + 1)) <= 1
