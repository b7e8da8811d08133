"""Files of ``mxmac quantize`` in PyTorch, and PyTorch's files in mxmac: values by PyTorch's own types, bit for bit."""

import json
import math

import numpy as np
import pytest

from layout_checks import FILES, ROWS, K, format_of
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.golden.quantize import dequantize, quantize
from mxmac_sim.tensors.files import load_floats, load_mx, load_stored
from mxmac_sim.tensors.layouts import LAYOUTS
from mxmac_sim.tensors.stated import Stated
from mxmac_sim.tensors.writing import save_mx
from tensor_checks import command
from torch_checks import torch_or_skip

torch = torch_or_skip()
from safetensors.torch import load_file, save_file  # noqa: E402 - needs PyTorch

RNG = np.random.default_rng(23)
#: Magnitudes from 2^-30 to 2^30, so that scales differ.
X = (RNG.standard_normal((6, 128)) * np.exp2(RNG.integers(-30, 31, (6, 1)))).astype(np.float32)
EACH = [(layout, *file) for layout, files in FILES.items() for file in files]
#: Values of the codes of E2M1 (OCP MX v1.0, table 5), by hand.
E2M1 = torch.tensor([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0]).double()
_ELEMENTS = {"F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2, "F4": torch.float4_e2m1fn_x2, "U8": torch.uint8,
             "I8": torch.int8}  # fmt: skip
_SCALES = {"F8_E8M0": torch.float8_e8m0fnu, "U8": torch.uint8, "I32": torch.int32, "F32": torch.float32,
           "BF16": torch.bfloat16, "F16": torch.float16}  # fmt: skip


def pair_values(data):
    """Values of bytes with two E2M1 codes each, the first in the low half."""
    data = data.view(torch.uint8).int()
    return torch.stack([E2M1[data & 15], E2M1[data >> 4]], dim=-1).flatten(-2)


def element_values(data):
    return data.double() if data.dtype in (torch.float8_e4m3fn, torch.float8_e5m2) else pair_values(data)


def scale_values(data):
    if data.dtype == torch.float8_e8m0fnu:
        return data.double()
    assert data.dtype == torch.uint8
    return torch.ldexp(torch.ones(data.shape).double(), data.int() - 127)


def tensor_of(path, elements, scales, block=32):
    """Values of a tensor in a file, by PyTorch alone."""
    tensors = load_file(path)
    assert set(tensors) == {elements, scales}
    values, factors = element_values(tensors[elements]), scale_values(tensors[scales])
    if values.ndim > factors.ndim:  # the bytes of a block have an axis of their own
        values = values.flatten(-2)
    return values * factors.repeat_interleave(block, dim=-1)


def bits(values):
    """Bits of float64 numbers; a zero may have either sign."""
    return (np.asarray(values) + 0.0).view(np.uint64)


