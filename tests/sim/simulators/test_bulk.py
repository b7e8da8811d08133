"""How the end of a compiled simulation is read, and that its Verilog is generated once."""

import subprocess
import sys
from dataclasses import replace

import pytest

from mxmac.config import MacConfig
from mxmac.errors import HardwareError, ToolError
from mxmac.processes import Finished
from mxmac.verilog import generate
from mxmac_sim.simulators import bulk
from mxmac_sim.simulators.bulk import BulkUnit, check_end

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
        check_end(done)


def test_a_simulation_that_ends_well_is_no_failure():
    check_end(Finished(0, "12 3 4", "%Warning: unit.v:3\n"))


CONFIG = MacConfig(a="E2M1", b="E2M1", block=2, lanes=1, accumulator="window", window=24)


def test_text_is_generated_once_for_each_generator_and_configuration(tmp_path, monkeypatch):
    made, built = [], []
    real = bulk._generated
    monkeypatch.setattr(bulk, "_generated", lambda config: made.append(config) or real(config))
    monkeypatch.setattr(bulk, "verilated", lambda text, *_options: built.append(text))
    units = [BulkUnit(CONFIG, tmp_path) for _ in range(2)]
    expected = generate(CONFIG, "unit")
    assert made == [CONFIG]
    assert built == [unit.generated for unit in units] == [expected.text] * 2
    assert all(unit.manifest == expected.manifest for unit in units)
    other = replace(CONFIG, window=25)
    assert BulkUnit(other, tmp_path).generated == generate(other, "unit").text
    assert made == [CONFIG, other]
    monkeypatch.setattr(bulk, "sources_digest", lambda: "another version")
    BulkUnit(CONFIG, tmp_path)
    assert made == [CONFIG, other, CONFIG]


def test_dot_does_not_load_what_generates_verilog():
    program = "import sys, mxmac_sim.cli.dot; sys.exit('amaranth' in sys.modules or 'pyosys' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", program], check=False).returncode == 0
