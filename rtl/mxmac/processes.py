"""Programs that mxmac starts. All of them start here, so that every way in which one can fail is a ``ToolError``."""

import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .errors import ToolError

__all__ = ["ENDS_WITH_PARENT", "Finished", "Processes", "failure", "run_tool", "start"]

#: Python text that ends its own process soon after the one that started it has ended, be it killed.
ENDS_WITH_PARENT = """
import os, threading, time
def _watch(parent=os.getppid()):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
threading.Thread(target=_watch, daemon=True).start()
"""

_DISK = "the disk is full; free some space, or work in another folder"
_MEMORY = "out of memory; end other programs, or do less at a time"
_KILLED = "killed, most likely because memory ran out; end other programs, or do less at a time"
#: Causes that have nothing to do with the program itself, by what programs print about them.
_CAUSES = (
    (r"No space left on device|Disk quota exceeded|File too large|[Ff]ile size limit exceeded", _DISK),
    (r"[Mm]emory exhausted|[Cc]annot allocate memory|[Oo]ut of memory|bad_alloc|MemoryError|failed to map segment", _MEMORY),
    (r"Killed signal terminated|\] Killed$|^Killed$", _KILLED),
)
#: The same, by the signal that ended a program.
_SIGNALS = {"SIGXFSZ": _DISK, "SIGKILL": _KILLED}
#: Lines in which programs say why they fail.
_ERROR_LINE = re.compile(r"^(%?error|fatal)\b|\b(fatal )?error: ", re.I)


@dataclass(frozen=True)
class Finished:
    """A program that has ended.

    Members
    -------
    status : int
        Exit status; negative if it was ended by the signal of that number.
    output, errors : str
        Standard output and standard error; empty where they went to a log.
    """

    status: int
    output: str = ""
    errors: str = ""


def failure(tool: str, done: Finished, text: str | None = None) -> ToolError:
    """Describe the failure of a program in one line.

    Parameters
    ----------
    tool : str
        Name of the program.
    done : Finished
    text : str, optional
        Output of the program, if it went to a log.
    """
    text = done.errors + done.output if text is None else text
    for pattern, cause in _CAUSES:
        if re.search(pattern, text, re.M):
            return ToolError(f"{tool}: {cause}")
    if done.status < 0:
        name = signal.Signals(-done.status).name
        return ToolError(f"{tool}: {_SIGNALS.get(name, f'ended by the signal {name}')}")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in lines if _ERROR_LINE.search(line)), lines[-1] if lines else "")
    return ToolError(f"{tool} failed: {said or f'exit status {done.status}'}")


def start(tool: str, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Start a program; ``options`` are those of :class:`subprocess.Popen`.

    Raises
    ------
    ToolError
        If it is not installed, or the machine cannot start it.
    """
    try:
        return subprocess.Popen(command, text=True, errors="replace", **options)
    except OSError as error:
        raise ToolError(f"{tool} cannot be started: {error.strerror}: {error.filename or command[0]!r}") from error


class Processes:
    """Programs that several threads have started, to be ended all at once."""

    def __init__(self):
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def run(
        self,
        tool: str,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        log: IO[str] | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> Finished:
        """Run a program to its end.

        Parameters
        ----------
        tool : str
            Name of the program, for messages.
        command : sequence of str
        cwd : Path, optional
        env : mapping of str to str, optional
        stdin : str
            Standard input of the program.
        log : file, optional
            Receives standard output and standard error, instead of the result.
        timeout : float, optional
            Seconds after which the program is killed.
        check : bool
            Raise a ToolError if the exit status is not 0.

        Raises
        ------
        ToolError
            If the program cannot be started, or fails.
        TimeoutError
            If the program was killed after ``timeout``.
        KeyboardInterrupt
            If :meth:`stop` was called before or meanwhile.
        """
        pipe = subprocess.PIPE if log is None else log
        with ExitStack() as stack:
            source: Any = subprocess.DEVNULL
            if stdin:
                source = stack.enter_context(tempfile.TemporaryFile("w+"))
                source.write(stdin)
                source.seek(0)
            with self._lock:
                self._check()
                # In a session of its own, so that it can be ended together with the programs that it has started.
                child = start(tool, command, cwd=cwd, env=env, stdin=source, stdout=pipe, stderr=pipe, start_new_session=True)
                self._running.add(child)
            stack.enter_context(child)
            output, errors = self._wait(tool, child, timeout)
        self._check()
        done = Finished(child.returncode, output or "", errors or "")
        if check and done.status:
            raise failure(tool, done)
        return done

    def _wait(self, tool: str, child: subprocess.Popen[str], timeout: float | None) -> tuple[str | None, str | None]:
        """Wait for the end of a child, and return its output and its errors."""
        try:
            return child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            self._kill(child)
            raise TimeoutError(f"{tool} has not ended within {timeout:g} s") from error
        except BaseException:
            # Ctrl-C reaches the main thread while it waits.
            self._kill(child)
            raise
        finally:
            with self._lock:
                self._running.discard(child)

    def stop(self):
        """End all programs; from now on none starts."""
        self._stopped.set()
        with self._lock:
            for child in self._running:
                self._kill(child)

    def _check(self):
        if self._stopped.is_set():
            raise KeyboardInterrupt

    @staticmethod
    def _kill(child: subprocess.Popen[str]):
        """End a child and all that it has started."""
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def run_tool(tool: str, command: Sequence[str], **options: Any) -> Finished:
    """Run one program to its end, as :meth:`Processes.run`."""
    return Processes().run(tool, command, **options)
