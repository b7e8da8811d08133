"""MX tensors, and the files that floats come from and MX tensors go to.

An MX file is an ``.npz`` or a ``.safetensors`` with two arrays, ``elements`` and ``scales``, and the format and block
size they are in.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from mxmac.errors import UserError, check_writable, written_whole
from mxmac.formats import ELEMENT_FORMATS, SCALE_BIAS, SCALE_NAN, Format
from mxmac_sim.archives import SAFETENSORS_DTYPES, checked_suffix, is_float, listed, read_archive, read_array

__all__ = ["ELEMENT_DTYPES", "MxTensor", "check_matrix", "check_target", "load_floats", "load_mx", "save_mx"]

#: NumPy type of the codes of each element format: one code a byte, the four- and six-bit ones in the low bits.
ELEMENT_DTYPES: dict[str, np.dtype[Any]] = {
    "E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "E3M2": np.dtype(ml_dtypes.float6_e3m2fn),
    "E2M3": np.dtype(ml_dtypes.float6_e2m3fn),
    "E2M1": np.dtype(ml_dtypes.float4_e2m1fn),
    "INT8": np.dtype(np.int8),
}

_E8M0 = np.dtype(ml_dtypes.float8_e8m0fnu)
_MX_SUFFIXES, _FLOAT_SUFFIXES = (".npz", ".safetensors"), (".npy", ".npz", ".safetensors")


@dataclass(frozen=True, eq=False)
class MxTensor:
    """A tensor of block-scaled elements; its blocks run along the last axis (MX v1.0, 5.1).

    Parameters
    ----------
    elements : ndarray of uint8, shape (..., K)
        One element code a byte, also of formats narrower than a byte.
    scales : ndarray of uint8, shape (..., K / block)
        One UE8M0 code per block.
    format : Format
        Of the elements.
    block : int
        Elements per block.

    Raises
    ------
    UserError
        If the arrays have other types or their shapes do not fit, or a code has more bits than the format.
    """

    elements: NDArray[np.uint8]
    scales: NDArray[np.uint8]
    format: Format
    block: int

    def __post_init__(self) -> None:
        for what, array in (("elements", self.elements), ("scales", self.scales)):
            if array.dtype != np.uint8:
                raise UserError(what, f"The {what} have dtype {array.dtype}; uint8 codes are needed")
        shape = self.elements.shape
        if not shape or 0 in shape:
            raise UserError("elements", f"The elements have shape {shape}; an axis, and no empty one, is needed")
        if self.block < 1 or shape[-1] % self.block:
            raise UserError("block", f"K = {shape[-1]} is not a multiple of a block of {self.block} elements")
        expected = (*shape[:-1], shape[-1] // self.block)
        if self.scales.shape != expected:
            message = f"Elements of shape {shape} in blocks of {self.block} need scales of shape {expected}"
            raise UserError("scales", f"{message}, not {self.scales.shape}")
        largest = int(self.elements.max())
        if largest >> self.format.width:
            message = f"An element code is {largest:#04x}, but {self.format.name} has {self.format.width} bits"
            raise UserError("elements", f"{message}; one code a byte is needed, not several packed into one")


def check_matrix(tensor: MxTensor, what: str) -> None:
    """Refuse a tensor that is not a matrix of shape (rows, K).

    Parameters
    ----------
    tensor : MxTensor
    what : str
        The option or file it came from, for the message.

    Raises
    ------
    UserError
        If its rank is not 2.
    """
    shape = tensor.elements.shape
    if len(shape) != 2:
        raise UserError(what, f"This tensor has rank {len(shape)}, shape {shape}; a matrix of shape (rows, K) is needed")


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


def load_floats(path: Path, name: str | None = None) -> NDArray[Any]:
    """Read one array of floats.

    Parameters
    ----------
    path : Path
        A ``.npy``, ``.npz`` or ``.safetensors`` file.
    name : str, optional
        Which of its arrays; needed if there are several.

    Returns
    -------
    ndarray of float16, bfloat16, float32 or float64, of rank 1 or more and not empty
        As it is stored.

    Raises
    ------
    UserError
        If there is no such file or array, the file is damaged or of another kind, or the array is not one of floats.
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
        array = read_array(path)
    else:
        array = next(iter(read_archive(path, choose)[0].values()))
    if not is_float(array.dtype):
        accepted = "float16, float32, float64, or bfloat16 in a .safetensors file"
        raise UserError(str(path), f"The array has dtype {array.dtype}; accepted: {accepted}")
    if 0 in (array.ndim, array.size):
        raise UserError(str(path), f"The array has shape {array.shape}; an axis, and no empty one, is needed")
    return array


def save_mx(path: Path, tensor: MxTensor) -> None:
    """Write an MX file, whole or not at all; the same tensor gives the same bytes.

    An ``.npz`` holds ``elements`` and ``scales`` as uint8 and, as arrays without axes, ``format`` and ``block``. A
    ``.safetensors`` holds them with their true types where it knows them (F8_E4M3, F8_E5M2, I8, else U8; F8_E8M0), and
    format and block as JSON under the key ``mx`` of its metadata.

    Raises
    ------
    UserError
        If ``path`` ends otherwise, or cannot be written.
    """
    check_target(path)
    try:
        with written_whole(path) as temporary, temporary.open("wb") as stream:
            if path.suffix.lower() == ".npz":
                name, block = np.array(tensor.format.name), np.array(tensor.block)
                np.savez(stream, elements=tensor.elements, scales=tensor.scales, format=name, block=block)
            else:
                stream.write(_safetensors_bytes(tensor))
    except OSError as error:
        raise UserError(str(path), f"This file cannot be written: {error.strerror or error}") from error


