"""Files of quantized tensors: what is written comes back, and what is no tensor ends in one line that says so."""

import json

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import dequantize, quantize
from mxmac_sim.tensors import ELEMENT_DTYPES, MxTensor, writing
from mxmac_sim.tensors.files import load_mx, load_stored
from mxmac_sim.tensors.writing import check_target, save_mx

E4M3 = ELEMENT_FORMATS["E4M3"]
E4M3_DTYPE = ELEMENT_DTYPES["E4M3"]
X = np.random.default_rng(7).standard_normal((6, 64)).astype(np.float32)

each_format = pytest.mark.parametrize("fmt", ELEMENT_FORMATS.values(), ids=lambda fmt: fmt.name)
each_suffix = pytest.mark.parametrize("suffix", [".npz", ".safetensors"])


def parts(**changes):
    """Arrays of a good .npz, with changes; None leaves one out."""
    tensor = quantize(X, E4M3)
    arrays = {"elements": tensor.elements, "scales": tensor.scales, "format": "E4M3", "block": 32} | changes
    return {name: array for name, array in arrays.items() if array is not None}


def refused(load, path, message, *arguments):
    with pytest.raises(UserError, match=message) as error:
        load(path, *arguments)
    assert error.value.parameter == str(path)
    assert "\n" not in str(error.value)


# MX files.


@each_format
@each_suffix
@pytest.mark.parametrize("shape", [(6, 64), (64,), (2, 3, 64)], ids=str)
def test_a_tensor_comes_back_from_its_file_and_the_bytes_repeat(tmp_path, fmt, suffix, shape):
    tensor = quantize(np.resize(X, shape), fmt, block=16)
    first, second = tmp_path / f"first{suffix}", tmp_path / f"second{suffix.upper()}"
    save_mx(first, tensor)
    save_mx(second, tensor)
    assert first.read_bytes() == second.read_bytes()
    for path in (first, second):
        loaded = load_mx(path)
        assert (loaded.format, loaded.block) == (fmt, 16)
        assert np.array_equal(loaded.elements, tensor.elements)
        assert np.array_equal(loaded.scales, tensor.scales)


@pytest.mark.parametrize(
    ("name", "dtype"), [("E4M3", "F8_E4M3"), ("E5M2", "F8_E5M2"), ("INT8", "I8"), ("E2M3", "U8"), ("E2M1", "F4")]
)
def test_safetensors_states_the_true_types(tmp_path, name, dtype):
    path = tmp_path / "a.safetensors"
    save_mx(path, quantize(X, ELEMENT_FORMATS[name]))
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert (header["elements"]["dtype"], header["scales"]["dtype"]) == (dtype, "F8_E8M0")
    assert json.loads(header["__metadata__"]["mx"]) == {"format": name, "block": 32}


def test_a_view_that_is_not_contiguous_is_saved_right(tmp_path):
    tensor = quantize(X, E4M3)
    part = MxTensor(tensor.elements[::2, 32:], tensor.scales[::2, 1:], E4M3, 32)
    save_mx(tmp_path / "a.safetensors", part)
    assert np.array_equal(load_mx(tmp_path / "a.safetensors").elements, part.elements)


@pytest.mark.parametrize("name", ["E4M3", "E5M2"])
def test_typed_elements_need_neither_format_nor_block(tmp_path, name):
    path, tensor = tmp_path / "a.safetensors", quantize(X, ELEMENT_FORMATS[name], block=16)
    arrays = {"elements": tensor.elements.view(ELEMENT_DTYPES[name]), "scales": tensor.scales}
    # "format" is what other programs note there about themselves.
    safetensors.numpy.save_file(arrays, path, {"format": "pt"})
    loaded = load_mx(path)
    assert (loaded.format.name, loaded.block) == (name, 16)
    assert np.array_equal(dequantize(loaded), dequantize(tensor))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ml_dtypes.bfloat16, "float8_e8m0fnu", np.uint8])
