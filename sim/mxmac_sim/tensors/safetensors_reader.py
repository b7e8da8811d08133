"""Reader of ``.safetensors`` files that come from anywhere: one tensor, or one matrix of it, without the rest of the file."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from mxmac.errors import UserError
from mxmac_sim.tensors.archives import checked_index, outline, parsed_json, reading
from mxmac_sim.tensors.array_file import ArrayFile
from mxmac_sim.tensors.packing import PER_GROUP, unpack

__all__ = ["SAFETENSORS_DTYPES", "TensorsFile", "dtype_name"]

#: The types of safetensors that floats or the parts of an MX tensor may have.
SAFETENSORS_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "F6_E3M2": np.dtype(ml_dtypes.float6_e3m2fn),
    "F6_E2M3": np.dtype(ml_dtypes.float6_e2m3fn),
    "F4": np.dtype(ml_dtypes.float4_e2m1fn),
    "I8": np.dtype(np.int8),
    "I32": np.dtype("<i4"),
    "U8": np.dtype(np.uint8),
}
#: Bits of a code of the types that share bytes. NumPy has a code a byte.
_PACKED_WIDTH = {"F6_E3M2": 6, "F6_E2M3": 6, "F4": 4}
_FNUZ = "is an FNUZ type, whose bias is one higher and whose only NaN is the code of -0"
_REFUSED_DTYPES = {"F8_E4M3FNUZ": _FNUZ, "F8_E5M2FNUZ": _FNUZ}


def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return the name that safetensors has for a type, or that of NumPy for others."""
    return next((name for name, known in SAFETENSORS_DTYPES.items() if known == dtype.newbyteorder("<")), str(dtype))


@dataclass(frozen=True)
class _Entry:
    """Where a tensor is in a file, in bytes, and what it is."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


class TensorsFile:
    """A ``.safetensors`` file: its size of header in eight bytes, its header in JSON, then the data.

    Parameters
    ----------
    path : Path
        An existing file, of which the header is read.

    Raises
    ------
    UserError
        If the file is damaged or of another kind.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # The library checks that shapes, types and offsets of the header agree; it cannot give NumPy a tensor of FP8.
        with reading(path), safe_open(path, framework="np") as file:
            self.names: list[str] = list(file.keys())
            self.metadata: dict[str, str] = file.metadata() or {}
        with reading(path), path.open("rb") as stream:
            header_size = int.from_bytes(stream.read(8), "little")
            self._header = parsed_json(stream.read(header_size))
        self._data_begin = 8 + header_size

    def size(self, name: str, index: int | None = None) -> int:
        """Size in memory, in bytes, of a tensor or of one matrix of it."""
        entry = self._entry(name, index)
        return math.prod(entry.shape) * SAFETENSORS_DTYPES[entry.dtype].itemsize

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a tensor, in elements."""
        return tuple(self._header[name]["shape"])

    def described(self, name: str) -> tuple[str, tuple[int, ...], int]:
        """Return type, shape and bytes of a tensor, of any type."""
        header = self._header[name]
        begin, end = header["data_offsets"]
        return header["dtype"], self.shape(name), end - begin

    def outline(self, name: str, index: int | None = None) -> NDArray[Any]:
        """Return an :func:`~mxmac_sim.tensors.archives.outline` of a tensor or of one matrix of it; errors are those of
        :meth:`read`.
        """
        entry = self._entry(name, index)
        return outline(SAFETENSORS_DTYPES[entry.dtype], entry.shape)

    def read(self, name: str, index: int | None = None) -> NDArray[Any]:
        """Read a tensor, with a code a byte of the types whose codes share bytes.

        Parameters
        ----------
        name : str
        index : int, optional
            Position along the first axis, to read no more than that.

        Raises
        ------
        UserError
            If the type is not in :data:`SAFETENSORS_DTYPES`, there is no such index, or a row is not whole bytes.
        """
        entry = self._entry(name, index)
        with reading(self.path), self.path.open("rb") as stream:
            stream.seek(entry.begin)
            data = np.empty(entry.end - entry.begin, np.uint8)
            if stream.readinto(data.data) < len(data):
                raise ValueError("it ends within a tensor")
        dtype, width = SAFETENSORS_DTYPES[entry.dtype], self.shared_width(name)
        if width is None:
            return data.view(dtype).reshape(entry.shape)
        return unpack(data, width).view(dtype).reshape(entry.shape)

    @contextmanager
    def opened(self, name: str, index: int | None = None) -> Iterator[ArrayFile]:
        """Open a tensor, or one matrix of it, to read it in parts: as bytes, if codes of its type share them."""
        entry = self._entry(name, index)
        dtype, shape = SAFETENSORS_DTYPES[entry.dtype], entry.shape
        if (width := self.shared_width(name)) is not None:
            dtype, shape = np.dtype(np.uint8), (*shape[:-1], shape[-1] * width // 8)
        with self.path.open("rb") as stream:
            stream.seek(entry.begin)
            yield ArrayFile(self.path, stream, dtype, shape, name=name)

    def shared_width(self, name: str) -> int | None:
        """Return the bits of a code of a tensor's type, if codes share bytes."""
        return _PACKED_WIDTH.get(self._header[name]["dtype"])

    def _entry(self, name: str, index: int | None) -> _Entry:
        header = self._header[name]
        dtype, shape, (begin, end) = header["dtype"], tuple(header["shape"]), header["data_offsets"]
        if dtype in _REFUSED_DTYPES:
            message = f"Tensor {name!r} has dtype {dtype}, which {_REFUSED_DTYPES[dtype]}; OCP types are needed"
            raise UserError(str(self.path), message)
        if dtype not in SAFETENSORS_DTYPES:
            accepted = ", ".join(SAFETENSORS_DTYPES)
            raise UserError(str(self.path), f"Tensor {name!r} has dtype {dtype}; accepted: {accepted}")
        group = PER_GROUP.get(_PACKED_WIDTH.get(dtype, 8), 1)
        if group > 1 and (not shape or shape[-1] % group):
            message = f"Tensor {name!r} has dtype {dtype} and shape {shape}; a last axis of a multiple of {group} is needed"
            raise UserError(str(self.path), message)
        if index is None:
            return _Entry(dtype, shape, self._data_begin + begin, self._data_begin + end)
        checked_index(self.path, name, shape, index)
        step = (end - begin) // shape[0]
        begin += self._data_begin + index * step
        return _Entry(dtype, shape[1:], begin, begin + step)
