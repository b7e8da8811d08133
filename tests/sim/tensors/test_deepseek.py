"""DeepSeek's layouts: scales of tiles, scales in words, and scales as DeepGEMM makes them."""

import re
import struct

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import block_scales, quantize
from mxmac_sim.tensors.deepseek import pack_scales, padded, scales_of_rows, scales_of_tiles, unpack_scales
from mxmac_sim.tensors.files import load_mx
from mxmac_sim.tensors.writing import save_mx
from tensor_checks import FLOATS, FP8, command, expected_tiles

E4M3 = ELEMENT_FORMATS["E4M3"]

codes = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, max_side=9))
unhurried = settings(deadline=None, max_examples=60)


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
