"""Exit statuses of commands: the one place where an exception becomes a line on standard error and a number."""

import io
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TextIO

from ..errors import HardwareError, ToolError, UserError, machine_failure
from ..interrupt import interruptible

__all__ = ["FAILED", "MISTAKE", "WRONG", "exit_status", "with_exit_status"]

_Parameters = ParamSpec("_Parameters")

#: The hardware is wrong; the user has made a mistake; a tool or the machine has failed.
WRONG, MISTAKE, FAILED = 1, 2, 3


def _plain(error: UserError) -> str:
    return f"{error.parameter}: {error.message}" if error.parameter else error.message


def exit_status(program: str, command: Callable[[], object], described: Callable[[UserError], str] = _plain) -> int:
    """Run a command, and turn its failure into one line on standard error.

    Parameters
    ----------
    program : str
        Name that the line begins with.
    command : callable
        Returns the exit status, or None for 0.
    described : callable
        Describes a mistake in the terms of the user.

    Returns
    -------
    int
        0 success; 1 the hardware is wrong; 2 a mistake of the user; 3 a tool or the machine failed; 130 Ctrl-C; 143 SIGTERM;
        129 SIGHUP.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Terminals and pipes may not have signs such as ×.
            stream.reconfigure(errors="replace")
    with interruptible() as interruption:
        try:
            status = command()
            sys.stdout.flush()
            return status if isinstance(status, int) else 0
        except UserError as error:
            status, message = MISTAKE, described(error)
        except HardwareError as error:
            status, message = WRONG, str(error)
        except ToolError as error:
            status, message = FAILED, str(error)
        except KeyboardInterrupt:
            status, message = interruption.status, interruption.message
        except SystemExit as end:
            # Typer's answer to a reader that goes away is exit status 1.
            if not isinstance(end.__context__, BrokenPipeError):
                raise
            status, message = FAILED, machine_failure(end.__context__, "standard output") or ""
        except Exception as error:
            if sys.flags.dev_mode:
                raise
            # Files have names in all errors, but streams have none.
            status, message = FAILED, machine_failure(error, "standard output") or _internal(error)
    # Such as those about hardware that was not elaborated to its end.
    warnings.simplefilter("ignore")
    _flush(sys.stdout)
    with suppress(OSError):
        print(f"{program}: {' '.join(message.split())}", file=sys.stderr)
    _flush(sys.stderr)
    return status


def with_exit_status(program: str) -> Callable[[Callable[_Parameters, object]], Callable[_Parameters, int]]:
    """Let a function return the exit status of a program, as :func:`exit_status` does, whether or not it raises."""

    def decorate(command: Callable[_Parameters, object]) -> Callable[_Parameters, int]:
        @wraps(command)
        def run(*arguments: _Parameters.args, **options: _Parameters.kwargs) -> int:
            return exit_status(program, lambda: command(*arguments, **options))

        return run

    return decorate


def _internal(error: Exception) -> str:
    return f"internal error: {type(error).__name__}: {error}; please report it, with what `python -X dev -m mxmac …` prints"


def _flush(stream: TextIO):
    """Write the rest of a stream; if that is impossible, drop it, because Python would try again at its end."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
