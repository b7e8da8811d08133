"""Matrix products on simulations that keep the weights, and stay alive between products."""

import os
import struct
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.processes import Finished, start
from mxmac_sim.tensors.mx_tensor import MxTensor

from .bulk import RESULT, BulkUnit, check_end, packed
from .products import ProductRun

__all__ = ["ProductServer"]

_DRIVER = Path(__file__).with_suffix(".cpp")
_KEEP, _MULTIPLY = 0, 1
#: Simulations that run at a time.
_JOBS = 8


class ProductServer:
    """Simulations of one unit that multiply by matrices which they keep; a context manager that ends them.

    Parameters
    ----------
    config : MacConfig
        Of a unit with one format for each operand, and no addend.
    matrices : mapping of str to MxTensor
        Weights by name, each of shape (N, K). The simulations share the rows of each.
    folder : Path
        Folder of builds, which other processes may use at the same time; made if it does not exist.

    Members
    -------
    config : MacConfig
    jobs : int
        Number of simulations.

    Raises
    ------
    HardwareError
        If Verilator rejects the Verilog.
    ToolError
        If a tool is missing or fails, or a simulation ends.
    ValueError
        If the unit has formats to choose from, or addends.
    """

    def __init__(self, config: MacConfig, matrices: Mapping[str, MxTensor], folder: Path):
        if config.operand_a.selectable or config.operand_b.selectable or config.addend is not None:
            raise ValueError("The unit must have one format for each operand, and no addend")
        self.config = config
        self.jobs = min(_JOBS, os.cpu_count() or 1)
        program = BulkUnit(config, folder, driver=_DRIVER).program
        self._numbers = {name: number for number, name in enumerate(matrices)}
        self._blocks = {name: matrix.scales.shape[-1] for name, matrix in matrices.items()}
        self._simulations: list[_Simulation] = []
        self._pool = ThreadPoolExecutor(self.jobs)
        try:
            for number in range(self.jobs):
                self._simulations.append(_Simulation(program, seed=number + 1))
            for matrix in matrices.values():
                parts = np.array_split(np.arange(len(matrix.elements)), self.jobs)
                for simulation, rows in zip(self._simulations, parts, strict=True):
                    simulation.keep(self._beats(matrix, rows, config.operand_b.width), matrix.scales[rows])
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "ProductServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the simulations."""
        for simulation in self._simulations:
            simulation.close()
        self._pool.shutdown()

    def multiply(self, a: MxTensor, name: str) -> ProductRun:
        """Multiply ``a``, of shape (M, K), by the transpose of a matrix that is kept; all simulations work at it.

        Raises
        ------
        HardwareError
            If the unit is stuck.
        ToolError
            If a simulation fails otherwise.
        ValueError
            If K differs.
        """
        rows, blocks = a.scales.shape
        if blocks != self._blocks[name]:
            raise ValueError(f"a has {blocks} blocks, but {name} has {self._blocks[name]}")
        beats, started = self._beats(a, slice(None), self.config.operand_a.width), time.perf_counter()

        def run(simulation: _Simulation) -> tuple[NDArray[np.void], int]:
            return simulation.multiply(self._numbers[name], beats, a.scales)

        runs = list(self._pool.map(run, self._simulations))
        results = np.concatenate([part.reshape(rows, -1) for part, _ in runs], axis=1)
        seconds, clocks = time.perf_counter() - started, sum(clocks for _, clocks in runs)
        return ProductRun(results["data"].copy(), results["status"].copy(), clocks, seconds)

    def _beats(self, tensor: MxTensor, rows: slice | NDArray[np.int_], width: int) -> NDArray[np.uint8]:
        """Return the bytes of beats of some rows."""
        codes = tensor.elements[rows].reshape(-1, tensor.scales.shape[-1], tensor.block)
        return packed(codes, self.config.lanes, width)


class _Simulation:
    """A process of product_server.cpp."""

    def __init__(self, program: Path, seed: int):
        pipe = subprocess.PIPE
        # Verilator's seed is that of registers without a reset.
        command = [str(program), "+verilator+rand+reset+2", f"+verilator+seed+{seed}"]
        self._child = start("The simulation", command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        self._requests, self._answers = (cast(TextIO, stream).buffer for stream in (self._child.stdin, self._child.stdout))
        self._row_counts: list[int] = []

    def keep(self, beats: NDArray[np.uint8], scales: NDArray[np.uint8]) -> None:
        """Send rows of a matrix, which gets the next number."""
        self._send((_KEEP, *scales.shape), beats, scales)
        self._row_counts.append(len(scales))

    def multiply(self, number: int, beats: NDArray[np.uint8], scales: NDArray[np.uint8]) -> tuple[NDArray[np.void], int]:
        """Return the results of all pairs of rows, and the number of cycles."""
        self._send((_MULTIPLY, number, len(scales)), beats, scales)
        results = np.frombuffer(self._receive(RESULT.itemsize * len(scales) * self._row_counts[number]), RESULT)
        return results, int.from_bytes(self._receive(8), "little")

    def close(self) -> None:
        """End the process."""
        self._child.kill()
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            # The rest of a message cannot be sent any more.
            with suppress(OSError):
                cast(IO[str], stream).close()
        self._child.wait()

    def _send(self, numbers: Sequence[int], *arrays: NDArray[np.uint8]) -> None:
        try:
            self._requests.write(struct.pack("=3I", *numbers))
            for array in arrays:
                self._requests.write(np.ascontiguousarray(array).data)
            self._requests.flush()
        except BrokenPipeError:
            self._fail()

    def _receive(self, size: int) -> bytes:
        answer: bytes = self._answers.read(size)
        if len(answer) < size:
            self._fail()
        return answer

    def _fail(self) -> None:
        """Raise the error of a process that has ended."""
        errors = cast(TextIO, self._child.stderr).read()
        check_end(Finished(self._child.wait() or -1, "", errors))
