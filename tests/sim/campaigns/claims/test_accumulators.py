"""Errors of sums: that they are measured as they say, and that ways to add differ as they should."""

import numpy as np
import pytest

from mxmac_sim.campaigns.claims.accumulators import DATA, K, compared
from mxmac_sim.campaigns.claims.schemes import Scheme
from mxmac_sim.campaigns.claims.ways import WAYS, promoted
from mxmac_sim.golden.quantize import dequantize


@pytest.fixture(scope="module")
def operands():
    x = np.random.default_rng(1).standard_normal((2, 8, 256)).astype(np.float32)
    return tuple(Scheme("E4M3").quantized(operand) for operand in x)


def test_errors_are_parts_of_the_root_mean_square(operands):
    exact = dequantize(operands[0]) @ dequantize(operands[1]).T
    rms = np.sqrt((exact**2).mean())

    def off(a, b):
        found = exact.copy()
        found[2, 3] += 0.5 * rms
        return found

    found = compared(off, *operands)
    assert found["largest"] == pytest.approx(0.5)
    assert found["rms"] == pytest.approx(0.5 / 8)
    large = abs(exact[2, 3]) >= rms
    assert found["relative"] == (pytest.approx(0.5 * rms / abs(exact[2, 3])) if large else 0)


def test_exact_sums_are_correctly_rounded_and_others_are_not_always(operands):
    shares = {name: compared(way, *operands)["correct"] for name, way in WAYS.items()}
    assert shares["exact"] == 1
    assert shares["tensor core, F = 13"] < 0.1 < shares["fp32"] < 1


def test_promotion_adds_slices_in_fp32(operands):
    calls = []

    def one(a, b):
        calls.append((a.elements.shape, a.scales.shape))
        return np.full((len(a.elements), len(b.elements)), 1 + 2.0**-24 * (len(calls) > 1), np.float32)

    total = promoted(one, 128)(*operands)
    assert calls == [((8, 128), (8, 4))] * 2
    assert (total == 2).all()
    np.testing.assert_allclose(
        promoted(WAYS["exact"], 64)(*operands), dequantize(operands[0]) @ dequantize(operands[1]).T, rtol=1e-4, atol=1e-4
    )


def test_sums_that_grow_lose_most_in_narrow_accumulators():
    a, b = DATA["their magnitudes"](None)
    assert a.shape[1] == b.shape[1] == K
    quantized = [Scheme("E4M3").quantized(x[:4]) for x in (a, b)]
    narrow, repaired = (
        compared(WAYS[f"tensor core, F = 13{more}"], *quantized)["relative"] for more in ("", ", promoted every 128")
    )
    assert narrow > 0.05
    assert repaired < 0.001
