"""One unit for all six formats on both sides, chosen block by block."""

from itertools import product

import numpy as np
import pytest

from mxmac_sim import golden
from shared_units import FORMATS, all_formats_unit


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    return all_formats_unit(tmp_path_factory)


def test_all_code_pairs_of_all_36_pairings_are_exact(unit):
    """A single product fits FP32, so nothing that the multiplier gets wrong is rounded away."""
    shape = []
    for (index_a, a), (index_b, b) in product(enumerate(FORMATS), repeat=2):
        codes = np.mgrid[: 1 << a.width, : 1 << b.width].reshape(2, -1)
        shape.append(np.stack([*codes, *(np.full(codes.shape[1], index) for index in (index_a, index_b))]))
    a, b, format_a, format_b = np.concatenate(shape, axis=1).astype(np.uint8)
    zeros = np.zeros_like(a)
    a, b = (np.stack([codes, zeros], axis=-1)[:, None, :] for codes in (a, b))
    scales = np.full((len(a), 1), 127, np.uint8)
    formats = {"format_a": format_a[:, None], "format_b": format_b[:, None]}

    run = unit.run(a, scales, b, scales, **formats)

    expected, status = golden.dot(a, scales, b, scales, unit.config, **formats)
    assert len(a) == sum(1 << x.width << y.width for x, y in product(FORMATS, repeat=2))
    np.testing.assert_array_equal(run.data, expected)
    np.testing.assert_array_equal(run.status, status)


def test_formats_change_from_block_to_block_within_a_dot_product(unit):
    rng = np.random.default_rng(2)
    shape = (400, 7)
    formats = {side: rng.integers(0, len(FORMATS), shape, np.uint8) for side in ("format_a", "format_b")}
    # Bits above the width of a format do not count, and neither do NaN and Inf here: too many would hide the sums.
    a, b = (rng.integers(0, 256, (*shape, 2), np.uint8) & 0xBB for _ in range(2))
    scale_a, scale_b = (rng.integers(90, 160, shape, np.uint8) for _ in range(2))

    run = unit.run(a, scale_a, b, scale_b, **formats, idle=0.2, stall=0.2)

    expected, status = golden.dot(a, scale_a, b, scale_b, unit.config, **formats)
    assert np.isfinite(expected.view(np.float32)).mean() > 0.9
    np.testing.assert_array_equal(run.data, expected)
    np.testing.assert_array_equal(run.status, status)
