"""A netlist after synthesis passes, and one with a changed cell does not."""

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_sim.campaigns.gates import campaign as gates
from mxmac_sim.campaigns.gates.campaign import Subject

E2M1 = (ELEMENT_FORMATS["E2M1"],)
TINY = MacConfig(
    a=E2M1, b=E2M1, block=2, lanes=1, accumulator=Accumulator.WINDOW, window=16, window_guard=2, output=RESULT_FORMATS["FP16"]
)


def test_a_netlist_passes_but_not_with_a_changed_cell(tmp_path):
    subject = Subject("tiny", TINY, tmp_path, randoms=20)
    netlist = subject.netlist("ice40", gates.LIBERTY)
    assert netlist.cells["SB_LUT4"] > 100
    assert any(name.startswith("SB_DFF") for name in netlist.cells)
    result = subject.check(netlist, 4)
    assert result.problem is None
    assert len(result.changes) == 4
    assert all(name.startswith("SB_LUT4 ") for name in result.changes)
    # Results of this unit never underflow, and some logic is for that alone.
    assert len(result.unnoticed) <= 1
    assert result.expected
