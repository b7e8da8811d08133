"""Errors that end a command with one line and an exit status of their own; ``mxmac.cli.exit_status`` maps them."""

import errno

__all__ = ["HardwareError", "ToolError", "UserError", "machine_failure", "of_the_machine"]

_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_MEMORY_ERRORS = {errno.ENOMEM, errno.EAGAIN}
_FILE_ERRORS = {errno.EMFILE, errno.ENFILE}


class UserError(ValueError):
    """Value that is not accepted, in one line.

    Parameters
    ----------
    parameter : str
        Name of the Python parameter (``"window_guard"``), which the command line shows as its option; or a file, by its path.
    message : str
        What is wrong, and what is accepted: a predicate of the parameter in lower case ("must be 0 to 79, not -1"), or a
        sentence.
    """

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(parameter, message)
        self.parameter = parameter
        self.message = message

    def __str__(self) -> str:
        separator = " " if self.message[:1].islower() else ": "
        return f"{self.parameter}{separator}{self.message}"


class HardwareError(Exception):
    """The hardware is wrong in a way that ends its simulation, such as a unit that is stuck. The message is one line."""


class ToolError(Exception):
    """A tool or the machine failed. The message is one line that names it and says what to do."""


def of_the_machine(error: OSError) -> bool:
    """Whether the machine has failed (full disk, no memory), and the name of the file is not the mistake."""
    return error.errno in _DISK_ERRORS | _MEMORY_ERRORS | _FILE_ERRORS


def machine_failure(error: Exception, file: str = "") -> str | None:
    """Describe a failure of the machine in one line, with what to do.

    Parameters
    ----------
    error : Exception
    file : str
        File that could not be read or written, if the error does not know it.

    Returns
    -------
    str or None
        None if the machine has not failed.
    """
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number in _MEMORY_ERRORS or "can't start new thread" in str(error):
        return "out of memory; end other programs, or do less at a time"
    if not isinstance(error, OSError):
        return None
    name = str(error.filename) if error.filename is not None else file
    where = f"{name}: " if name else ""
    if isinstance(error, BrokenPipeError):
        return f"{where}closed by its reader before all was written"
    reason = error.strerror or str(error)
    if number in _DISK_ERRORS:
        return f"{where}{reason}; free space on this disk, or write to another one"
    return where + reason
