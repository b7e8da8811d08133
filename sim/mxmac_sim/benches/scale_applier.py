"""Bench of the scale applier: the shift that brings block sums to their places in the window."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import cocotb

from mxmac.config import MacConfig
from mxmac.formats import SCALE_BIAS

from ..stimulus.scaled_blocks import SCALED_BLOCK, ScaledBlock
from ..stimulus.specials import SPECIALS
from .kit.pipeline import Result, run_pipeline
from .kit.testbench import Testbench

_OUTPUTS = ("value", "lost", "beyond", "neg", "anchor", *(f"specials_{name}" for name in SPECIALS), "dot_last")


@cocotb.test()
async def every_scale_against_an_anchor(dut):
    """Every sum of scales from 0 to 508, and NaN, in a dot product that another scale has anchored."""
    async with Testbench(dut, "every_scale_against_an_anchor") as bench:
        config, rng = bench.config, bench.rng
        top = config.scale_sum_max
        dots = []
        for anchor in (0, 1, top // 2, rng.randint(2, top - 2), top):
            scales = [anchor, *range(top + 1)]
            nans = [replace(ScaledBlock.random(config, rng, rng.randint(0, top + 2)), scale_nan=1) for _ in range(3)]
            dots.append([ScaledBlock.random(config, rng, scale) for scale in scales] + nans)
        await _run(bench, dots, idle="none")


@cocotb.test()
async def random_dot_products(dut):
    """Short dot products: what anchors them, what is lost, what lies beyond."""
    async with Testbench(dut, "random_dot_products") as bench:
        dots = [list(_random_dot(bench)) for _ in range(bench.settings.effort.scaled(3000))]
        await _run(bench, dots, idle="some")


def _random_dot(bench: Testbench) -> Iterator[ScaledBlock]:
    config, rng = bench.config, bench.rng
    center, reach = rng.randint(0, config.scale_sum_max), rng.choice((4, 40, config.window_bits, 508))
    for _ in range(rng.randint(1, 5)):
        scale = max(0, min(config.scale_sum_max, center + rng.randint(-reach, reach)))
        block = ScaledBlock.random(config, rng, scale)
        if rng.random() < 0.15:
            block = replace(block, sum=0)
        yield block.made_special(rng) if rng.random() < 0.03 else block


def _expected(config: MacConfig, dot: Sequence[ScaledBlock]) -> Iterator[tuple[int | None, ...]]:
    """Outputs for each block of a dot product, without ``dot_last``; None where they mean nothing.

    The window's least significant bit weighs 2^L. A block is ``sum * 2^exp`` and becomes ``floor(sum * 2^(exp - L))``.
    """
    anchor = None if config.window_lsb is None else 0
    special = False
    for block in dot:
        if anchor is None and block.sum:
            anchor = block.scale
        special |= any(block.seen)
        if special:
            # The sum of the dot product means nothing any more.
            yield (None,) * 5 + block.seen
        elif anchor is None:
            yield 0, 0, 0, 0, None, *block.seen
        else:
            lsb = config.window_lsb
            if lsb is None:
                lsb = anchor - 2 * SCALE_BIAS + config.product_lsb_exp - config.window_guard_bits
            up = block.exp - lsb
            steps = block.sum << up if up >= 0 else block.sum >> -up
            lost = up < 0 and steps << -up != block.sum
            beyond = not -(1 << config.window_bits) <= steps < 1 << config.window_bits
            yield None if beyond else steps, int(lost), int(beyond), int(block.sum < 0), anchor, *block.seen


async def _run(bench: Testbench, dots: list[list[ScaledBlock]], *, idle: str):
    vectors: list[tuple[int, ...]] = []
    results: list[Result] = []
    for dot in dots:
        for position, (block, expected) in enumerate(zip(dot, _expected(bench.config, dot), strict=True), 1):
            last = position == len(dot)
            results.append(Result(len(vectors), (*expected, int(last))))
            vectors.append(block.vector(last=last))
    bench.report.dots += len(dots)
    await run_pipeline(bench, SCALED_BLOCK, _OUTPUTS, vectors, results, idle=idle)
