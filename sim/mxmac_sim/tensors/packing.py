"""Element codes that share bytes: two four-bit codes to a byte, or four six-bit codes to three bytes.

The first code has the lowest bits: OCP MX leaves the order open, and files of E2M1 agree on it. Of six-bit codes it is the
continuation of that rule.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["PER_GROUP", "pack_four_bits", "unpack", "unpack_four_bits", "unpack_six_bits"]

_Codes = NDArray[np.uint8]

#: Codes in the smallest whole number of bytes, by the width of a code in bits.
PER_GROUP = {4: 2, 6: 4}


def unpack(data: _Codes, width: int) -> _Codes:
    """Return codes of ``width`` bits, 4 or 6, from bytes: one of the functions below."""
    return {4: unpack_four_bits, 6: unpack_six_bits}[width](data)


def unpack_four_bits(data: _Codes) -> _Codes:
    """Return the codes of bytes that hold two each, the first in the low half.

    Parameters
    ----------
    data : ndarray of uint8, shape (..., n)

    Returns
    -------
    ndarray of uint8, shape (..., 2 n)
    """
    codes = np.empty((*data.shape, 2), np.uint8)
    codes[..., 0] = data & 0xF
    codes[..., 1] = data >> 4
    return codes.reshape(*data.shape[:-1], 2 * data.shape[-1])


def pack_four_bits(codes: _Codes) -> _Codes:
    """Return bytes that hold two codes each, the first in the low half: the inverse of :func:`unpack_four_bits`.

    Parameters
    ----------
    codes : ndarray of uint8, shape (..., 2 n)
        With no bits above the low four.

    Returns
    -------
    ndarray of uint8, shape (..., n)
    """
    data: _Codes = codes[..., 0::2] | codes[..., 1::2] << np.uint8(4)
    return data


def unpack_six_bits(data: _Codes) -> _Codes:
    """Return the codes of groups of three bytes, each a little-endian number of four codes, the first in the lowest bits.

    Parameters
    ----------
    data : ndarray of uint8, shape (..., 3 n)

    Returns
    -------
    ndarray of uint8, shape (..., 4 n)
    """
    groups = data.reshape(*data.shape[:-1], -1, 3)
    low, middle, high = (groups[..., byte] for byte in range(3))
    codes = np.empty((*groups.shape[:-1], 4), np.uint8)
    codes[..., 0] = low & 0x3F
    codes[..., 1] = low >> 6 | (middle & 0xF) << 2
    codes[..., 2] = middle >> 4 | (high & 0x3) << 4
    codes[..., 3] = high >> 2
    return codes.reshape(*data.shape[:-1], -1)
