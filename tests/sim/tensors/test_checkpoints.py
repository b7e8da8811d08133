"""FP8 weights of checkpoints: kept, refused or requantized, and multiplied on the hardware."""

import re
from operator import mul

import gmpy2
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli.quantize import quantize as quantize_command
from mxmac_sim.golden.quantize import ScaleRule, dequantize, quantize
from mxmac_sim.tensors.files import load_mx, load_stored
from mxmac_sim.tensors.writing import save_mx
from tensor_checks import FLOATS, FP8, WEIGHT, checkpoint, command, expected_tiles, powers_of_two

E4M3 = ELEMENT_FORMATS["E4M3"]

app = typer.Typer()
app.command("quantize")(quantize_command)
app.callback()(lambda: None)


def requantized(path, out):
    assert not CliRunner().invoke(app, ["quantize", str(path), str(out), "--name", WEIGHT, "--requantize"]).exit_code


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.float8_e8m0fnu])
def test_a_weight_with_powers_of_two_keeps_its_elements_and_scales(tmp_path, capsys, dtype):
    path, out, scales = tmp_path / "model.safetensors", tmp_path / "w.safetensors", powers_of_two()
    elements = checkpoint(path, scales.astype(dtype))
    status, text, _ = command(capsys, "quantize", path, out, "--name", WEIGHT)
    assert status == 0
    assert "6 tiles" in text
    for tensor in (load_mx(out), load_mx(path, WEIGHT)):
        assert np.array_equal(tensor.elements[:, :300], elements.view(np.uint8))
        expected = elements.astype(np.float64) * np.repeat(np.repeat(scales, 128, 0)[:200], 128, 1)[:, :300].astype(np.float64)
        assert np.array_equal(dequantize(tensor)[:, :300], expected)
    with safetensors.safe_open(out, "np") as file:
        assert file.get_slice("scales").get_shape() == [2, 3]


def test_a_weight_with_other_scales_is_refused_by_name_with_the_first_one_and_the_remedy(tmp_path, capsys):
    path, scales = tmp_path / "model.safetensors", powers_of_two()
    scales[1, 0], scales[1, 2] = 3.1e-4, 0.75
    checkpoint(path, scales)
    save_mx(tmp_path / "a.npz", quantize(np.ones((2, 384), np.float32), E4M3, block=128))
    for arguments in (
        ("quantize", path, tmp_path / "w.npz", "--name", WEIGHT),
        ("dot", tmp_path / "a.npz", f"{path}:{WEIGHT}"),
    ):
        status, text, error = command(capsys, *arguments)
        assert (status, text) == (2, "")
        assert error == (
            f"mxmac: {path}: 2 of 6 float32 scales in '{WEIGHT}_scale_inv' are not powers of two, the first 0.00031 at [1, 0]; "
            "UE8M0 has powers of two only: quantize anew with `mxmac quantize --requantize`, or from the original floats\n"
        )
    assert not (tmp_path / "w.npz").exists()


