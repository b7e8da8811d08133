"""MX tensors: blocks of elements and their scales, as the hardware takes them."""

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from mxmac.errors import UserError
from mxmac.formats import Format

__all__ = ["ELEMENT_DTYPES", "RESULT_DTYPES", "MxTensor", "check_matrix", "element_values", "result_values"]

#: NumPy type of the codes of each element format: one code a byte, the four- and six-bit ones in the low bits.
ELEMENT_DTYPES: dict[str, np.dtype[Any]] = {
    "E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "E3M2": np.dtype(ml_dtypes.float6_e3m2fn),
    "E2M3": np.dtype(ml_dtypes.float6_e2m3fn),
    "E2M1": np.dtype(ml_dtypes.float4_e2m1fn),
    "INT8": np.dtype(np.int8),
}

#: NumPy type of results in each format.
RESULT_DTYPES: dict[str, np.dtype[Any]] = {
    "FP32": np.dtype(np.float32),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "FP16": np.dtype(np.float16),
}


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
        choice = f"; NAME[0] to NAME[{shape[0] - 1}] are such matrices" if len(shape) == 3 else ""
        message = f"This tensor has rank {len(shape)}, shape {shape}; a matrix of shape (rows, K) is needed{choice}"
        raise UserError(what, message)


def element_values(codes: NDArray[np.uint8], fmt: Format) -> NDArray[np.float64]:
    """Return the values of element codes, without a scale.

    Parameters
    ----------
    codes : ndarray of uint8, any shape
        One code a byte, with no bits above the width of the format.
    fmt : Format

    Returns
    -------
    ndarray of float64, same shape
    """
    values = codes.view(ELEMENT_DTYPES[fmt.name]).astype(np.float64)
    return np.ldexp(values, fmt.lsb_exp) if fmt.is_integer else values


def result_values(data: NDArray[np.unsignedinteger], fmt: Format) -> NDArray[np.float64]:
    """Return the values of results.

    Parameters
    ----------
    data : ndarray of unsigned integers, any shape
        Codes, with no bits above the width of the format.
    fmt : Format
        One of FP32, BF16 and FP16.

    Returns
    -------
    ndarray of float64, same shape
    """
    dtype = RESULT_DTYPES[fmt.name]
    with np.errstate(invalid="ignore"):  # a signalling NaN
        return data.astype(f"u{dtype.itemsize}").view(dtype).astype(np.float64)
