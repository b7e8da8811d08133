"""Large products, which are simulated in several parts at a time."""

import threading

import numpy as np
import pytest

from mxmac.config import MacConfig
from mxmac.errors import HardwareError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.simulators import products
from mxmac_sim.simulators.bulk import BulkRun
from mxmac_sim.simulators.products import simulate_product
from mxmac_sim.tensors.mx_tensor import MxTensor

ROWS, COLUMNS, BLOCK = 6, 3, 4


class Unit:
    """A simulation whose results are the first codes of both sides, and whose parts end in the order of their numbers."""

    config = MacConfig(block=BLOCK, lanes=2)

    def __init__(self, first_to_end=None):
        self._first, self._ended = first_to_end, threading.Event()
        self.stopped = False

    def run(self, a, scale_a, b, scale_b, *, addend, processes):
        row = int(a[0, 0, 0])
        if row == self._first:
            self._ended.set()
        elif self._first is not None and row == 0:
            assert self._ended.wait(timeout=600)
        data = a[:, 0, 0].astype(np.uint32) << 8 | b[:, 0, 0]
        return BulkRun(data, np.zeros(len(data), np.uint8), 100 + row, 0, 0, 0.0)


def tensor(rows):
    elements = np.repeat(np.arange(rows, dtype=np.uint8)[:, None], BLOCK, axis=1)
    return MxTensor(elements, np.full((rows, 1), 127, np.uint8), ELEMENT_FORMATS["E4M3"], BLOCK)


@pytest.fixture(autouse=True)
def one_row_a_part(monkeypatch):
    monkeypatch.setattr(products, "_CHUNK_BYTES", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)


def test_results_are_in_order_when_a_later_part_ends_first():
    done = []
    run = simulate_product(Unit(first_to_end=1), tensor(ROWS), tensor(COLUMNS), done.append)
    assert run.data.tolist() == [[row << 8 | column for column in range(COLUMNS)] for row in range(ROWS)]
    assert run.status.shape == (ROWS, COLUMNS)
    assert run.clocks == sum(100 + row for row in range(ROWS))
    assert done == [1] * ROWS


def test_a_part_that_fails_ends_the_others():
    begun, seen = threading.Event(), []

    class Stuck(Unit):
        def run(self, a, *rest, processes, **options):
            if int(a[0, 0, 0]) == 0:
                assert begun.wait(timeout=600)
                raise HardwareError("The unit is stuck")
            begun.set()
            # It waits for a program that never ends by itself.
            with pytest.raises(KeyboardInterrupt):
                processes.run("sleep", ["sleep", "3600"])
            seen.append(True)
            raise KeyboardInterrupt

    with pytest.raises(HardwareError, match="stuck"):
        simulate_product(Stuck(), tensor(ROWS), tensor(COLUMNS))
    assert seen
