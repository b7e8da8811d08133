"""Reading of .npy, .npz and .safetensors files that come from anywhere.

Nothing here unpickles anything, and whatever a file holds, it ends in arrays or in a :class:`UserError`. NumPy has no
FP8 or BF16 of its own, so the narrow types are those of ml_dtypes.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from mxmac.errors import UserError

__all__ = ["SAFETENSORS_DTYPES", "checked_suffix", "file_and_name", "is_float", "listed", "read_archive", "read_array"]

#: The types of safetensors that floats or the parts of an MX tensor may have.
SAFETENSORS_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "I8": np.dtype(np.int8),
    "I32": np.dtype("<i4"),
    "U8": np.dtype(np.uint8),
}


def checked_suffix(path: Path, accepted: tuple[str, ...]) -> str:
    """Ending of the name of a file that must exist, in lower case.

    Raises
    ------
    UserError
        If the name does not end in one of ``accepted``, or there is no such file.
    """
    suffix = path.suffix.lower()
    if suffix not in accepted:
        raise UserError(str(path), f"The name ends in {path.suffix!r}; accepted: {', '.join(accepted)}")
    if not path.is_file():
        raise UserError(str(path), "This is a directory, not a file" if path.is_dir() else "There is no such file")
    return suffix


def file_and_name(argument: str) -> tuple[Path, str | None]:
    """Split ``FILE:NAME``, or give ``FILE`` with no name; a file that exists is one, whatever its name has in it."""
    file, separator, name = argument.rpartition(":")
    if not separator or Path(argument).exists():
        return Path(argument), None
    return Path(file), name or None


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether this is float16, bfloat16, float32 or float64, of either byte order."""
    return dtype == SAFETENSORS_DTYPES["BF16"] or (dtype.kind == "f" and dtype.itemsize in (2, 4, 8))


def listed(names: list[str], most: int = 12) -> str:
    """At most so many names, for a message of one line."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(sorted(names)[:most]) + more or "nothing"


def read_array(path: Path) -> NDArray[Any]:
    """Read the array of a ``.npy`` file.

    Raises
    ------
    UserError
        If the file is damaged or of another kind.
    """
    with _reading(path), path.open("rb") as stream:
        array = np.load(stream, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an .npz archive")
    return array


def read_archive(path: Path, choose: Callable[[list[str]], list[str]]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read some arrays of a ``.npz`` or ``.safetensors`` file.

    Parameters
    ----------
    path : Path
        An existing file; its ending, in either case, says what it is.
    choose : function from all names to those to read
        What it raises goes through as it is.

    Returns
    -------
    dict of ndarray
        The chosen arrays by name.
    dict of str
        The metadata of a ``.safetensors`` file.

    Raises
    ------
    UserError
        If the file is damaged or of another kind, or a tensor has a type that is not in :data:`SAFETENSORS_DTYPES`.
    """
    if path.suffix.lower() == ".npz":
        # Opened here, because NumPy leaves a file open that turns out not to be an archive.
        with path.open("rb") as stream:
            with _reading(path):
                archive = np.load(stream, allow_pickle=False)
                if isinstance(archive, np.ndarray):
                    raise ValueError("it is a single array")
            names = choose(list(archive.files))
            with _reading(path):
                arrays = {name: archive[name] for name in names}
                if not all(isinstance(array, np.ndarray) for array in arrays.values()):
                    raise ValueError("a member of it is no array")
        return arrays, {}
    # The library proves the header sound; what it cannot give NumPy is a tensor of FP8.
    with _reading(path), safe_open(path, framework="np") as file:
        all_names, metadata = list(file.keys()), file.metadata() or {}
    return _read_tensors(path, choose(all_names)), metadata


def _read_tensors(path: Path, names: list[str]) -> dict[str, NDArray[Any]]:
    """Tensors of a .safetensors file with a sound header: its size in eight bytes, itself in JSON, then the data."""
    tensors = {}
    with _reading(path), path.open("rb") as stream:
        header_size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(header_size))
        for name in names:
            entry = header[name]
            dtype = SAFETENSORS_DTYPES.get(entry["dtype"])
            if dtype is None:
                accepted = ", ".join(SAFETENSORS_DTYPES)
                raise UserError(str(path), f"Tensor {name!r} has dtype {entry['dtype']}; accepted: {accepted}")
            begin, end = entry["data_offsets"]
            stream.seek(8 + header_size + begin)
            tensors[name] = np.frombuffer(stream.read(end - begin), dtype).reshape(entry["shape"])
    return tensors


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever the libraries say of a file that is damaged or of another kind into one line."""
    try:
        yield
    except UserError:
        raise
    # zipfile, zlib, NumPy and safetensors raise a dozen types between them, and a crafted header adds MemoryError.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        needed = f"a whole {path.suffix.lower()} file without pickled objects is needed"
        raise UserError(str(path), f"It cannot be read ({reason}); {needed}") from error
