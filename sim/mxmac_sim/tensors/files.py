"""The files that floats and quantized tensors come from.

An MX file is an ``.npz`` or a ``.safetensors`` with two arrays, ``elements`` and ``scales``, and their format and block
size. Checkpoints have other names and types, as the table of :mod:`mxmac_sim.tensors.layouts` lists them.

Nothing ambiguous is guessed: the reader asks, with an error that names the parameter which settles it (:class:`Stated`).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac_sim.tensors.archives import (
    LOST_DTYPE,
    MAX_SIZE,
    check_size,
    checked_suffix,
    is_float,
    listed,
    open_npy,
)
from mxmac_sim.tensors.array_file import ArrayFile
from mxmac_sim.tensors.mx_tensor import ELEMENT_DTYPES, MxTensor
from mxmac_sim.tensors.quantized import nothing_quantized, stored_tensor
from mxmac_sim.tensors.safetensors_reader import TensorsFile
from mxmac_sim.tensors.source import ARCHIVES, open_source, split_index
from mxmac_sim.tensors.stated import Stated
from mxmac_sim.tensors.stored import StoredTensor

__all__ = ["load_floats", "load_mx", "load_stored", "open_floats"]

_NOTHING_STATED = Stated()


def load_floats(path: Path, name: str | None = None, max_size: float = MAX_SIZE) -> NDArray[Any]:
    """Read one array of floats.

    Parameters
    ----------
    path : Path
        A ``.npy`` file, or one that :func:`mxmac_sim.tensors.source.open_source` accepts.
    name : str, optional
        Which of its arrays, or ``NAME[3]``, one matrix of it; needed if there are several.
    max_size : float
        Largest array accepted, in GiB of memory.

    Returns
    -------
    ndarray of float16, bfloat16, float32 or float64, of rank 1 or more and not empty
        In the type and byte order of the file.

    Raises
    ------
    UserError
        If there is no such file or array, the file is damaged or of another kind, or the array is too large or not of floats.
    """
    with open_floats(path, name, max_size) as array:
        return array.whole()


@contextmanager
def open_floats(path: Path, name: str | None = None, max_size: float = MAX_SIZE) -> Iterator[ArrayFile]:
    """Open one array of floats to read it in parts; parameters and errors are those of :func:`load_floats`."""
    with ExitStack() as opened:
        if path.suffix.lower() == ".npy":
            if name is not None:
                raise UserError(str(path), f"A .npy file holds one array without a name; leave out --name {name}")
            checked_suffix(path, (".npy",))
            stream, header = opened.enter_context(open_npy(path, max_size))
            array = ArrayFile(path, stream, header.dtype, header.shape, fortran=header.fortran)
        else:
            array = _named_array(opened, path, name, max_size)
        if not is_float(array.dtype):
            accepted = "float16, float32, float64, or bfloat16 in a .safetensors file"
            hint = ""
            if array.dtype in ELEMENT_DTYPES.values():
                hint = "; quantized elements need their scales beside them or in another shard, as NAME_scale_inv"
            elif array.dtype.kind == "V":
                hint = f"; {LOST_DTYPE}"
            raise UserError(str(path), f"The array has dtype {array.dtype}; accepted: {accepted}{hint}")
        if 0 in (array.ndim, array.size):
            raise UserError(str(path), f"The array has shape {array.shape}; an axis, and no empty one, is needed")
        yield array


def _named_array(opened: ExitStack, path: Path, name: str | None, max_size: float) -> ArrayFile:
    if path.suffix.lower() not in (*ARCHIVES, ".json") and not path.is_dir():
        checked_suffix(path, (".npy", *ARCHIVES))
    source = open_source(path)
    names = source.names
    wanted, index = split_index(name, names)
    if wanted is None:
        if len(names) != 1:
            raise UserError(str(path), f"It has {len(names)} arrays; choose one with --name: {listed(names)}")
        wanted = names[0]
    if wanted not in names:
        raise UserError(str(path), f"It has no array {wanted!r}; it has {listed(names)}")
    file = source.file(wanted)
    check_size(path, file.size(wanted, index), max_size)
    if isinstance(file, TensorsFile):
        return opened.enter_context(file.opened(wanted, index))
    if index is not None:
        matrix = np.ascontiguousarray(file.read(wanted, index))
        return ArrayFile(path, BytesIO(matrix.tobytes()), matrix.dtype, matrix.shape, name=wanted)
    stream, header = opened.enter_context(file.member(wanted))
    return ArrayFile(path, stream, header.dtype, header.shape, fortran=header.fortran, name=wanted)


def load_mx(path: Path, name: str | None = None, stated: Stated = _NOTHING_STATED) -> MxTensor:
    """Read a quantized tensor, for the hardware.

    Besides the files of :func:`mxmac_sim.tensors.writing.save_mx`: scales may be floats that are powers of two from 2^-127
    (an FP32 subnormal) to 2^127; elements of the types F8, F6 and F4 need no format; a block that only one size fits need not
    be stated; a last block may be shorter. Of a checkpoint, a tensor in any layout of the table.

    Parameters
    ----------
    path : Path
        What :func:`mxmac_sim.tensors.source.open_source` accepts.
    name : str, optional
        Which tensor of a checkpoint, or ``NAME[3]``, one matrix of it; needed if there are several.
    stated : Stated
        Facts that the file may leave open.

    Raises
    ------
    UserError
        If there is no such file or tensor, the file is damaged or of another kind, its arrays do not make a tensor, a
        scale is NaN or not a power of two, or format or block are ambiguous and not stated.
    """
    source = open_source(path)
    stored = stored_tensor(source, name, stated)
    if stored is None:
        raise UserError(str(path), nothing_quantized(source, name))
    try:
        return stored.mx()
    except UserError as error:
        raise UserError(str(path), error.message) from error


def load_stored(path: Path, name: str | None = None, stated: Stated = _NOTHING_STATED) -> StoredTensor | None:
    """Read a quantized tensor unchanged, with scales of any value.

    Parameters
    ----------
    path : Path
        What :func:`mxmac_sim.tensors.source.open_source` accepts.
    name : str, optional
        Which tensor of a checkpoint, or ``NAME[3]``, one matrix of it; needed if there are several.
    stated : Stated
        Facts that the file may leave open.

    Returns
    -------
    StoredTensor or None
        None if no quantized tensor has that name, or without a name, the file is neither an MX file nor a single weight with
        its scales.

    Raises
    ------
    UserError
        If there is no such file, it is damaged, of another kind or too large, its statements about the tensor are invalid or
        contradict ``stated``, or layout, format or block are ambiguous and not stated.
    """
    return stored_tensor(open_source(path), name, stated)
