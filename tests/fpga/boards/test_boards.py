"""The boards as data, and the designs for them; no tool is run."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from board_checks import check_design
from mxmac.config import MacConfig, Target
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_fpga.boards.pll import PLLS
from mxmac_fpga.boards.table import BOARDS, board_named
from mxmac_fpga.boards.toolchains import TOOLCHAINS, Tools
from mxmac_fpga.boards.top import BoardTop
from mxmac_fpga.gateware.accelerator import LEDS
from mxmac_fpga.gateware.uart import bit_clocks

E2M1 = ELEMENT_FORMATS["E2M1"]
each_board = pytest.mark.parametrize("name", BOARDS)


# The table.


def test_there_are_boards_of_three_families():
    assert {board.family for board in BOARDS.values()} == set(TOOLCHAINS) == set(PLLS)


def test_the_unit_of_a_board_is_for_its_fpga():
    assert all((board.config.target is Target.ECP5) == (board.family == "ecp5") for board in BOARDS.values())


@each_board
def test_the_platform_has_what_the_table_says(name):
    board, platform = BOARDS[name], BOARDS[name].make_platform()
    assert platform.default_clk_frequency == board.reference_hz
    assert board.device == (getattr(platform, "device", None) or platform.family)
    assert board.grade.split()[-1:] == [grade for grade in [getattr(platform, "speed", "")] if grade]
    assert {"rx", "tx"} <= {line.name for line in platform.lookup("uart").ios}
    assert set(board.leds) <= set(dict(iter(LEDS)))
    for led, number, *_ in board.leds.values():
        platform.lookup(led, number)


@each_board
def test_the_clock_gives_the_rate_to_two_percent(name):
    board = BOARDS[name]
    clock = board.pll.output_hz
    assert abs(clock / bit_clocks(round(clock), board.baud) / board.baud - 1) < 0.02


def test_a_name_that_no_board_has_is_refused():
    with pytest.raises(UserError, match=r"There is no board 'ice'.*icebreaker.*tang-nano-9k") as caught:
        board_named("ice")
    assert caught.value.parameter == "board"
    assert board_named("iCEBreaker") is BOARDS["icebreaker"]


# A new format: written into the table before any board is made, in a process of its own, and first, so that it would move all
# others. Verilog is that of one board, whose unit has one lane.
_WITH_FORMATS = """
import hashlib, json, sys
from mxmac import formats
if sys.argv[1:]:
    known = dict(formats.ELEMENT_FORMATS)
    formats.ELEMENT_FORMATS.clear()
    formats.ELEMENT_FORMATS["E4M2"] = formats.Format("E4M2", exp_bits=4, man_bits=2, specials=formats.Specials.IEEE)
    formats.ELEMENT_FORMATS |= known
from mxmac_fpga.boards.table import BOARDS
from mxmac_fpga.simulation.board import accelerator_verilog
text = accelerator_verilog(BOARDS["icebreaker"].config)
units = {name: board.config.as_dict() for name, board in BOARDS.items()}
print(json.dumps([list(formats.ELEMENT_FORMATS), units, hashlib.sha256(text.encode()).hexdigest()]))
"""


def test_a_new_element_format_changes_no_board():
    started = [
        subprocess.Popen([sys.executable, "-c", _WITH_FORMATS, *words], stdout=subprocess.PIPE, text=True)
        for words in ([], ["new"])
    ]
    (formats, units, text), (more, same_units, same_text) = (json.loads(process.communicate()[0]) for process in started)
    assert more == ["E4M2", *formats]
    assert same_units == units
    assert same_text == text
    # The order is the meaning of in_format, for the host and in all bitstreams there are.
    assert all(unit[side] == ["E4M3", "E5M2", "E3M2", "E2M3", "E2M1", "INT8"] for unit in units.values() for side in "ab")


# Designs.


@each_board
def test_the_design_elaborates_and_names_no_path(name, tmp_path):
    # With a small unit; tests/long/test_bitstreams.py has the whole ones.
    check_design(replace(BOARDS[name], config=MacConfig(a=E2M1, b=E2M1, block=2, lanes=1)), tmp_path)


def test_the_design_is_the_same_every_time(tmp_path):
    made = []
    for folder in (tmp_path / "1", tmp_path / "2"):
        folder.mkdir()
        Tools(BoardTop(BOARDS["icebreaker"]), BOARDS["icebreaker"].make_platform(), folder)
        made.append({path.name: path.read_text() for path in folder.iterdir()})
    assert made[0] == made[1]
