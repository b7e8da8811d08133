"""Bench of the exact accumulator: sums in plain integers, wherever words begin and end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random

import cocotb

from mxmac.config import MacConfig

from ..stimulus.scaled_blocks import ScaledBlock, between_results, largest_sum
from ..stimulus.specials import NO_SPECIALS
from .kit.exact_sums import run_sums
from .kit.streams import IDLE
from .kit.testbench import Testbench


@cocotb.test()
async def every_scale(dut):
    """Every sum of scales from 0 to 508, as a dot product of one block, as a step of one with all, and back down again."""
    async with Testbench(dut, "every_scale") as bench:
        config, rng = bench.config, bench.rng
        scales = list(range(config.scale_sum_max + 1))
        dots = [[ScaledBlock.random(config, rng, scale)] for scale in scales]
        rng.shuffle(dots)
        up = [ScaledBlock.random(config, rng, scale) for scale in scales]
        dots += [up, [replace(block, sum=-block.sum) for block in reversed(up)], [*up, *_negated(up)]]
        await run_sums(bench, dots)


@cocotb.test()
async def around_words(dut):
    """Values next to the ends of words, and sums that carry or borrow across several of them."""
    async with Testbench(dut, "around_words") as bench:
        count = bench.settings.effort.scaled(400)
        await run_sums(bench, [_around_words(bench) for _ in range(count)])


@cocotb.test()
async def ties_and_limits(dut):
    """Sums halfway between two results, where subnormals begin and where numbers end, and what tips them from far below."""
    async with Testbench(dut, "ties_and_limits") as bench:
        count = bench.settings.effort.scaled(600)
        await run_sums(bench, [_between_results(bench) for _ in range(count)])


@cocotb.test()
@cocotb.parametrize(idle=list(IDLE))
async def random_dot_products(dut, idle):
    """Short and long ones, near and far scales, cancellation, NaN and infinities: in all slots, one after the other."""
    async with Testbench(dut, f"random_dot_products, idle {idle}") as bench:
        count = bench.settings.effort.scaled(500)
        await run_sums(bench, [list(_random_dot(bench.config, bench.rng)) for _ in range(count)], idle=idle)


@cocotb.test()
async def alone(dut):
    """Dot products that nothing comes before or after: their latency is always within its limits."""
    async with Testbench(dut, "alone") as bench:
        config, rng = bench.config, bench.rng
        ends = [ScaledBlock.random(config, rng, scale) for scale in (0, config.scale_sum_max)]
        dots: list[Sequence[ScaledBlock]] = [ends, ends[::-1], ends[:1], ends[1:]]
        dots += [list(_random_dot(config, rng)) for _ in range(bench.settings.effort.scaled(60))]
        await run_sums(bench, dots, alone=True)


def _negated(blocks: Iterable[ScaledBlock]) -> list[ScaledBlock]:
    return [replace(block, sum=-block.sum) for block in blocks]


def _around_words(bench: Testbench) -> list[ScaledBlock]:
    """Blocks that bring a sum next to ``2^edge``, where a word ends, from one side or the other, and perhaps back again."""
    config, rng, bits = bench.config, bench.rng, bench.settings.parameters["word_bits"]
    lowest = config.block_exp_min
    edge = bits * rng.randint(1, config.scale_sum_max // bits)
    # Every bit from some way down to the edge is set; what comes last makes them all fall over.
    bottom = max(0, edge - rng.choice((1, bits, 2 * bits, 5 * bits)) - rng.randrange(bits))
    run = _as_blocks(config, rng, (1 << edge) - (1 << bottom), lowest)
    last = _as_blocks(config, rng, rng.choice((1, 1, 1, 2, -1)) << bottom, lowest)
    far = [ScaledBlock.random(config, rng, rng.randint(0, config.scale_sum_max))]
    dot = run + last + rng.choice(([], last, _negated(last), _negated(run), far, far + _negated(far)))
    if rng.random() < 0.5:
        dot = _negated(dot)
    if rng.random() < 0.5:
        rng.shuffle(dot)
    return dot


def _between_results(bench: Testbench) -> list[ScaledBlock]:
    config, rng = bench.config, bench.rng
    lowest, highest = config.block_exp_min, config.block_exp_min + config.scale_sum_max
    value, exp = between_results(config, rng)
    while not lowest <= exp <= highest - value.bit_length():
        value, exp = between_results(config, rng)
    far = rng.choice((0, 1, 20, 40, 60, 200))
    tip = _as_blocks(config, rng, rng.choice((-1, 1)), max(lowest, exp - far)) if far else []
    dot = _as_blocks(config, rng, value, exp) + tip
    rng.shuffle(dot)
    return dot


def _as_blocks(config: MacConfig, rng: Random, value: int, exp: int) -> list[ScaledBlock]:
    """Blocks that are ``value * 2^exp`` together; each as long as the sum of a block can be."""
    bits = largest_sum(config).bit_length() - 1
    sign, left, blocks = (-1 if value < 0 else 1), abs(value), []
    while left:
        block = ScaledBlock.of(config, rng, sign * (left & (1 << bits) - 1), exp)
        assert block is not None
        blocks.append(block)
        left, exp = left >> bits, exp + bits
    return blocks


def _random_dot(config: MacConfig, rng: Random) -> Iterator[ScaledBlock]:
    center, reach = rng.randint(0, config.scale_sum_max), rng.choice((0, 4, 40, 508))
    special, blocks = rng.random() < 0.1, list[ScaledBlock]()
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        block = ScaledBlock.random(config, rng, max(0, min(config.scale_sum_max, center + rng.randint(-reach, reach))))
        # Some take away all that has been added, or nearly so.
        if blocks and rng.random() < 0.3:
            block = replace(rng.choice(blocks), specials=NO_SPECIALS, scale_nan=0)
            block = replace(block, sum=-block.sum + rng.choice((0, 0, 1)))
        blocks.append(block)
        yield block.made_special(rng) if special and rng.random() < 0.4 else block