def test_scales_may_be_codes_or_any_float_powers_of_two(tmp_path, dtype):
    codes = np.arange(255, dtype=np.uint8)[np.newaxis]
    values = np.ldexp(1.0, codes.astype(int) - 127)
    stored = codes if dtype == np.uint8 else values.astype(dtype)
    elements = np.zeros((1, 255), np.uint8)
    safetensors.numpy.save_file({"elements": elements.view(E4M3_DTYPE), "scales": stored}, tmp_path / "a.safetensors")
    assert load_mx(tmp_path / "a.safetensors").scales.tolist() == codes.tolist()


SCALES = np.full((6, 2), 2.0**-5, np.float32)


def scales_with(value, dtype=np.float32):
    scales = SCALES.astype(dtype)
    scales[1, 0] = value
    return scales


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"scales": scales_with(3.1e-4)},
            r"1 of 12 float32 scales in 'scales' are not powers of two, the first 0\.00031 at \[1, 0\]; .*"
            r"quantize anew with `mxmac quantize --requantize`, or from the original floats",
        ),
        ({"scales": scales_with(0.0)}, r"not powers of two, the first 0\.0 at"),
        ({"scales": scales_with(-0.5)}, r"not powers of two, the first -0\.5 at"),
        ({"scales": scales_with(np.inf)}, r"not powers of two, the first inf at"),
        ({"scales": scales_with(np.nextafter(np.float32(1), np.float32(2)))}, r"not powers of two, the first 1\.0000001 at"),
        ({"scales": scales_with(np.nan)}, r"1 of 12 float32 scales in 'scales' are NaN, the first nan at \[1, 0\]"),
        ({"scales": scales_with(0xFF, np.uint8)}, r"1 of 12 uint8 scales in 'scales' are NaN, the first 255 at \[1, 0\]"),
        ({"scales": scales_with(2.0**-128)}, r"outside 2\^-127 to 2\^127, the first 2\.938736e-39"),
        ({"scales": scales_with(2.0**128, np.float64)}, r"outside 2\^-127 to 2\^127, the first 3\.402823669\d*e\+38"),
        (
            {"scales": SCALES.astype(np.int64)},
            r"'scales' has dtype int64; accepted: uint8 .*, int32 .*, or float32 powers of two",
        ),
        ({"scales": SCALES.astype(np.int32)}, r"'scales' has 2 words of four scales a row, but K = 64 in blocks of 32 needs 1"),
        ({"scales": SCALES[:, :1]}, r"shape \(6, 64\) in blocks of 32 need scales of shape \(6, 2\), not \(6, 1\)"),
        ({"scales": SCALES[0]}, r"need scales of shape \(6, 2\), not \(2,\)"),
        ({"block": 20}, r"shape \(6, 64\) in blocks|K = 64 is not a multiple of a block of 20"),
        ({"block": -32}, r"K = 64 is not a multiple of a block of -32"),
        ({"block": "32"}, r"block is '32'; a number of elements"),
        ({"block": [32, 32]}, r"one format and one block"),
        ({"format": "E4M3FN"}, rf"format of 'elements', \w+, is 'E4M3FN'; accepted: {', '.join(ELEMENT_FORMATS)}"),
        ({"format": "E2M1"}, r"code is 0x[0-9a-f]+, but E2M1 has 4 bits; one code a byte"),
        ({"elements": X}, r"'elements' has dtype float32; uint8 codes are needed for E4M3"),
        ({"elements": X.astype(np.int8)}, r"'elements' has dtype int8; uint8 codes are needed for E4M3"),
        ({"elements": np.zeros((0, 64), np.uint8)}, r"shape \(0, 64\); an axis, and no empty one"),
        ({"elements": np.uint8(3)}, r"shape \(\); an axis"),
        ({"elements": None, "weights": X}, r"has no elements, only block, format, scales, weights; an MX file"),
        ({"elements": None, "scales": None}, r"has no elements and no scales, only block, format"),
        ({"scales": np.array([None, "x"], dtype=object)}, r"cannot be read \(it holds Python objects\)"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_load_mx_refuses(tmp_path, changes, message):
    path = tmp_path / "a.npz"
    np.savez(path, **parts(**changes))
    refused(load_mx, path, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"block": 0}, r"K = 64 is not a multiple of a block of 0"),
        ({"block": -32}, r"not a multiple of a block of -32"),
        ({"scales": SCALES[:, :1]}, r"need scales of shape \(6, 2\), not \(6, 1\)"),
        ({"scales": SCALES.astype(np.int64)}, r"'scales' has dtype int64; accepted"),
        ({"format": "E2M1"}, r"E2M1 has 4 bits"),
    ],
)
def test_floats_of_a_stored_tensor_are_refused_like_the_tensor(tmp_path, changes, message):
    path = tmp_path / "a.npz"
    np.savez(path, **parts(**{"scales": SCALES * 3, **changes}))
    stored = load_stored(path)
    with pytest.raises(UserError, match=message):
        stored.floats()