@pytest.mark.parametrize(
    ("options", "dtype", "names", "fmt"),
    [
        (("--format", "E4M3"), "float8_e4m3fn", ("elements", "scales"), "E4M3"),
        (("--format", "E5M2"), "float8_e5m2", ("elements", "scales"), "E5M2"),
        (("--format", "E2M1"), "float4_e2m1fn_x2", ("elements", "scales"), "E2M1"),
        (("--layout", "mxfp8"), "float8_e4m3fn", ("x.weight", "x.weight_scale"), "E4M3"),
        (("--layout", "mxfp8", "--format", "E5M2"), "float8_e5m2", ("x.weight", "x.weight_scale"), "E5M2"),
        (("--layout", "mxfp4-pack-quantized"), "uint8", ("x.weight_packed", "x.weight_scale"), "E2M1"),
        (("--layout", "gpt-oss"), "uint8", ("x.weight_blocks", "x.weight_scales"), "E2M1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_pytorch_reads_the_values_that_were_quantized(tmp_path, capsys, options, dtype, names, fmt):
    save_file({"x.weight": torch.from_numpy(X)}, tmp_path / "x.safetensors", {"format": "pt"})
    path = tmp_path / "y.safetensors"
    assert command(capsys, "quantize", tmp_path / "x.safetensors", path, *options)[0] == 0
    assert load_file(path)[names[0]].dtype == getattr(torch, dtype)
    expected = dequantize(quantize(X, ELEMENT_FORMATS[fmt]))
    assert np.array_equal(bits(tensor_of(path, *names)), bits(expected))


def test_a_nibble_in_the_wrong_half_would_be_seen(tmp_path, capsys):
    np.save(tmp_path / "x.npy", X)
    path = tmp_path / "y.safetensors"
    assert command(capsys, "quantize", tmp_path / "x.npy", path, "--format", "E2M1")[0] == 0
    tensors = {name: tensor.view(torch.uint8) for name, tensor in load_file(path).items()}
    data = tensors["elements"]
    swapped = (data.int() << 4 & 0xF0 | data.int() >> 4).to(torch.uint8)
    expected = dequantize(quantize(X, ELEMENT_FORMATS["E2M1"]))
    scales = scale_values(tensors["scales"]).repeat_interleave(32, dim=-1)
    assert np.array_equal(bits(pair_values(data) * scales), bits(expected))
    assert not np.array_equal(bits(pair_values(swapped) * scales), bits(expected))


def torch_elements(codes, dtype):
    """Codes as a tensor of PyTorch, in the way of a type in ``FILES``."""
    codes = torch.from_numpy(codes)
    if dtype.startswith("2 x "):
        codes = codes[:, 0::2] | codes[:, 1::2] << 4
    if dtype.endswith(" in blocks"):
        codes = codes.reshape(ROWS, K // 32, 16)
    return codes.contiguous().view(_ELEMENTS[dtype.removeprefix("2 x ").removesuffix(" in blocks")])


def torch_scales(codes, dtype):
    codes = torch.from_numpy(codes)
    if dtype in ("U8", "F8_E8M0"):
        return codes.view(_SCALES[dtype])
    if dtype == "I32":
        return torch.nn.functional.pad(codes, (0, -codes.shape[1] % 4)).contiguous().view(torch.int32)
    return torch.ldexp(torch.ones(codes.shape), codes.int() - 127).to(_SCALES[dtype])


@pytest.mark.parametrize(("layout", "elements", "scales", "dtype", "scale_dtype", "tile"), EACH)
def test_files_of_pytorch_are_read_bit_for_bit(tmp_path, layout, elements, scales, dtype, scale_dtype, tile):
    fmt = ELEMENT_FORMATS[format_of(dtype)]
    codes = RNG.integers(0, 16 if fmt.width == 4 else 0x78, (ROWS, K)).astype(np.uint8)
    # Powers of two that FP16 has, too.
    grid = math.ceil(ROWS / tile[0]), math.ceil(K / tile[1])
    scale_codes = RNG.integers(127 - 14, 127 + 15, grid).astype(np.uint8)
    path = tmp_path / "x.safetensors"
    save_file({elements: torch_elements(codes, dtype), scales: torch_scales(scale_codes, scale_dtype)}, path)
    tensor = load_mx(path, stated=Stated(format=fmt, layout=LAYOUTS[layout]))
    assert np.array_equal(tensor.elements[:, :K], codes)
    of_rows = scale_codes.repeat(tile[0], axis=0)[:ROWS]
    assert np.array_equal(tensor.scales, of_rows)


@pytest.mark.parametrize("name", ["E4M3", "E5M2", "E2M1", "INT8"])
def test_a_file_has_the_bytes_that_pytorch_writes(tmp_path, name):
    save_mx(tmp_path / "x.safetensors", quantize(X, ELEMENT_FORMATS[name]))
    tensors = load_file(tmp_path / "x.safetensors")
    save_file(tensors, tmp_path / "y.safetensors", {"mx": json.dumps({"format": name, "block": 32})})
    assert (tmp_path / "x.safetensors").read_bytes() == (tmp_path / "y.safetensors").read_bytes()


def test_every_code_of_pytorchs_types_is_read_as_it_is(tmp_path):
    every = torch.arange(256).to(torch.uint8)
    for dtype, name in ((torch.float8_e4m3fn, "E4M3"), (torch.float8_e5m2, "E5M2"), (torch.float4_e2m1fn_x2, "E2M1")):
        scales = torch.arange(-127, 1).double().exp2().to(torch.float8_e8m0fnu)
        count = 512 if name == "E2M1" else 256
        blocks = every.repeat(16).view(dtype).reshape(128, -1)
        save_file({"elements": blocks, "scales": scales.reshape(128, 1)}, tmp_path / "x.safetensors")
        tensor = load_mx(tmp_path / "x.safetensors", stated=Stated(block=16 * count // 128))
        codes = np.arange(256) if count == 256 else (np.arange(256)[:, None] >> [0, 4] & 15).reshape(-1)
        assert tensor.format.name == name
        assert tensor.elements.reshape(-1, count).tolist() == [codes.tolist()] * 16
        assert tensor.scales.reshape(-1).tolist() == list(range(128))


def test_floats_of_pytorch_are_read_as_they_are(tmp_path):
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        x = torch.from_numpy(X).to(dtype)
        save_file({"x": x}, tmp_path / "x.safetensors")
        assert np.array_equal(load_floats(tmp_path / "x.safetensors").astype(np.float64), x.double().numpy())


def test_metadata_name_the_library_of_a_checkpoint_or_the_format_of_an_mx_file(tmp_path, capsys):
    from safetensors import safe_open

    np.save(tmp_path / "x.npy", X)
    for options, metadata in (
        (("--layout", "mxfp8", "--name", "x"), {"format": "pt"}),
        ((), {"mx": json.dumps({"format": "E4M3", "block": 32})}),
    ):
        assert command(capsys, "quantize", tmp_path / "x.npy", tmp_path / "y.safetensors", *options)[0] == 0
        with safe_open(tmp_path / "y.safetensors", "pt") as file:
            assert file.metadata() == metadata
        assert load_stored(tmp_path / "y.safetensors").block == 32
