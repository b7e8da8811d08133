"""DeepSeek's layouts: scales of tiles, scales in words, FP8 weights of checkpoints, and all of them on the hardware."""

import re
import struct
from operator import mul

import gmpy2
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from typer.testing import CliRunner

from mxmac.cli import app as cli
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli.quantize import quantize as quantize_command
from mxmac_sim.golden.quantize import ScaleRule, block_scales, dequantize, quantize
from mxmac_sim.tensors.deepseek import pack_scales, padded, scales_of_rows, scales_of_tiles, unpack_scales
from mxmac_sim.tensors.files import load_mx, load_stored, save_mx

E4M3 = ELEMENT_FORMATS["E4M3"]
FP8 = np.dtype(ml_dtypes.float8_e4m3fn)
WEIGHT = "model.layers.0.self_attn.o_proj.weight"
RNG = np.random.default_rng(3)
#: Neither rows nor K are multiples of 128.
FLOATS = RNG.standard_normal((200, 300), np.float32) * np.geomspace(1e-3, 1e3, 200, dtype=np.float32)[:, np.newaxis]

codes = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, max_side=9))

app = typer.Typer()
app.command("quantize")(quantize_command)
app.callback()(lambda: None)

unhurried = settings(deadline=None, max_examples=60)


def command(capsys, *arguments):
    """Exit status, standard output and standard error."""
    with pytest.raises(SystemExit) as end:
        cli.main([str(argument) for argument in arguments])
    return end.value.code or 0, *capsys.readouterr()


def requantized(path, out):
    assert not CliRunner().invoke(app, ["quantize", str(path), str(out), "--name", WEIGHT, "--requantize"]).exit_code


def checkpoint(path, scales, elements=None):
    """Write a weight of (200, 300) with its scales, and what else there may be in a checkpoint."""
    elements = RNG.integers(0, 0x7F, (200, 300), np.uint8).view(FP8) if elements is None else elements
    other = {"model.norm.weight": np.ones(300, np.float32), "lm_head.weight": np.ones((4, 300), np.float32)}
    safetensors.numpy.save_file({WEIGHT: elements, f"{WEIGHT}_scale_inv": scales, **other}, path, {"format": "pt"})
    return elements


def powers_of_two():
    return np.ldexp(np.float32(1), RNG.integers(-20, 3, (2, 3))).astype(np.float32)


# Words.


