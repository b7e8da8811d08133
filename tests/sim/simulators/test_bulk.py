"""How the end of a compiled simulation is read: wrong hardware is told from a simulation that failed."""

import pytest

from mxmac.errors import HardwareError, ToolError
from mxmac.processes import Finished
from mxmac_sim.simulators.bulk import _check_end

ENDS = {
    "stuck": (Finished(1, "", "no transfer for 100000 clocks"), HardwareError, "^The unit is stuck: no transfer for 100000"),
    "never settles": (
        Finished(-6, "", "%Error: unit.v:3: Settle region did not converge\n"),
        HardwareError,
        "did not converge",
    ),
    "killed": (Finished(-9), ToolError, "^The simulation: killed, most likely because memory ran out"),
    "no memory": (Finished(-6, "", "terminate called after throwing an instance of 'std::bad_alloc'"), ToolError, "memory"),
    "no disk": (Finished(2), ToolError, "^The simulation failed: exit status 2"),
}


@pytest.mark.parametrize("end", ENDS)
def test_an_end_is_the_fault_of_the_hardware_or_of_the_machine(end):
    done, error, message = ENDS[end]
    with pytest.raises(error, match=message):
        _check_end(done)


def test_a_simulation_that_ends_well_is_no_failure():
    _check_end(Finished(0, "12 3 4", "%Warning: unit.v:3\n"))
