"""Signal-to-quantization-noise ratio, of tensors whole or in parts."""

import numpy as np
from numpy.typing import ArrayLike

from mxmac_sim.tensors.archives import widened

__all__ = ["Sqnr", "sqnr_db"]


class Sqnr:
    """Signal-to-quantization-noise ratio of a tensor that comes in parts: 10 log10(Σ r² / Σ (r - a)²), in float64."""

    def __init__(self) -> None:
        # In units of the square of 2^exponent, which nothing exceeds: so squares of very small or large tensors neither vanish
        # nor overflow.
        self._power = self._noise_power = 0.0
        self._exponent: int | None = None
        self._noisy, self._finite = False, True

    def add(self, reference: ArrayLike, approximation: ArrayLike) -> None:
        """Add a part.

        Parameters
        ----------
        reference, approximation : floats, of one shape
        """
        signal = widened(np.asarray(reference))
        with np.errstate(invalid="ignore"):  # Inf - Inf, and a signalling NaN
            noise = signal - widened(np.asarray(approximation))
        if not np.isfinite(noise).all():
            self._finite = False
        if not self._finite:
            return
        self._noisy |= bool(noise.any())
        largest = max(float(np.abs(part).max(initial=0)) for part in (signal, noise))
        if not largest:
            return
        exponent = int(np.frexp(largest)[1])
        exponent = exponent if self._exponent is None else max(exponent, self._exponent)
        power, noise_power = (float(np.sum(np.ldexp(each, -exponent) ** 2)) for each in (signal, noise))
        self._sum(power, noise_power, exponent)

    def merge(self, other: "Sqnr") -> None:
        """Add the parts that another one has."""
        self._finite &= other._finite
        self._noisy |= other._noisy
        if other._exponent is not None:
            self._sum(other._power, other._noise_power, other._exponent)

    def _sum(self, power: float, noise_power: float, exponent: int) -> None:
        """Add powers in units of the square of 2^exponent."""
        own = exponent if self._exponent is None else self._exponent
        unit = max(own, exponent)
        before, now = 2.0 ** (2 * (own - unit)), 2.0 ** (2 * (exponent - unit))
        self._power = self._power * before + power * now
        self._noise_power = self._noise_power * before + noise_power * now
        self._exponent = unit

    @property
    def db(self) -> float:
        """Inf if the two are equal, NaN if an approximation is not finite."""
        if not self._finite:
            return float("nan")
        if not self._noisy:
            return float("inf")
        return float(10 * np.log10(self._power / self._noise_power)) if self._power else float("-inf")


def sqnr_db(reference: ArrayLike, approximation: ArrayLike) -> float:
    """Return the :class:`Sqnr` of a whole tensor, in dB.

    Returns
    -------
    float
        Inf if the two are equal, NaN if an approximation is not finite.
    """
    ratio = Sqnr()
    ratio.add(reference, approximation)
    return ratio.db
