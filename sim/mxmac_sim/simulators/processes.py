"""Child processes that end when they should."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["ENDS_WITH_PARENT", "Processes"]

#: Python text that ends its own process soon after the one that started it has ended, be it killed.
ENDS_WITH_PARENT = """
import os, threading, time
def _watch(parent=os.getppid()):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
threading.Thread(target=_watch, daemon=True).start()
"""


class Processes:
    """Child processes of several threads, to be ended all at once."""

    def __init__(self):
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: IO[str] | None = None) -> int:
        """Run a command to its end, and return its exit status.

        Parameters
        ----------
        command : sequence of str
        cwd : Path
        env : mapping of str to str
        log : file, optional
            Where its output goes.

        Raises
        ------
        KeyboardInterrupt
            If :meth:`stop` was called before or meanwhile.
        """
        with self._lock:
            self._check()
            # In a session of its own, so that it can be ended together with what it has started.
            child = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            self._running.add(child)
        try:
            status = child.wait()
        except BaseException:
            # Ctrl-C reaches the main thread while it waits.
            self._kill(child)
            raise
        finally:
            with self._lock:
                self._running.discard(child)
        self._check()
        return status

    def pause(self, seconds: float):
        """Wait.

        Raises
        ------
        KeyboardInterrupt
            As soon as :meth:`stop` is called.
        """
        self._stopped.wait(seconds)
        self._check()

    def stop(self):
        """End all processes; from now on none starts."""
        self._stopped.set()
        with self._lock:
            for child in self._running:
                self._kill(child)

    def _check(self):
        if self._stopped.is_set():
            raise KeyboardInterrupt

    @staticmethod
    def _kill(child: subprocess.Popen):
        """End a child and all that it has started."""
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
