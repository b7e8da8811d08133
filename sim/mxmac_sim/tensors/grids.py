"""Grids of block scales: which elements share a scale, as the shapes of elements and scales tell."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mxmac_sim.tensors import deepseek

__all__ = ["TENSOR_SCALE", "Tile", "accepted_shapes", "as_grid", "cause"]

_Shape = tuple[int, ...]


class Tile(NamedTuple):
    """Elements of a matrix that share a scale. Tiles at the edges may be smaller.

    Parameters
    ----------
    rows : int or None
        Rows of the matrix; None means all of them.
    block : int or None
        Elements of a row; None means all of them.
    """

    rows: int | None
    block: int | None

    def __str__(self) -> str:
        if self.block is None:
            return "one a row" if self.rows else "one a tensor"
        return f"{self.rows} x {self.block} elements"

    def within(self, shape: _Shape) -> tuple[int, int]:
        """Rows and elements of a row that share a scale of a tensor of this shape."""
        return self.rows or (shape[-2] if len(shape) > 1 else 1), self.block or shape[-1]

    def grid(self, shape: _Shape) -> _Shape:
        """Shape of the scales of a tensor of shape (..., rows, K) or (K,)."""
        rows, block = self.within(shape)
        matrix = (-(-shape[-2] // rows),) if len(shape) > 1 else ()
        return (*shape[:-2], *matrix, -(-shape[-1] // block))


#: One scale for all elements of a matrix.
TENSOR_SCALE = Tile(None, None)


def accepted_shapes(tile: Tile, shape: _Shape, *, words: bool = False) -> list[_Shape]:
    """Return the shapes that scales may have in a file, the usual one first.

    Parameters
    ----------
    tile : Tile
    shape : tuple of int
        Of the elements, one code each.
    words : bool
        Whether a word has four scales of a row.
    """
    grid = tile.grid(shape)
    if words:
        return [(*grid[:-1], deepseek.packed_length(grid[-1]))] if tile.block else []
    if tile.block is not None:
        return [grid]
    # A last axis of one, or two of them, may be left out; one scale for all matrices has no other axes.
    return [grid, grid[:-1]] if tile.rows else [(), (1,), grid[:-2], grid]


def as_grid(tile: Tile, scales: NDArray[Any], shape: _Shape) -> NDArray[Any]:
    """Return scales of an accepted shape, not in words, in the shape of the grid."""
    grid = tile.grid(shape)
    return np.broadcast_to(scales, grid) if scales.size == 1 else scales.reshape(grid)


def cause(tiles: Iterable[Tile], shape: _Shape, found: _Shape) -> str:
    """Return why scales may have a shape that fits no tile, as the end of a message; empty if that is unknown."""
    if len(shape) < 2 or len(found) < 2:
        return ""
    for tile in tiles:
        grid, (rows, block) = tile.grid(shape), tile.within(shape)
        if found == (*grid[:-2], grid[-1], grid[-2]):
            return f"; its axes are swapped, for {tile}"
        if found == (*grid[:-2], shape[-2] // rows, shape[-1] // block) or found[-2:] in (
            (shape[-2] // rows, grid[-1]),
            (grid[-2], shape[-1] // block),
        ):
            return f"; smaller tiles at the edges need scales too, for {tile}"
    return ""
