"""Bitstreams that are really built, one of each family; and the unit of every board, simulated behind its link."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from board_checks import check_design
from mxmac_fpga.boards.build import bitstream_path, build, report_path
from mxmac_fpga.boards.table import BOARDS
from mxmac_fpga.digits.demo import recognise
from mxmac_fpga.host.board import Board
from mxmac_fpga.host.selftest import random_operands
from mxmac_fpga.simulation.board import SimulatedBoard
from mxmac_sim import golden

#: Of the paths that a machine has; letters before it are part of a longer word.
PATH = re.compile(rb"(?<![\w.])/(?:home|root|work|tmp|usr|opt|var|private|Users|project|share|lib)/\w")


@pytest.mark.parametrize("name", ["icebreaker", "ulx3s-12f", "tang-nano-9k"])
def test_a_bitstream_is_built_meets_its_clock_and_names_no_path(name, tmp_path):
    built = build(name, tmp_path)
    bits, text = bitstream_path(name, tmp_path).read_bytes(), report_path(name, tmp_path).read_bytes()
    assert bits == built.bitstream
    assert json.loads(text) == built.report
    assert {path.name for path in tmp_path.iterdir()} == {bitstream_path(name, tmp_path).name, f"{name}.json"}
    assert len(bits) > 10_000
    for file in (bits, text):
        assert not PATH.search(file)
        assert str(Path.home()).encode() not in file
    report = built.report
    assert report["margin_percent"] >= 0
    assert report["fmax_hz"] >= report["clock_hz"] == round(BOARDS[name].pll.output_hz)
    assert all(0 <= count["used"] <= count["available"] for count in report["used"].values())
    assert min(report["cells"].values()) > 1000


@pytest.mark.parametrize("name", BOARDS)
def test_the_design_with_its_whole_unit_elaborates_and_names_no_path(name, tmp_path):
    check_design(BOARDS[name], tmp_path)


def test_a_bitstream_is_the_same_in_another_folder(tmp_path):
    made = []
    for folder in (tmp_path / "first", tmp_path / "second" / "deeper"):
        command = [sys.executable, "-P", "-m", "mxmac", "fpga", "build", "--board", "icebreaker", "-o", str(folder)]
        subprocess.run(command, check=True, capture_output=True)
        made.append([path.read_bytes() for path in sorted(folder.iterdir())])
    assert made[0] == made[1]


CONFIGS = {board.config.lanes: board.config for board in BOARDS.values()}


@pytest.mark.parametrize("lanes", CONFIGS)
def test_what_is_flashed_is_golden_behind_the_link(lanes, tmp_path):
    assert {board.config for board in BOARDS.values()} == set(CONFIGS.values())
    config = CONFIGS[lanes]
    with SimulatedBoard(config, folder=tmp_path) as simulation, Board(simulation.port, timeout=10, patience=60) as board:
        for blocks in (1, 3, 40):
            operands = random_operands(config, 1 + 200 // blocks, blocks, np.random.default_rng(blocks), specials=0.3)
            results, expected = board.dot(**operands), golden.dot(**operands, config=config)
            assert np.array_equal(results[0], expected[0])
            assert np.array_equal(results[1], expected[1])
        assert recognise(board, count=20, console=Console(quiet=True)).passed
        assert not board.statistics.trouble
