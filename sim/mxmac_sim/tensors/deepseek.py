"""Layouts of block scales in DeepSeek's checkpoints and in DeepGEMM.

Elements are E4M3. A scale belongs to 128 elements along K of one row of activations (1x128), or to a tile of 128 rows by
128 elements of weights (128x128). The hardware takes a scale for each row and block, so the scale
of a tile is repeated for each of its rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import SCALE_BIAS

__all__ = ["BLOCK", "TILE_ROWS", "pack_scales", "packed_length", "padded", "scales_of_rows", "scales_of_tiles", "unpack_scales"]

#: Elements along K that share a scale.
BLOCK = 128
#: Rows of weights that share a scale.
TILE_ROWS = 128

_Codes = NDArray[np.uint8]

_WORD = np.dtype("<i4")


def padded(x: NDArray[Any], block: int) -> NDArray[Any]:
    """Append zeros to the last axis, until its length is a multiple of ``block``.

    Element code 0 is zero in every format, and missing elements of a block count as zeros. So this changes no dot product.
    """
    missing = -x.shape[-1] % block
    if not missing:
        return x
    return np.concatenate([x, np.zeros((*x.shape[:-1], missing), x.dtype)], axis=-1)


def scales_of_rows(tiles: NDArray[Any], rows: int, tile_rows: int = TILE_ROWS) -> NDArray[Any]:
    """Repeat the scale of each tile for all of its rows.

    Parameters
    ----------
    tiles : ndarray, shape (..., ceil(rows / tile_rows), blocks)
    rows : int
        Rows of the matrix; the last tile may be shorter.
    tile_rows : int

    Returns
    -------
    ndarray, shape (..., rows, blocks)
    """
    return np.repeat(tiles, tile_rows, axis=-2)[..., :rows, :]


def scales_of_tiles(rows: _Codes) -> _Codes | None:
    """Return the scales of tiles, from those of their rows: the inverse of :func:`scales_of_rows`.

    Parameters
    ----------
    rows : ndarray, shape (..., rows, blocks)

    Returns
    -------
    ndarray, shape (..., ceil(rows / 128), blocks), or None
        None if the rows of a tile differ.
    """
    tiles = rows[..., ::TILE_ROWS, :]
    return tiles if np.array_equal(scales_of_rows(tiles, rows.shape[-2]), rows) else None


def packed_length(blocks: int) -> int:
    """Return the number of words for the scales of ``blocks`` blocks."""
    return -(-blocks // _WORD.itemsize)


def pack_scales(scales: _Codes) -> NDArray[np.int32]:
    """Pack four consecutive scales along K into a word, as DeepGEMM has them.

    Parameters
    ----------
    scales : ndarray of uint8, shape (..., blocks)
        UE8M0 codes.

    Returns
    -------
    ndarray of int32, shape (..., ceil(blocks / 4))
        Byte j of word p, the lowest first, is the scale of block 4p + j. The last word is filled with 0x7F, a scale of one.
    """
    missing = -scales.shape[-1] % _WORD.itemsize
    ones = np.full((*scales.shape[:-1], missing), SCALE_BIAS, np.uint8)
    return np.concatenate([scales, ones], axis=-1).view(_WORD).astype(np.int32, copy=False)


def unpack_scales(words: NDArray[np.integer], blocks: int) -> _Codes:
    """Unpack scales from words: the inverse of :func:`pack_scales`.

    Parameters
    ----------
    words : ndarray of int32, shape (..., ceil(blocks / 4))
        Of either byte order. Bytes after the last block are ignored.
    blocks : int

    Returns
    -------
    ndarray of uint8, shape (..., blocks)
    """
    return np.ascontiguousarray(words.astype(_WORD)).view(np.uint8)[..., :blocks]
