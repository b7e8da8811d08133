"""Child processes that end when they should."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

__all__ = ["Processes"]


class Processes:
    """Child processes of several threads, to be ended all at once."""

    def __init__(self):
        self._running: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self._stopped = False

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
            if self._stopped:
                raise KeyboardInterrupt
            # In a session of its own, so that it can be ended together with what it has started.
            child = subprocess.Popen(
                command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            self._running.add(child)
        try:
            return child.wait()
        finally:
            with self._lock:
                self._running.discard(child)
            if self._stopped:
                raise KeyboardInterrupt

    def stop(self):
        """End all processes; from now on none starts."""
        with self._lock:
            self._stopped = True
            for child in self._running:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)
