"""``mxmac fpga run``: its tables and exit status, and what it says to mistakes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from mxmac.errors import ToolError, UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_fpga.cli import run as commands_run
from mxmac_fpga.host.board import Board
from mxmac_fpga.host.link import LinkError
from mxmac_sim.golden.quantize import Overflow, ScaleRule, quantize
from mxmac_sim.tensors.writing import save_mx
from shared_board import built_board

app = typer.Typer()
app.command("run")(commands_run.run)


@pytest.fixture(scope="module")
def simulation(tmp_path_factory):
    with built_board(tmp_path_factory) as board:
        yield board


def run(*arguments):
    """Result of the command; its UserErrors come out as they are."""
    return CliRunner(env={"COLUMNS": "120"}).invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False, standalone_mode=False
    )


def run_at(simulation, *arguments):
    return run("--board", "icebreaker", "--port", simulation.port, *arguments)


@pytest.fixture
def matrices(tmp_path):
    rng = np.random.default_rng(1)
    paths = []
    for name, rows in (("a", 3), ("b", 5)):
        floats = rng.normal(size=(rows, 96)).astype(np.float32)
        tensor = quantize(floats, ELEMENT_FORMATS["E4M3"], block=32, rule=ScaleRule.RCEIL, overflow=Overflow.SAT)
        paths.append(tmp_path / f"{name}.npz")
        save_mx(paths[-1], tensor)
    return paths


def test_random_dot_products_are_golden(simulation):
    result = run_at(simulation, "--dots", 40)
    assert result.return_value == 0
    for part in ("icebreaker at /dev/", "E4M3 × E4M3, blocks of 32, 1 lane", "accumulator window", "1,000,000 baud"):
        assert part in result.output
    for part in ("40 random dot products of 1 to 257 blocks", "bit for bit", "Requests", "dot products/s"):
        assert part in result.output


def test_matrices_are_multiplied(simulation, matrices):
    result = run_at(simulation, *matrices)
    assert result.return_value == 0
    assert "(3 × 96) · (5 × 96)ᵀ" in result.output
    assert "bit for bit" in result.output


def test_digits_are_recognised(simulation):
    result = run_at(simulation, "--digits", 8)
    assert result.return_value == 0
    assert "8 digits, 584 dot products" in result.output


@pytest.mark.parametrize("digits", [[], ["--digits", "4"]])
def test_a_wrong_result_gives_exit_status_1(simulation, monkeypatch, digits):
    dot = Board.dot

    def wrong(*arguments, **options):
        data, status = dot(*arguments, **options)
        data[0] ^= 1
        return data, status

    monkeypatch.setattr(Board, "dot", wrong)
    result = run_at(simulation, *digits)
    assert result.return_value == 1
    assert "Mismatch" in result.output


def test_a_board_that_stops_answering_is_no_wrong_hardware(simulation, monkeypatch):
    def silent(*_arguments, **_options):
        raise LinkError("There is no answer")

    monkeypatch.setattr(Board, "dot", silent)
    with pytest.raises(ToolError, match=f"^{simulation.port}: There is no answer$"):
        run_at(simulation)


@pytest.mark.parametrize(
    ("arguments", "what", "message"),
    [
        (["--board", "icebreaker", "--port", "/dev/nothing"], "port", "Cannot open '/dev/nothing'"),
        (["--board", "icebreaker"], "port", "which port"),
        (["--port", "/dev/ttyUSB0"], "port", "has a port of its own"),
        (["--dots", "0"], "dots", "At least one"),
        (["--seed", "-3"], "seed", "must be 0 or more, not -3"),
        (["--board", "icebreaker", "--port", "x", "--baud", "0"], "baud", "must be 1200 to 20000000, not 0"),
        (["--board", "icebreaker", "--port", "x", "--baud", "7"], "baud", "must be 1200 to"),
        (["--board", "icebreaker", "--port", "x", "--baud", "4000000000"], "baud", "must be 1200 to"),
        (["--board", "icebreaker", "--port", "x", "--synthesized"], "synthesized", "goes with --board sim"),
        (["a.npz"], "B", "give both"),
        (["a.npz", "b.npz", "--digits", "3"], "digits", "either"),
        (["a.npz", "b.npz"], "a.npz", "no such file"),
    ],
)
def test_a_mistake_is_told_before_anything_is_built(arguments, what, message, tmp_path):
    with pytest.raises(UserError, match=message) as caught:
        run(*arguments, "--work", tmp_path / "work")
    assert caught.value.parameter == what
    assert not (tmp_path / "work").exists()


def test_a_tensor_that_the_unit_does_not_take_is_refused(simulation, tmp_path):
    for name, block in (("E5M2", 32), ("E4M3", 16)):
        floats = np.ones((2, 96), np.float32)
        path = tmp_path / f"{name}.npz"
        save_mx(path, quantize(floats, ELEMENT_FORMATS[name], block=block, rule=ScaleRule.RCEIL, overflow=Overflow.SAT))
        with pytest.raises(UserError, match="unit"):
            run_at(simulation, path, path)


def simulations_of(parent):
    """Processes that another one has started, as far as they are still there."""
    return {path for path in Path("/proc").iterdir() if path.name.isdigit() and parent_of(path) == str(parent)}


def parent_of(process):
    try:
        # The name in parentheses may hold anything.
        return (process / "stat").read_text().rpartition(")")[2].split()[1]
    except OSError:
        return None


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_a_program_that_ends_leaves_no_simulation_behind(simulation, stop):
    folder = simulation._program.parent.parent
    program = (
        "import sys, time; from pathlib import Path; from mxmac_fpga.simulation.board import SimulatedBoard\n"
        "with SimulatedBoard(folder=Path(sys.argv[1])) as board: print(board.port, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, process_group=0
    )
    with process:
        assert process.stdout.readline()
        started = simulations_of(process.pid)
        assert len(started) == 1
        os.killpg(process.pid, stop)
        process.wait(300)
    until = time.monotonic() + 300
    while any(path.exists() for path in started) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(path.exists() for path in started)
