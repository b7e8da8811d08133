"""Ways to quantize the operands of a matrix product, and float32 arithmetic that gives the golden quantizer's values."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import ELEMENT_FORMATS, SCALE_BIAS, SCALE_WIDTH, Format
from mxmac_sim.golden.quantize import ScaleRule, block_scales, quantize
from mxmac_sim.tensors.mx_tensor import MxTensor

__all__ = ["Network", "QuantizedLayers", "Scheme", "as_scheme", "rounded"]

Floats = NDArray[np.float32]

#: Fraction bits of binary32.
_FRACTION = 23


@dataclass(frozen=True)
class Scheme:
    """Element format, block size and scale rule of both operands.

    Members
    -------
    element : str
        Name of the element format.
    rule : str
        Name of the scale rule.
    block : int
        Elements along K that share a scale; 0 for one scale of the whole matrix.
    """

    element: str
    rule: str = ScaleRule.RCEIL.name
    block: int = 32

    @property
    def format(self) -> Format:
        """Element format."""
        return ELEMENT_FORMATS[self.element]

    @property
    def bits(self) -> float:
        """Bits per element, with its part of the scale."""
        return self.format.width + (SCALE_WIDTH / self.block if self.block else 0)

    def as_dict(self) -> dict[str, str | int]:
        """Return the fields, for JSON."""
        return asdict(self)

    def quantized(self, x: Floats) -> MxTensor:
        """Quantize a matrix with the golden quantizer."""
        rule = ScaleRule[self.rule]
        if self.block:
            return quantize(x, self.format, block=self.block, rule=rule)
        return quantize(x, self.format, block=x.shape[-1], rows=len(x), rule=rule)


def as_scheme(fields: dict | None) -> Scheme | None:
    """Return the scheme with these fields; None stands for float32."""
    return None if fields is None else Scheme(**fields)


def rounded(x: Floats, scheme: Scheme) -> Floats:
    """Return the values that a matrix has after quantization: those of the golden quantizer, six times as fast.

    Parameters
    ----------
    x : ndarray of float32, shape (rows, K)
        Finite. The largest magnitude of each block is zero or from 2^-90 to 2^90, so that no step leaves the range of float32.
    scheme : Scheme

    Returns
    -------
    ndarray of float32, shape (rows, K)
    """
    fmt = scheme.format
    blocks = x.reshape(len(x), -1, scheme.block) if scheme.block else x.reshape(1, 1, -1)
    codes = block_scales(np.abs(blocks).max(-1), fmt, ScaleRule[scheme.rule]).astype(np.int32)[..., np.newaxis]
    # Of a block of zeros any scale will do.
    codes = np.maximum(codes, SCALE_BIAS - 110)
    # The exponent field of the binade in which a value is rounded: its own, or that of the smallest normal element. All
    # elements of an integer format have one binade.
    lowest = (codes + (0 if fmt.is_integer else fmt.emin)).astype(np.uint32)
    if fmt.is_integer:
        binades = np.broadcast_to(lowest, blocks.shape)
    else:
        binades = np.maximum(blocks.view(np.uint32) >> _FRACTION & 0xFF, lowest)
    # 1.5 binades, so much larger that what float32 keeps of a sum are the bits of an element: rounded to nearest, ties to even.
    shift = _FRACTION - (fmt.man_bits - fmt.is_integer)
    large = ((binades + np.uint32(shift)) << _FRACTION | 1 << _FRACTION - 1).view(np.float32)
    values = (blocks + large) - large
    limits = np.ldexp(np.float32(fmt.max_value), codes - SCALE_BIAS)
    return np.clip(values, -limits, limits).reshape(x.shape)


class Network(Protocol):
    """A model whose linear layers a caller may compute."""

    weights: dict[str, Floats]

    def multiply(self, x: Floats, name: str) -> Floats:
        """Compute a linear layer in float32."""


class QuantizedLayers:
    """Linear layers with both operands quantized, and products in float32.

    Parameters
    ----------
    model : Network
    scheme : callable
        From the name of a weight to its scheme; None for layers that stay in float32.
    """

    def __init__(self, model: Network, scheme: Callable[[str], Scheme | None]):
        self._model, self._scheme = model, scheme
        self._weights: dict[str, Floats] = {}
        # Several layers receive the same activations, one after the other.
        self._received: tuple[Floats | None, Scheme | None] = None, None
        self._activations: Floats | None = None

    def __call__(self, x: Floats, name: str) -> Floats:
        """Compute a layer: shape (tokens, K) to (tokens, N)."""
        scheme = self._scheme(name)
        if scheme is None:
            return self._model.multiply(x, name)
        if name not in self._weights:
            self._weights[name] = rounded(self._model.weights[name], scheme)
        if self._received[0] is not x or self._received[1] != scheme:
            self._received, self._activations = (x, scheme), rounded(x, scheme)
        assert self._activations is not None
        product: Floats = self._activations @ self._weights[name].T
        return product