@unhurried
@given(codes)
def test_scales_come_back_from_words_whose_bytes_are_where_deepgemm_has_them(scales):
    words = pack_scales(scales)
    blocks = scales.shape[-1]
    assert (words.dtype, words.shape) == (np.int32, (*scales.shape[:-1], -(-blocks // 4)))
    for row, packed in zip(scales.reshape(-1, blocks).tolist(), words.reshape(-1, words.shape[-1]).tolist(), strict=True):
        whole = row + [0x7F] * (-blocks % 4)
        assert packed == [struct.unpack("<i", bytes(whole[p : p + 4]))[0] for p in range(0, len(whole), 4)]
    for order in "<>":
        assert np.array_equal(unpack_scales(words.astype(f"{order}i4"), blocks), scales)


def test_words_have_the_first_scale_in_their_lowest_byte():
    assert pack_scales(np.array([0x81, 0x82, 0x83, 0x04, 0xFE], np.uint8)).tolist() == [0x04838281, 0x7F7F7FFE]
    assert pack_scales(np.array([0, 0, 0, 0x80], np.uint8)).tolist() == [-(1 << 31)]


def test_what_fills_the_last_word_does_not_count():
    assert unpack_scales(np.array([0x04838281, -2], np.int32), 5).tolist() == [0x81, 0x82, 0x83, 0x04, 0xFE]


# Tiles.


@unhurried
@given(st.integers(1, 300), st.integers(1, 3), st.randoms())
def test_every_row_of_a_tile_has_its_scale_and_the_tiles_come_back(rows, blocks, random):
    tiles = np.array([[random.randrange(255) for _ in range(blocks)] for _ in range(-(-rows // 128))], np.uint8)
    spread = scales_of_rows(tiles, rows)
    assert spread.tolist() == [tiles[row // 128].tolist() for row in range(rows)]
    assert np.array_equal(scales_of_tiles(spread), tiles)


def test_rows_that_differ_inside_a_tile_are_none(tmp_path):
    rows = np.full((200, 2), 127, np.uint8)
    rows[199, 1] = 126
    assert scales_of_tiles(rows) is None
    tensor = quantize(FLOATS[:, :256], E4M3, block=128)
    with pytest.raises(ValueError, match="different scales"):
        save_mx(tmp_path / "never.npz", tensor, tiles=True)


def expected_tiles(floats, rows):
    """Scale codes and elements of an independent quantizer: the least power of two that fits, tile by tile."""
    exponents, elements = [], np.zeros(floats.shape, FP8)
    for top in range(0, floats.shape[0], rows):
        for left in range(0, floats.shape[1], 128):
            part = np.s_[top : top + rows, left : left + 128]
            tile = floats[part].astype(np.float64)
            exponent = next(e for e in range(-127, 128) if np.abs(tile).max() <= 448 * 2.0**e)
            exponents.append(exponent + 127)
            # In range, where ml_dtypes rounds right.
            elements[part] = (tile / 2.0**exponent).astype(np.float32).astype(FP8)
    return np.array(exponents, np.uint8).reshape(-(-floats.shape[0] // rows), -1), elements.view(np.uint8)


@pytest.mark.parametrize(("layout", "rows"), [("deepseek-activations", 1), ("deepseek-weights", 128)])
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_floats_become_blocks_of_128_and_a_short_block_is_filled_with_zeros(tmp_path, capsys, layout, rows, suffix):
    np.save(tmp_path / "x.npy", FLOATS)
    status, text, _ = command(capsys, "quantize", tmp_path / "x.npy", tmp_path / f"a{suffix}", "--layout", layout)
    scales, elements = expected_tiles(FLOATS, rows)
    with np.load(tmp_path / "a.npz") if suffix == ".npz" else safetensors.safe_open(tmp_path / "a.safetensors", "np") as file:
        assert status == 0
        stored = file["scales"].shape if suffix == ".npz" else tuple(file.get_slice("scales").get_shape())
        assert stored == scales.shape
    tensor = load_mx(tmp_path / f"a{suffix}")
    assert (tensor.block, tensor.elements.shape) == (128, (200, 384))
    assert np.array_equal(tensor.scales, np.repeat(scales, rows, axis=0)[:200])
    assert np.array_equal(tensor.elements, padded(elements, 128))
    assert not tensor.elements[:, 300:].any()
    for part in ("200 × 300", "to K = 384", "6 tiles, 0 all zero" if rows > 1 else "600 blocks, 0 all zero", "of 60,000"):
        assert part in text


@pytest.mark.parametrize("layout", ["deepseek-activations", "deepseek-weights"])
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_packed_scales_are_those_of_rows_and_make_the_same_tensor(tmp_path, capsys, layout, suffix):
    np.save(tmp_path / "x.npy", FLOATS)
    plain, packed = tmp_path / f"plain{suffix}", tmp_path / f"packed{suffix}"
    for path, options in ((plain, []), (packed, ["--pack-scales"])):
        assert command(capsys, "quantize", tmp_path / "x.npy", path, "--layout", layout, *options)[0] == 0
    with np.load(packed) if suffix == ".npz" else safetensors.safe_open(packed, "np") as file:
        scales = file["scales"] if suffix == ".npz" else file.get_tensor("scales")
    assert (scales.dtype, scales.shape) == (np.int32, (200, 1))
    assert (scales >> 24 == 0x7F).all()
    first, second = load_mx(plain), load_mx(packed)
    assert np.array_equal(first.elements, second.elements)
    assert np.array_equal(first.scales, second.scales)


def test_a_packed_file_is_unpacked_by_quantize_and_a_block_of_128_needs_not_be_stated(tmp_path, capsys):
    tensor = quantize(FLOATS[:, :256], E4M3, block=128)
    arrays = {"elements": tensor.elements.view(FP8), "scales": pack_scales(tensor.scales)}
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors")
    status, text, _ = command(capsys, "quantize", tmp_path / "a.safetensors", tmp_path / "b.npz")
    assert status == 0
    assert "exact" in text
    with np.load(tmp_path / "b.npz") as file:
        assert np.array_equal(file["scales"], tensor.scales)
        assert np.array_equal(file["elements"], tensor.elements)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--block", "32"], "--block: The blocks of the layout deepseek-weights have 128 elements, not 32"),
        (["--format", "e5m2"], "--format: The elements of the layout deepseek-weights are E4M3, not E5M2; with --layout mx"),
        (["--requantize"], "--requantize: .* has no such quantized tensor"),
        (["--layout", "mx", "--block", "128"], "--block: K = 300, .* not a multiple"),
        (["--layout", "tiles"], "--layout: Unknown layout 'tiles'; accepted: mx, deepseek-activations, deepseek-weights"),
    ],
)
def test_options_that_do_not_fit_a_layout_are_refused(tmp_path, capsys, options, message):
    np.savez(tmp_path / "x.npz", x=FLOATS)
    arguments = ("quantize", tmp_path / "x.npz", tmp_path / "a.npz", "--layout", "deepseek-weights", *options)
    status, _, error = command(capsys, *arguments)
    assert status == 2
    assert re.fullmatch(f"mxmac: {message}.*\n", error)
    assert not (tmp_path / "a.npz").exists()


def test_tiles_need_rows(tmp_path):
    with pytest.raises(UserError, match=r"shape \(256,\); a matrix is needed"):
        quantize(np.ones(256, np.float32), E4M3, block=128, rows=128)


# Scales as DeepGEMM makes them of FP32.


def deepgemm_scale(amax):
    """Division in FP32, then the exponent, plus one if there is a mantissa, within 1 to 254."""
    bits = (np.maximum(amax, np.float32(1e-4)) / np.float32(448)).view(np.uint32).astype(np.int64)
    return np.clip((bits >> 23) + (bits & 0x7FFFFF != 0), 1, 254)


@unhurried
@given(hnp.arrays(np.float32, 64, elements=st.floats(np.float32(1e-4), float(np.finfo(np.float32).max), width=32)))
def test_scales_are_those_of_deepgemm_from_1e_minus_4(amax):
    assert block_scales(amax, E4M3).tolist() == deepgemm_scale(amax).tolist()


def test_scales_are_those_of_deepgemm_next_to_every_power_of_two_times_448_and_zeros_are_not():
    edges = np.ldexp(np.float32(448), np.arange(-21, 120)).astype(np.float32)
    for steps in range(-40, 41):
        amax = (edges.view(np.int32) + steps).view(np.float32)
        assert block_scales(amax, E4M3).tolist() == deepgemm_scale(amax).tolist()
    zero = np.zeros(1, np.float32)
    assert (block_scales(zero, E4M3).tolist(), deepgemm_scale(zero).tolist()) == ([0], [105])


# Checkpoints.


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
        (":lm_head.weight", r"'lm_head.weight' has no scales beside it: there is no 'lm_head.weight_scale_inv'\n"),
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
