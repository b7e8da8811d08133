"""A small network that recognises handwritten digits, for a MAC unit to do all of its multiplications and additions.

It has two layers, 64-63-10. Element 0 of what a layer receives is the constant 1, so that its weight is the bias and the unit
adds that as well: the corner pixel is blank in all images, which makes its place free. What is left to the host is to set
negative values of the hidden layer to zero, to quantize, and to see which of ten scores is the largest.

Pixels are 0 to 16, which E4M3 holds exactly. Images, weights and where they come from: the README in ``data``.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import golden
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.tensors import MxTensor, result_values
from mxmac_sim.tensors.deepseek import padded

__all__ = [
    "BLOCK", "FILE", "FORMAT", "LAYERS", "WHITE", "Backend", "Digits", "Golden", "Network", "held_out", "load", "with_constant",
]  # fmt: skip

#: Layers in the order of use; format and block in which the file has their weights.
LAYERS = ("hidden", "output")
FORMAT, BLOCK = ELEMENT_FORMATS["E4M3"], 32
#: The largest pixel.
WHITE = 16
#: The last of every three images is for testing; the network was trained on the others.
_TEST_STEP = 3

FILE = Path(__file__).parents[1] / "data" / "digits.npz"


class Backend(Protocol):
    """What dot products are given to: a board, a simulated one, or the golden model."""

    @property
    def config(self) -> MacConfig:
        """Which unit it is."""

    def dot(
        self, a: NDArray[np.uint8], scale_a: NDArray[np.uint8], b: NDArray[np.uint8], scale_b: NDArray[np.uint8]
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.uint8]]:
        """Compute dot products; if operands may have several formats, in the first of each.

        Parameters
        ----------
        a, b : ndarray of uint8, shape (dots, blocks, block)
            Element codes.
        scale_a, scale_b : ndarray of uint8, shape (dots, blocks)
            UE8M0 codes.

        Returns
        -------
        data : ndarray of unsigned integers, shape (dots,)
            Codes of ``config.output``.
        status : ndarray of uint8, shape (dots,)
            Flags {NV, DZ, OF, UF, NX} in bits 4 to 0.
        """


@dataclass(frozen=True)
class Golden:
    """The golden model as a backend."""

    config: MacConfig

    def dot(
        self, a: NDArray[np.uint8], scale_a: NDArray[np.uint8], b: NDArray[np.uint8], scale_b: NDArray[np.uint8]
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Compute dot products, as :meth:`Backend.dot` has it."""
        first = np.zeros(scale_a.shape, np.uint8)
        return golden.dot(a, scale_a, b, scale_b, self.config, format_a=first, format_b=first)


@dataclass(frozen=True, eq=False)
class Digits:
    """The images and the trained network.

    Members
    -------
    images : ndarray of uint8, shape (1797, 8, 8)
        Pixels from 0, blank, to 16.
    labels : ndarray of uint8, shape (1797,)
        The digit in each image.
    floats : dict of ndarray of float32
        Weights by layer, shapes (63, 64) and (10, 64): a row for each neuron, its bias first.
    weights : dict of MxTensor
        The same, quantized to E4M3 in blocks of 32.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    floats: dict[str, NDArray[np.float32]]
    weights: dict[str, MxTensor]

    def fp32_scores(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scores (n, 10) of images (n, 8, 8) by the network as it was before quantization."""
        hidden, output = (self.floats[layer].T for layer in LAYERS)
        return _rectified(with_constant(images) @ hidden) @ output


@cache
def load() -> Digits:
    """Read the file that ``data/make_digits.py`` made."""
    with np.load(FILE, allow_pickle=False) as file:
        floats = {layer: file[layer] for layer in LAYERS}
        weights = {layer: MxTensor(file[f"{layer}_elements"], file[f"{layer}_scales"], FORMAT, BLOCK) for layer in LAYERS}
        return Digits(file["images"], file["labels"], floats, weights)


def held_out(images: int) -> NDArray[np.bool_]:
    """Return the indices of the images that the network was not trained on: every third one, 599 of the 1,797."""
    return np.arange(images) % _TEST_STEP == _TEST_STEP - 1


def with_constant(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels scaled to the range from 0 to 1, with the constant 1 in place of the corner.

    Parameters
    ----------
    images : ndarray of uint8, shape (n, 8, 8)

    Returns
    -------
    ndarray of float32, shape (n, 64)
        Multiples of 1/16.
    """
    pixels = images.reshape(len(images), -1).astype(np.float32) / np.float32(WHITE)
    pixels[:, 0] = 1
    return pixels


class Network:
    """The network, quantized for a unit.

    Parameters
    ----------
    digits : Digits
    config : MacConfig
        Of the unit. If it has E4M3 and blocks of 32, it gets the weights of the file; others are quantized from FP32.
    """

    def __init__(self, digits: Digits, config: MacConfig):
        self._config = config
        self._weights = {layer: self._quantized(digits, layer) for layer in LAYERS}

    def _quantized(self, digits: Digits, layer: str) -> MxTensor:
        fmt, block = self._config.b[0], self._config.block
        if (fmt, block) == (FORMAT, BLOCK):
            return digits.weights[layer]
        return quantize(padded(digits.floats[layer], block), fmt, block=block)

    @property
    def macs(self) -> int:
        """Products for an image, those of the zeros that fill up blocks included."""
        return sum(weights.elements.size for weights in self._weights.values())

    def scores(self, backend: Backend, images: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Run images through the network, with one call of ``backend.dot`` for each layer.

        Parameters
        ----------
        backend : Backend
            With the configuration that the network is quantized for.
        images : ndarray of uint8, shape (n, 8, 8)

        Returns
        -------
        ndarray of float64, shape (n, 10)
            The digit with the largest score is what the network takes the image for.
        """
        hidden = self._product(backend, "hidden", with_constant(images))
        return self._product(backend, "output", _rectified(hidden))

    def _product(self, backend: Backend, layer: str, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Dot product of every row of x, quantized, with every neuron of the layer."""
        block, weights = self._config.block, self._weights[layer]
        a = quantize(padded(x, block), self._config.a[0], block=block)
        rows, neurons = len(x), len(weights.elements)
        data, _ = backend.dot(
            np.repeat(a.elements.reshape(rows, -1, block), neurons, axis=0),
            np.repeat(a.scales, neurons, axis=0),
            np.concatenate([weights.elements.reshape(neurons, -1, block)] * rows),
            np.concatenate([weights.scales] * rows),
        )
        return result_values(data, self._config.output).reshape(rows, neurons)


def _rectified(hidden: NDArray[np.floating]) -> NDArray[np.float32]:
    """What the second layer receives: the constant 1, then the hidden layer with zeros for negative values."""
    return np.pad(np.maximum(hidden, 0), ((0, 0), (1, 0)), constant_values=1).astype(np.float32)
