"""Files made to do harm: each ends in one line within moments, and takes no memory that its size does not justify."""

import io
import json
import struct
import tracemalloc
import warnings
import zipfile
from contextlib import suppress

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.tensors.files import load_floats, load_mx
from mxmac_sim.tensors.writing import save_mx
from tensor_checks import command

FP8 = np.dtype(ml_dtypes.float8_e4m3fn)


def refused(load, path, message, *arguments):
    with pytest.raises(UserError, match=message) as error:
        load(path, *arguments)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 600
    return error.value


def npy(shape, data=b"", descr="'<f4'"):
    """Bytes of a .npy file with any text as its header's shape and type."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(f"{name}.npy", data)
    return path


def tensors(path, header, data=b""):
    """A .safetensors file with any text as its header."""
    header = header.encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


# Sizes.


def test_an_archive_of_a_few_bytes_that_unpacks_to_four_gigabytes_is_refused_unread(tmp_path, capsys):
    path = archive(tmp_path / "bomb.npz", x=npy("(1000, 999999)", bytes(256)))
    data = bytearray(path.read_bytes())
    # The size of the member in the central directory (APPNOTE 4.3.12): 4 bytes at offset 24.
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, 4_000_000_000)
    path.write_bytes(data)
    tracemalloc.start()
    status, _, error = command(capsys, "quantize", path, tmp_path / "out.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert status == 2
    assert error == f"mxmac: --max-size: '{path}' needs 3.725 GiB of memory for its arrays; at most 2 GiB are allowed\n"
    assert peak < 50 << 20


def small(path):
    """A float array and an MX tensor of about 4 MiB in one file, in either kind of archive."""
    x = np.ones((1024, 1024), np.float32)
    tensor = quantize(x, ELEMENT_FORMATS["E4M3"])
    if path.suffix == ".npy":
        np.save(path, x)
    elif path.suffix == ".npz":
        parts = {"elements": tensor.elements, "scales": tensor.scales, "format": "E4M3", "block": 32}
        np.savez_compressed(path, x=x, **parts)
    else:
        parts = {"elements": tensor.elements.view(FP8), "scales": tensor.scales}
        safetensors.numpy.save_file({"x": x, **parts}, path)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors"])
def test_every_reader_of_floats_has_the_limit(tmp_path, suffix):
    path, name = small(tmp_path / f"a{suffix}"), None if suffix == ".npy" else "x"
    error = refused(load_floats, path, r"needs 0\.003906 GiB of memory for its arrays; at most 0\.0039 GiB", name, 0.0039)
    assert error.parameter == "max_size"
    assert load_floats(path, name, 4 / 1024).nbytes == 4 << 20


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_every_command_that_reads_tensors_has_the_limit(tmp_path, capsys, suffix):
    path, floats = small(tmp_path / f"a{suffix}"), small(tmp_path / "a.npy")
    save_mx(tmp_path / "b.npz", quantize(np.ones((1, 1024), np.float32), ELEMENT_FORMATS["E4M3"]))
    for arguments in (
        ("quantize", path, tmp_path / "out.npz", "--name", "x"),
        ("quantize", path, tmp_path / "out.npz", "--name", "elements"),
        ("quantize", floats, tmp_path / "out.npz"),
        ("dot", path, path),
        ("dot", tmp_path / "b.npz", tmp_path / "b.npz", "--floats-a", floats),
        ("fpga", "run", path, path),
    ):
        status, _, error = command(capsys, *arguments, "--max-size", "0.0009")
        assert status == 2, arguments
        assert error.startswith("mxmac: --max-size: "), error
        assert error.endswith("at most 0.0009 GiB are allowed\n")


def test_a_block_that_is_much_longer_than_its_row_counts_with_its_zeros(tmp_path):
    path = tmp_path / "a.safetensors"
    arrays = {"elements": np.zeros((2, 32), FP8), "scales": np.ones((2, 1), np.float32)}
    safetensors.numpy.save_file(arrays, path, {"mx": '{"block": 10000000000}'})
    assert refused(load_mx, path, r"needs 18\.63 GiB of memory").parameter == "max_size"


@pytest.mark.parametrize("shape", ["(1000000, 1000000)", "(9223372036854775807, 4)", "(3, 32)"])
def test_a_header_that_promises_more_than_the_file_has_is_refused_before_memory_is_taken(tmp_path, shape):
    data = npy(shape, bytes(256))
    (tmp_path / "a.npy").write_bytes(data)
    archive(tmp_path / "a.npz", x=data)
    for name in ("a.npy", "a.npz"):
        refused(load_floats, tmp_path / name, r"its shape \(.*\) needs more data than there are")


# Shapes and types.


@pytest.mark.parametrize("shape", ["(-1, 32)", "(-32,)", "(-1, -32)"])
def test_negative_shapes_are_refused(tmp_path, shape):
    (tmp_path / "a.npy").write_bytes(npy(shape, bytes(128)))
    archive(tmp_path / "a.npz", x=npy(shape, bytes(128)))
    for name in ("a.npy", "a.npz"):
        refused(load_floats, tmp_path / name, "is negative")


@pytest.mark.parametrize("descr", ["'|O'", "[('a', '|O')]"])
def test_python_objects_are_refused_unread(tmp_path, descr):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("It was unpickled",)

    stream = io.BytesIO()
    np.save(stream, np.array([Trap()], object), allow_pickle=True)
    (tmp_path / "a.npy").write_bytes(npy("(1,)", stream.getvalue(), descr))
    refused(load_floats, tmp_path / "a.npy", "holds Python objects")


@pytest.mark.parametrize(
    "text",
    [
        "'\\d'",
        "'" + "a" * 9000 + "'",
        "(" * 150 + ")" * 150,
        "-" * 5000 + "1",
        "[" * 9000,
        "{}",
        "'V0'",
        "'f4', 'descr': '<f8'",
    ],
    ids=lambda text: text[:6],
)
def test_headers_that_are_no_dtype_end_in_one_line_without_a_warning(tmp_path, text):
    path = tmp_path / "a.npy"
    path.write_bytes(npy("(0, 32)", descr=text))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        refused(load_floats, path, "It cannot be read|dtype|shape")


def test_a_header_of_python_2_is_read_without_a_warning(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy("(1L, 32L)", bytes(128)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_floats(tmp_path / "a.npy").shape == (1, 32)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_only_compression_that_numpy_writes_is_unpacked(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as file:
        file.writestr("x.npy", npy("(1, 32)", bytes(128)))
    refused(load_floats, tmp_path / "a.npz", "compressed in another way than NumPy does")


def test_an_archive_in_an_archive_is_not_an_array(tmp_path):
    inner = archive(tmp_path / "inner.npz", x=npy("(1, 32)", bytes(128)))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.write(inner, "x.npz")
    refused(load_floats, tmp_path / "a.npz", r"its member 'x\.npz' is not an array")
    archive(tmp_path / "a.npz", x=inner.read_bytes())
    refused(load_floats, tmp_path / "a.npz", "It cannot be read")


def test_headers_of_version_3_are_refused(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ones((1, 32), np.float32), version=(3, 0))
    (tmp_path / "a.npy").write_bytes(stream.getvalue())
    refused(load_floats, tmp_path / "a.npy", r"it has version \(3, 0\) of NumPy's format")


@pytest.mark.parametrize("offsets", [[0, 4], [2, 6], [8, 12], [4, 2], [0, 1 << 62]])
def test_tensors_of_overlapping_or_missing_bytes_are_refused(tmp_path, offsets):
    header = {"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "y": {"dtype": "I32", "shape": [1]}}
    header["y"]["data_offsets"] = offsets
    refused(load_floats, tensors(tmp_path / "a.safetensors", json.dumps(header), bytes(8)), "It cannot be read", "x")


@pytest.mark.parametrize("size", [1 << 28, (1 << 63) - 1, (1 << 64) - 1])
def test_a_header_that_is_longer_than_its_file_is_refused(tmp_path, size):
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", size) + b"{}" * 64)
    refused(load_floats, tmp_path / "a.safetensors", "It cannot be read")


# Names.


def test_two_arrays_of_one_name_are_refused(tmp_path):
    path, ones = tmp_path / "a.npz", npy("(1, 32)", np.ones(32, np.float32).tobytes())
    with zipfile.ZipFile(path, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.writestr("x.npy", ones)
        file.writestr("x.npy", ones)
    refused(load_floats, path, "it has 'x' twice")
    archive(path, x=ones)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("x", ones)
    refused(load_floats, path, "it has 'x' twice")


@pytest.mark.parametrize(
    "header",
    [
        '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}}',
        '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"dtype":"I32"}}',
    ],
)
def test_two_tensors_of_one_name_are_refused(tmp_path, header):
    refused(load_floats, tensors(tmp_path / "a.safetensors", header, bytes(4)), "it has 'x' twice|duplicate field")


def test_names_cannot_write_to_the_terminal(tmp_path):
    ones = npy("(1, 32)", bytes(128))
    path = archive(tmp_path / "a.npz", **{"a\nb": ones, "\x1b[31mred": ones})
    error = refused(load_floats, path, "2 arrays")
    assert str(error).endswith(r"'\x1b[31mred', 'a\nb'")
    refused(load_floats, path, r"has no array 'c'", "c")


# JSON in the metadata of a .safetensors file.


@pytest.mark.parametrize("depth", [900, 100_000])
@pytest.mark.parametrize("template", ["{}", '{{"format": {}}}', '{{"block": {}}}', '{{"other": {}}}'])
def test_nested_json_ends_in_one_line(tmp_path, depth, template):
    path = tmp_path / "a.safetensors"
    arrays = {"elements": np.zeros((2, 32), np.uint8), "scales": np.full((2, 1), 127, np.uint8)}
    nested = template.format("[" * depth + "]" * depth)
    safetensors.numpy.save_file(arrays, path, {"mx": nested})
    refused(load_mx, path, "does not state one format and one block|element format of|block is|any format may be stored")


@pytest.mark.parametrize(
    "text", ['{"format": "E4M3", "format": "E5M2"}', '{"block": 16, "block": 32}', '{"block": ' + "9" * 5000 + "}", "NaN", "[]"]
)
def test_metadata_that_states_two_things_or_none_is_refused(tmp_path, text):
    path = tmp_path / "a.safetensors"
    arrays = {"elements": np.zeros((2, 32), FP8), "scales": np.full((2, 1), 127, np.uint8)}
    safetensors.numpy.save_file(arrays, path, {"mx": text})
    refused(load_mx, path, "does not state one format and one block")


# Anything.

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["dtype", "shape", "format", "block"]), inner),
    max_leaves=12,
)
_ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F8_E4M3", "U8", "I8", "I32", "F32", "F8_E8M0", "F4", "BOOL", "X"]) | _JSON,
        "shape": st.lists(st.integers(-2, 70) | st.sampled_from([1 << 31, 1 << 63, 1 << 64]), max_size=3) | _JSON,
        "data_offsets": st.tuples(st.integers(-8, 300), st.integers(-8, 300)) | _JSON,
    }
)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    elements=_ENTRIES, scales=_ENTRIES, mx=_JSON, size=st.integers(0, 300), header_size=st.none() | st.integers(0, 1 << 64 - 1)
)
def test_any_header_of_safetensors_gives_a_tensor_or_one_line(tmp_path, elements, scales, mx, size, header_size):
    header = json.dumps({"__metadata__": {"mx": json.dumps(mx)}, "elements": elements, "scales": scales})
    path = tensors(tmp_path / "a.safetensors", header, bytes(size))
    if header_size is not None:
        path.write_bytes(struct.pack("<Q", header_size & (1 << 64) - 1) + path.read_bytes()[8:])
    with suppress(UserError):
        load_mx(path)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    shape=st.lists(st.integers(-3, 40) | st.sampled_from([1 << 31, 1 << 62, 1 << 64]), max_size=4).map(tuple),
    descr=st.sampled_from(["<f4", ">f8", "<f2", "|u1", "|V2", "<U4", "|O", "<M8[s]", "<f16", "|b1"]).map(repr)
    | st.text("|<O[]'(f4", max_size=8),
    size=st.integers(0, 400),
)
def test_any_header_of_numpy_gives_an_array_or_one_line(tmp_path, shape, descr, size):
    data = npy(repr(shape), bytes(size), descr)
    (tmp_path / "a.npy").write_bytes(data)
    archive(tmp_path / "a.npz", elements=data, scales=data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for load, name, arguments in ((load_floats, "a.npy", ()), (load_floats, "a.npz", ("scales",)), (load_mx, "a.npz", ())):
            with suppress(UserError):
                load(tmp_path / name, *arguments)
