"""Tensors that are opened, not read: slices of rows have the codes and scales of the whole, and nothing else is in memory."""

import tracemalloc
from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest

from layout_checks import e8m0, nibbles, write_tensors
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim.tensors.layouts import LAYOUTS
from mxmac_sim.tensors.quantized import open_stored, outlined_tensor
from mxmac_sim.tensors.source import open_source
from mxmac_sim.tensors.stated import Stated
from mxmac_sim.tensors.stored import StoredTensor
from tensor_checks import FP8

RNG = np.random.default_rng(17)
E4M3, E2M1 = ELEMENT_FORMATS["E4M3"], ELEMENT_FORMATS["E2M1"]
CODES = RNG.integers(0, 16, (3, 5, 64)).astype(np.uint8)
SCALES = RNG.integers(120, 135, (3, 5, 2)).astype(np.uint8)


def slices(path, name=None, **stated):
    """Codes and scales of all rows, two at a time."""
    with open_stored(open_source(path), name, Stated(**stated)) as opened:
        shape = opened.head.elements.shape
        count = int(np.prod(shape[:-1]))
        parts = [opened.rows(start, min(start + 2, count)) for start in range(0, count, 2)]
        elements, scales = (np.concatenate([getattr(part, what) for part in parts]) for what in ("elements", "scales"))
    return elements.reshape(shape), scales


def test_groups_of_bytes_have_the_rows_of_their_tensor(tmp_path):
    path = write_tensors(tmp_path / "a.safetensors", w_blocks=nibbles(CODES).reshape(3, 5, 2, 16), w_scales=SCALES)
    elements, scales = slices(path)
    assert np.array_equal(elements, CODES)
    assert np.array_equal(scales, SCALES.reshape(15, 2))
    elements, scales = slices(path, "w[2]")
    assert np.array_equal(elements, CODES[2])
    assert np.array_equal(scales, SCALES[2])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("index", [None, 1])
def test_an_archive_gives_rows_in_either_order(tmp_path, order, index):
    elements, scales = (np.asarray(array, order=order) for array in (CODES, SCALES))
    np.savez_compressed(tmp_path / "a.npz", w=elements, w_scale=scales, other=elements)
    name, which = ("w", np.s_[:]) if index is None else (f"w[{index}]", index)
    found, found_scales = slices(tmp_path / "a.npz", name, format=E4M3)
    assert np.array_equal(found, CODES[which])
    assert np.array_equal(found_scales, SCALES[which].reshape(-1, 2))


@pytest.mark.parametrize(("dtype", "bits"), [("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6)])
def test_codes_that_share_bytes_in_the_file_are_unpacked(tmp_path, dtype, bits):
    codes = RNG.integers(0, 1 << bits, (3, 64)).astype(np.uint8)
    data = b"".join(sum(code << bits * i for i, code in enumerate(row)).to_bytes(8 * bits, "little") for row in codes.tolist())
    path = write_tensors(tmp_path / "a.safetensors", elements=(dtype, (3, 64), data), scales=SCALES[0, :3])
    assert np.array_equal(slices(path)[0], codes)


def test_packed_codes_of_an_mx_file_are_unpacked_if_the_layout_is_stated(tmp_path):
    path = write_tensors(tmp_path / "a.safetensors", elements=nibbles(CODES[0]), scales=SCALES[0])
    assert np.array_equal(slices(path, layout=LAYOUTS["mx-packed"])[0], CODES[0])


def test_tiles_give_each_row_its_scales(tmp_path):
    elements, tiles = np.zeros((2, 130, 140), FP8), e8m0(RNG.integers(100, 150, (2, 2, 2)).astype(np.uint8))
    path = write_tensors(tmp_path / "a.safetensors", w__weight=elements, w__scale=tiles)
    _, scales = slices(path)
    codes = tiles.view(np.uint8)
    assert scales.view(np.uint8).tolist() == [codes[row // 130, row % 130 // 128].tolist() for row in range(260)]


def test_one_row_alone_is_a_tensor(tmp_path):
    path = write_tensors(tmp_path / "a.safetensors", elements=CODES[0, 0].view(FP8), scales=SCALES[0, 0])
    elements, scales = slices(path)
    assert np.array_equal(elements, CODES[0, 0])
    assert np.array_equal(scales, SCALES[0, 0])


def test_elements_are_not_in_memory_and_count_for_no_limit(tmp_path):
    size = 16 << 20
    path = write_tensors(tmp_path / "a.safetensors", w__weight=np.zeros((4096, size // 4096), FP8),
                         w__weight_scale_inv=np.ones((32, 32), np.float32))  # fmt: skip
    source, small = open_source(path), Stated(max_size=size / 8 / 2**30)
    tracemalloc.start()
    with open_stored(source, "w.weight", small) as opened:
        opened.rows(100, 104)
    assert outlined_tensor(source, "w.weight", Stated()).elements.shape == (4096, 4096)
    assert tracemalloc.get_traced_memory()[1] < size / 8
    tracemalloc.stop()
    with (
        pytest.raises(UserError, match="GiB of memory for its arrays; at most"),
        open_stored(source, "w.weight", Stated(max_size=1e-7)),
    ):
        pass


def test_values_are_exact_products_of_scales_of_any_value():
    scales = np.array([[0.3, np.nan], [2.0**-149, 3e38]], np.float32)
    tensor = StoredTensor(np.full((2, 4), 0x7E, np.uint8), scales, E4M3, 2, "scales")
    found = tensor.values()
    assert np.isnan(found[0, 2:]).all()
    for row, column in ((0, 0), (1, 0), (1, 2)):
        assert Fraction(found[row, column]) == Fraction(448) * Fraction(float(scales[row, column // 2]))
    assert ml_dtypes.float8_e4m3fn(448).view(np.uint8) == 0x7E
