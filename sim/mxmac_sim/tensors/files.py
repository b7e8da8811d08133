"""The files that floats come from and quantized tensors go to.

An MX file is an ``.npz`` or a ``.safetensors`` with two arrays, ``elements`` and ``scales``, and their format and block
size. A checkpoint has ``X.weight`` in FP8 and ``X.weight_scale_inv`` beside it, one scale for 128 x 128 elements.

Nothing ambiguous is guessed: the reader asks, with an error that names the parameter which settles it (:class:`Stated`).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from mxmac.errors import UserError, of_the_machine
from mxmac.files import check_writable, written_whole
from mxmac_sim.tensors import deepseek
from mxmac_sim.tensors.archives import (
    MAX_SIZE,
    SAFETENSORS_DTYPES,
    check_size,
    checked_suffix,
    is_float,
    listed,
    read_archive,
    read_array,
)
from mxmac_sim.tensors.mx_tensor import ELEMENT_DTYPES, MxTensor
from mxmac_sim.tensors.stated import Stated, element_format, facts_of_file, implied_block, stated_block
from mxmac_sim.tensors.stored import SCALE_DTYPE, StoredTensor

__all__ = ["check_target", "load_floats", "load_mx", "load_stored", "save_mx", "scales_to_store"]

_MX_SUFFIXES, _FLOAT_SUFFIXES = (".npz", ".safetensors"), (".npy", ".npz", ".safetensors")
_MX_NAMES, _MX_STATED = ("elements", "scales"), ("format", "block")
_NOTHING_STATED = Stated()
#: Suffix of the name of a weight's scales. Elements are multiplied by them, in spite of the name.
_SCALES_OF = "_scale_inv"


def check_target(path: Path) -> None:
    """Refuse a path that :func:`save_mx` could not write to, before any work is done.

    Raises
    ------
    UserError
        If the name does not end in .npz or .safetensors, is that of a directory, or lies in one that does not exist.
    """
    if path.suffix.lower() not in _MX_SUFFIXES:
        raise UserError(str(path), f"The name ends in {path.suffix!r}; accepted: {', '.join(_MX_SUFFIXES)}")
    check_writable(path)


def load_floats(path: Path, name: str | None = None, max_size: float = MAX_SIZE) -> NDArray[Any]:
    """Read one array of floats.

    Parameters
    ----------
    path : Path
        A ``.npy``, ``.npz`` or ``.safetensors`` file.
    name : str, optional
        Which of its arrays; needed if there are several.
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

    def choose(names: list[str]) -> list[str]:
        if name is None and len(names) != 1:
            raise UserError(str(path), f"It has {len(names)} arrays; choose one with --name: {listed(names)}")
        if name is not None and name not in names:
            raise UserError(str(path), f"It has no array {name!r}; it has {listed(names)}")
        return names if name is None else [name]

    if checked_suffix(path, _FLOAT_SUFFIXES) == ".npy":
        if name is not None:
            raise UserError(str(path), f"A .npy file holds one array without a name; leave out --name {name}")
        array = read_array(path, max_size)
    else:
        array = next(iter(read_archive(path, choose, max_size)[0].values()))
    if not is_float(array.dtype):
        accepted = "float16, float32, float64, or bfloat16 in a .safetensors file"
        quantized = f"; quantized elements need their scales beside them, as NAME{_SCALES_OF}"
        hint = quantized if array.dtype in ELEMENT_DTYPES.values() else ""
        raise UserError(str(path), f"The array has dtype {array.dtype}; accepted: {accepted}{hint}")
    if 0 in (array.ndim, array.size):
        raise UserError(str(path), f"The array has shape {array.shape}; an axis, and no empty one, is needed")
    return array


def scales_to_store(tensor: MxTensor, *, tiles: bool = False, pack: bool = False) -> NDArray[np.generic]:
    """Return the scales of a tensor in the layout of a file.

    Parameters
    ----------
    tensor : MxTensor
    tiles : bool
        One for each tile of 128 rows, whose scales must be equal.
    pack : bool
        Four in a word, for each row even if ``tiles`` is set, as DeepGEMM's kernels take them.

    Returns
    -------
    ndarray of uint8, shape (..., rows or tiles, blocks), or of int32, shape (..., rows, ceil(blocks / 4))

    Raises
    ------
    ValueError
        If rows of a tile have different scales.
    """
    if pack:
        return deepseek.pack_scales(tensor.scales)
    if not tiles:
        return tensor.scales
    scales = deepseek.scales_of_tiles(tensor.scales)
    if scales is None:
        raise ValueError("Rows of one tile have different scales")
    return scales


def save_mx(path: Path, tensor: MxTensor, *, tiles: bool = False, pack: bool = False) -> None:
    """Write an MX file, whole or not at all; the same tensor gives the same bytes.

    An ``.npz`` holds ``elements`` as uint8, ``scales`` as :func:`scales_to_store` has them and, as arrays without axes,
    ``format`` and ``block``. A ``.safetensors`` holds elements and scales with their true types where it knows them
    (F8_E4M3, F8_E5M2, I8, else U8; F8_E8M0 or I32), and format and block as JSON under the key ``mx`` of its metadata.

    Raises
    ------
    UserError
        If ``path`` ends otherwise, or cannot be written.
    """
    check_target(path)
    scales = scales_to_store(tensor, tiles=tiles, pack=pack)
    try:
        with written_whole(path) as temporary, temporary.open("wb") as stream:
            if path.suffix.lower() == ".npz":
                name, block = np.array(tensor.format.name), np.array(tensor.block)
                np.savez(stream, elements=tensor.elements, scales=scales, format=name, block=block)
            else:
                stream.write(_safetensors_bytes(tensor, scales))
    except OSError as error:
        if of_the_machine(error):
            raise
        raise UserError(str(path), f"This file cannot be written: {error.strerror or error}") from error


