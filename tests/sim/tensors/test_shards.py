"""Checkpoints in shards: an index, a folder or any shard gives the whole, and no more is read than one tensor or matrix."""

import tracemalloc

import gmpy2
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from layout_checks import e8m0, nibbles, write_index, write_tensors
from mxmac import MacConfig
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden import model as golden
from mxmac_sim.golden.quantize import dequantize
from mxmac_sim.tensors.files import load_floats, load_mx, load_stored
from mxmac_sim.tensors.source import open_source
from mxmac_sim.tensors.stated import Stated
from tensor_checks import FP8, command

RNG = np.random.default_rng(13)
FIRST, SECOND = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
INDEX = "model.safetensors.index.json"
SCALES = RNG.integers(110, 130, (2, 2)).astype(np.uint8)
ELEMENTS = RNG.integers(0, 0x78, (130, 140)).astype(np.uint8)
NORM = np.arange(1, 9, dtype=np.float32).reshape(2, 4)


@pytest.fixture
def folder(tmp_path):
    """The scales of ``l0.weight`` are in the other shard."""
    path = tmp_path / "model"
    path.mkdir()
    write_tensors(path / FIRST, l0__weight=ELEMENTS.view(FP8), l0__norm=NORM)
    write_tensors(path / SECOND, l0__weight_scale_inv=np.ldexp(np.float32(1), SCALES.astype(int) - 127).astype(np.float32))
    write_index(path, {"l0.weight": FIRST, "l0.norm": FIRST, "l0.weight_scale_inv": SECOND})
    return path


@pytest.mark.parametrize("given", [INDEX, ".", FIRST, SECOND])
def test_an_index_a_folder_and_any_shard_give_scales_of_another_shard(folder, tmp_path, capsys, given):
    out = tmp_path / "out.npz"
    status, text, error = command(capsys, "quantize", folder / given, out, "--name", "l0.weight")
    assert (status, error) == (0, "")
    assert "deepseek-v3" in text
    tensor = load_mx(out)
    assert (tensor.format.name, tensor.block) == ("E4M3", 128)
    assert np.array_equal(tensor.elements[:, :140], ELEMENTS)
    assert tensor.scales.tolist() == [SCALES[row // 128].tolist() for row in range(130)]
    assert np.array_equal(load_floats(folder / given, "l0.norm"), NORM)


def test_a_folder_without_an_index_is_the_sum_of_its_shards(folder):
    (folder / INDEX).unlink()
    assert load_mx(folder, "l0.weight").block == 128
    write_tensors(folder / "other.safetensors", l0__norm=NORM)
    with pytest.raises(UserError, match=rf"'l0.norm' is in '{FIRST}' and in 'other.safetensors'; give one file, or an index"):
        load_mx(folder, "l0.weight")


def test_a_shard_without_an_index_says_where_the_scales_may_be(folder):
    (folder / INDEX).unlink()
    with pytest.raises(UserError, match=r"no .*'l0\.weight_scale_inv'.*; if it is in another shard, give the folder or the"):
        load_mx(folder / FIRST, "l0.weight")
    with pytest.raises(UserError, match=r"dtype float8_e4m3fn; .* need their scales beside them or in another shard"):
        load_floats(folder / FIRST, "l0.weight")


def test_an_index_that_does_not_fit_its_files_is_refused(folder, tmp_path):
    (folder / SECOND).rename(folder / "elsewhere.safetensors")
    for given in (".", INDEX, FIRST):
        with pytest.raises(UserError, match=rf"'l0\.weight_scale_inv' is in '{SECOND}', which is missing; all of its shards"):
            load_mx(folder / given, "l0.weight")
    write_index(folder, {"l0.weight": FIRST, "l0.weight_scale_inv": FIRST})
    with pytest.raises(UserError, match=rf"The index has 'l0\.weight_scale_inv' in '{FIRST}', but that file does not"):
        load_mx(folder, "l0.weight")
    write_index(folder, {}, "other.safetensors.index.json")
    with pytest.raises(UserError, match=r"has 2 indices; give one: model\.safetensors\.index\.json, other\.saf"):
        load_mx(folder)
    with pytest.raises(UserError, match=r"This is a directory without \.safetensors files"):
        load_mx(tmp_path)
    with pytest.raises(UserError, match="There is no such file"):
        load_mx(tmp_path / INDEX)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("[" * 100_000, "cannot be read .it is nested too deeply"),
        ('{"weight_map": []}', "no weight_map"),
        ("[]", "no weight_map"),
        ('{"weight_map": {"a": 3}}', "no weight_map"),
        ('{"weight_map": {"a": "../a.safetensors"}}', r"names '\.\./a\.safetensors'; \.safetensors files beside it"),
        ('{"weight_map": {"a": "a.bin"}}', r"names 'a\.bin'; \.safetensors files beside it"),
        ('{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', "it has 'a' twice"),
    ],
)
def test_an_index_made_to_do_harm_ends_in_one_line_and_does_not_touch_other_files(tmp_path, text, message):
    (tmp_path / INDEX).write_text(text)
    with pytest.raises(UserError, match=message):
        load_mx(tmp_path / INDEX, "a")
    path = write_tensors(tmp_path / "a.safetensors", w=np.zeros((2, 32), FP8), w_scale=np.full((2, 1), 127, np.uint8))
    assert load_mx(path).block == 32


