"""Matrix products through the simulated unit."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxmac.processes import Processes
from mxmac_sim.simulators.bulk import BulkRun, BulkUnit
from mxmac_sim.tensors.mx_tensor import MxTensor

__all__ = ["ProductRun", "simulate_product"]

#: Bytes of beats that a simulation is given at a time.
_CHUNK_BYTES = 1 << 26
#: Simulations that run at a time, each of which takes a few times as much memory.
_JOBS = 4
#: Bytes of a beat besides its elements: scales, formats and in_last.
_BEAT_FIELDS = 5


@dataclass(frozen=True)
class ProductRun:
    """Results of all dot products of rows of a with rows of b.

    Members
    -------
    data : ndarray of uint32, shape (rows of a, rows of b)
        Codes of the unit's output format.
    status : ndarray of uint8, same shape
    clocks : int
        Simulated, over all simulations.
    seconds : float
        Wall time of the simulations, of which several run at a time if the product is large.
    """

    data: NDArray[np.uint32]
    status: NDArray[np.uint8]
    clocks: int
    seconds: float


def simulate_product(
    simulation: BulkUnit,
    a: MxTensor,
    b: MxTensor,
    advance: Callable[[int], object] = lambda rows: None,
    *,
    addend: NDArray[np.uint32] | None = None,
) -> ProductRun:
    """Multiply ``a`` by the transpose of ``b`` on a simulated unit, and add to the products.

    Parameters
    ----------
    simulation : BulkUnit
        Of a unit with the block and the one format of each of the two.
    a, b : MxTensor
        Of shapes (M, K) and (N, K).
    advance : callable
        Called with the number of rows of ``a`` that are done, each time that some are.
    addend : ndarray of uint32, shape (M, N), optional
        Codes that are added, if the unit has addends; by default zeros.

    Raises
    ------
    HardwareError
        If the unit is stuck.
    ToolError
        If the simulation fails otherwise.
    """
    columns, block = len(b.elements), simulation.config.block
    b_codes = b.elements.reshape(columns, -1, block)
    processes, started = Processes(), time.perf_counter()

    def simulate(part: slice) -> BulkRun:
        a_codes = a.elements[part].reshape(-1, 1, *b_codes.shape[1:])
        rows = len(a_codes)

        def every_pair(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
            return np.broadcast_to(array, (rows, columns, *array.shape[2:])).reshape(rows * columns, *array.shape[2:])

        return simulation.run(
            every_pair(a_codes),
            every_pair(a.scales[part][:, None]),
            every_pair(b_codes[None]),
            every_pair(b.scales[None]),
            addend=None if addend is None else addend[part].ravel(),
            processes=processes,
        )

    parts, runs = list(_chunks(a, b, simulation.config.lanes)), []
    with ThreadPoolExecutor(min(_JOBS, os.cpu_count() or 1)) as pool:
        try:
            for run in pool.map(simulate, parts):
                runs.append(run)
                advance(len(run.data) // columns)
        except BaseException:
            processes.stop()
            raise
    data, status = (np.concatenate([getattr(run, name).reshape(-1, columns) for run in runs]) for name in ("data", "status"))
    return ProductRun(data, status, sum(run.clocks for run in runs), time.perf_counter() - started)


def _chunks(a: MxTensor, b: MxTensor, lanes: int) -> Iterator[slice]:
    """Rows of a whose dot products with all rows of b are simulated at a time."""
    row_bytes = b.elements.size * (2 + _BEAT_FIELDS / lanes)
    rows = max(1, int(_CHUNK_BYTES // row_bytes))
    for start in range(0, len(a.elements), rows):
        yield slice(start, start + rows)
