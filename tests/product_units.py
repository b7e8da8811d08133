"""The unit of the tests of :mod:`mxmac_sim.simulators.product_server` and of what uses it."""

from contextlib import contextmanager

from mxmac.config import MacConfig
from shared_units import shared_folder

__all__ = ["CONFIG", "product_folder"]

#: A unit that is built fast, with operands of different widths.
CONFIG = MacConfig(a="E2M1", b="E4M3", block=32, lanes=4, accumulator="window", window=48)


@contextmanager
def product_folder(tmp_path_factory):
    """A folder of builds that the processes of a session share, one at a time."""
    with shared_folder(tmp_path_factory, "products") as folder:
        yield folder
