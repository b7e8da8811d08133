"""What tests of checkpoint layouts share: files of any type and shape, written byte by byte, and packed codes."""

import json
import struct

import ml_dtypes
import numpy as np

__all__ = ["e8m0", "nibbles", "write_index", "write_tensors"]

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
