"""Reading of .npy, .npz and .safetensors files that come from anywhere.

Every file ends in arrays or in a :class:`UserError` of one line: nothing is unpickled, headers are compared with the data
before memory is allocated, and no more is read than the caller allows.
"""

import json
import math
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError

__all__ = [
    "LOST_DTYPE",
    "MAX_SIZE",
    "ArchiveFile",
    "Header",
    "check_size",
    "checked_index",
    "checked_suffix",
    "file_and_name",
    "is_float",
    "listed",
    "open_npy",
    "outline",
    "parsed_json",
    "read_array",
    "reading",
    "widened",
]

#: Largest size in memory of the arrays read from one file, in GiB, unless the caller allows more.
MAX_SIZE = 2.0
_GIB = 1 << 30

#: What to do about an array whose type was lost when it was saved.
LOST_DTYPE = (
    "NumPy does not keep the types of ml_dtypes in .npy and .npz files: save bfloat16 as float32, "
    "or any of these types in a .safetensors file"
)
#: Compression of the members that NumPy writes. Others are refused: LZMA, for one, allocates as much as a file asks for.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Readers of .npy headers. Version 3 differs in the names of record fields only, and a record is no tensor.
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
#: The name that NumPy writes for the FP8 types of one byte that it takes for floats, and refuses to read.
_LOST_NAME = re.compile(r"'[<>|=]?f1'")
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
    return dtype == np.dtype(ml_dtypes.bfloat16) or (dtype.kind == "f" and dtype.itemsize in (2, 4, 8))


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


def outline(dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return a read-only array of a type and a shape that takes no memory: all of its elements are one zero."""
    return np.broadcast_to(np.zeros((), dtype), shape)


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
    with reading(path), path.open("rb") as stream:
        if stream.read(2) == b"PK":
            raise ValueError("it is an .npz archive")
        stream.seek(0)
        check_size(path, _checked_header(stream, path.stat().st_size).size, max_size)
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)


class Header(NamedTuple):
    """Header of an array in NumPy's format, and the size of its data in bytes."""

    shape: tuple[int, ...]
    size: int
    fortran: bool
    dtype: np.dtype[Any]


@contextmanager
def open_npy(path: Path, max_size: float = MAX_SIZE) -> Iterator[tuple[IO[bytes], Header]]:
    """Open a ``.npy`` file where its data begin, with the errors of :func:`read_array`."""
    with ExitStack() as opened:
        with reading(path):
            stream = opened.enter_context(path.open("rb"))
            if stream.read(2) == b"PK":
                raise ValueError("it is an .npz archive")
            stream.seek(0)
            header = _checked_header(stream, path.stat().st_size)
            check_size(path, header.size, max_size)
        yield stream, header


class ArchiveFile:
    """An ``.npz`` file.

    Parameters
    ----------
    path : Path
        An existing file, of which the directory is read.

    Raises
    ------
    UserError
        If the file is damaged or of another kind, or has two arrays of one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: dict[str, str] = {}
        with self._opened() as archive:
            members = archive.infolist()
        self._members = {info.filename.removesuffix(".npy"): info for info in members}
        with reading(path):
            if len(self._members) < len(members):
                raise ValueError(_twice(info.filename.removesuffix(".npy") for info in members))
        self.names = list(self._members)

    def size(self, name: str, index: int | None = None) -> int:
        """Size in memory, in bytes, of an array; all of it is read, also for one matrix of it."""
        with self._opened() as archive:
            return _member_header(archive, self._members[name]).size

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array."""
        with self._opened() as archive:
            return _member_header(archive, self._members[name]).shape

    def described(self, name: str) -> tuple[str, tuple[int, ...], int]:
        """Return type, shape and uncompressed bytes of an array."""
        with self._opened() as archive:
            header = _member_header(archive, self._members[name])
        return str(header.dtype), header.shape, header.size

    def outline(self, name: str, index: int | None = None) -> NDArray[Any]:
        """Return an :func:`outline` of an array, or of one matrix of it; errors are those of :meth:`read`."""
        with self._opened() as archive:
            header = _member_header(archive, self._members[name])
        if index is not None:
            checked_index(self.path, name, header.shape, index)
        return outline(header.dtype, header.shape if index is None else header.shape[1:])

    def read(self, name: str, index: int | None = None) -> NDArray[Any]:
        """Read an array, or one matrix of it.

        Parameters
        ----------
        name : str
        index : int, optional
            Position along the first axis.

        Raises
        ------
        UserError
            If the member is damaged, or there is no such index.
        """
        with self._opened() as archive, archive.open(self._members[name]) as member:
            array = np.lib.format.read_array(member, allow_pickle=False)
        return array if index is None else array[checked_index(self.path, name, array.shape, index)]

    @contextmanager
    def member(self, name: str) -> Iterator[tuple[IO[bytes], Header]]:
        """Open an array where its data begin."""
        with ExitStack() as opened:
            with reading(self.path):
                archive = opened.enter_context(zipfile.ZipFile(self.path))
                stream = opened.enter_context(archive.open(self._members[name]))
                header = _checked_header(stream, self._members[name].file_size)
            yield stream, header

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        with reading(self.path), self.path.open("rb") as stream:
            if stream.read(6) == np.lib.format.MAGIC_PREFIX:
                raise ValueError("it is a single array")
            with zipfile.ZipFile(stream) as archive:
                yield archive


def checked_index(path: Path, name: str, shape: tuple[int, ...], index: int) -> int:
    """Return the position of a matrix along the first axis of an array.

    Raises
    ------
    UserError
        If the array has no matrices, or not so high a position.
    """
    if len(shape) < 3:
        message = f"{name!r} has shape {shape}; an index, as in {name}[{index}], needs three axes"
        raise UserError(str(path), message)
    if index >= shape[0]:
        raise UserError(str(path), f"{name!r} has shape {shape} and no matrix {index}; 0 to {shape[0] - 1} are accepted")
    return index


def _member_header(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Header:
    """Header of an array in an archive, if it agrees with the size of the member."""
    if not info.filename.endswith(".npy"):
        raise ValueError(f"its member {info.filename!r} is not an array")
    if info.compress_type not in _COMPRESSIONS:
        raise ValueError("it is compressed in another way than NumPy does")
    with archive.open(info) as member:
        return _checked_header(member, info.file_size)


def _checked_header(stream: IO[bytes], size: int) -> Header:
    """Read the header of an array in NumPy's format; ``size`` is that of all in bytes, header included."""
    version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise ValueError(f"it has version {version} of NumPy's format")
    try:
        shape, fortran, dtype = _HEADERS[version](stream)
    except MemoryError as error:  # of Python's parser, when brackets are nested too deeply
        raise ValueError("its header is nested too deeply") from error
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if any(length < 0 for length in shape):
        raise ValueError(f"its shape {shape} is negative")
    needed = math.prod(shape) * dtype.itemsize
    if needed > size - stream.tell():
        raise ValueError(f"its shape {shape} needs more data than there are")
    return Header(shape, needed, fortran, dtype)


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
def reading(path: Path) -> Iterator[None]:
    """Turn any error about a damaged or foreign file into a UserError of one line."""
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
        if _LOST_NAME.search(first):
            raise UserError(str(path), f"Its array has a type that NumPy cannot name; {LOST_DTYPE}") from error
        needed = f"a whole {path.suffix.lower()} file without pickled objects is needed"
        raise UserError(str(path), f"It cannot be read ({reason}); {needed}") from error
