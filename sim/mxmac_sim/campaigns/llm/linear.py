"""Linear layers of a language model: by simulated hardware with every result checked, and by the golden model alone."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import Format
from mxmac_sim.golden import model as golden
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.models.language_model import Floats, LanguageModel
from mxmac_sim.simulators.product_server import ProductServer
from mxmac_sim.tensors.mx_tensor import MxTensor

__all__ = ["CheckedLinear", "Count", "GoldenLinear", "quantized_weights"]


@dataclass
class Count:
    """Work of the hardware, and its mismatches.

    Members
    -------
    products : int
        Matrix products.
    dots, macs : int
        Dot products, and products of two elements.
    clocks : int
        Simulated cycles, over all simulations.
    seconds : float
        Wall time of the simulations.
    mismatches : int
        Results whose data or status differ from the golden model's.
    """

    products: int = 0
    dots: int = 0
    macs: int = 0
    clocks: int = 0
    seconds: float = 0.0
    mismatches: int = 0


def quantized_weights(model: LanguageModel, config: MacConfig) -> dict[str, MxTensor]:
    """Quantize the weights of all linear layers of a model for a unit; those of the logits are one of them."""
    return {name: _quantized(model.weights[name], config.operand_b.formats[0], config) for name in model.linear_names}


class GoldenLinear:
    """Linear layers by the golden model: a callable for :class:`LanguageModel`.

    Parameters
    ----------
    weights : mapping of str to MxTensor
    config : MacConfig
        Of a unit with FP32 results.
    """

    def __init__(self, weights: Mapping[str, MxTensor], config: MacConfig):
        self._weights, self._config = weights, config

    def __call__(self, x: Floats, name: str) -> Floats:
        """Quantize activations and multiply them by a weight."""
        data, _ = self.product(self.quantized(x), name)
        return data.view(np.float32)

    def quantized(self, x: Floats) -> MxTensor:
        """Quantize activations."""
        return _quantized(x, self._config.operand_a.formats[0], self._config)

    def product(self, a: MxTensor, name: str) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
        """Return data and status of a product."""
        return golden.matmul(a, self._weights[name], self._config)


class CheckedLinear:
    """Linear layers by simulated hardware, whose results go on; each is compared with the golden model.

    Parameters
    ----------
    server : ProductServer
        With the weights.
    golden_linear : GoldenLinear
        Of the same weights and unit.
    advance : callable
        Called after each product with its MACs.

    Members
    -------
    count : Count
    """

    def __init__(
        self, server: ProductServer, golden_linear: GoldenLinear, advance: Callable[[int], object] = lambda macs: None
    ):
        self._server, self._golden, self._advance = server, golden_linear, advance
        self.count = Count()

    def __call__(self, x: Floats, name: str) -> Floats:
        """Quantize activations and multiply them by a weight, on all simulations."""
        a = self._golden.quantized(x)
        # The simulations are processes of their own.
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(self._server.multiply, a, name)
            data, status = self._golden.product(a, name)
            run = running.result()
        macs = run.data.size * x.shape[-1]
        self.count.products += 1
        self.count.dots += run.data.size
        self.count.macs += macs
        self.count.clocks += run.clocks
        self.count.seconds += run.seconds
        self.count.mismatches += int(np.count_nonzero((run.data != data) | (run.status != status)))
        self._advance(macs)
        return run.data.view(np.float32)


def _quantized(x: Floats, fmt: Format, config: MacConfig) -> MxTensor:
    return quantize(x, fmt, block=config.block)