def load_mx(path: Path) -> MxTensor:
    """Read an MX file.

    Besides what :func:`save_mx` writes: scales may be floats that are powers of two from 2^-127 (an FP32 subnormal) to
    2^127; elements of type F8_E4M3, F8_E5M2 or I8 need no format; a block that is not stated follows from the shapes.

    Raises
    ------
    UserError
        If there is no such file, it is damaged or of another kind, its arrays do not make a tensor, or a scale is NaN
        or not a power of two.
    """

    def choose(names: list[str]) -> list[str]:
        if missing := sorted({"elements", "scales"} - set(names)):
            needed = "an MX file, as `mxmac quantize` makes it from floats, is needed"
            raise UserError(str(path), f"It has no {' and no '.join(missing)}, only {listed(names)}; {needed}")
        return [name for name in names if name in ("elements", "scales", "format", "block")]

    checked_suffix(path, _MX_SUFFIXES)
    arrays, metadata = read_archive(path, choose)
    elements, scales = arrays.pop("elements"), arrays.pop("scales")
    try:
        about = {name: array.item() for name, array in arrays.items()} | json.loads(metadata.get("mx", "{}"))
    except (ValueError, TypeError) as error:
        raise UserError(str(path), "It does not state one format and one block, such as E4M3 and 32") from error
    implied = next((name for name, dtype in ELEMENT_DTYPES.items() if dtype == elements.dtype), None)
    name = about.get("format", implied)
    if not isinstance(name, str) or name not in ELEMENT_FORMATS:
        raise UserError(str(path), f"Its element format is {name!r}; accepted: {', '.join(ELEMENT_FORMATS)}")
    if elements.dtype != np.uint8 and implied != name:
        raise UserError(str(path), f"Its elements have dtype {elements.dtype}; uint8 codes are needed for {name}")
    block = about.get("block", _implied_block(elements, scales))
    if not isinstance(block, int):
        raise UserError(str(path), f"Its block is {block!r}; a number of elements is needed")
    try:
        return MxTensor(elements.view(np.uint8), _scale_codes(scales), ELEMENT_FORMATS[name], block)
    except UserError as error:
        raise UserError(str(path), str(error)) from error


def _safetensors_bytes(tensor: MxTensor) -> bytes:
    dtype = ELEMENT_DTYPES[tensor.format.name]
    if dtype not in SAFETENSORS_DTYPES.values():
        dtype = np.dtype(np.uint8)
    # Views need the last axis, and the library everything, to be contiguous.
    elements, scales = (np.ascontiguousarray(array) for array in (tensor.elements, tensor.scales))
    # One key only: the library writes several in an order that changes from run to run.
    about = json.dumps({"format": tensor.format.name, "block": tensor.block})
    return safetensors.numpy.save({"elements": elements.view(dtype), "scales": scales.view(_E8M0)}, {"mx": about})


def _scale_codes(scales: NDArray[Any]) -> NDArray[np.uint8]:
    """UE8M0 codes of scales that are stored as such, or as floats."""
    if scales.dtype in (np.dtype(np.uint8), _E8M0):
        codes = scales.view(np.uint8)
        nan = codes == SCALE_NAN
    elif is_float(scales.dtype):
        values = scales.astype(np.float64)
        nan = np.isnan(values)
        # Exact, without a logarithm: frexp gives 2^e the fraction 0.5 and the exponent e + 1.
        fraction, exponent = np.frexp(values)
        other = ~nan & (fraction != 0.5)
        if other.any():
            message = f"{_some(other)} {scales.dtype} numbers but not powers of two, the first {values[other][0]:.6g}"
            remedy = "quantize the original floats again with `mxmac quantize`"
            hint = "the FP32 weight_scale_inv of a DeepSeek-V3 checkpoint is such a scale"
            raise UserError("scales", f"{message}; UE8M0 has powers of two only: {remedy} ({hint})")
        wide_codes = exponent.astype(np.int64) - 1 + SCALE_BIAS
        outside = ~nan & ((wide_codes < 0) | (wide_codes >= SCALE_NAN))
        if outside.any():
            raise UserError("scales", f"{_some(outside)} outside 2^-127 to 2^127, the first {values[outside][0]:.6g}")
        codes = wide_codes.astype(np.uint8)
    else:
        accepted = "uint8 (UE8M0 codes), or float32 powers of two"
        raise UserError("scales", f"The scales have dtype {scales.dtype}; accepted: {accepted}")
    if nan.any():
        raise UserError("scales", f"{_some(nan)} NaN, which makes every result NaN; quantize finite floats instead")
    return codes


def _some(mask: NDArray[np.bool_]) -> str:
    """How many scales are meant, and where the first one is."""
    first = [int(index) for index in np.argwhere(mask)[0]]
    return f"{np.count_nonzero(mask)} of {mask.size} scales, the first at {first}, are"


def _implied_block(elements: NDArray[Any], scales: NDArray[Any]) -> int:
    """Block that the shapes allow; 0, which no tensor has, if none."""
    if not elements.ndim or not scales.size or not scales.ndim:
        return 0
    return int(elements.shape[-1] // scales.shape[-1])
