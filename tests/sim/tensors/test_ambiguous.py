"""Files that can be read in more than one way: the reader asks, and names the option that settles it."""

import json

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.tensors.files import load_mx
from mxmac_sim.tensors.stated import Stated
from mxmac_sim.tensors.stored import implied_blocks
from mxmac_sim.tensors.writing import save_mx
from tensor_checks import command

E4M3, E2M1, INT8 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E2M1", "INT8"))
FP8 = np.dtype(ml_dtypes.float8_e4m3fn)
RNG = np.random.default_rng(5)


def written(path, elements, scales, **facts):
    metadata = {"mx": json.dumps(facts)} if facts else None
    safetensors.numpy.save_file({"elements": elements, "scales": scales}, path, metadata)
    return path


@pytest.fixture
def packed(tmp_path):
    """64 FP4 codes a row, two to a byte, with a scale for 32: also the shape of INT8 in blocks of 16."""
    scales = np.full((4, 2), 127, np.uint8).view(ml_dtypes.float8_e8m0fnu)
    return written(tmp_path / "packed.safetensors", RNG.integers(-128, 128, (4, 32)).astype(np.int8), scales)


# The format.


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("quantize", "{packed}", "{out}"), "--source-format"),
        (("dot", "{packed}", "{packed}"), "--format-a"),
        (("dot", "{packed}", "{packed}", "--format-a", "int8"), "--format-b"),
        (("fpga", "run", "{packed}", "{packed}"), "--format-a"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_bytes_without_a_format_are_not_taken_for_int8(tmp_path, capsys, packed, arguments, option):
    out, layout = tmp_path / "out.npz", option.replace("format", "layout")
    status, _, error = command(capsys, *(argument.format(packed=packed, out=out) for argument in arguments))
    assert status == 2
    assert error == (
        f"mxmac: {option}: 'elements' in '{packed}' has dtype int8, in which any format may be stored, also packed; "
        f"state the format of its elements: {', '.join(ELEMENT_FORMATS)}; "
        f"or, for two E2M1 codes a byte, {layout} mx-packed\n"
    )
    assert not out.exists()


@pytest.mark.parametrize("dtype", [np.int8, np.uint8])
def test_the_format_that_is_stated_settles_it(tmp_path, packed, dtype):
    path = written(tmp_path / "a.safetensors", np.full((1, 32), 0x7F, dtype), np.full((1, 1), 127, np.uint8))
    with pytest.raises(UserError) as error:
        load_mx(path)
    assert error.value.parameter == "format"
    assert load_mx(path, stated=Stated(format=INT8)).format is INT8


def test_packed_codes_are_refused_even_if_their_format_is_stated(packed):
    with pytest.raises(UserError, match="dtype int8; uint8 codes are needed for E2M1"):
        load_mx(packed, stated=Stated(format=E2M1))


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_int8_that_was_written_here_needs_no_option(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    save_mx(path, quantize(np.ones((2, 32), np.float32), INT8))
    assert load_mx(path).format is INT8


def test_an_option_that_contradicts_the_file_is_refused(tmp_path, capsys):
    path = tmp_path / "a.npz"
    save_mx(path, quantize(np.ones((2, 32), np.float32), E4M3))
    status, _, error = command(capsys, "quantize", path, tmp_path / "b.npz", "--source-format", "E5M2")
    assert (status, error) == (2, f"mxmac: --source-format: '{path}' states E4M3 elements, not E5M2\n")
    status, _, error = command(capsys, "dot", path, path, "--block", 16)
    assert (status, error) == (2, f"mxmac: --block: '{path}' states blocks of 32, not 16\n")


@pytest.mark.parametrize("option", ["--source-format=E4M3", "--source-block=32"])
def test_facts_about_a_quantized_file_are_refused_for_floats(tmp_path, capsys, option):
    path = tmp_path / "a.npy"
    np.save(path, np.ones((2, 32), np.float32))
    status, _, error = command(capsys, "quantize", path, tmp_path / "b.npz", option)
    assert status == 2
    assert error.startswith(f"mxmac: {option.split('=')[0]}: ")


@pytest.mark.parametrize("option", ["--format-a=E4M3", "--format-b=E4M3", "--block=32"])
def test_facts_about_matrices_are_refused_without_them(capsys, option):
    status, _, error = command(capsys, "fpga", "run", option)
    assert (status, error) == (
        2,
        f"mxmac: {option.split('=')[0]}: is a fact about the matrices A and B; give them, or leave it out\n",
    )


# The block.


def test_a_block_of_128_with_a_short_last_one_is_not_taken_for_one_of_70(tmp_path, capsys):
    path = written(tmp_path / "a.safetensors", np.zeros((2, 140), FP8), np.ones((2, 2), np.float32))
    status, _, error = command(capsys, "quantize", path, tmp_path / "b.npz")
    assert status == 2
    assert error == (
        f"mxmac: --source-block: '{path}' has elements of shape (2, 140) and scales of shape (2, 2), float32, so that a block "
        "may have 70 or 128 elements; state the number of elements per block\n"
    )
    assert load_mx(path, stated=Stated(block=70)).elements.shape == (2, 140)
    assert load_mx(path, stated=Stated(block=128)).elements.shape == (2, 256)


def test_a_word_of_scales_for_up_to_128_elements_may_hold_one_or_four(tmp_path):
    path = written(tmp_path / "a.safetensors", np.zeros((2, 128), FP8), np.full((2, 1), 0x01027F7F, np.int32))
    with pytest.raises(UserError, match="a block may have 32 or 128 elements") as error:
        load_mx(path)
    assert error.value.parameter == "block"
    assert load_mx(path, stated=Stated(block=32)).scales.tolist() == [[0x7F, 0x7F, 2, 1]] * 2
    assert load_mx(path, stated=Stated(block=128)).scales.tolist() == [[0x7F]] * 2


def test_an_mx_name_states_the_block_too(tmp_path, capsys):
    path = written(tmp_path / "a.safetensors", np.zeros((2, 128), FP8), np.full((2, 1), 0x7F7F7F7F, np.int32))
    arguments = ("quantize", path, tmp_path / "b.npz", "--source-format")
    status, _, error = command(capsys, *arguments, "E4M3")
    assert (status, error.split(": ")[1]) == (2, "--source-block")
    status, _, error = command(capsys, *arguments, "MXFP8", "--source-block", 128)
    assert (status, error) == (2, "mxmac: --source-block: must be 32, the block of MXFP8, not 128; E4M3 takes any block\n")
    status, _, error = command(capsys, *arguments, "mxfp8")
    assert (status, error) == (0, "")
    assert load_mx(tmp_path / "b.npz").block == 32


def test_shapes_that_no_block_fits_are_refused(tmp_path):
    path = written(tmp_path / "a.safetensors", np.zeros((2, 7), FP8), np.ones((2, 5), np.float32))
    with pytest.raises(UserError, match=r"\(2, 7\) and scales of shape \(2, 5\), float32, which fit no block; state"):
        load_mx(path)


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000))
def test_a_block_is_implied_only_if_no_other_usual_one_fits(k, count):
    fitting = [block for block in range(1, k + 1) if -(-k // block) == count]
    usual = [block for block in fitting if k == block * count or block & block - 1 == 0]
    # A row with one scale is the same tensor in blocks of any length from K.
    expected = [k] if count == 1 else usual
    assert implied_blocks(np.empty((2, k), np.uint8), np.empty((2, count), np.uint8)) == expected


@pytest.mark.parametrize("block", ["true", "32.0", "[32]"])
def test_a_block_is_an_integer(tmp_path, block):
    path = tmp_path / "a.safetensors"
    arrays = {"elements": np.zeros((2, 32), FP8), "scales": np.ones((2, 1), np.float32)}
    safetensors.numpy.save_file(arrays, path, {"mx": f'{{"block": {block}}}'})
    with pytest.raises(UserError, match=r"Its block is .*; a number of elements is needed"):
        load_mx(path)


# The tensor.


def test_an_mx_tensor_beside_weights_is_chosen_by_name(tmp_path):
    scales = np.ones((1, 1), np.float32)
    arrays = {"elements": np.zeros((1, 32), FP8), "scales": scales, "w": np.ones((1, 128), FP8), "w_scale_inv": scales}
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=r"has 4 tensors; choose a quantized one as FILE:NAME: elements, w$"):
        load_mx(tmp_path / "a.safetensors")
    assert load_mx(tmp_path / "a.safetensors", "elements").elements.shape == (1, 32)
    assert load_mx(tmp_path / "a.safetensors", "w").elements.shape == (1, 128)
