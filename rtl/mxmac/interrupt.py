"""Ctrl-C: its exit status, and what it does while modules are imported."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["INTERRUPTED", "INTERRUPTED_MESSAGE", "importing"]

#: Exit status after Ctrl-C, as of a program that the signal ends.
INTERRUPTED = 130
INTERRUPTED_MESSAGE = "mxmac: interrupted"


@contextmanager
def importing() -> Iterator[None]:
    """Let Ctrl-C end the process at once while modules are imported.

    Extension modules do not all survive an exception during their import, and nothing needs to be tidied up yet. A handler
    other than that of Python stays in place.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _exit(_signal, _frame):
    os.write(2, f"{INTERRUPTED_MESSAGE}\n".encode())
    os._exit(INTERRUPTED)
