"""Matrix products and random dot products on a board, each result compared with the golden model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac_sim import golden
from mxmac_sim.tensors import MxTensor

from .board import Board
from .packing import BLOCKS_MAX
from .selftest import random_operands

__all__ = ["Mismatch", "Outcome", "matrix_product", "random_products"]

#: Called with how many dot products have been done since the last time, and how many there are in all.
_Progress = Callable[[int, int], object]
_Results = tuple[NDArray[np.uint32], NDArray[np.uint8]]

#: Blocks of random dot products; the longest goes to any board in several frames.
_BLOCKS = (1, 2, 3, 8, BLOCKS_MAX + 1)
#: Part of them that may have NaN, Inf and extreme scales.
_SPECIALS = 0.25


@dataclass(frozen=True)
class Mismatch:
    """A result that is not the golden one; ``where`` says of which dot product, in words."""

    where: str
    data: int
    status: int
    golden_data: int
    golden_status: int


@dataclass
class Outcome:
    """What came of dot products on a board.

    Members
    -------
    work : str
        What was computed, in words.
    dots, macs : int
    mismatches : list of Mismatch
    """

    work: str
    dots: int
    macs: int
    mismatches: list[Mismatch] = field(default_factory=list)

    def compare(self, results: _Results, expected: _Results, where: str):
        """Add what differs; ``where`` says of which dot product, with braces in the place of its index."""
        wrong = np.flatnonzero((results[0] != expected[0]) | (results[1] != expected[1]))
        for index in wrong.tolist():
            self.mismatches.append(Mismatch(where.format(index), *(int(array[index]) for array in (*results, *expected))))


def matrix_product(board: Board, a: MxTensor, b: MxTensor, a_file: Path, b_file: Path, progress: _Progress) -> Outcome:
    """Multiply ``a`` by the transpose of ``b``.

    Raises
    ------
    UserError
        If the board's unit does not take such elements or blocks.
    LinkError
        If the board does not answer any more.
    """
    config = board.config
    for tensor, file, formats in ((a, a_file, config.a), (b, b_file, config.b)):
        if tensor.format not in formats:
            accepted = " or ".join(fmt.name for fmt in formats)
            raise UserError(str(file), f"It is {tensor.format.name}, but the unit on the board takes {accepted} there")
        if tensor.block != config.block:
            raise UserError(str(file), f"Its blocks have {tensor.block} elements, those of the board's unit {config.block}")
    (rows, k), columns = a.elements.shape, len(b.elements)
    outcome = Outcome(f"({rows} × {k}) · ({columns} × {k})ᵀ", rows * columns, rows * columns * k)
    b_codes = b.elements.reshape(columns, -1, config.block)
    choices = _choices(config, a, b, b.scales.shape)
    for row in range(rows):
        a_codes = np.broadcast_to(a.elements[row].reshape(1, -1, config.block), b_codes.shape)
        a_scales = np.broadcast_to(a.scales[row], b.scales.shape)
        operands = {"a": a_codes, "scale_a": a_scales, "b": b_codes, "scale_b": b.scales, **choices}
        results = board.dot(**operands, progress=lambda done: progress(done, outcome.dots))
        expected = golden.dot(**operands, config=config)
        outcome.compare(results, expected, f"at [{row}, {{}}]")
    return outcome


def _choices(config: MacConfig, a: MxTensor, b: MxTensor, shape: tuple[int, ...]) -> dict[str, NDArray[np.uint8]]:
    """Choices of format, where there is one."""
    return {
        f"format_{side}": np.full(shape, list(formats).index(tensor.format), np.uint8)
        for side, tensor, formats in (("a", a, config.a), ("b", b, config.b))
        if len(formats) > 1
    }


def random_products(board: Board, dots: int, seed: int, progress: _Progress) -> Outcome:
    """Compute random dot products of several lengths, some of them with NaN, Inf and extreme scales.

    Raises
    ------
    LinkError
        If the board does not answer any more.
    """
    config, rng = board.config, np.random.default_rng(seed)
    # The longer, the fewer, and each length once at least, as far as there are enough.
    shares = [max(1, int(dots / blocks / sum(1 / other for other in _BLOCKS))) for blocks in _BLOCKS[1:]]
    counts = [max(1, dots - sum(shares)), *shares]
    total = sum(counts)
    elements = sum(count * blocks for count, blocks in zip(counts, _BLOCKS, strict=True)) * config.block
    outcome = Outcome(f"{total:,} random dot products of {_BLOCKS[0]} to {_BLOCKS[-1]} blocks", total, elements)
    for count, blocks in zip(counts, _BLOCKS, strict=True):
        operands = random_operands(config, count, blocks, rng, specials=_SPECIALS)
        results = board.dot(**operands, progress=lambda done: progress(done, total))
        expected = golden.dot(**operands, config=config)
        outcome.compare(results, expected, f"in dot product {{}} of {blocks} blocks")
    return outcome
