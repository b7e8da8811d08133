"""Reading of .npy, .npz and .safetensors files that come from anywhere.

Every file ends in arrays or in a :class:`UserError` of one line: nothing is unpickled, headers are compared with the data
before memory is allocated, and no more is read than the caller allows. NumPy has no FP8 or BF16 of its own, so the narrow
types are those of ml_dtypes.
"""

import json
import math
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from mxmac.errors import UserError

__all__ = [
    "MAX_SIZE",
    "SAFETENSORS_DTYPES",
    "check_size",
    "checked_suffix",
    "file_and_name",
    "is_float",
    "listed",
    "parsed_json",
    "read_archive",
    "read_array",
    "widened",
]

#: Largest size in memory of the arrays read from one file, in GiB, unless the caller allows more.
MAX_SIZE = 2.0
_GIB = 1 << 30

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

#: Compression of the members that NumPy writes. Others are refused: LZMA, for one, allocates as much as a file asks for.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Readers of .npy headers. Version 3 differs in the names of record fields only, and a record is no tensor.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
#: Longest quotation of a library's or a file's own words in a message, in characters.
_QUOTED = 160


def checked_suffix(path: Path, accepted: tuple[str, ...]) -> str:
    """Return the suffix of a file that must exist, in lower case.

    Parameters
    ----------
    path : Path
    accepted : tuple of str
        Suffixes with their dot, in lower case.

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
    """Split ``FILE:NAME`` at its last colon; an existing file with a colon in its name has no NAME."""
    file, separator, name = argument.rpartition(":")
    if not separator or Path(argument).exists():
        return Path(argument), None
    return Path(file), name or None


def is_float(dtype: np.dtype[Any]) -> bool:
    """Whether this is float16, bfloat16, float32 or float64, of either byte order."""
    return dtype == SAFETENSORS_DTYPES["BF16"] or (dtype.kind == "f" and dtype.itemsize in (2, 4, 8))


def widened(array: NDArray[Any]) -> NDArray[np.float64]:
    """Return floats as float64, which is exact; a signalling NaN becomes quiet, without NumPy's warning."""
    with np.errstate(invalid="ignore"):
        return array.astype(np.float64)


def listed(names: Sequence[str], most: int = 12) -> str:
    """Join at most ``most`` names, in order, for a message of one line; unprintable ones are escaped."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    shown = (name if name.isprintable() else repr(name) for name in sorted(names)[:most])
    return ", ".join(shown) + more or "nothing"


def parsed_json(text: str | bytes) -> Any:
    """Parse JSON from a file.

    Raises
    ------
    ValueError
        If it is malformed, nested deeper than Python's stack allows, or an object has a key twice.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError(_twice(key for key, _ in pairs))
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_array(path: Path, max_size: float = MAX_SIZE) -> NDArray[Any]:
    """Read the array of a ``.npy`` file.

    Parameters
    ----------
    path : Path
        An existing file.
    max_size : float
        Largest array accepted, in GiB of memory.

    Raises
    ------
    UserError
        If the file is damaged or of another kind, or the array is larger than ``max_size``.
    """
    with _reading(path), path.open("rb") as stream:
        if stream.read(2) == b"PK":
            raise ValueError("it is an .npz archive")
        stream.seek(0)
        check_size(path, _checked_header(stream, path.stat().st_size), max_size)
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)


