"""Bytes of elements and products, counted from packed matrices."""

import numpy as np
import pytest

from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.campaigns.claims.footprint import PRODUCTS, Product, Stored, measured, stored_formats
from mxmac_sim.golden.quantize import quantize


@pytest.mark.parametrize("name", ELEMENT_FORMATS)
def test_a_matrix_has_the_bytes_of_its_codes_and_scales(name):
    stored = next(stored for stored in stored_formats() if stored.name == f"{name}, blocks of 32")
    tensor = quantize(np.ones((6, 64), np.float32), ELEMENT_FORMATS[name])
    bits = np.unpackbits(tensor.elements[..., np.newaxis], axis=-1)[..., -tensor.format.width :]
    assert stored.size(6, 64, (1, 32)) == np.packbits(bits).nbytes + tensor.scales.nbytes


def test_blocks_that_are_not_full_have_a_scale_too():
    stored = Stored("a", 8, (1, 4), (3, 4))
    assert stored.size(5, 6, (3, 4)) == 5 * 6 + 2 * 2
    assert Stored("a", 8, scale_bits=32).size(5, 6, (3, 4)) == 5 * 6 + 2 * 2 * 4
    assert stored.traffic(Product("p", 2, 6, 5)) == (2 * 6 + 2 * 2) + (5 * 6 + 2 * 2) + 2 * 5 * 2


def test_rows_have_known_sizes():
    rows = {row["name"]: row for row in measured()}
    assert rows["E4M3, blocks of 32"]["bytes_per_element"] == [1.03125, 1.03125]
    assert rows["E4M3, blocks of 32, scales in FP32"]["bytes_per_element"] == [1.125, 1.125]
    assert rows["E2M1, blocks of 32"]["bytes_per_element"] == [0.53125, 0.53125]
    token = PRODUCTS[0]
    assert rows["BF16"]["traffic"][token.name] == 2 * (token.k + token.n * token.k + token.n)
