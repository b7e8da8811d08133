"""Ways to add up a dot product: the accumulators of the hardware, and published tensor cores."""

from collections.abc import Callable

import numpy as np

from mxmac.config import Accumulator, MacConfig
from mxmac_sim import golden
from mxmac_sim.campaigns.claims.schemes import Floats
from mxmac_sim.golden.quantize import dequantize
from mxmac_sim.golden.tensor_core import tensor_core
from mxmac_sim.tensors.mx_tensor import MxTensor

__all__ = ["WAYS", "Product", "promoted"]

#: Computes A · Bᵀ of matrices of shapes (M, K) and (N, K).
Product = Callable[[MxTensor, MxTensor], Floats]

#: Elements after which DeepSeek-V3 adds the sum of a tensor core to one in FP32 (arXiv:2412.19437, 3.3.2).
_PROMOTION = 128


def _accumulator(kind: Accumulator, window: int | None = None, window_guard: int | None = None) -> Product:
    def multiply(a: MxTensor, b: MxTensor) -> Floats:
        config = MacConfig(
            a=a.format, b=b.format, block=a.block, lanes=1, accumulator=kind, window=window, window_guard=window_guard
        )
        return golden.matmul(a, b, config)[0].view(np.float32)

    return multiply


def promoted(product: Product, interval: int) -> Product:
    """Add products of slices of K in FP32, one after the other.

    Parameters
    ----------
    product : callable
        Gives the product of a slice.
    interval : int
        Elements of a slice: a multiple of the block.
    """

    def multiply(a: MxTensor, b: MxTensor) -> Floats:
        total = np.zeros((len(a.elements), len(b.elements)), np.float32)
        for start in range(0, a.elements.shape[-1], interval):
            total += product(*(_columns(x, start, start + interval) for x in (a, b)))
        return total

    return multiply


def _columns(x: MxTensor, start: int, stop: int) -> MxTensor:
    """Return some columns of a matrix, from one multiple of the block to another."""
    return MxTensor(x.elements[:, start:stop], x.scales[:, start // x.block : stop // x.block], x.format, x.block)


def _backwards(a: MxTensor, b: MxTensor) -> Floats:
    left, right = (dequantize(x)[:, ::-1].astype(np.float32) for x in (a, b))
    product: Floats = left @ right.T
    return product


WAYS: dict[str, Product] = {kind.value: _accumulator(kind) for kind in Accumulator}
WAYS |= {
    "window of 48 bits, guard 2": _accumulator(Accumulator.WINDOW, window=48, window_guard=2),
    "float32, backwards": _backwards,
    "tensor core, F = 25": tensor_core(25),
    "tensor core, F = 13": tensor_core(13),
    f"tensor core, F = 13, promoted every {_PROMOTION}": promoted(tensor_core(13), _PROMOTION),
}
