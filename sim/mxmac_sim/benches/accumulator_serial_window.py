"""Bench of the serial window with its rounder: blocks all over the window and beyond, saturation, and every rounding."""

from collections.abc import Iterator
from random import Random

import cocotb

from mxmac.config import MacConfig
from mxmac_sim.golden import model as golden

from ..stimulus.scaled_blocks import ScaledBlock, between_results
from ..stimulus.specials import NO_SPECIALS, merged, special_result
from .kit.rounded_sums import run_rounded_sums


@cocotb.test()
async def blocks_as_fast_as_they_may_come(dut):
    """Dot products without a gap."""
    await _run(dut, "blocks_as_fast_as_they_may_come", idle="none")


@cocotb.test()
async def blocks_with_gaps(dut):
    """Dot products with cycles that bring nothing."""
    await _run(dut, "blocks_with_gaps", idle="bursts")


class _Window:
    """The sum so far, by its definition: blocks are floored to the window, and their sum is brought back to its limits."""

    def __init__(self, config: MacConfig):
        self.config = config
        self.high = (1 << config.window_bits - 1) - 1
        self.acc, self.lost, self.saturated, self.specials = 0, False, False, NO_SPECIALS
        self.lsb = config.window_lsb

    def add(self, block: ScaledBlock):
        self.specials = merged(self.specials, block.seen)
        if self.lsb is None:
            if not block.sum:
                return
            self.lsb = block.exp - self.config.window_guard_bits
        place = block.exp - self.lsb
        value = block.sum << place if place >= 0 else block.sum >> -place
        self.lost |= place < 0 and value << -place != block.sum
        total = self.acc + value
        self.acc = max(-self.high - 1, min(self.high, total))
        self.saturated |= self.acc != total

    @property
    def result(self) -> tuple[int, int]:
        special = special_result(self.specials, self.config.output)
        if special:
            return special
        inexact = self.lost or self.saturated
        code, flags = golden.round_to(self.acc, self.lsb or 0, self.config.output, inexact=inexact)
        return code, flags | (golden.OF if self.saturated else 0)


async def _run(dut, test: str, *, idle: str):
    await run_rounded_sums(dut, test, idle=idle, start=_Window, blocks_of=_dot)


def _dot(config: MacConfig, rng: Random, window: _Window, count: int) -> Iterator[ScaledBlock]:
    """Blocks of a dot product; ``window`` is what they have added up to when the next is asked for."""
    scale, special = rng.randint(0, config.scale_sum_max), rng.random() < 0.1
    reach = rng.choice((0, 10, config.window_bits, 508))
    for position in range(count):
        chosen = None
        if position == 0 and rng.random() < 0.5:
            chosen = ScaledBlock.of(config, rng, *between_results(config, rng))
        elif window.lsb is not None and rng.random() < 0.6:
            chosen = ScaledBlock.of(config, rng, *_addend(config, rng, window, window.lsb))
        if chosen is None:
            near = max(0, min(config.scale_sum_max, scale + rng.randint(-reach, reach)))
            chosen = ScaledBlock.random(config, rng, near)
        yield chosen.made_special(rng) if special and rng.random() < 0.3 else chosen


def _addend(config: MacConfig, rng: Random, window: _Window, lsb: int) -> tuple[int, int]:
    """A value and its exponent that make the sum hard: at a limit, at zero, next to what it was, or just below the window."""
    sign = rng.choice((-1, 1))
    return rng.choice(
        (
            (-window.acc, lsb),
            (-window.acc + sign, lsb),
            (sign, lsb),
            ((window.high - window.acc) + rng.randint(-1, 1), lsb),
            ((-window.high - 1 - window.acc) + rng.randint(-1, 1), lsb),
            (sign, lsb - rng.randint(1, 100)),
            (sign * 3, lsb - 1),
            (sign, lsb + config.window_bits - 1 + rng.randint(-1, 2)),
            (-window.acc * 4 + sign, lsb - 2),
        )
    )
