"""Bench of the accumulator in a window: saturation both ways, recovery from it, and what is noted on the way."""

from random import Random

import cocotb

from ..stimulus.specials import NO_SPECIALS, SPECIALS, merged
from .kit.pipeline import Result, run_pipeline
from .kit.testbench import Testbench

_INPUTS = ("value", "lost", "beyond", "neg", "anchor", *(f"specials_{name}" for name in SPECIALS), "dot_last")
_OUTPUTS = ("value", "exp", "inexact", "overflow", *(f"specials_{name}" for name in SPECIALS))


@cocotb.test()
async def one_block_a_clock(dut):
    """Dot products without a gap."""
    await _run(dut, "one_block_a_clock", idle="none")


@cocotb.test()
async def blocks_with_gaps(dut):
    """Dot products with cycles that bring nothing."""
    await _run(dut, "blocks_with_gaps", idle="some")


class _Window:
    """The sum so far, by its definition: the sum is formed without bounds, then brought back to the window's limits."""

    def __init__(self, width: int):
        self.low, self.high = -(1 << width - 1), (1 << width - 1) - 1
        self.acc, self.saturated = 0, False

    def add(self, value: int):
        total = self.acc + value
        self.acc = max(self.low, min(self.high, total))
        self.saturated |= self.acc != total


async def _run(dut, test: str, *, idle: str):
    async with Testbench(dut, test) as bench:
        rng, width = bench.rng, bench.config.window_bits
        vectors: list[tuple[int, ...]] = []
        results, blocks = [], []
        for _ in range(bench.settings.effort.scaled(2500)):
            window, inexact, seen = _Window(width), False, NO_SPECIALS
            start, count = len(vectors), rng.choice((1, 1, 2, 3, 5, 8))
            for position in range(1, count + 1):
                value, lost, beyond = _addend(rng, window, width), rng.random() < 0.1, rng.random() < 0.03
                neg = int(value < 0)
                # A block that lies beyond is larger than any that fits.
                window.add((-1 if neg else 1) << 2 * width if beyond else value)
                value = rng.randint(2 * window.low, 2 * window.high + 1) if beyond else value
                special = [int(rng.random() < 0.02) for _ in SPECIALS]
                seen = merged(seen, special)
                inexact |= lost
                anchor = rng.getrandbits(9)
                vectors.append((value, int(lost), int(beyond), neg, anchor, *special, int(position == count)))
            total = (None,) * 4 if any(seen) else (window.acc, anchor, int(inexact or window.saturated), int(window.saturated))
            results.append(Result(len(vectors) - 1, (*total, *seen)))
            blocks.append(range(start, len(vectors)))
        bench.report.dots += len(results)
        await run_pipeline(bench, _INPUTS, _OUTPUTS, vectors, results, idle=idle, operands=lambda index: blocks[index])


def _addend(rng: Random, window: _Window, width: int) -> int:
    """A block, up to twice as large as the window: of any magnitude, at a limit, or such that the sum comes close to one."""
    low, high = 2 * window.low, 2 * window.high + 1
    value = rng.choice(
        (
            rng.randint(low, high) >> rng.randrange(width),
            rng.choice((low, high, window.low, window.high, 0, 1, -1)),
            window.high - window.acc + rng.randint(-1, 1),
            window.low - window.acc + rng.randint(-1, 1),
            -window.acc,
        )
    )
    return max(low, min(high, value))
