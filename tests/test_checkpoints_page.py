"""The page of checkpoints: its commands print the output shown, and its picture and its block are those of the tile."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from mxmac.cli import app as cli
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import dequantize, quantize

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHECKPOINTS = DOCS / "checkpoints.md"
TILE = ROOT / "sim" / "mxmac_sim" / "data" / "minilm_tile.npz"
#: A command of an example, and its output.
COMMAND = r"^\$ mxmac (.*)\n((?:(?!\$ ).*\n)+)"


def test_commands_print_what_the_page_shows(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    shutil.copy(TILE, tmp_path)
    page = CHECKPOINTS.read_text()
    # All but the simulation, which the tests of `mxmac dot` build.
    page = page[: page.index("## On the hardware")]
    commands = [
        found for text in re.findall(r"^```console\n(.*?)^```", page, re.M | re.S) for found in re.findall(COMMAND, text, re.M)
    ]
    assert [arguments.split()[0] for arguments, _ in commands] == ["compare", "quantize", "quantize", "show"]
    for arguments, output in commands:
        with pytest.raises(SystemExit) as end:
            cli.main(arguments.split())
        assert not end.value.code
        printed, shown = ([line.rstrip() for line in text.splitlines()] for text in (capsys.readouterr().out, output))
        if shown[-1] == "…":
            shown.pop()
            assert len(shown) > 10
            printed = printed[: len(shown)]
        assert printed == shown


def test_the_picture_is_that_of_the_tile(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.copy(TILE, tmp_path)
    with pytest.raises(SystemExit) as end:
        cli.main(["compare", "minilm_tile.npz:weights", "--plot", "compare.svg"])
    assert not end.value.code
    assert (tmp_path / "compare.svg").read_text() == (DOCS / "compare.svg").read_text()


def test_the_worked_block_is_that_of_the_tile():
    weights = np.load(TILE)["weights"]
    block = quantize(weights, ELEMENT_FORMATS["E2M1"])
    assert block.scales[0, 0] == 123
    rows = re.findall(r"^\| (weight|weight / 2\^-4|code|element|value) \| (.*) \|$", CHECKPOINTS.read_text(), re.M)
    shown = {name: cells.split(" | ") for name, cells in rows}
    values, codes = dequantize(block)[0, :8], block.elements[0, :8]
    assert shown["weight"] == [f"{x:.4f}" for x in weights[0, :8]]
    assert shown["weight / 2^-4"] == [f"{x * 16:.3f}" for x in weights[0, :8]]
    assert shown["code"] == [str(code) for code in codes]
    assert shown["element"] == [f"{x * 16:g}" for x in values]
    assert shown["value"] == [f"{x:g}" for x in values]
    packed = [low | high << 4 for low, high in zip(codes[0::2].tolist(), codes[1::2].tolist(), strict=True)]
    assert f"bytes {' '.join(f'{byte:#04x}' for byte in packed)}" in CHECKPOINTS.read_text()
