"""``mxmac quantize`` writes layouts that other programs read: names, types and bytes, taken apart by hand."""

import json
import struct

import numpy as np
import pytest

from layout_checks import nibbles, write_tensors
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.cli import rows
from mxmac_sim.golden.quantize import ScaleRule, quantize
from mxmac_sim.tensors.files import load_mx, load_stored
from mxmac_sim.tensors.layouts import LAYOUTS
from mxmac_sim.tensors.writing import save_mx
from tensor_checks import command

E4M3, E5M2, E2M1 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E5M2", "E2M1"))
RNG = np.random.default_rng(17)
X = RNG.standard_normal((7, 96)).astype(np.float32)
EXPERTS = RNG.standard_normal((2, 5, 64)).astype(np.float32)


def taken_apart(path):
    """Metadata of a .safetensors file, and type, shape and bytes of each tensor."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, data = json.loads(data[8 : 8 + size]), data[8 + size :]
    metadata = header.pop("__metadata__", None)
    offsets = sorted(entry["data_offsets"] for entry in header.values())
    assert [begin for begin, _ in offsets] == [0, *(end for _, end in offsets[:-1])]
    assert offsets[-1][1] == len(data)
    return metadata, {
        name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items()
    }


def written(capsys, tmp_path, *arguments):
    """Run the command, which must succeed, and take its file apart."""
    status, _, error = command(capsys, "quantize", arguments[0], tmp_path / "out.safetensors", *arguments[1:])
    assert (status, error) == (0, "")
    return taken_apart(tmp_path / "out.safetensors")


def expected(floats, fmt, packed=False, shape=None):
    """Elements and scales as their file has them, from the golden quantizer."""
    tensor = quantize(floats, fmt)
    bytes_ = nibbles(tensor.elements) if packed else tensor.elements
    scales = tensor.scales
    return (list(shape or bytes_.shape), bytes_.tobytes()), ("U8", list(scales.shape), scales.tobytes())


@pytest.fixture
def model(tmp_path):
    """A checkpoint of floats with several tensors."""
    tensors = {"up.weight": X, "experts": EXPERTS, "w": X[:3]}
    return write_tensors(tmp_path / "model.safetensors", {"format": "pt"}, **tensors)


@pytest.fixture
def small(monkeypatch):
    """Slices of a few rows."""
    monkeypatch.setattr(rows, "_SLICE", 1 << 8)


# Layouts.


@pytest.mark.parametrize("fmt", [E4M3, E5M2], ids=lambda fmt: fmt.name)
def test_mxfp8_has_its_elements_under_the_name_of_the_tensor(tmp_path, capsys, model, small, fmt):
    options = ("--format", fmt.name) if fmt is E5M2 else ()
    metadata, tensors = written(capsys, tmp_path, model, "--name", "up.weight", "--layout", "mxfp8", *options)
    elements, scales = expected(X, fmt)
    assert tensors == {"up.weight": (f"F8_{fmt.name}", *elements), "up.weight_scale": scales}
    assert metadata == {"format": "pt"}


@pytest.mark.parametrize(("name", "stem", "floats"), [("up.weight", "up", X), ("w", "w", X[:3])])
def test_mxfp4_has_two_codes_a_byte_and_its_own_names(tmp_path, capsys, model, small, name, stem, floats):
    metadata, tensors = written(capsys, tmp_path, model, "--name", name, "--layout", "mxfp4-pack-quantized")
    elements, scales = expected(floats, E2M1, packed=True)
    assert tensors == {f"{stem}.weight_packed": ("U8", *elements), f"{stem}.weight_scale": scales}
    assert metadata == {"format": "pt"}


def test_gpt_oss_has_an_axis_for_the_bytes_of_a_block(tmp_path, capsys, model, small):
    _, tensors = written(capsys, tmp_path, model, "--name", "experts", "--layout", "gpt-oss", "--rule", "floor")
    elements, scales = expected(EXPERTS, E2M1, packed=True, shape=(2, 5, 2, 16))
    floor = quantize(EXPERTS, E2M1, rule=ScaleRule.FLOOR)
    assert tensors["experts_blocks"] == ("U8", elements[0], nibbles(floor.elements).tobytes())
    assert tensors["experts_scales"] == ("U8", scales[1], floor.scales.tobytes())


@pytest.mark.parametrize("floats", [X, np.asfortranarray(X), X[0]], ids=["matrix", "by columns", "one row"])
def test_e2m1_of_an_mx_file_has_the_type_f4_whose_shape_counts_codes(tmp_path, capsys, small, floats):
    np.save(tmp_path / "x.npy", floats)
    metadata, tensors = written(capsys, tmp_path, tmp_path / "x.npy", "--format", "E2M1")
    tensor = quantize(floats, E2M1)
    assert tensors["elements"] == ("F4", list(floats.shape), nibbles(np.ascontiguousarray(tensor.elements)).tobytes())
    assert list(tensors) == ["scales", "elements"]  # as the library sorts types
    assert tensors["scales"] == ("F8_E8M0", list(tensor.scales.shape), tensor.scales.tobytes())
    assert json.loads(metadata["mx"]) == {"format": "E2M1", "block": 32}
    save_mx(tmp_path / "whole.safetensors", tensor)
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "out.safetensors").read_bytes()
    assert np.array_equal(load_mx(tmp_path / "out.safetensors").elements, tensor.elements)


def test_blocks_that_are_not_whole_bytes_have_a_code_a_byte_as_six_bit_codes_and_npz_files_do(tmp_path, capsys):
    np.save(tmp_path / "x.npy", X[:, :90])
    for options, fmt, block in (
        (("--format", "E2M1", "--block", "15"), E2M1, 15),
        (("--format", "E2M3", "--block", "30"), ELEMENT_FORMATS["E2M3"], 30),
    ):
        _, tensors = written(capsys, tmp_path, tmp_path / "x.npy", *options)
        codes = quantize(X[:, :90], fmt, block=block).elements
        assert tensors["elements"] == ("U8", [7, 90], codes.tobytes())
        assert np.array_equal(load_mx(tmp_path / "out.safetensors").elements, codes)
    assert command(capsys, "quantize", tmp_path / "x.npy", tmp_path / "y.npz", "--format", "E2M1", "--block", "10")[0] == 0
    with np.load(tmp_path / "y.npz") as file:
        assert np.array_equal(file["elements"], quantize(X[:, :90], E2M1, block=10).elements)


def test_files_of_earlier_versions_with_a_code_a_byte_are_read(tmp_path):
    tensor = quantize(X, E2M1)
    about = {"mx": json.dumps({"format": "E2M1", "block": 32})}
    path = write_tensors(tmp_path / "old.safetensors", about, elements=tensor.elements, scales=tensor.scales)
    assert np.array_equal(load_mx(path).elements, tensor.elements)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS.values() if layout.written], ids=lambda layout: layout.name)
def test_a_written_layout_is_read_as_such_with_the_same_codes(tmp_path, layout):
    names = layout.formats or list(ELEMENT_FORMATS)
    for name in names:
        tensor, path = quantize(X, ELEMENT_FORMATS[name]), tmp_path / f"{name}.safetensors"
        save_mx(path, tensor, layout=layout, name="a.weight")
        stored, loaded = load_stored(path), load_mx(path)
        assert (stored.layout, stored.tensor) == (layout.name, "" if layout.name == "mx" else "a.weight")
        assert (loaded.format, loaded.block) == (tensor.format, 32)
        assert np.array_equal(loaded.elements, tensor.elements)
        assert np.array_equal(loaded.scales, tensor.scales)


# Names and conversions.


def test_a_tensor_without_a_name_gets_the_one_that_is_given(tmp_path, capsys):
    np.save(tmp_path / "x.npy", X)
    save_mx(tmp_path / "x.npz", quantize(X, E4M3))
    for source in ("x.npy", "x.npz"):
        _, tensors = written(capsys, tmp_path, tmp_path / source, "--layout", "mxfp8", "--name", "a.b.weight")
        elements, scales = expected(X, E4M3)
        assert tensors == {"a.b.weight": ("F8_E4M3", *elements), "a.b.weight_scale": scales}


def test_a_matrix_has_the_name_of_its_tensor(tmp_path, capsys, model):
    _, tensors = written(capsys, tmp_path, model, "--name", "experts[1]", "--layout", "gpt-oss")
    elements, scales = expected(EXPERTS[1], E2M1, packed=True, shape=(5, 2, 16))
    assert tensors == {"experts_blocks": ("U8", *elements), "experts_scales": scales}


def test_a_quantized_tensor_changes_its_layout_and_no_code(tmp_path, capsys, small):
    codes, scales = RNG.integers(0, 256, (6, 4, 16)).astype(np.uint8), RNG.integers(100, 140, (6, 4)).astype(np.uint8)
    path = write_tensors(tmp_path / "a.safetensors", down_blocks=codes, down_scales=scales)
    _, tensors = written(capsys, tmp_path, path, "--layout", "mxfp4-pack-quantized")
    assert tensors == {
        "down.weight_packed": ("U8", [6, 64], codes.tobytes()),
        "down.weight_scale": ("U8", [6, 4], scales.tobytes()),
    }
    (tmp_path / "out.safetensors").rename(tmp_path / "b.safetensors")
    _, tensors = written(capsys, tmp_path, tmp_path / "b.safetensors", "--layout", "gpt-oss")
    assert tensors["down.weight_blocks"] == ("U8", [6, 4, 16], codes.tobytes())
    _, tensors = written(capsys, tmp_path, tmp_path / "b.safetensors")
    assert tensors["elements"] == ("F4", [6, 128], codes.tobytes())


def test_requantized_values_have_the_format_of_the_layout(tmp_path, capsys):
    save_mx(tmp_path / "x.safetensors", quantize(X, E4M3), layout=LAYOUTS["mxfp8"], name="x.weight")
    _, tensors = written(capsys, tmp_path, tmp_path / "x.safetensors", "--layout", "gpt-oss", "--requantize")
    again = quantize(load_stored(tmp_path / "x.safetensors").floats(), E2M1)
    assert tensors["x.weight_blocks"] == ("U8", [7, 3, 16], nibbles(again.elements).tobytes())


# Mistakes.


@pytest.mark.parametrize(
    ("source", "target", "options", "message"),
    [
        ("x.npy", "y.safetensors", (), "--name: The layout mxfp8 needs a name for the tensor, and x.npy has none: give one"),
        ("m.npz", "y.safetensors", (), "--name: The layout mxfp8 needs a name for the tensor, and m.npz has none: give one"),
        ("x.npy", "y.npz", ("--name", "x"), "y.npz: The name ends in '.npz'; the layout mxfp8 needs a .safetensors file"),
        (
            "x.npy",
            "y.safetensors",
            ("--name", "x", "--format", "E2M1"),
            "--format: The elements of the layout mxfp8 are E4M3 or E5M2, not E2M1; with --layout mx --block 32 they can be "
            "others",
        ),
        (
            "x.npy",
            "y.safetensors",
            ("--name", "x", "--block", "16"),
            "--block: The blocks of the layout mxfp8 have 32 elements, not 16",
        ),
        (
            "x.npy",
            "y.safetensors",
            ("--name", "x", "--pack-scales"),
            "--pack-scales: The layout mxfp8 has a byte for each scale; leave out this option",
        ),
        (
            "d.npz",
            "y.safetensors",
            ("--name", "x"),
            "--layout: d.npz has E4M3 in blocks of 128 x 128 elements and keeps its elements and scales; "
            "mxfp8 has E4M3 or E5M2 in blocks of 32: add --requantize",
        ),
    ],
)
def test_a_layout_that_does_not_fit_is_refused_and_nothing_written(
    tmp_path, capsys, monkeypatch, source, target, options, message
):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.savez("m.npz", elements=np.zeros((4, 64), np.uint8), scales=np.ones((4, 2), np.float32), format="E4M3", block=32)
    np.savez("d.npz", elements=np.zeros((200, 256), np.uint8), scales=np.ones((2, 2), np.float32), format="E4M3", block=128)
    before = sorted(tmp_path.iterdir())
    status, _, error = command(capsys, "quantize", source, target, "--layout", "mxfp8", *options)
    assert (status, error) == (2, f"mxmac: {message}\n")
    assert sorted(tmp_path.iterdir()) == before
