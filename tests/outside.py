"""MX matrix products by another implementation: MLX, whose compiled kernels multiply MXFP8 and MXFP4 weights on any CPU.

It adds up in binary32. So on operands whose sums have no more than 24 bits, in whatever order, its results are exact, and the
golden model's to the bit. It is not part of the test environment: `make oracles` gets it.
"""

import numpy as np

from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import golden
from mxmac_sim.golden.quantize import dequantize
from mxmac_sim.stimulus.elements import elements
from mxmac_sim.tensors import MxTensor

__all__ = ["BLOCK", "MODES", "exact_operands", "mismatches", "mlx_product"]

#: Names that MLX has for the weights of a format; their blocks have 32 elements.
MODES = {"E4M3": "mxfp8", "E2M1": "mxfp4"}
BLOCK = 32
#: Bits of a sum that binary32 holds.
_BITS = 24


def mlx_product(a, b):
    """Product of two MX matrices, shapes (M, K) and (N, K), as FP32 codes; ``a`` is given as the floats that it is."""
    import mlx.core as mx

    codes = b.elements
    if b.format.width == 4:
        codes = codes[:, 0::2] | codes[:, 1::2] << 4
    words = np.ascontiguousarray(codes).view(np.uint32)
    with mx.stream(mx.cpu):
        floats = mx.array(dequantize(a).astype(np.float32))
        product = mx.quantized_matmul(floats, mx.array(words), mx.array(b.scales), transpose=True, mode=MODES[b.format.name])
        return np.array(product).view(np.uint32)


def exact_operands(name, rng, rows, blocks):
    """An MX matrix of numbers that are close together: few bits hold any sum of its products with another such matrix."""
    fmt = ELEMENT_FORMATS[name]
    kit = elements(fmt)
    near = np.concatenate([kit.zeros, kit.around(fmt.emax - 2, 1)])
    codes = rng.choice(near, (rows, blocks * BLOCK)).astype(np.uint8)
    return MxTensor(codes, rng.integers(126, 129, (rows, blocks)).astype(np.uint8), fmt, BLOCK)


def _units(values):
    """For each row, the largest power of two that all values in it are multiples of."""
    units = np.full(len(values), 2.0**-60)
    while True:
        larger = 2 * units
        whole = (values % larger[:, None] == 0).all(axis=1) & (larger < 2.0**60)
        if not whole.any():
            return units
        units = np.where(whole, larger, units)


def _is_exact(a, b):
    """Which dot products have no more bits than binary32 holds in any of their sums, in any order."""
    values = [dequantize(side) for side in (a, b)]
    units = np.multiply.outer(*(_units(side) for side in values))
    return np.abs(values[0]) @ np.abs(values[1]).T / units <= 1 << _BITS


def mismatches(a, b, product):
    """How many exact dot products there are, and how many of them are not what golden has, or not said to be exact."""
    config = MacConfig(a=(a.format,), b=(b.format,), block=BLOCK)
    data, status = golden.matmul(a, b, config)
    exact = _is_exact(a, b)
    return int(exact.sum()), int(np.count_nonzero(exact & ((data != product(a, b)) | (status != 0))))
