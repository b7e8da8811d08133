"""Writing of .safetensors files without a copy of their data.

The library's own ways take a copy of all data first, or hide which error the file system had.
"""

import json
import math
from collections.abc import Collection, Mapping
from typing import IO, Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

__all__ = ["write_safetensors"]

#: Bytes of the size of the header, of which the header itself is a multiple.
_WORD = 8
#: Bytes that are copied at a time, of an array in another order than that of the file.
_PART = 1 << 24


def write_safetensors(
    stream: IO[bytes], tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str], paired: Collection[str] = ()
) -> None:
    """Write what ``safetensors.numpy.save`` returns for the same tensors, byte for byte.

    Parameters
    ----------
    stream : binary file
    tensors : mapping of ndarray
        In little-endian order, of types that the library knows.
    metadata : mapping of str
        At most one: the library writes several in an order that changes from run to run.
    paired : collection of str
        Tensors of bytes with two E2M1 codes each, which get the type F4; their shape counts codes then. NumPy has no such type.
    """
    # Of tensors without elements the library takes no copy, and chooses the names of the types and the order of the tensors.
    # Of the types that it knows here, only booleans are as low in its order as F4.
    outlines = {name: np.empty(0, np.bool_ if name in paired else array.dtype) for name, array in tensors.items()}
    empty = safetensors.numpy.save(outlines, dict(metadata))
    header = json.loads(empty[_WORD:])
    end = 0
    names = [name for name in header if name in tensors]
    for name in names:
        array = tensors[name]
        begin, end = end, end + math.prod(array.shape) * array.itemsize
        header[name] |= {"shape": array.shape, "data_offsets": (begin, end)}
        if name in paired:
            header[name] |= {"dtype": "F4", "shape": (*array.shape[:-1], 2 * array.shape[-1])}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _WORD)
    stream.write(len(text).to_bytes(_WORD, "little") + text)
    for name in names:
        array = np.atleast_1d(tensors[name])
        step = max(1, _PART * len(array) // max(1, array.nbytes))
        for start in range(0, len(array), step):
            part = np.ascontiguousarray(array[start : start + step])
            # NumPy gives the bytes of its own types alone.
            stream.write(part.reshape(-1).view(np.uint8).data)
