"""An array in an open file, read in parts: no more of it is in memory than is asked for."""

import math
import zipfile
from copy import copy
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mxmac_sim.tensors.archives import reading

__all__ = ["ArrayFile"]

#: Bytes that are read at a time. A ZIP archive copies as much.
_CHUNK = 1 << 20
#: Bytes of a matrix in Fortran order that are kept. Its rows lie scattered, and are better read many at a time.
_BAND = 1 << 25


class ArrayFile:
    """Array in a binary stream, which starts where the stream is now.

    Parameters
    ----------
    path : Path
        Its file, for messages.
    stream : binary file
        Stays open as long as the array is read. Parts in ascending order are read without seeking, which in a compressed file
        starts again from the beginning.
    dtype : dtype
    shape : tuple of int
    fortran : bool
        Whether the first index runs fastest, not the last one.
    name : str
        Its name in the file; empty in a ``.npy``.
    """

    def __init__(
        self,
        path: Path,
        stream: IO[bytes],
        dtype: np.dtype[Any],
        shape: tuple[int, ...],
        *,
        fortran: bool = False,
        name: str = "",
    ) -> None:
        self.name = name
        self._path, self._stream, self._start = path, stream, stream.tell()
        self.dtype, self.shape, self.ndim, self.size = dtype, shape, len(shape), math.prod(shape)
        #: Whether the last index runs fastest.
        self.row_major = not fortran or self.ndim < 2
        # Rows that are kept, and the number of the first one.
        self._kept: NDArray[Any] | None = None
        self._first = 0

    def whole(self) -> NDArray[Any]:
        """Read all of it.

        Raises
        ------
        UserError
            If the file is damaged.
        """
        flat = self._read(0, self.size)
        return flat.reshape(self.shape) if self.row_major else flat.reshape(self.shape[::-1]).transpose()

    def in_rows_of(self, k: int) -> "ArrayFile":
        """Return the same array as a matrix with rows of ``k`` elements; it must be row-major, and ``k`` divide its size."""
        matrix = copy(self)
        matrix.shape, matrix.ndim = (self.size // k, k), 2
        return matrix

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Read rows, counted through all leading axes.

        Of a matrix in Fortran order, as many as 32 MB hold are kept. Such an array with more axes, or in an archive, is kept
        whole.

        Returns
        -------
        ndarray, shape (stop - start, K)

        Raises
        ------
        UserError
            If the file is damaged.
        """
        k = self.shape[-1]
        if self.row_major:
            return self._read(start * k, stop * k).reshape(stop - start, k)
        if self.ndim > 2 or isinstance(self._stream, zipfile.ZipExtFile):
            if self._kept is None:
                self._kept = self.whole()
            return self._kept[np.unravel_index(np.arange(start, stop), self.shape[:-1])]
        if self._kept is None or not self._first <= start < stop <= self._first + len(self._kept):
            height = max(stop - start, _BAND // (k * self.dtype.itemsize))
            self._kept, self._first = None, start
            self._kept = self._band(start, min(start + height, self.shape[0]))
        return self._kept[start - self._first : stop - self._first]

    def _band(self, start: int, stop: int) -> NDArray[Any]:
        """Read rows of a matrix in Fortran order, a column at a time."""
        columns = np.empty((self.shape[1], stop - start), self.dtype)
        data = columns.view(np.uint8)
        with reading(self._path):
            for column in range(len(columns)):
                self._fill(data[column], column * self.shape[0] + start)
        return columns.T

    def _read(self, start: int, stop: int) -> NDArray[Any]:
        """Read elements in the order of the file."""
        data = np.empty((stop - start) * self.dtype.itemsize, np.uint8)
        with reading(self._path):
            self._fill(data, start)
            return data.view(self.dtype)

    def _fill(self, data: NDArray[np.uint8], element: int) -> None:
        """Read bytes from an element on."""
        place = self._start + element * self.dtype.itemsize
        if self._stream.tell() != place:
            self._stream.seek(place)
        for begin in range(0, len(data), _CHUNK):
            wanted = data[begin : begin + _CHUNK]
            chunk = self._stream.read(len(wanted))
            if len(chunk) < len(wanted):
                raise ValueError("it ends within an array")
            wanted[:] = np.frombuffer(chunk, np.uint8)
