"""Verilated units that tests have in common, each built once in a session, whatever the number of its processes."""

import fcntl
import os
from contextlib import contextmanager
from itertools import product

import numpy as np

from mxmac.config import Accumulator, MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.vectors import packed
from mxmac_sim.simulators.bulk import BulkUnit

__all__ = ["FORMATS", "PAIRINGS", "all_formats_unit", "chosen", "packed", "shared_folder"]

FORMATS = tuple(ELEMENT_FORMATS.values())
#: All pairings of two formats, by their indices.
PAIRINGS = list(product(range(len(FORMATS)), repeat=2))


@contextmanager
def shared_folder(tmp_path_factory, name):
    """A folder of this session that one process at a time has."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def all_formats_unit(tmp_path_factory):
    """A unit with all formats on both sides, one lane, blocks of two, and the exact accumulator."""
    config = MacConfig(a=FORMATS, b=FORMATS, block=2, lanes=1, accumulator=Accumulator.EXACT)
    with shared_folder(tmp_path_factory, "all_formats") as folder:
        return BulkUnit(config, folder)


def chosen(pairings, blocks):
    """The arguments of a run that select formats: one of ``PAIRINGS`` for each dot product."""
    sides = np.array(pairings, np.uint8).T
    return {name: np.repeat(side[:, None], blocks, 1) for name, side in zip(("format_a", "format_b"), sides, strict=True)}
