"""The operands of many dot products, and the checks of their arrays."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import Format
from mxmac_sim.golden.blocks import Operand

__all__ = ["Side", "checked", "side_of"]

_Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Side:
    """One operand of many dot products: codes (..., blocks, block), scales and choices of format (..., blocks)."""

    codes: _Codes
    scales: _Codes
    choices: NDArray[np.integer] | None
    formats: Sequence[Format]

    def flat(self, lead: tuple[int, ...]) -> "Side":
        """Broadcast to the leading axes ``lead``, made one."""

        def spread(array: NDArray[Any], tail: tuple[int, ...]) -> NDArray[Any]:
            return np.broadcast_to(array, (*lead, *tail)).reshape(math.prod(lead), *tail)

        blocks = self.scales.shape[-1:]
        choices = None if self.choices is None else spread(self.choices, blocks)
        return Side(spread(self.codes, self.codes.shape[-2:]), spread(self.scales, blocks), choices, self.formats)

    def part(self, rows: slice | NDArray[np.intp]) -> "Side":
        """Some rows of the only leading axis."""
        return Side(self.codes[rows], self.scales[rows], None if self.choices is None else self.choices[rows], self.formats)

    def operand(self, part: slice, axis: int = 0) -> Operand:
        """Rows ``part`` of the only leading axis, with the blocks first and a new axis of length 1 at ``axis``, if not 0."""

        def placed(array: NDArray[Any]) -> NDArray[Any]:
            array = np.ascontiguousarray(np.moveaxis(array[part], 1, 0))
            return np.expand_dims(array, axis) if axis else array

        choices = None if self.choices is None else placed(self.choices)
        return Operand(placed(self.codes), placed(self.scales), self.formats, choices)


def side_of(
    name: str,
    codes: _Codes,
    scales: _Codes,
    formats: Sequence[Format],
    choices: NDArray[np.integer] | None,
    block: int,
) -> Side:
    """Check the arrays of an operand, and broadcast them.

    Parameters
    ----------
    name : str
        Its name, for messages.
    codes : ndarray of uint8, shape (..., blocks, block)
    scales : ndarray of uint8, shape (..., blocks)
    formats : sequence of Format
    choices : ndarray of integers, shape (..., blocks), optional
        Index into ``formats`` for each block; needed if there are several.
    block : int

    Raises
    ------
    ValueError
        If the shapes do not fit, the codes are no uint8, or a format is not chosen or does not exist.
    """
    codes, scales = checked(name, codes), checked(f"scale_{name}", scales)
    if codes.ndim < 2 or codes.shape[-1] != block:
        raise ValueError(f"{name} must have the shape (..., blocks, {block}), not {codes.shape}")
    blocks = codes.shape[-2]
    if scales.shape[-1:] != (blocks,):
        raise ValueError(f"scale_{name} must have the shape (..., {blocks}), not {scales.shape}")
    shape = np.broadcast_shapes(codes.shape[:-1], scales.shape)
    if len(formats) == 1:
        choices = None  # it can only be 0
    else:
        if choices is None:
            raise ValueError(f"format_{name} must choose among {', '.join(fmt.name for fmt in formats)}")
        choices = np.asarray(choices)
        if choices.size and not 0 <= choices.min() <= choices.max() < len(formats):
            raise ValueError(f"format_{name} must be from 0 to {len(formats) - 1}")
        shape = np.broadcast_shapes(shape, choices.shape)
        choices = np.broadcast_to(choices, shape)
    return Side(np.broadcast_to(codes, (*shape, block)), np.broadcast_to(scales, shape), choices, formats)


def checked(name: str, codes: _Codes) -> _Codes:
    """Return codes as an array, and raise ``ValueError`` if they are no uint8."""
    codes = np.asarray(codes)
    if codes.dtype != np.uint8:
        raise ValueError(f"{name} must be codes of dtype uint8, not {codes.dtype}")
    return codes
