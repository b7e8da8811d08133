"""Bench of the exact accumulator at the ends of its range: as many blocks as a dot product may have."""

import cocotb

from ..stimulus.scaled_blocks import ScaledBlock, largest_sum
from .kit.exact_sums import MOST_BLOCKS, run_sums
from .kit.settings import Effort
from .kit.testbench import Testbench


@cocotb.test()
async def as_many_blocks_as_there_may_be(dut):
    """2^16 blocks that fill a word fastest, up or down, or the largest at the largest scale.

    A quick run tries one of the latter.
    """
    async with Testbench(dut, "as_many_blocks_as_there_may_be") as bench:
        config, bits = bench.config, bench.settings.parameters["word_bits"]
        limit, scale = largest_sum(config), bits * bench.rng.randrange(config.scale_sum_max // bits)
        # A word of ones and -1 above it; then the extremes of an upper word, moved up as far as a word allows.
        blocks = [ScaledBlock(config, -1, scale), *(ScaledBlock(config, value, scale + bits - 1) for value in (limit, -limit))]
        ends = [ScaledBlock(config, value, config.scale_sum_max) for value in (limit, -limit)]
        tried = [bench.rng.choice(ends)] if bench.settings.effort is Effort.QUICK else blocks + ends
        await run_sums(bench, [[block] * MOST_BLOCKS for block in tried], alone=True)


@cocotb.test()
async def back_from_the_ends(dut):
    """2^15 - 1 of the largest blocks at the largest scale, their opposites and a small one: only that one is left.

    A quick run goes to neither end.
    """
    async with Testbench(dut, "back_from_the_ends") as bench:
        config, half = bench.config, MOST_BLOCKS // 2 - 1
        limits = () if bench.settings.effort is Effort.QUICK else (largest_sum(config), -largest_sum(config))
        for limit in limits:
            there, back = (ScaledBlock(config, value, config.scale_sum_max) for value in (limit, -limit))
            small = [ScaledBlock.random(config, bench.rng, bench.rng.randint(0, config.scale_sum_max))]
            await run_sums(bench, [[there] * half + [back] * half + small], alone=True)
