"""Storage laid out for an ASIC changes no result, and has places for what there is only."""

import re

import pytest

from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.verilog import generate
from mxmac_sim.campaigns.vectors import make_vectors
from mxmac_sim.simulators.bulk import BulkUnit


@pytest.mark.parametrize("kind", [Accumulator.EXACT, Accumulator.WINDOW], ids=lambda kind: kind.value)
def test_registers_give_the_same_results(kind, tmp_path):
    config = MacConfig(block=4, lanes=2, accumulator=kind, storage=Storage.REGISTERS)
    unit, vectors = BulkUnit(config, tmp_path), make_vectors(config, randoms=300, seed=1)
    for idle, stall in ((0, 0), (0.3, 0.6)):
        run = unit.run_beats(vectors.beats, len(vectors.data), idle=idle, stall=stall)
        assert run.data.tolist() == vectors.data.tolist()
        assert run.status.tolist() == vectors.status.tolist()


def test_words_in_registers_are_those_that_there_are():
    # Nine words of 64 bits and 17 more, in three parts, of two sums: five even ones and four odd ones.
    places = {}
    for storage in Storage:
        text = generate(MacConfig(lanes=16, storage=storage), "unit").text
        places[storage] = re.findall(r"reg \[26:0\] part\d(?:_\d)? \[(\d+):0\];", text)
    assert places == {Storage.LUTRAM: ["14"] * 3 + ["11"] * 3, Storage.REGISTERS: ["4"] * 6 + ["3"] * 6}


def test_a_window_in_registers_has_room_for_the_results_of_four_blocks():
    room = {
        storage: generate(MacConfig(accumulator=Accumulator.WINDOW, storage=storage), "unit").manifest["results_queued"]
        for storage in Storage
    }
    assert room == {Storage.LUTRAM: 65, Storage.REGISTERS: 4}
