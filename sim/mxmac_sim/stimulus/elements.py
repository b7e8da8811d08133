"""The codes of an element format, sorted by what they are."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mxmac.formats import Format
from mxmac_sim.tensors.mx_tensor import ELEMENT_DTYPES

__all__ = ["Elements", "elements"]

_Codes = NDArray[np.uint8]


class Elements:
    """Codes of a format.

    Members
    -------
    finite, zeros, subnormals, largest, nans, infs : ndarray of uint8
        Codes of both signs. A format may have no subnormals, NaN or infinities.
    powers : dict of int to int
        Exponents of the powers of two that there are, and their codes.
    """

    def __init__(self, fmt: Format):
        codes = np.arange(1 << fmt.width, dtype=np.uint8)
        values = codes.view(ELEMENT_DTYPES[fmt.name]).astype(np.float64)
        if fmt.is_integer:
            values *= 2.0**fmt.lsb_exp
        magnitudes = np.abs(values)
        finite = np.isfinite(values)
        self._integer = fmt.is_integer
        self._sign = np.uint8(1 << (fmt.width - 1))
        self.finite: _Codes = codes[finite]
        self.zeros: _Codes = codes[values == 0]
        smallest_normal = 0.0 if fmt.is_integer else 2.0**fmt.emin
        self.subnormals: _Codes = codes[(magnitudes > 0) & (magnitudes < smallest_normal)]
        self.largest: _Codes = codes[magnitudes == magnitudes[finite].max()]
        self.nans: _Codes = codes[np.isnan(values)]
        self.infs: _Codes = codes[np.isinf(values)]
        exponents = np.where(finite & (values > 0), np.frexp(np.where(finite, values, 1.0))[1] - 1, 0)
        self.powers = {
            int(exponent): int(code)
            for code, exponent, value in zip(codes, exponents, values, strict=True)
            if finite[code] and value == 2.0**exponent
        }
        #: Exponent of each code's magnitude; that of zero is lower than any other.
        self._exponents = np.where(magnitudes > 0, np.frexp(np.where(finite, values, 1.0))[1] - 1, -1000)
        self._codes = codes

    def negated(self, codes: _Codes) -> _Codes:
        """Return the codes of the opposite numbers; the most negative integer, which has none, becomes the largest."""
        if not self._integer:
            return codes ^ self._sign
        opposite = (-codes.astype(np.int8)).astype(np.uint8)
        return np.where(codes == self._sign, np.uint8(self._sign - 1), opposite).astype(np.uint8)

    def around(self, exponent: int, reach: int) -> _Codes:
        """Return the finite codes whose exponents are no farther than ``reach`` from one."""
        near = np.abs(self._exponents[self.finite] - exponent) <= reach
        return self.finite[near]

    @property
    def exponents(self) -> tuple[int, int]:
        """Smallest and largest exponent of a finite number that is not zero."""
        present = self._exponents[self.finite]
        return int(present[present > -1000].min()), int(present.max())


@cache
def elements(fmt: Format) -> Elements:
    """Return the codes of a format."""
    return Elements(fmt)