def load_mx(path: Path, name: str | None = None, stated: Stated = _NOTHING_STATED) -> MxTensor:
    """Read a quantized tensor, for the hardware.

    Besides the files of :func:`save_mx`: scales may be floats that are powers of two from 2^-127 (an FP32 subnormal) to
    2^127; elements of type F8_E4M3 or F8_E5M2 need no format; a block that only one size fits need not be stated; a last
    block may be shorter. Of a checkpoint, a weight in FP8 with its scales.

    Parameters
    ----------
    path : Path
    name : str, optional
        Which weight of a checkpoint; needed if there are several.
    stated : Stated
        Facts that the file may leave open.

    Raises
    ------
    UserError
        If there is no such file or tensor, the file is damaged or of another kind, its arrays do not make a tensor, a
        scale is NaN or not a power of two, or format or block are ambiguous and not stated.
    """
    found: list[str] = []
    stored = load_stored(path, name, found, stated)
    if stored is None:
        raise UserError(str(path), _nothing_quantized(found, name))
    try:
        return stored.mx()
    except UserError as error:
        raise UserError(str(path), error.message) from error


def load_stored(
    path: Path, name: str | None = None, found: list[str] | None = None, stated: Stated = _NOTHING_STATED
) -> StoredTensor | None:
    """Read a quantized tensor unchanged, with scales of any value.

    Parameters
    ----------
    path : Path
    name : str, optional
        Which weight of a checkpoint; needed if there are several.
    found : list of str, optional
        Gets the names of all arrays in the file.
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
        contradict ``stated``, or format or block are ambiguous and not stated.
    """

    def choose(names: list[str]) -> list[str]:
        if found is not None:
            found.extend(names)
        pair = _pair(names, name)
        return [*pair, *(fact for fact in _MX_STATED if pair == _MX_NAMES and fact in names)]

    checked_suffix(path, _MX_SUFFIXES)
    arrays, metadata = read_archive(path, choose, stated.max_size)
    if not arrays:
        return None
    (elements_name, elements), (scales_name, scales), *others = arrays.items()
    in_checkpoint = elements_name != _MX_NAMES[0]
    facts = {} if in_checkpoint else facts_of_file(path, others, metadata)
    fmt = element_format(path, elements_name, elements, facts.get("format"), stated)
    block = stated_block(path, facts.get("block"), stated)
    if block is None:
        block = deepseek.BLOCK if in_checkpoint else implied_block(path, elements, scales, stated)
    if elements.ndim and block > 0:
        # A block longer than a row is filled with zeros.
        k = elements.shape[-1]
        check_size(path, elements.size // max(k, 1) * (k + -k % block), stated.max_size)
    try:
        return StoredTensor.of(elements.view(np.uint8), scales, fmt, block, scales_name)
    except UserError as error:
        raise UserError(str(path), error.message) from error


def _pair(names: Sequence[str], name: str | None) -> tuple[str, ...]:
    """Names of the elements and scales that are meant, or none."""
    is_mx, weights = set(_MX_NAMES) <= set(names), _weights(names)
    if name in weights:
        return name, name + _SCALES_OF
    if is_mx and (name == _MX_NAMES[0] or (name is None and not weights)):
        return _MX_NAMES
    return (weights[0], weights[0] + _SCALES_OF) if name is None and len(weights) == 1 and len(names) == 2 else ()


def _weights(names: Sequence[str]) -> list[str]:
    return [name for name in names if name + _SCALES_OF in names]


def _nothing_quantized(names: list[str], name: str | None) -> str:
    weights = [*_MX_NAMES[:1] * (set(_MX_NAMES) <= set(names)), *_weights(names)]
    if name is not None and name in names:
        return f"{name!r} has no scales beside it: there is no {name + _SCALES_OF!r}"
    if name is not None or weights:
        wrong = f"It has no {name!r}" if name is not None else f"It has {len(names)} tensors"
        return f"{wrong}; choose a quantized one as FILE:NAME: {listed(weights)}"
    needed = "an MX file, as `mxmac quantize` makes it from floats, is needed"
    missing = sorted(set(_MX_NAMES) - set(names))
    return f"It has no {' and no '.join(missing)}, only {listed(names)}; {needed}"


def _safetensors_bytes(tensor: MxTensor, scales: NDArray[np.generic]) -> bytes:
    dtype = ELEMENT_DTYPES[tensor.format.name]
    if dtype not in SAFETENSORS_DTYPES.values():
        dtype = np.dtype(np.uint8)
    # Views need the last axis, and the library everything, to be contiguous.
    elements, scales = (np.ascontiguousarray(array) for array in (tensor.elements, scales))
    if scales.dtype == np.uint8:
        scales = scales.view(SCALE_DTYPE)
    # One key only: the library writes several in an order that changes from run to run.
    about = json.dumps({"format": tensor.format.name, "block": tensor.block})
    return safetensors.numpy.save({"elements": elements.view(dtype), "scales": scales}, {"mx": about})