def test_a_shard_is_never_the_output(folder, capsys):
    before = (folder / SECOND).read_bytes()
    for given in (INDEX, "."):
        status, _, error = command(capsys, "quantize", folder / given, folder / SECOND, "--name", "l0.weight")
        assert status == 2
        assert "This is the input file" in error
    assert (folder / SECOND).read_bytes() == before


# One matrix.


@pytest.fixture
def experts(tmp_path):
    """Experts of gpt-oss: codes, scales, and the file."""
    codes, scales = RNG.integers(0, 16, (2, 4, 96)).astype(np.uint8), RNG.integers(120, 135, (2, 4, 3)).astype(np.uint8)
    bias = np.zeros((2, 4), ml_dtypes.bfloat16)
    path = tmp_path / "model.safetensors"
    tensors = {"experts.down_proj_blocks": nibbles(codes).reshape(2, 4, 3, 16), "experts.down_proj_scales": scales}
    write_tensors(path, **tensors, **{"experts.down_proj_bias": bias})
    return codes, scales, path


def test_one_expert_is_a_matrix_of_its_own(experts):
    codes, scales, path = experts
    every = load_mx(path, "experts.down_proj")
    assert np.array_equal(every.elements, codes)
    assert np.array_equal(every.scales, scales)
    for index in range(2):
        for name in ("experts.down_proj", "experts.down_proj_blocks"):
            one = load_mx(path, f"{name}[{index}]")
            assert (one.format.name, one.block) == ("E2M1", 32)
            assert np.array_equal(one.elements, codes[index])
            assert np.array_equal(one.scales, scales[index])


