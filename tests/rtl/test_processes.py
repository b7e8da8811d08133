"""Programs that mxmac starts: whatever happens to one of them is a ToolError that says so."""

import ast
import sys
import threading
import time
from pathlib import Path

import pytest

import mxmac
import mxmac_fpga
import mxmac_sim
from mxmac.errors import ToolError
from mxmac.processes import Processes, run_tool

#: Calls that start a program.
_STARTS = {"run", "Popen", "call", "check_call", "check_output", "getoutput", "system", "popen", "fork"}


def python(text):
    return [sys.executable, "-c", text]


FAILURES = {
    "not there": (["/no/such/program"], "tool cannot be started: No such file or directory"),
    "no program": (["/dev/null"], "tool cannot be started: Permission denied"),
    "fails": (python("import sys; print('ERROR: no cell'); sys.exit(4)"), "tool failed: ERROR: no cell"),
    "fails silently": (python("import sys; sys.exit(4)"), r"tool failed: exit status 4$"),
    "is killed": (python("import os; os.kill(os.getpid(), 9)"), "tool: killed, most likely because memory ran out"),
    "crashes": (python("import os; os.abort()"), "tool: ended by the signal SIGABRT"),
    "has no memory": (python("raise MemoryError"), "tool: out of memory; "),
    "has no disk": (python("raise OSError(28, 'No space left on device')"), "tool: the disk is full; free some space"),
    "has no room for a file": (["sh", "-c", "kill -XFSZ $$"], "tool: the disk is full"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_is_one_line_that_names_the_tool(failure):
    command, line = FAILURES[failure]
    with pytest.raises(ToolError, match=f"^{line}") as caught:
        run_tool("tool", command)
    assert "\n" not in str(caught.value)


def test_output_input_and_status_come_back():
    text = "import sys; print(sys.stdin.read()[::-1]); print('e', file=sys.stderr); sys.exit(2)"
    done = run_tool("tool", python(text), stdin="abc" * 100_000, check=False)
    assert (done.status, done.output, done.errors) == (2, "cba" * 100_000 + "\n", "e\n")


def test_a_program_that_takes_too_long_is_killed():
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=r"tool has not ended within 0.2 s"):
        run_tool("tool", python("import time; time.sleep(600)"), timeout=0.2)
    assert time.monotonic() - started < 300


def test_programs_are_stopped_together():
    processes, ended = Processes(), []

    def run():
        with pytest.raises(KeyboardInterrupt):
            processes.run("tool", python("import time; time.sleep(600)"))
        ended.append(True)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(processes._running) < 2:
        time.sleep(0.01)
    processes.stop()
    for thread in threads:
        thread.join(300)
    assert ended == [True, True]
    with pytest.raises(KeyboardInterrupt):
        processes.run("tool", python(""))


@pytest.mark.parametrize("package", [mxmac, mxmac_sim, mxmac_fpga], ids=lambda package: package.__name__)
def test_programs_are_started_in_one_place(package):
    root = Path(package.__file__).parent
    found = []
    for file in root.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(ast.Attribute(ast.Name("subprocess" | "os"), name)) if name in _STARTS:
                    found.append(f"{file.relative_to(root)}: {name}")
    assert found == (["processes.py: Popen"] if package is mxmac else [])
