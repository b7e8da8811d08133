"""``mxmac quantize`` as a command: what it prints and writes, and that a mistake writes nothing."""

import re
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli import quantize as commands_quantize
from mxmac_sim.golden.quantize import Overflow, ScaleRule, dequantize, quantize, sqnr_db
from mxmac_sim.tensors.files import load_floats, load_mx

TILE = Path(__file__).parents[3] / "sim" / "mxmac_sim" / "data" / "minilm_tile.npz"

app = typer.Typer()
app.command("quantize")(commands_quantize.quantize)


def run(*arguments):
    """Standard output of the command; its UserErrors come out as they are."""
    return CliRunner(env={"COLUMNS": "100"}).invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False, standalone_mode=False
    )


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_the_real_tile_is_quantized_with_the_defaults(tmp_path, suffix):
    out = tmp_path / f"a{suffix}"
    text = run(TILE, out, "--name", "activations").output
    x, tensor = load_floats(TILE, "activations"), load_mx(out)
    expected = quantize(x, ELEMENT_FORMATS["E4M3"], block=32, rule=ScaleRule.RCEIL, overflow=Overflow.SAT)
    assert np.array_equal(tensor.elements, expected.elements)
    assert np.array_equal(tensor.scales, expected.scales)
    for part in ("16 × 384", "E4M3", "RCEIL", "192 blocks", "1.031", "float32: 4", "0 of 6,144 elements", out.name):
        assert part in text
    assert f"{sqnr_db(x, dequantize(expected)):.2f} dB" in text
    low, high = tensor.scales.min(), tensor.scales.max()
    assert f"2^{int(low) - 127} to 2^{int(high) - 127} (codes {low:#04x} to {high:#04x})" in text


def test_every_option_in_any_case_reaches_the_quantizer(tmp_path):
    out, x = tmp_path / "a.npz", load_floats(TILE, "weights")
    options = ("--format", "e5m2", "--block", 128, "--rule", "Floor", "--overflow", "OVF", "--name", "weights")
    text = run(TILE, out, *options).output
    expected = quantize(x, ELEMENT_FORMATS["E5M2"], block=128, rule=ScaleRule.FLOOR, overflow=Overflow.OVF)
    tensor = load_mx(out)
    assert (tensor.format.name, tensor.block) == ("E5M2", 128)
    assert np.array_equal(tensor.elements, expected.elements)
    lost = np.count_nonzero(~np.isfinite(dequantize(expected)))
    assert lost
    assert f"undefined: {lost} elements became Inf or NaN" in text


@pytest.mark.parametrize(
    ("name", "element"), [("MXFP8", "E4M3"), ("mxfp8_e5m2", "E5M2"), ("MXFP4", "E2M1"), ("MXINT8", "INT8")]
)
def test_an_mx_name_is_an_element_format_in_blocks_of_32(tmp_path, name, element):
    run(TILE, tmp_path / "a.npz", "--format", name, "--name", "weights")
    run(TILE, tmp_path / "b.npz", "--format", element, "--block", 32, "--name", "weights")
    with np.load(tmp_path / "a.npz") as first, np.load(tmp_path / "b.npz") as second:
        assert first["format"] == element  # files keep the canonical name
        assert {key: value.tolist() for key, value in first.items()} == {key: value.tolist() for key, value in second.items()}


def test_an_mx_name_requantizes_to_blocks_of_32(tmp_path):
    elements, scales = np.full((2, 128), 0x38, np.uint8), np.full((2, 1), 3.0, np.float32)
    np.savez(tmp_path / "x.npz", elements=elements, scales=scales, format="E4M3", block=128)
    for name, block in (("MXFP8", 32), ("E4M3", 128)):
        run(tmp_path / "x.npz", tmp_path / "y.npz", "--requantize", "--format", name)
        assert load_mx(tmp_path / "y.npz").block == block


def test_the_share_of_clipped_elements_and_zero_blocks_are_counted(tmp_path):
    x = np.zeros((2, 8), np.float32)
    x[0, :3] = 1.99, -1.99, 1
    np.save(tmp_path / "x.npy", x)
    text = run(tmp_path / "x.npy", tmp_path / "a.npz", "--block", 4, "--rule", "floor").output
    assert "2 of 16 elements (12.50%)" in text
    assert "4 blocks, 3 all zero" in text
    assert "2^-8 to 2^-8" in text


def test_only_zeros_are_quantized_without_loss(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros(32, np.float32))
    assert "inf dB" in run(tmp_path / "x.npy", tmp_path / "a.npz").output


@pytest.mark.parametrize(
    ("options", "what", "message"),
    [
        (["--format", "E4M4"], "format", f"must be one of {', '.join(ELEMENT_FORMATS)}, not 'E4M4'"),
        (["--format", "MXFP6"], "format", "must be MXFP6_E3M2 or MXFP6_E2M3, not MXFP6"),
        (["--format", "MXFP4", "--block", "16"], "block", "must be 32, the block of MXFP4, not 16; E2M1 takes any block"),
        (["--format", "MXFP8", "--layout", "deepseek-weights"], "block", "must be 32, the block of MXFP8, not 128"),
        (["--rule", "round"], "rule", "Unknown rule 'round'; accepted: floor, rceil, ceil, even"),
        (["--overflow", "wrap"], "overflow", "Unknown overflow 'wrap'; accepted: sat, ovf"),
        (["--block", "100"], "block", r"K = 384, .* not a multiple of the block of 100 elements"),
        (["--block", "0"], "block", r"K = 384, .* block of 0 elements"),
        (["--name", "bias"], str(TILE), "has no array 'bias'; it has about, activations, weights"),
        (["--name", "about"], str(TILE), "dtype <U.*; accepted: float16"),
    ],
)
def test_a_wrong_option_is_refused_and_nothing_written(tmp_path, options, what, message):
    with pytest.raises(UserError, match=message) as error:
        run(TILE, tmp_path / "a.npz", "--name", "weights", *options)
    assert error.value.parameter == what
    assert not list(tmp_path.iterdir())


def test_a_wrong_target_is_refused_before_the_input_is_read(tmp_path):
    unread = tmp_path / "unread.npy"
    for target, message in (("none/a.npz", "does not exist; create it first"), ("a.pt", r"ends in '\.pt'; accepted")):
        with pytest.raises(UserError, match=message) as error:
            run(unread, tmp_path / target)
        assert error.value.parameter == str(tmp_path / target)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[1, np.nan], [np.inf, 2]], np.float32), r"2 of 4 values are NaN or Inf, the first at \[0, 1\]"),
        (np.ones((2, 2), np.int8), "dtype int8; accepted"),
        (np.array([1e39, 0]), "too large for FP32"),
    ],
)
def test_a_wrong_input_is_refused_and_the_old_output_kept(tmp_path, array, message):
    out = tmp_path / "a.npz"
    out.write_bytes(b"old")
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(UserError, match=message):
        run(tmp_path / "x.npy", out, "--block", 2)
    assert out.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "x.npy"]


def test_the_input_is_never_its_own_output(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, x=np.ones(32, np.float32))
    with pytest.raises(UserError, match="This is the input file; give another name"):
        run(path, tmp_path / "." / "x.npz")


def test_help_names_every_choice():
    text = re.sub(r"[\s│]+", " ", run("--help").output)
    for part in (
        *ELEMENT_FORMATS,
        "rceil|floor|ceil|even",
        "sat|ovf",
        "default: (rceil)",
        "default: (32)",
        *commands_quantize.OUTPUT_LAYOUTS,
    ):
        assert part in text
