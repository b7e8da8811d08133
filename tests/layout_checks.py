"""What tests of checkpoint layouts share: files of any type and shape, written byte by byte, and packed codes."""

import json
import struct

import ml_dtypes
import numpy as np

__all__ = [
    "FILES",
    "ROWS",
    "K",
    "e8m0",
    "format_of",
    "nibbles",
    "stored_elements",
    "stored_scales",
    "write_index",
    "write_tensors",
]

ROWS, K = 130, 288

# Written out by hand, not taken from the table: names, types, rows and elements that share a scale. "2 x" stands for two codes
# a byte.
FILES = {
    "deepseek-v3": [
        ("x.weight", "x.weight_scale_inv", "F8_E4M3", "F32", (128, 128)),
        ("x.weight", "x.scale_inv", "F8_E4M3", "BF16", (1, 128)),
        ("w", "w_scale_inv", "F8_E5M2", "F16", (1, 32)),
        ("x.weight", "x.weight_scale_inv", "F8_E4M3", "I32", (1, 128)),
        ("x.weight", "x.weight_scale_inv", "F8_E4M3", "F32", (1, K)),
        ("x.weight", "x.weight_scale_inv", "F8_E4M3", "F32", (ROWS, K)),
    ],
    "deepseek-v4": [("x.weight", "x.scale", "F8_E4M3", "F8_E8M0", (128, 128))],
    "deepseek-v4-experts": [
        ("x.weight", "x.scale", "2 x I8", "F8_E8M0", (1, 32)),
        ("x.weight", "x.scale", "2 x F4", "F8_E8M0", (1, 32)),
    ],
    "gpt-oss": [
        ("x_blocks", "x_scales", "2 x U8 in blocks", "U8", (1, 32)),
        ("x.blocks", "x.scales", "2 x U8 in blocks", "U8", (1, 32)),
    ],
    "mxfp8": [
        ("x.weight", "x.weight_scale", "F8_E4M3", "U8", (1, 32)),
        ("x.weight", "x.weight_scale_inv", "F8_E5M2", "U8", (1, 32)),
    ],
    "fp8": [
        ("x.weight", "x.weight_scale", "F8_E4M3", "BF16", (1, K)),
        ("x.weight", "x.weight_scale", "F8_E4M3", "F32", (ROWS, K)),
        ("x.weight", "x.weight_scale", "F8_E4M3", "F32", (128, 128)),
    ],
    "mxfp4-pack-quantized": [("x.weight_packed", "x.weight_scale", "2 x U8", "U8", (1, 32))],
    "quark-mxfp4": [("x.weight", "x.weight_scale", "2 x U8", "U8", (1, 32))],
    "codes": [("x.weight", "x.weight_scale", "U8", "U8", (1, 32)), ("w", "w_scale", "I8", "F8_E8M0", (1, 32))],
    "scaled-codes": [("x.weight", "x.weight_scale_inv", "U8", "F32", (128, 128))],
    "torchao": [
        ("x._weight_qdata", "x._weight_scale", "F8_E4M3", "F8_E8M0", (1, 32)),
        ("x._weight_qdata", "x._weight_scale", "F8_E4M3", "F32", (1, K)),
    ],
    "torchao-mxfp4": [("x._weight_qdata", "x._weight_scale", "2 x U8", "F8_E8M0", (1, 32))],
}
_FORMATS = {"F8_E5M2": "E5M2"}
_FLOATS = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}

_NAMES = {
    np.dtype(np.uint8): "U8",
    np.dtype(np.int8): "I8",
    np.dtype(np.int32): "I32",
    np.dtype(np.float16): "F16",
    np.dtype(np.float32): "F32",
    np.dtype(ml_dtypes.bfloat16): "BF16",
    np.dtype(ml_dtypes.float8_e4m3fn): "F8_E4M3",
    np.dtype(ml_dtypes.float8_e5m2): "F8_E5M2",
    np.dtype(ml_dtypes.float8_e8m0fnu): "F8_E8M0",
}


def write_tensors(path, metadata=None, /, **tensors):
    """Write a .safetensors file. A tensor is an array, or a type, a shape and bytes. ``__`` in a name stands for a dot."""
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, tensor in tensors.items():
        if isinstance(tensor, tuple):
            dtype, shape, part = tensor
        else:
            dtype, shape, part = _NAMES[tensor.dtype], tensor.shape, tensor.tobytes()
        offsets = len(data), len(data) + len(part)
        header[name.replace("__", ".")] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def write_index(folder, files, name="model.safetensors.index.json"):
    """Write the index of a checkpoint: names of tensors, and the file of each."""
    path = folder / name
    path.write_text(json.dumps({"metadata": {}, "weight_map": files}))
    return path


def nibbles(codes):
    """Bytes of four-bit codes, two a byte, the first in the low half, by plain arithmetic."""
    flat = codes.reshape(-1).tolist()
    packed = [low + 16 * high for low, high in zip(flat[0::2], flat[1::2], strict=True)]
    return np.array(packed, np.uint8).reshape(*codes.shape[:-1], codes.shape[-1] // 2)


def e8m0(scales):
    return scales.view(ml_dtypes.float8_e8m0fnu)


def format_of(dtype):
    """Element format of a type in ``FILES``; E4M3 if the type may have any."""
    return "E2M1" if dtype.startswith("2 x ") else _FORMATS.get(dtype, "E4M3")


def stored_scales(codes, dtype):
    """Scale codes as an array of that type."""
    if dtype in _FLOATS:
        return np.ldexp(1.0, codes.astype(int) - 127).astype(_FLOATS[dtype])
    if dtype == "I32":
        whole = np.concatenate([codes, np.zeros((len(codes), -codes.shape[1] % 4), np.uint8)], axis=1)
        return whole.view("<i4")
    return codes if dtype == "U8" else e8m0(codes)


def stored_elements(codes, dtype):
    """Type, shape and bytes of elements."""
    name = dtype.removeprefix("2 x ")
    if dtype.endswith(" in blocks"):
        return "U8", (ROWS, K // 32, 16), nibbles(codes).tobytes()
    if not dtype.startswith("2 x "):
        return dtype, codes.shape, codes.tobytes()
    # Shapes of F4 count codes, others bytes.
    return name, codes.shape if name == "F4" else (ROWS, K // 2), nibbles(codes).tobytes()
