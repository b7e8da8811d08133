"""magika's classifier of file types in NumPy, whose matrix products are computed by a function of the caller's.

The network looks at the first and last 1,024 bytes of a file: an embedding of each byte, of which four at a time are a position
of 256 channels, a normalization, a convolution of five positions to 512 channels, the largest value of each channel, a
normalization, and a dense layer to the labels. All of it is float32.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONVOLUTION", "DENSE", "FileTypes", "Linear"]

Floats = NDArray[np.float32]
#: Computes a layer: from activations of shape (rows, K) and the name of a weight of shape (N, K), their product.
Linear = Callable[[Floats, str], Floats]

#: Names of the weights: of the convolution, of shape (512, 5 · 256), and of the dense layer, of shape (214, 512).
CONVOLUTION, DENSE = "convolution", "dense"

#: Bytes from either end of a file, of which white space at the ends does not count; bytes that are read; and their padding.
_ENDS, _READ, _PADDING = 1024, 4096, 256
#: Positions of a convolution, and bytes of a position.
_TAPS, _BYTES = 5, 4


class FileTypes:
    """A classifier of file types.

    Parameters
    ----------
    constants : mapping of str to ndarray
        Of the network, by their names in the ONNX file without what all of them begin with, and what follows a colon.
    labels : sequence of str

    Members
    -------
    labels : list of str
    weights : dict of ndarray of float32
        Of the convolution and of the dense layer, each of shape (N, K).
    """

    def __init__(self, constants: Mapping[str, NDArray[Any]], labels: Sequence[str]):
        self.labels = list(labels)
        kernel = constants["Conv_0/transpose_3"][..., 0]
        # Shape (outputs, channels, taps): the channels of a position are together here.
        convolution = kernel.transpose(0, 2, 1).reshape(len(kernel), -1)
        self.weights: dict[str, Floats] = {
            CONVOLUTION: np.ascontiguousarray(convolution),
            DENSE: np.ascontiguousarray(constants["Const_24"].T),
        }
        self._embedding = constants["Const"] + constants["Dense_0/Reshape"].reshape(-1)
        self._convolution_bias = constants["const_fold_opt__209"].reshape(-1)
        self._dense_bias = constants["Dense_1/Reshape"].reshape(-1)
        self._epsilon = constants["Const_21"]
        names = ("LayerNorm_{}/Reshape_2", "LayerNorm_{}/Reshape_3")
        self._norms = [[constants[name.format(index)][0] for name in names] for index in range(2)]

    def multiply(self, x: Floats, name: str) -> Floats:
        """Compute a layer in float32: shape (rows, N)."""
        product: Floats = x @ self.weights[name].T
        return product

    def features(self, content: bytes) -> NDArray[np.int64]:
        """Return the input of the network: 2,048 bytes of a file, 256 where there is none."""
        first, last = content[:_READ], content[-_READ:]
        begin = first.strip() if len(content) <= _READ else first.lstrip()
        end = last.strip() if len(content) <= _READ else last.rstrip()
        found = np.full(2 * _ENDS, _PADDING)
        for part, where in ((begin[:_ENDS], slice(None)), (end[-_ENDS:], slice(None, None, -1))):
            values = np.frombuffer(part, np.uint8)[where]
            found[where][: len(values)] = values
        return found

    def logits(self, features: NDArray[np.int64], linear: Linear | None = None) -> Floats:
        """Return the logits of the labels.

        Parameters
        ----------
        features : ndarray of integers, shape (2048,)
        linear : callable
            Computes the two layers, by default :meth:`multiply`. The convolution has a row for each of 508 positions.

        Returns
        -------
        ndarray of float32, shape (labels,)
        """
        linear = linear or self.multiply
        x = _gelu(self._embedding[features]).reshape(len(features) // _BYTES, -1)
        x = self._normalized(x, 0)
        taps = np.lib.stride_tricks.sliding_window_view(x, _TAPS, axis=0).swapaxes(1, 2)
        rows = np.ascontiguousarray(taps).reshape(len(taps), -1)
        x = _gelu(linear(rows, CONVOLUTION) + self._convolution_bias).max(0)
        logits: Floats = linear(self._normalized(x, 1)[np.newaxis], DENSE)[0] + self._dense_bias
        return logits

    def _normalized(self, x: Floats, index: int) -> Floats:
        """Normalize along the first axis."""
        scale, bias = self._norms[index]
        mean = x.mean(0)
        variance: Floats = np.maximum((x * x).mean(0) - mean * mean, 0)
        normalized: Floats = (x - mean) * (scale / np.sqrt(variance + self._epsilon)) + bias
        return normalized


def _gelu(x: Floats) -> Floats:
    """The Gaussian error linear unit, by the hyperbolic tangent (https://arxiv.org/abs/1606.08415, 2)."""
    inner: Floats = (2 / np.pi) ** 0.5 * (x + 0.044715 * (x * x * x))
    result: Floats = 0.5 * x * (1 + np.tanh(inner))
    return result
