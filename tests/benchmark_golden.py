"""How fast the golden model is: ``python tests/benchmark_golden.py``. Not a test.

Each figure is per second of CPU time: the best of three matrix products of normally distributed numbers, quantised in blocks
of 32 with the default rule, and one of codes and scales that are all equally likely. Those are the worst case, as block sums
of one dot product lie hundreds of binades apart.
"""

import time

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS, Format
from mxmac_sim.golden import matmul
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.tensors import MxTensor

BLOCK = 32
#: M, K, N of the two matrix products.
REAL, WORST = (384, 1536, 384), (384, 384, 128)
PAIRS = [("E4M3", "E4M3"), ("E5M2", "E4M3"), ("E5M2", "E5M2"), ("E2M1", "E2M1"), ("INT8", "INT8")]


def normal(rng: np.random.Generator, rows: int, k: int, fmt: Format) -> MxTensor:
    """Rows of different magnitude, as weights and activations have them."""
    values = rng.standard_normal((rows, k)) * np.exp(rng.standard_normal((rows, 1)))
    return quantize(values.astype(np.float32), fmt, block=BLOCK)


def uniform(rng: np.random.Generator, rows: int, k: int, fmt: Format) -> MxTensor:
    """All codes and all scales that are no NaN."""
    elements = rng.integers(0, 1 << fmt.width, (rows, k)).astype(np.uint8)
    return MxTensor(elements, rng.integers(0, 255, (rows, k // BLOCK)).astype(np.uint8), fmt, BLOCK)


def main() -> None:
    """Measure all, then print one table."""
    console, rng = Console(), np.random.default_rng(0)
    table = Table("a × b", "accumulator", "million MAC/s", "worst case", title="Golden model, per CPU second")
    cases = [(pair, accumulator) for pair in PAIRS for accumulator in Accumulator]
    for (name_a, name_b), accumulator in track(cases, "Measuring", console=console, transient=True):
        fmt_a, fmt_b = ELEMENT_FORMATS[name_a], ELEMENT_FORMATS[name_b]
        window = {"window": 96} if accumulator is Accumulator.WINDOW else {}
        config = MacConfig(a=fmt_a, b=fmt_b, block=BLOCK, accumulator=accumulator, **window)
        figures = []
        for make, (m, k, n), repeats in ((normal, REAL, 3), (uniform, WORST, 1)):
            a, b = make(rng, m, k, fmt_a), make(rng, n, k, fmt_b)
            best = min(_seconds(a, b, config) for _ in range(repeats))
            figures.append(f"{m * k * n / best / 1e6:.0f}")
        table.add_row(f"{name_a} × {name_b}", accumulator.value, *figures)
    console.print(table)


def _seconds(a: MxTensor, b: MxTensor, config: MacConfig) -> float:
    start = time.process_time()
    matmul(a, b, config)
    return time.process_time() - start


if __name__ == "__main__":
    main()
