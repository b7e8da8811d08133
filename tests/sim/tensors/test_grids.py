"""Grids of block scales in checkpoints: tiles, rows and tensors, by the shapes of elements and scales."""

import math

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layout_checks import e8m0, write_tensors
from mxmac.errors import UserError
from mxmac_sim.golden.quantize import dequantize
from mxmac_sim.tensors.files import load_mx
from mxmac_sim.tensors.stated import Stated
from tensor_checks import FP8, command

RNG = np.random.default_rng(17)
FILE = "a.safetensors"
E5M2 = np.dtype(ml_dtypes.float8_e5m2)


@pytest.mark.parametrize(
    ("shape", "scales", "message"),
    [
        ((130, 140), (1, 2), "smaller tiles at the edges need scales too, for 128 x 128 elements"),
        ((130, 300), (3, 2), "its axes are swapped, for 128 x 128 elements"),
        ((130, 300), (7, 7), r"\(130, 1\) for one a row or \(\) for one a tensor$"),
    ],
)
def test_a_wrong_grid_is_shown_as_stored_with_the_grids_that_fit(tmp_path, capsys, shape, scales, message):
    path = write_tensors(
        tmp_path / "a.safetensors", None, x__weight=np.zeros(shape, FP8), x__weight_scale_inv=np.ones(scales, np.float32)
    )
    blocks = math.ceil(shape[1] / 128)
    with pytest.raises(UserError, match=message):
        load_mx(path)
    status, _, error = command(capsys, "quantize", path, tmp_path / "b.npz")
    assert (status, error.count("\n")) == (2, 1)
    assert error.startswith(
        f"mxmac: {path}: 'x.weight_scale_inv' has shape {scales}, but 'x.weight' of shape {shape}, float8_e4m3fn, "
        f"needs (2, {blocks}) for 128 x 128 elements or (130, {blocks}) for 1 x 128 elements or "
    )


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_one_scale_of_a_tensor_is_that_of_all_rows_and_blocks_of_any_length_have_it(tmp_path, shape):
    elements = RNG.integers(0, 0x78, (200, 300)).astype(np.uint8)
    scales = np.full(shape, 0.25, np.float32)
    path = write_tensors(tmp_path / FILE, x__weight=elements.view(FP8), x__weight_scale_inv=scales)
    for block, width in ((None, 300), (32, 320), (128, 384)):
        tensor = load_mx(path, stated=Stated(block=block))
        assert (tensor.block, tensor.elements.shape) == (block or 300, (200, width))
        assert np.array_equal(dequantize(tensor)[:, :300], elements.view(FP8).astype(float) / 4)


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_one_scale_a_row_may_have_no_axis_of_its_own(tmp_path, shape):
    scales = np.ldexp(1.0, np.arange(5)).astype(ml_dtypes.bfloat16).reshape(shape)
    path = write_tensors(tmp_path / FILE, x__weight=np.zeros((5, 300), E5M2), x__weight_scale=scales)
    assert load_mx(path).scales.tolist() == [[127 + row] for row in range(5)]
    assert load_mx(path, stated=Stated(block=128)).scales.tolist() == [[127 + row] * 3 for row in range(5)]


def test_scales_of_matrices_may_be_tiles_or_one_each(tmp_path):
    elements = np.zeros((3, 130, 140), FP8)
    codes = RNG.integers(100, 140, (3, 2, 2)).astype(np.uint8)
    path = write_tensors(tmp_path / FILE, x__weight=elements, x__scale=e8m0(codes))
    assert np.array_equal(load_mx(path).scales, np.repeat(codes, 128, axis=1)[:, :130])
    each = np.array([0.5, 1, 2], np.float32)
    write_tensors(path, x__weight=elements, x__weight_scale=each)
    assert load_mx(path).scales[:, :, 0].tolist() == [[code] * 130 for code in (126, 127, 128)]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([(128, 128), (1, 128)]), st.randoms())
def test_partial_tiles_at_the_edges_have_scales(tmp_path_factory, rows, k, tile, random):
    grid = math.ceil(rows / tile[0]), math.ceil(k / tile[1])
    codes = np.array([[random.randrange(255) for _ in range(grid[1])] for _ in range(grid[0])], np.uint8)
    path = write_tensors(tmp_path_factory.mktemp("tiles") / FILE, x__weight=np.zeros((rows, k), FP8), x__scale=e8m0(codes))
    tensor = load_mx(path)
    block = tensor.block
    for row in (0, rows // 2, rows - 1):
        for element in (0, k // 2, k - 1):
            assert tensor.scales[row, element // block] == codes[row // tile[0], element // tile[1]]