def read_archive(
    path: Path, choose: Callable[[list[str]], list[str]], max_size: float = MAX_SIZE
) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Read some arrays of a ``.npz`` or ``.safetensors`` file.

    Parameters
    ----------
    path : Path
        An existing file; its suffix, in either case, says which kind it is.
    choose : function from all names to those to read
        May raise UserError.
    max_size : float
        Largest total size of the chosen arrays, in GiB of memory.

    Returns
    -------
    dict of ndarray
        The chosen arrays by name.
    dict of str
        The metadata of a ``.safetensors`` file.

    Raises
    ------
    UserError
        If the file is damaged or of another kind, has two arrays of one name, the arrays are larger than ``max_size``, or a
        tensor has a type that is not in :data:`SAFETENSORS_DTYPES`.
    """
    if path.suffix.lower() == ".npz":
        return _read_npz(path, choose, max_size), {}
    # The library checks that shapes, types and offsets of the header agree; it cannot give NumPy a tensor of FP8.
    with _reading(path), safe_open(path, framework="np") as file:
        names, metadata = list(file.keys()), file.metadata() or {}
    return _read_tensors(path, choose(names), max_size), metadata


def _read_npz(path: Path, choose: Callable[[list[str]], list[str]], max_size: float) -> dict[str, NDArray[Any]]:
    with _reading(path), path.open("rb") as stream:
        if stream.read(6) == np.lib.format.MAGIC_PREFIX:
            raise ValueError("it is a single array")
        with zipfile.ZipFile(stream) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if len(members) < len(archive.infolist()):
                raise ValueError(_twice(info.filename.removesuffix(".npy") for info in archive.infolist()))
            chosen = {name: members[name] for name in choose(list(members))}
            sizes = [_member_bytes(archive, info) for info in chosen.values()]
            check_size(path, sum(sizes), max_size)
            arrays = {}
            for name, info in chosen.items():
                with archive.open(info) as member:
                    arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
            return arrays


def _member_bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """Size in memory of an array in an archive, if its header agrees with the size of the member."""
    if not info.filename.endswith(".npy"):
        raise ValueError(f"its member {info.filename!r} is not an array")
    if info.compress_type not in _COMPRESSIONS:
        raise ValueError("it is compressed in another way than NumPy does")
    with archive.open(info) as member:
        return _checked_header(member, info.file_size)


def _checked_header(stream: IO[bytes], size: int) -> int:
    """Size in bytes of an array in NumPy's format, of which the header is read; ``size`` is that of all, header included."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"it has version {version} of NumPy's format")
    try:
        shape, _, dtype = _HEADERS[version](stream)
    except MemoryError as error:  # of Python's parser, when brackets are nested too deeply
        raise ValueError("its header is nested too deeply") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if any(length < 0 for length in shape):
        raise ValueError(f"its shape {shape} is negative")
    needed = math.prod(shape) * dtype.itemsize
    if needed > size - stream.tell():
        raise ValueError(f"its shape {shape} needs more data than there are")
    return needed


def _read_tensors(path: Path, names: list[str], max_size: float) -> dict[str, NDArray[Any]]:
    """Tensors of a .safetensors file with a sound header: its size in eight bytes, itself in JSON, then the data."""
    tensors = {}
    with _reading(path), path.open("rb") as stream:
        header_size = int.from_bytes(stream.read(8), "little")
        header = parsed_json(stream.read(header_size))
        check_size(path, sum(end - begin for begin, end in (header[name]["data_offsets"] for name in names)), max_size)
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


def check_size(path: Path, size: int, max_size: float) -> None:
    """Refuse arrays of more than ``max_size`` GiB; ``size`` is theirs in bytes.

    Raises
    ------
    UserError
        If they are larger; the error names the parameter ``max_size``.
    """
    if size > max_size * _GIB:
        message = f"{str(path)!r} needs {size / _GIB:.4g} GiB of memory for its arrays; at most {max_size:g} GiB are allowed"
        raise UserError("max_size", message)


def _twice(names: Iterator[str]) -> str:
    (name, _), *_ = Counter(names).most_common(1)
    return f"it has {name!r} twice"


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn any error about a damaged or foreign file into one line."""
    try:
        with warnings.catch_warnings():
            # NumPy's about headers of Python 2, Python's about escapes in headers.
            warnings.simplefilter("ignore")
            yield
    except (UserError, MemoryError):
        raise
    # zipfile, zlib, NumPy and safetensors raise a dozen types between them.
    except Exception as error:
        first = (str(error).splitlines() or [""])[0].rstrip(".") or type(error).__name__
        reason = "".join(char if char.isprintable() else "?" for char in first)
        reason = reason if len(reason) <= _QUOTED else f"{reason[:_QUOTED]}…"
        needed = f"a whole {path.suffix.lower()} file without pickled objects is needed"
        raise UserError(str(path), f"It cannot be read ({reason}); {needed}") from error