def test_the_dot_product_of_two_experts_is_exact(experts):
    _, _, path = experts
    a, b = (load_mx(path, f"experts.down_proj[{index}]") for index in range(2))
    data, _ = golden.matmul(a, b, MacConfig(a="E2M1", b="E2M1"))
    rows, columns = ([[gmpy2.mpq(value) for value in row] for row in dequantize(x).tolist()] for x in (a, b))
    exact = [[float(gmpy2.mpfr(sum(map(gmpy2.mul, row, column)), 24)) for column in columns] for row in rows]
    assert data.view(np.float32).tolist() == exact


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("experts.down_proj[2]", r"has shape \(2, 4, 3, 16\) and no matrix 2; 0 to 1 are accepted"),
        (
            "experts.down_proj[-1]",
            r"has no 'experts\.down_proj\[-1\]'; choose a quantized one as FILE:NAME: experts\.",
        ),
        ("experts.down_proj[99999999999]", r"has no 'experts\.down_proj\[9+\]'; choose"),
        ("flat[0]", r"'flat_blocks' has shape \(1, 16\); an index, as in flat_blocks\[0\], needs three axes"),
        ("lone[0]", r"'lone_blocks\[0\]' is a row of shape \(96,\); an index needs a tensor of several matrices"),
        ("long[1]", r"'long_scales' has shape \(3, 1, 1\), 'long_blocks' \(2, 1, 1, 16\); their first axes must be the same"),
    ],
)
def test_an_index_that_fits_nothing_is_refused(experts, name, message):
    codes, _, path = experts
    arrays = {"experts.down_proj_blocks": nibbles(codes).reshape(2, 4, 3, 16), "experts.down_proj_scales": experts[1]}
    one, ones = np.zeros((2, 1, 1, 16), np.uint8), np.full((3, 1, 1), 127, np.uint8)
    flat = {"flat_blocks": one[0, 0], "flat_scales": ones[0, 0], "long_blocks": one, "long_scales": ones}
    lone = {"lone_blocks": np.zeros((2, 3, 16), np.uint8), "lone_scales": np.full((2, 3), 127, np.uint8)}
    write_tensors(path, **arrays, **flat, **lone)
    with pytest.raises(UserError, match=message):
        load_mx(path, name)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_one_matrix_of_floats_or_of_tiles_is_chosen_too(tmp_path, suffix):
    path, x = tmp_path / f"a{suffix}", RNG.standard_normal((3, 8, 32)).astype(np.float32)
    tiles, elements = RNG.integers(100, 140, (3, 2, 1)).astype(np.uint8), np.zeros((3, 200, 128), np.uint8)
    each = np.array([1, 2, 4], np.float32)
    arrays = {"x": x, "w": elements, "w_scale": tiles, "v": elements, "v_scale": each, "x[7]": x[0]}
    np.savez(path, **arrays) if suffix == ".npz" else safetensors.numpy.save_file(arrays, path)
    assert np.array_equal(load_floats(path, "x[2]"), x[2])
    assert np.array_equal(load_floats(path, "x[7]"), x[0])
    stated = Stated(format=ELEMENT_FORMATS["E4M3"])
    assert load_mx(path, "w[2]", stated).scales.tolist() == np.repeat(tiles[2], 128, 0)[:200].tolist()
    assert load_mx(path, "v[2]", stated).scales.tolist() == [[129]] * 200
    with pytest.raises(UserError, match=r"no matrix 3; 0 to 2"):
        load_floats(path, "x[3]")


def test_one_tensor_and_one_matrix_are_read_without_the_rest_of_the_file(tmp_path):
    expert, experts, other = 1 << 18, 16, 8 << 20
    elements = np.zeros((experts, 512, expert // 512), FP8)
    scales = e8m0(np.full((experts, 4, 4), 127, np.uint8))
    path = write_tensors(tmp_path / "a.safetensors", other=np.zeros(other, np.uint8), w__weight=elements, w__scale=scales)
    for name, most in (("w.weight[3]", 4 * expert), ("w.weight", 3 * expert * experts)):
        tracemalloc.start()
        load_stored(path, name)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < most
    with pytest.raises(UserError, match=r"needs 0\.003906 GiB"):
        load_stored(path, "w.weight", stated=Stated(max_size=0.001))
    assert load_stored(path, "w.weight[3]", stated=Stated(max_size=0.001)).elements.shape == (512, 512)


def test_only_headers_of_needed_shards_are_read(folder):
    (folder / SECOND).write_bytes(b"damaged")
    assert np.array_equal(load_floats(folder, "l0.norm"), NORM)
    assert sorted(open_source(folder).names) == ["l0.norm", "l0.weight", "l0.weight_scale_inv"]
    with pytest.raises(UserError, match="cannot be read"):
        load_mx(folder, "l0.weight")
