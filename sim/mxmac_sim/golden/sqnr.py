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
        if self._exponent is None or exponent > self._exponent:
            before = exponent if self._exponent is None else self._exponent
            shrunk = 2.0 ** (2 * (before - exponent))
            self._power, self._noise_power, self._exponent = self._power * shrunk, self._noise_power * shrunk, exponent
        self._power += float(np.sum(np.ldexp(signal, -self._exponent) ** 2))
        self._noise_power += float(np.sum(np.ldexp(noise, -self._exponent) ** 2))

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
