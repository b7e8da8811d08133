"""Formats, scale rules and block sizes compared on the same floats, for ``mxmac compare``."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import SCALE_WIDTH, Format
from mxmac_sim.golden import quantize as golden
from mxmac_sim.golden.quantize import ScaleRule
from mxmac_sim.tensors.archives import widened
from mxmac_sim.tensors.mx_tensor import MxTensor

from .progress import Advance
from .rows import Rows, parts
from .slices import Losses

__all__ = ["Choice", "Figures", "best", "compared", "reason_against", "total"]


@dataclass(frozen=True)
class Choice:
    """One way to quantize. Values beyond the largest element saturate.

    Members
    -------
    format : Format
    block : int
    rule : ScaleRule
    """

    format: Format
    block: int
    rule: ScaleRule

    @property
    def bytes(self) -> Fraction:
        """Bytes per element, packed, with the share of the scale."""
        return Fraction(self.format.width, 8) + Fraction(SCALE_WIDTH, 8 * self.block)


@dataclass
class Figures(Losses):
    """Errors of a choice.

    Members
    -------
    elements : int
        Elements that were quantized.
    tensors : int
        Tensors that they are from.
    underflowed : int
        Elements that are not zero and became zero.
    largest : float
        Largest absolute error of an element relative to amax, the largest magnitude of its block.
    """

    elements: int = 0
    tensors: int = 0
    underflowed: int = 0
    largest: float = 0.0

    def add(self, values: NDArray[Any], tensor: MxTensor, quantized: NDArray[np.float64]) -> None:
        """Add a part: floats, the tensor that they were quantized to, and its values."""
        super().add(values, tensor, quantized)
        exact = widened(values)
        self.elements += exact.size
        self.underflowed += int(np.count_nonzero((exact != 0) & (quantized == 0)))
        blocks, errors = (np.abs(each).reshape(-1, tensor.block).max(axis=-1) for each in (exact, exact - quantized))
        filled = blocks > 0
        self.largest = max(self.largest, float((errors[filled] / blocks[filled]).max(initial=0)))

    def merge(self, other: "Figures") -> None:
        """Add another tensor, or several."""
        self.clipped += other.clipped
        self.lost += other.lost
        self.sqnr.merge(other.sqnr)
        self.elements += other.elements
        self.tensors += other.tensors
        self.underflowed += other.underflowed
        self.largest = max(self.largest, other.largest)


def reason_against(block: int, k: int) -> str:
    """Return why rows of K elements cannot be cut into blocks of that size; empty if they can."""
    return f"K = {k} is not a multiple of {block}" if k % block else ""


def compared(floats: Rows, choices: Iterable[Choice], advance: Advance) -> dict[Choice, Figures]:
    """Quantize a tensor in all ways, slice by slice.

    Parameters
    ----------
    floats : Rows
    choices : iterable of Choice
    advance : callable
        Called with the number of elements that are done, each time that some are; those of all choices count.

    Returns
    -------
    dict of Choice to Figures
        Of the choices whose block divides K.

    Raises
    ------
    UserError
        If a value is NaN or Inf, or a float64 beyond FP32.
    """
    found = {choice: Figures(tensors=1) for choice in choices if not reason_against(choice.block, floats.shape[-1])}
    if not found:
        return found
    for values in parts(floats, math.lcm(*(choice.block for choice in found))):
        for choice, figures in found.items():
            tensor = golden.quantize(values, choice.format, block=choice.block, rule=choice.rule)
            figures.add(values, tensor, golden.dequantize(tensor))
            advance(values.size)
    return found


def total(tensors: Iterable[dict[Choice, Figures]]) -> dict[Choice, Figures]:
    """Return the figures of tensors together, of those that a choice fits."""
    found: dict[Choice, Figures] = {}
    for choice, figures in itertools.chain.from_iterable(tensor.items() for tensor in tensors):
        found.setdefault(choice, Figures()).merge(figures)
    return found


def best(found: Mapping[Choice, Figures]) -> set[Choice]:
    """Return the choices of which no other one of the same size has a higher SQNR."""
    sizes: dict[Fraction, list[Choice]] = {}
    for choice in found:
        sizes.setdefault(choice.bytes, []).append(choice)
    return {choice for same in sizes.values() for choice in _highest(same, found)}


def _highest(choices: Sequence[Choice], found: Mapping[Choice, Figures]) -> list[Choice]:
    highest = max(found[choice].sqnr.db for choice in choices)
    return [choice for choice in choices if found[choice].sqnr.db == highest]
