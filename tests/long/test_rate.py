"""One beat a clock, measured at the ports: as the manifest promises it, at every number of lanes."""

import numpy as np
import pytest

from mxmac.accumulator import Kind, accumulator_plan
from mxmac.config import Accumulator, MacConfig, Storage
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.simulators.bulk import BulkUnit
from mxmac_sim.stimulus.dots import Dot, expected_results
from shared_units import packed

EXACT, WINDOW = Accumulator.EXACT, Accumulator.WINDOW
BLOCK = 32
#: Instead of a spread: every other block has the smallest scales, and the others the largest.
ENDS = None


def dots_of(config, rng, beats, count, spread):
    """Dot products of so many beats each, of finite elements, with scales that lie that far from 1 at most or at both ends."""
    blocks = -(-beats // config.beats)
    # Without the bit that all codes of NaN and Inf have.
    finite = 0xF7 if config.a[0] is ELEMENT_FORMATS["E4M3"] else 0xFB
    dots = []
    for _ in range(count):
        a, b = (rng.integers(0, 256, (blocks, BLOCK), np.uint8) & finite for _ in "ab")
        scales = (
            np.tile([0, 254], (2, blocks))[:, :blocks]
            if spread is ENDS
            else rng.integers(127 - spread, 128 + spread, (2, blocks))
        )
        choice = np.zeros(blocks, np.intp)
        dots.append(Dot.of(config, "rate", ((a, choice), (b, choice)), scales, beats - (blocks - 1) * config.beats))
    return dots


def check(unit, rng, beats, count, spread, clocks=None):
    """Nothing is offered or taken late, and results are right; the last beat is taken after so many clocks at most."""
    config, dots = unit.config, dots_of(unit.config, rng, beats, count, spread)
    run = unit.run_beats(packed(dots, config, rng), count)
    assert list(zip(run.data.tolist(), run.status.tolist(), strict=True)) == expected_results(dots, config)
    # One clock after reset the unit is not ready yet.
    taken_in = run.clocks - run.drain - 1
    assert beats * count <= taken_in <= (clocks or beats * count), (
        f"{count} dot products of {beats} beats took {taken_in} clocks"
    )


@pytest.mark.parametrize("lanes", [1, 2, 4, 8, 16, 32])
@pytest.mark.parametrize("kind", [EXACT, WINDOW], ids=lambda kind: kind.value)
@pytest.mark.parametrize("storage", Storage, ids=lambda storage: storage.value)
def test_one_beat_a_clock_is_sustained(storage, kind, lanes, tmp_path):
    sustains(MacConfig(block=BLOCK, lanes=lanes, accumulator=kind, storage=storage), tmp_path)


@pytest.mark.parametrize("kind", [EXACT, WINDOW], ids=lambda kind: kind.value)
def test_one_beat_a_clock_is_sustained_with_the_widest_sums(kind, tmp_path):
    formats = (ELEMENT_FORMATS["E5M2"],)
    sustains(MacConfig(a=formats, b=formats, block=BLOCK, lanes=1, accumulator=kind), tmp_path)


def sustains(config, tmp_path):
    """Run a unit with dot products of many lengths and scales."""
    lanes = config.lanes
    unit, rng = BulkUnit(config, tmp_path / "unit"), np.random.default_rng(lanes)
    interval = unit.manifest["initiation_interval"]
    assert interval["clocks_per_beat"] == 1
    assert interval["clocks_per_block"] == interval["beats_per_block"] == BLOCK // lanes
    shortest = interval["clocks_per_dot"]

    # Whole blocks, one dot product right after the other, whatever their scales.
    whole = -(-shortest // config.beats)
    for blocks in (whole, whole + 1, 3 * whole, 60):
        for spread in (0, 6, 127):
            check(unit, rng, blocks * config.beats, 4000 // blocks // config.beats + 8, spread)
    if accumulator_plan(config).kind is Kind.PARALLEL_EXACT:
        for beats in (shortest, shortest + 1, whole * config.beats):
            check(unit, rng, beats, 300, ENDS)
    # Dot products that end early, down to the shortest for which that is promised, and the clocks of shorter ones.
    for beats in (shortest, shortest + 1, 2 * shortest + 1):
        spare = -beats % config.beats if config.accumulator is WINDOW and shortest > 1 else 0
        check(unit, rng, beats, 300, 127, clocks=(beats + spare) * 300)
    check(unit, rng, 1, 300, 127, clocks=shortest * 300)


def test_blocks_that_are_cut_short_take_the_clocks_of_an_addition_in_fp32(tmp_path):
    config = MacConfig(block=BLOCK, lanes=2, accumulator=Accumulator.FP32)
    unit, rng = BulkUnit(config, tmp_path / "unit"), np.random.default_rng(3)
    shortest = unit.manifest["initiation_interval"]["clocks_per_dot"]
    for beats in (shortest, shortest + 1, config.beats, 3 * config.beats + shortest):
        check(unit, rng, beats, 100, 127)
    check(unit, rng, 1, 300, 127, clocks=shortest * 300)
