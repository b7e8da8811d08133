"""The simulated board that tests have in common, built once in a session, whatever the number of its processes."""

from mxmac_fpga.simulation.board import SIMULATED_CONFIG, SimulatedBoard
from shared_units import shared_folder

__all__ = ["built_board"]


def built_board(tmp_path_factory, config=SIMULATED_CONFIG, name="board"):
    with shared_folder(tmp_path_factory, name) as folder:
        return SimulatedBoard(config, folder=folder)
