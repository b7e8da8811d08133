"""Ctrl-C, and signals that ask a program to end: its exit status, and what they do while modules are imported."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["INTERRUPTED", "Interruption", "importing", "interruptible"]

#: Exit status after Ctrl-C, as of a program that the signal ends.
INTERRUPTED = 130
#: Signals that ask a program to end, besides that of Ctrl-C; not all machines have the second one.
_ENDING = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Interruption:
    """The signal behind a KeyboardInterrupt.

    Members
    -------
    number : int
        That of Ctrl-C until another one comes.
    """

    def __init__(self):
        self.number: int = signal.SIGINT

    @property
    def status(self) -> int:
        """Exit status of the program, as shells give it to one that the signal ends."""
        return 128 + self.number

    @property
    def message(self) -> str:
        """What has happened, in words."""
        return "interrupted" if self.number == signal.SIGINT else f"ended by the signal {signal.Signals(self.number).name}"

    def arrive(self, number, _frame):
        """Handle a signal as Python handles Ctrl-C; programs that have been started are then ended on the way out.

        Those who end a program often ask it more than once, which must not disturb that.
        """
        self.number = number
        for each in _ENDING:
            if _has_handler(each):
                signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Let signals that ask the program to end raise a KeyboardInterrupt, unless they have a handler, or are ignored."""
    interruption = Interruption()
    numbers = [number for number in _ENDING if signal.getsignal(number) is signal.SIG_DFL] if _in_main_thread() else []
    for number in numbers:
        signal.signal(number, interruption.arrive)
    try:
        yield interruption
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def importing() -> Iterator[None]:
    """Let Ctrl-C and signals that ask the program to end do so at once while modules are imported.

    Extension modules do not all survive an exception during their import, and nothing needs to be tidied up yet. Handlers
    other than those of Python and of :func:`interruptible` stay in place.
    """
    before = {}
    if _in_main_thread():
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING) if _has_handler(number)}
    for number in before:
        signal.signal(number, _exit)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _has_handler(number: int) -> bool:
    """Whether the handler of a signal is that of Python or of an interruption."""
    handler = signal.getsignal(number)
    python = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
    return handler is python or isinstance(getattr(handler, "__self__", None), Interruption)


def _exit(number, _frame):
    interruption = Interruption()
    interruption.number = number
    os.write(2, f"mxmac: {interruption.message}\n".encode())
    os._exit(interruption.status)