@settings(deadline=None, max_examples=8)
@given(st.integers(0, 2**32 - 1))
def test_requantized_values_are_fp32_products_quantized_anew(tmp_path_factory, seed):
    random, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("requantize")
    scales = random.uniform(1e-5, 1e-2, (2, 3)).astype(np.float32)
    elements = (random.integers(0, 0x7F, (200, 300)) | random.integers(0, 2, (200, 300)) << 7).astype(np.uint8).view(FP8)
    checkpoint(folder / "model.safetensors", scales, elements)
    requantized(folder / "model.safetensors", folder / "w.npz")
    products = np.zeros((200, 300), np.float32)
    for row in range(200):
        for tile in range(3):
            part = np.s_[row, tile * 128 : tile * 128 + 128]
            products[part] = elements[part].astype(np.float32) * scales[row // 128, tile]
    assert np.array_equal(load_stored(folder / "model.safetensors", WEIGHT).floats(), products)
    expected_scales, expected_elements = expected_tiles(products, 128)
    with np.load(folder / "w.npz") as file:
        assert np.array_equal(file["scales"], expected_scales)
        assert np.array_equal(file["elements"][:, :300], expected_elements)


def test_requantizing_can_change_layout_and_format(tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    scales = np.full((2, 3), 0.3, np.float32)
    elements = checkpoint(path, scales)
    options = ("--name", WEIGHT, "--requantize", "--layout", "mx", "--block", 50, "--format", "E2M3", "--rule", "floor")
    assert command(capsys, "quantize", path, tmp_path / "w.npz", *options)[0] == 0
    tensor = load_mx(tmp_path / "w.npz")
    assert (tensor.format.name, tensor.block, tensor.scales.shape) == ("E2M3", 50, (200, 6))
    expected = quantize(elements.astype(np.float32) * np.float32(0.3), tensor.format, block=50, rule=ScaleRule.FLOOR)
    assert np.array_equal(tensor.elements, expected.elements)


@pytest.mark.parametrize("option", ["--rule", "--block", "--format", "--layout", "--overflow"])
def test_what_is_quantized_already_takes_no_option_that_would_change_it(tmp_path, capsys, option):
    values = {"--rule": "floor", "--block": 64, "--format": "E5M2", "--layout": "mx", "--overflow": "ovf"}
    checkpoint(tmp_path / "model.safetensors", powers_of_two())
    arguments = ("quantize", tmp_path / "model.safetensors", tmp_path / "w.npz", "--name", WEIGHT, option, values[option])
    status, _, error = command(capsys, *arguments)
    assert status == 2
    assert error.startswith(f"mxmac: {option}: ")
    assert "is quantized already" in error
    assert f"leave out {option}, or add --requantize" in error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", rf"has 4 tensors; choose a quantized one as FILE:NAME: {WEIGHT}\n"),
        (":lm_head", rf"has no 'lm_head'; choose a quantized one as FILE:NAME: {WEIGHT}\n"),
        (
            ":lm_head.weight",
            r"'lm_head.weight' has no scales beside it: there is no .*'lm_head.weight_scale_inv'.*\n",
        ),
    ],
)
def test_dot_says_which_tensors_of_a_checkpoint_it_can_take(tmp_path, capsys, name, message):
    path = tmp_path / "model.safetensors"
    checkpoint(path, powers_of_two())
    status, _, error = command(capsys, "dot", f"{path}{name}", f"{path}{name}")
    assert status == 2
    assert re.search(message, error)


# On the hardware.


def test_dot_of_both_layouts_is_the_exact_product_of_a_checkpoint(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    path, scales = tmp_path / "model.safetensors", powers_of_two()
    weight = checkpoint(path, scales)
    np.save(tmp_path / "x.npy", FLOATS[::50])
    activations = tmp_path / "a.safetensors"
    options = ("--layout", "deepseek-activations", "--pack-scales")
    assert command(capsys, "quantize", tmp_path / "x.npy", activations, *options)[0] == 0
    arguments = (activations, f"{path}:{WEIGHT}", "-o", tmp_path / "out.npz", "--floats-a", tmp_path / "x.npy")
    status, text, _ = command(capsys, "dot", *arguments, "--work", tmp_path / "work")
    assert status == 0
    assert "bit for bit, flags included" in text
    a = dequantize(load_mx(activations))[:, :300]
    b = weight.astype(np.float64) * np.repeat(np.repeat(scales, 128, 0)[:200], 128, 1)[:, :300]
    a, b = ([[gmpy2.mpq(value) for value in row] for row in matrix.tolist()] for matrix in (a, b))
    # Rational sums, rounded once to the 24 bits of FP32.
    exact = [[float(gmpy2.mpfr(sum(map(mul, row, column)), 24)) for column in b] for row in a]
    with np.load(tmp_path / "out.npz") as file:
        assert file["data"].view(np.float32).tolist() == exact
