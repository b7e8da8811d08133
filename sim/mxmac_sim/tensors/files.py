"""The files that floats and quantized tensors come from.

An MX file is an ``.npz`` or a ``.safetensors`` with two arrays, ``elements`` and ``scales``, and their format and block
size. Checkpoints have other names and types, as the table of :mod:`mxmac_sim.tensors.layouts` lists them.

Nothing ambiguous is guessed: the reader asks, with an error that names the parameter which settles it (:class:`Stated`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
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
from mxmac_sim.tensors.layouts import MX, MX_PACKED, Pair, missing_scales, pairs
from mxmac_sim.tensors.matching import chosen_pair, matched, unpacked
from mxmac_sim.tensors.mx_tensor import ELEMENT_DTYPES, MxTensor
from mxmac_sim.tensors.safetensors_reader import TensorsFile
from mxmac_sim.tensors.source import ARCHIVES, Source, open_source, split_index
from mxmac_sim.tensors.stated import Stated, element_format, facts_of_file, implied_block, stated_block
from mxmac_sim.tensors.stored import StoredTensor

__all__ = ["load_floats", "load_mx", "load_stored", "open_floats"]

_MX_STATED = ("format", "block")
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
    stored = _stored(source, name, stated)
    if stored is None:
        raise UserError(str(path), _nothing_quantized(source, name))
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
    return _stored(open_source(path), name, stated)


def _stored(source: Source, name: str | None, stated: Stated) -> StoredTensor | None:
    tensor, index = split_index(name, source.names)
    pair = chosen_pair(source.path, source.names, tensor, stated)
    if pair is None:
        return None
    is_mx = MX in pair.layouts or MX_PACKED in pair.layouts
    facts = [fact for fact in _MX_STATED if is_mx and fact in source.names]
    arrays = source.read([pair.elements, pair.scales, *facts], stated.max_size, index)
    elements, scales = arrays[pair.elements], arrays[pair.scales]
    if index is not None and scales.size > 1:
        scales = _of_index(source, pair, scales, index)
    if is_float(elements.dtype) and not is_mx and not pair.scales.endswith("_scale_inv"):
        return None  # Layers with floats have parameters named scale, too.
    metadata = source.file(pair.elements).metadata
    try:
        if is_mx:
            return _of_mx_file(source.path, elements, scales, [(fact, arrays[fact]) for fact in facts], metadata, stated)
        stored = matched(source.path, pair, elements, scales, metadata, stated)
    except UserError as error:
        raise UserError(str(source.path) if error.parameter == "scales" else error.parameter, error.message) from error
    if index is not None and stored.elements.ndim < 2:
        name, shape = f"{pair.elements}[{index}]", stored.elements.shape
        raise UserError(str(source.path), f"{name!r} is a row of shape {shape}; an index needs a tensor of several matrices")
    return stored


def _of_index(source: Source, pair: Pair, scales: NDArray[Any], index: int) -> NDArray[Any]:
    """Scales of one matrix."""
    shape = source.file(pair.elements).shape(pair.elements)
    if not scales.ndim or len(scales) != shape[0]:
        message = f"{pair.scales!r} has shape {scales.shape}, {pair.elements!r} {shape}; their first axes must be the same"
        raise UserError(str(source.path), message)
    of_matrix: NDArray[Any] = scales[index]
    return of_matrix


def _of_mx_file(
    path: Path,
    elements: NDArray[Any],
    scales: NDArray[Any],
    arrays: Sequence[tuple[str, NDArray[Any]]],
    metadata: Mapping[str, str],
    stated: Stated,
) -> StoredTensor:
    """Make a tensor from the arrays of an MX file, and format and block that it states."""
    elements_name, scales_name = MX.names[0]
    facts = facts_of_file(path, arrays, metadata)
    if stated.layout is MX_PACKED and elements.dtype.kind in "iu" and elements.ndim:
        elements = unpacked(elements, MX_PACKED)
        stated = replace(stated, format=stated.format or ELEMENT_FORMATS[MX_PACKED.elements["U8"]])
    fmt = element_format(path, elements_name, elements, facts.get("format"), stated)
    block = stated_block(path, facts.get("block"), stated)
    if block is None:
        block = implied_block(path, elements, scales, stated)
    if elements.ndim and block > 0:
        # A block longer than a row is filled with zeros.
        k = elements.shape[-1]
        check_size(path, elements.size // max(k, 1) * (k + -k % block), stated.max_size)
    return StoredTensor.of(elements.view(np.uint8), scales, fmt, block, scales_name)


def _nothing_quantized(source: Source, name: str | None) -> str:
    names = source.names
    known = [pair.elements for pair in pairs(names)]
    if name is not None and name in names:
        needed = " or ".join(repr(scales) for scales in missing_scales(name))
        elsewhere = "" if source.whole else "; if it is in another shard, give the folder or the index"
        return f"{name!r} has no scales beside it: there is no {needed}{elsewhere}"
    if name is not None or known:
        wrong = f"It has no {name!r}" if name is not None else f"It has {len(names)} tensors"
        return f"{wrong}; choose a quantized one as FILE:NAME: {listed(known)}"
    needed = "an MX file, as `mxmac quantize` makes it from floats, is needed"
    missing = sorted(set(MX.names[0]) - set(names))
    return f"It has no {' and no '.join(missing)}, only {listed(names)}; {needed}"
