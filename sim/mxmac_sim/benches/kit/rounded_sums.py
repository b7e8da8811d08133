"""Dot products through an accumulator that rounds its sums itself, at a fixed latency."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Protocol, TypeVar

from mxmac.config import MacConfig
from mxmac_sim.golden import model as golden

from ...stimulus.scaled_blocks import SCALED_BLOCK, ScaledBlock
from .pipeline import Result, run_pipeline
from .testbench import Testbench

__all__ = ["RunningSum", "run_rounded_sums"]

_OUTPUTS = ("data", "status_nx", "status_uf", "status_of", "status_dz", "status_nv")
_FLAGS = (golden.NX, golden.UF, golden.OF, golden.DZ, golden.NV)
#: Numbers of blocks that dot products have.
_COUNTS = (1, 1, 2, 2, 3, 4, 8)


class RunningSum(Protocol):
    """Sum so far, by the definition of the accumulator."""

    def add(self, block: ScaledBlock):
        """Add a block."""

    @property
    def result(self) -> tuple[int, int]:
        """Code and status flags, if the dot product ended here."""


_Sum = TypeVar("_Sum", bound=RunningSum)


async def run_rounded_sums(
    dut,
    test: str,
    *,
    idle: str,
    start: Callable[[MacConfig], _Sum],
    blocks_of: Callable[[MacConfig, Random, _Sum, int], Iterator[ScaledBlock]],
):
    """Run random dot products through the accumulator, and compare results, flags and latencies.

    Parameters
    ----------
    dut : cocotb handle
    test : str
        Name of the test.
    idle : str
        How the source pauses: a name in ``streams.IDLE``.
    start : callable
        Makes a sum of no blocks.
    blocks_of : callable
        Yields a number of blocks, given the sum of those before.
    """
    async with Testbench(dut, test) as bench:
        rng, config = bench.rng, bench.config
        vectors: list[tuple[int, ...]] = []
        results, places = [], []
        for _ in range(bench.settings.effort.scaled(1500)):
            total, first = start(config), len(vectors)
            count = rng.choice(_COUNTS)
            for position, block in enumerate(blocks_of(config, rng, total, count), 1):
                total.add(block)
                vectors.append(block.vector(last=position == count))
            code, flags = total.result
            results.append(Result(len(vectors) - 1, (code, *(int(bool(flags & flag)) for flag in _FLAGS))))
            places.append(range(first, len(vectors)))
        bench.report.dots += len(results)
        await run_pipeline(
            bench,
            SCALED_BLOCK,
            _OUTPUTS,
            vectors,
            results,
            idle=idle,
            interval=bench.settings.parameters["block_interval"],
            operands=lambda index: places[index],
        )
