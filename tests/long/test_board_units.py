"""Other units than the small one behind the same link, and the link after synthesis."""

import numpy as np
import pytest

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_fpga.host.board import Board
from mxmac_fpga.host.selftest import random_operands
from mxmac_fpga.simulation.board import SIMULATED_CONFIG, SimulatedBoard, accelerator_verilog, synthesized_ice40
from mxmac_fpga.simulation.faults import Fault, campaign
from mxmac_sim import golden

E4M3, E5M2, E2M1, INT8 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E5M2", "E2M1", "INT8"))
CONFIGS = {
    "exact": MacConfig(lanes=1, accumulator=Accumulator.EXACT),
    "formats": MacConfig(a=(E4M3, E5M2, E2M1), b=(E4M3, INT8), block=16, lanes=2, output=RESULT_FORMATS["BF16"]),
    "narrow": MacConfig(a=(E2M1,), b=(E2M1,), block=32, lanes=8, accumulator=Accumulator.FP32, output=RESULT_FORMATS["FP16"]),
    "tiny": MacConfig(block=1, lanes=1, accumulator=Accumulator.WINDOW),
}


def assert_golden(board, *, blocks=(1, 2, 9, 300)):
    for count in blocks:
        operands = random_operands(board.config, 1 + 128 // count, count, np.random.default_rng(count), specials=0.3)
        results, expected = board.dot(**operands), golden.dot(**operands, config=board.config)
        assert np.array_equal(results[0], expected[0])
        assert np.array_equal(results[1], expected[1])


@pytest.mark.parametrize("name", CONFIGS)
def test_any_unit_is_golden_behind_the_link_whatever_happens_to_it(name, tmp_path):
    config = CONFIGS[name]
    with SimulatedBoard(config, folder=tmp_path) as simulation:
        with Board(simulation.port, patience=60) as board:
            assert board.config.as_dict() == config.as_dict()
            assert_golden(board)
            assert not board.statistics.trouble
        tallies = campaign(simulation, config, 40 * len(Fault))
        assert sum(tally.wrong for tally in tallies.values()) == 0
        assert all(tally.injected == tally.recovered == 40 for tally in tallies.values())


def test_the_netlist_of_an_ice40_is_golden(tmp_path):
    with SimulatedBoard(folder=tmp_path, verilog=synthesized_ice40(accelerator_verilog())) as simulation:
        with Board(simulation.port, patience=60) as board:
            assert board.config == SIMULATED_CONFIG
            assert_golden(board, blocks=(1, 2, 40))
        tallies = campaign(simulation, SIMULATED_CONFIG, 4 * len(Fault))
        assert sum(tally.wrong for tally in tallies.values()) == 0
        assert all(tally.injected == tally.recovered for tally in tallies.values())