@pytest.mark.parametrize("name", ["E4M3", "INT8"])
def test_floats_of_a_stored_tensor_are_what_it_was_made_of(tmp_path, name):
    tensor = quantize(X, ELEMENT_FORMATS[name])
    save_mx(tmp_path / "a.npz", tensor)
    assert np.array_equal(load_stored(tmp_path / "a.npz").floats(), dequantize(tensor))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("{", r"does not state one format and one block"),
        ("null", r"does not state one format and one block"),
        ('{"format": []}', r"format of 'elements', \w+, is \[\]; accepted"),
        ('{"format": "E5M2"}', r"'elements' has dtype float8_e4m3fn; uint8 codes are needed for E5M2"),
        ('{"block": 32.5}', r"block is 32\.5"),
    ],
)
def test_load_mx_refuses_metadata_that_fits_nothing(tmp_path, metadata, message):
    path = tmp_path / "a.safetensors"
    arrays = {"elements": parts()["elements"].view(E4M3_DTYPE), "scales": parts()["scales"]}
    safetensors.numpy.save_file(arrays, path, {"mx": metadata})
    refused(load_mx, path, message)


def test_load_mx_names_the_tensors_of_a_checkpoint(tmp_path):
    path = tmp_path / "model.safetensors"
    tensors_of_a_checkpoint = {f"layers.{i}.weight_scale_inv": SCALES for i in range(20)}
    safetensors.numpy.save_file(tensors_of_a_checkpoint, path)
    refused(load_mx, path, r"no elements and no scales, only layers\.0\.weight_scale_inv, .* and 8 more; an MX file")


# Writing.


@pytest.mark.parametrize("check", [check_target, lambda path: save_mx(path, quantize(X, E4M3))], ids=["check", "save"])
def test_a_target_that_cannot_be_is_refused(tmp_path, check):
    refused(check, tmp_path / "a.npy", r"name ends in '\.npy'; accepted: \.npz, \.safetensors")
    refused(check, tmp_path / "none" / "a.npz", r"directory '.*none' does not exist; create it first")
    (tmp_path / "b.npz").mkdir()
    refused(check, tmp_path / "b.npz", "This is a directory")
    assert [path.name for path in tmp_path.iterdir()] == ["b.npz"]


@each_suffix
@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (OSError(28, "No space left on device"), OSError),
        (OSError(1, "Operation not permitted"), UserError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["disk full", "not permitted", "interrupt"],
)
def test_a_write_that_fails_leaves_the_old_file_alone(tmp_path, monkeypatch, suffix, failure, raised):
    path, tensor = tmp_path / f"a{suffix}", quantize(X, E4M3)
    path.write_bytes(b"old")

    def half_written(stream, **_):
        stream.write(b"half")
        raise failure

    def no_bytes(*_):
        raise failure

    monkeypatch.setattr(writing.np, "savez", half_written)
    monkeypatch.setattr(writing, "write_safetensors", no_bytes)
    with pytest.raises(raised) as error:
        save_mx(path, tensor)
    assert raised is not UserError or "cannot be written: Operation not permitted" in str(error.value)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
