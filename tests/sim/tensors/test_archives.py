"""Files of floats, and what no reader of tensors takes: damaged, foreign and hostile files."""

import pickle
import zipfile
from contextlib import suppress
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.tensors.archives import file_and_name
from mxmac_sim.tensors.files import load_floats, load_mx
from mxmac_sim.tensors.writing import save_mx

E4M3 = ELEMENT_FORMATS["E4M3"]
X = np.random.default_rng(7).standard_normal((6, 64)).astype(np.float32)

each_suffix = pytest.mark.parametrize("suffix", [".npz", ".safetensors"])


def refused(load, path, message, *arguments):
    with pytest.raises(UserError, match=message) as error:
        load(path, *arguments)
    assert error.value.parameter == str(path)
    assert "\n" not in str(error.value)


@each_suffix
def test_a_file_cut_or_changed_anywhere_gives_a_tensor_or_one_line(tmp_path, suffix):
    good, path = tmp_path / f"good{suffix}", tmp_path / f"bad{suffix}"
    save_mx(good, quantize(X[:1, :32], E4M3))
    data, random = good.read_bytes(), np.random.default_rng(3)
    cuts = range(0, len(data), 7)
    for cut in cuts:
        path.write_bytes(data[:cut])
        refused(load_mx, path, f"cannot be read .* a whole {suffix} file")
    for _ in range(400):
        changed = bytearray(data)
        for index in random.integers(0, len(data), 2):
            changed[index] = random.integers(0, 256)
        path.write_bytes(changed)
        with suppress(UserError):
            load_mx(path)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
@pytest.mark.parametrize("data", [b"", b"name,value\n1,2\n", pickle.dumps({"elements": [1]}), b"\x93NUMPY", b"PK\3\4"])
def test_a_foreign_file_is_refused(tmp_path, suffix, data):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    refused(load_floats, path, f"cannot be read .* a whole {suffix} file")
    if suffix != ".npy":
        refused(load_mx, path, f"cannot be read .* a whole {suffix} file")


def test_a_member_of_an_archive_that_is_no_array_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("elements", "text")
        archive.writestr("scales", "text")
    refused(load_mx, path, "its member 'elements' is not an array")


def test_an_array_under_the_name_of_an_archive_is_refused_and_the_other_way_round(tmp_path):
    with (tmp_path / "a.npz").open("wb") as stream:
        np.save(stream, X)
    refused(load_mx, tmp_path / "a.npz", "it is a single array")
    with (tmp_path / "a.npy").open("wb") as stream:
        np.savez(stream, X)
    refused(load_floats, tmp_path / "a.npy", r"it is an \.npz archive")


@pytest.mark.parametrize("load", [load_mx, load_floats])
def test_a_name_that_is_no_file_of_tensors_is_refused(tmp_path, load):
    refused(load, tmp_path / "a.bin", r"name ends in '\.bin'; accepted: .*\.npz, \.safetensors")
    refused(load, tmp_path / "a.npz", "There is no such file")
    (tmp_path / "b.npz").mkdir()
    refused(load, tmp_path / "b.npz", "This is a directory")


# Floats.


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_come_from_every_kind_of_file(tmp_path, dtype):
    x = X.astype(dtype)
    np.save(tmp_path / "a.npy", x)
    np.savez(tmp_path / "a.npz", x=x)
    safetensors.numpy.save_file({"x": x}, tmp_path / "a.safetensors")
    for name in ("a.npy", "a.npz", "a.safetensors"):
        assert np.array_equal(load_floats(tmp_path / name), x)


def test_floats_in_bf16_come_from_safetensors(tmp_path):
    x = X.astype(ml_dtypes.bfloat16)
    safetensors.numpy.save_file({"x": x}, tmp_path / "a.safetensors")
    loaded = load_floats(tmp_path / "a.safetensors")
    assert loaded.dtype == ml_dtypes.bfloat16
    assert np.array_equal(loaded, x)


@each_suffix
def test_one_of_several_arrays_is_chosen_by_name_only(tmp_path, suffix):
    path, arrays = tmp_path / f"a{suffix}", {"w": X, "x": X + 1, "ids": np.arange(3)}
    np.savez(path, **arrays) if suffix == ".npz" else safetensors.numpy.save_file(arrays, path)
    assert np.array_equal(load_floats(path, "x"), X + 1)
    refused(load_floats, path, "has 3 arrays; choose one with --name: ids, w, x")
    refused(load_floats, path, "has no array 'y'; it has ids, w, x", "y")
    refused(load_floats, path, r"dtype (int64|I64); accepted: .*(float16|F16)", "ids")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.float32(1), r"shape \(\); an axis, and no empty one, is needed"),
        (np.zeros((0, 32), np.float32), r"shape \(0, 32\)"),
        (np.zeros(32, bool), r"dtype bool; accepted: float16, float32, float64, or bfloat16"),
        (np.zeros(32, np.longdouble), r"dtype \w+; accepted: float16"),
        (np.zeros(32, ml_dtypes.bfloat16), r"dtype \|V2; accepted: .* or bfloat16 in a \.safetensors file"),
        (np.array([X, None], dtype=object), r"cannot be read \(it holds Python objects\)"),
    ],
)
def test_load_floats_refuses(tmp_path, array, message):
    np.save(tmp_path / "a.npy", array)
    refused(load_floats, tmp_path / "a.npy", message)


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "float4_e2m1fn"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_types_that_numpy_does_not_keep_are_refused_with_the_remedy(tmp_path, dtype, suffix):
    path, array = tmp_path / f"a{suffix}", np.zeros((2, 32), dtype)
    np.save(path, array) if suffix == ".npy" else np.savez(path, x=array)
    message = r"NumPy does not keep the types of ml_dtypes .* save bfloat16 as float32, or any of these types in a \.saf"
    refused(load_floats, path, message)


def test_load_floats_refuses_a_name_for_npy_and_fp8_tensors(tmp_path):
    np.save(tmp_path / "a.npy", X)
    refused(load_floats, tmp_path / "a.npy", "one array without a name; leave out --name x", "x")
    safetensors.numpy.save_file({"x": X.astype(ml_dtypes.float8_e4m3fn)}, tmp_path / "a.safetensors")
    message = r"dtype float8_e4m3fn; accepted: float16, .*; quantized elements need their scales .*NAME_scale_inv"
    refused(load_floats, tmp_path / "a.safetensors", message)


def test_a_file_and_a_name_are_told_apart_by_the_last_colon_unless_the_whole_is_a_file(tmp_path):
    assert file_and_name("a.npz") == (Path("a.npz"), None)
    assert file_and_name("dir:1/a.npz:x") == (Path("dir:1/a.npz"), "x")
    assert file_and_name("a.npz:") == (Path("a.npz"), None)
    path = tmp_path / "a:b.npz"
    path.touch()
    assert file_and_name(str(path)) == (path, None)
