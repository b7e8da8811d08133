"""What tests with PyTorch share: the package, which `make long` installs, or a reason to skip; and a quantizer by a table."""

from functools import cache

import numpy as np
import pytest

import oracle

__all__ = ["by_table", "torch_or_skip"]


def torch_or_skip():
    """Return PyTorch; without it, skip the module."""
    return pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'mxmac[torch]', or `make long`")


@cache
def _magnitudes(fmt):
    """Finite non-negative numbers of a format in rising order, which is that of their codes, as the oracle decodes them."""
    values = [oracle.decode(code, fmt) for code in range(1 << (oracle.ELEMENTS[fmt].bits - 1))]
    finite = [value for value in values if not (oracle.is_nan(value) or oracle.is_inf(value))]
    assert finite == sorted(finite)
    return np.array([float(value) for value in finite])


def by_table(x, fmt, block):
    """Quantize FP32 rows by rule RCEIL, saturating: codes (rows, blocks, block) and scales (rows, blocks).

    The least power of two that holds the largest magnitude of a block, found by trial, and the nearest code by a search in the
    table of all numbers; a tie goes to the even code. K may have any length.
    """
    values = _magnitudes(fmt)
    width = oracle.ELEMENTS[fmt].bits
    k = x.shape[1]
    blocks = np.zeros((len(x), -(-k // block) * block))
    blocks[:, :k] = x
    blocks = blocks.reshape(len(x), -1, block)
    powers = 2.0 ** np.arange(-127, 128)
    fits = np.abs(blocks).max(axis=-1)[..., np.newaxis] <= values[-1] * powers
    scales = fits.argmax(axis=-1).astype(np.uint8)
    quotients = blocks / powers[scales][..., np.newaxis]
    middles = (values[:-1] + values[1:]) / 2
    magnitude = np.abs(quotients)
    codes = np.searchsorted(middles, magnitude, side="left")
    tie = np.isin(magnitude, middles) & (codes % 2 == 1)
    codes = codes + tie
    return (codes + (np.signbit(quotients) << (width - 1))).astype(np.uint8), scales
