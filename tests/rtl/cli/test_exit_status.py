"""Every way in which a command ends is an exit status of its own, and one line if it failed."""

import errno
import io
import re
import signal
import subprocess
import sys

import pytest

from mxmac.cli.exit_status import exit_status, with_exit_status
from mxmac.errors import HardwareError, ToolError, UserError


def described(error):
    return f"<{error.parameter}>: {error.message}" if error.parameter else error.message


def raising(error):
    def command():
        raise error

    return command


ENDS = {
    "wrong hardware": (HardwareError("The unit is stuck"), 1, "The unit is stuck"),
    "a mistake": (UserError("lanes", "Lanes must divide the block"), 2, "<lanes>: Lanes must divide the block"),
    "a mistake of no option": (UserError("", "No such command"), 2, "No such command"),
    "a tool": (ToolError("make: killed"), 3, "make: killed"),
    "several lines": (ToolError("make failed:\n  line 1\n"), 3, "make failed: line 1"),
    "memory": (MemoryError(), 3, "out of memory; .*"),
    "memory for a process": (OSError(errno.ENOMEM, "Cannot allocate memory"), 3, "out of memory; .*"),
    "memory for a thread": (RuntimeError("can't start new thread"), 3, "out of memory; .*"),
    "a full disk": (OSError(errno.ENOSPC, "No space left on device", "x.v"), 3, "x.v: No space left on device; free space .*"),
    "a file": (PermissionError(errno.EACCES, "Permission denied", "x.v"), 3, "x.v: Permission denied"),
    "a reader that goes away": (
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        3,
        "standard output: closed by its reader before all was written",
    ),
    "Ctrl-C": (KeyboardInterrupt(), 130, "interrupted"),
    "a fault of mxmac": (KeyError("lanes"), 3, "internal error: KeyError: 'lanes'; please report it.*"),
}


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_command_once_and_lets_it_tidy_up(capsys, number, status):
    tidied = []
    # Under nohup it is ignored.
    before = signal.signal(number, signal.SIG_DFL)

    def command():
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)
            tidied.append(True)

    try:
        assert exit_status("mxmac", command) == status
        assert tidied == [True]
        assert capsys.readouterr().err == f"mxmac: ended by the signal {number.name}\n"
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda *_: None], ids=["ignored", "handled"])
def test_a_signal_with_a_handler_keeps_it(handler):
    before = signal.signal(signal.SIGTERM, handler)
    try:
        assert exit_status("mxmac", lambda: signal.raise_signal(signal.SIGTERM)) == 0
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("end", ENDS)
def test_a_failure_is_one_line_and_its_status(capsys, end):
    error, status, line = ENDS[end]
    assert (
        exit_status(
            "mxmac", raising(error), lambda error: f"<{error.parameter}>: {error.message}" if error.parameter else error.message
        )
        == status
    )
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(f"mxmac: {line}\n", err), err


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (1, 1), ("text", 0)])
def test_a_command_that_ends_well_has_the_status_that_it_returns(capsys, returned, status):
    assert exit_status("mxmac", lambda: returned) == status
    assert capsys.readouterr() == ("", "")


def test_an_exit_of_its_own_stays_one():
    with pytest.raises(SystemExit) as end:
        exit_status("mxmac", lambda: sys.exit(2))
    assert end.value.code == 2


def test_a_main_function_returns_its_status(capsys):
    @with_exit_status("soak")
    def main(number, *, fail=False):
        if fail:
            raise ToolError("make: killed")
        return number

    assert main(1) == 1
    assert main(1, fail=True) == 3
    assert capsys.readouterr().err == "soak: make: killed\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_signs_that_standard_output_does_not_have_are_replaced(monkeypatch, encoding):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    assert exit_status("mxmac", lambda: print("A × Bᵀ")) == 0
    assert raw.getvalue().decode(encoding) == {"ascii": "A ? B?", "cp1252": "A × B?", "utf-8": "A × Bᵀ"}[encoding] + "\n"


PRINTS = """
import sys
from mxmac.cli.exit_status import exit_status
sys.exit(exit_status("mxmac", lambda: print("x" * int(sys.argv[1]))))
"""


@pytest.mark.parametrize("characters", [1, 100_000])
@pytest.mark.parametrize("full", ["stdout", "stdout and stderr"])
def test_a_full_standard_output_is_a_failure_of_the_machine(characters, full):
    with open("/dev/full", "w") as device:
        err = device if "stderr" in full else subprocess.PIPE
        command = [sys.executable, "-c", PRINTS, str(characters)]
        done = subprocess.run(command, stdout=device, stderr=err, text=True, check=False)
    assert done.returncode == 3
    if err is subprocess.PIPE:
        assert re.fullmatch(r"mxmac: standard output: No space left on device; free space .*\n", done.stderr)
