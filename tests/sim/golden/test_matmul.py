"""The golden model's products, block sums, matrix products and choice of formats."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest

import oracle
from golden_checks import by_dot, random_tensor, window_of
from mxmac.config import Accumulator, MacConfig
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac_sim import golden
from mxmac_sim.golden import model
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.tensors import MxTensor

E4M3, E5M2, E2M1, INT8 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E5M2", "E2M1", "INT8"))
TILE = Path(golden.__file__).parents[1] / "data" / "minilm_tile.npz"
each_accumulator = pytest.mark.parametrize("accumulator", Accumulator, ids=lambda each: each.value)


# Products and sums.


def decoded(fmt):
    codes = np.arange(1 << fmt.width)
    values = [oracle.decode(code, fmt.name) for code in codes.tolist()]
    finite = [not isinstance(value, float) for value in values]
    unit = oracle.power(fmt.lsb_exp)
    integers = [int(value / unit) if ok else 0 for value, ok in zip(values, finite, strict=True)]
    return codes.astype(np.uint8), np.array(integers, object), np.array([float(value) for value in values])


@pytest.mark.parametrize(("fmt_a", "fmt_b"), [*product(ELEMENT_FORMATS.values(), repeat=2)])
def test_products_of_all_pairs_of_codes_match_the_oracle(fmt_a, fmt_b):
    (codes_a, integers_a, floats_a), (codes_b, integers_b, floats_b) = decoded(fmt_a), decoded(fmt_b)
    result = golden.product(codes_a[:, np.newaxis], codes_b, fmt_a, fmt_b)
    finite = np.isfinite(floats_a)[:, np.newaxis] & np.isfinite(floats_b)
    assert (result.value == np.where(finite, np.multiply.outer(integers_a, integers_b), 0)).all()
    with np.errstate(invalid="ignore"):
        floats = np.multiply.outer(floats_a, floats_b)
    nan = np.isnan(floats_a)[:, np.newaxis] | np.isnan(floats_b)
    expected = (nan, np.isnan(floats) & ~nan, floats == np.inf, floats == -np.inf)
    for name, flags in zip(("nan", "invalid", "pos_inf", "neg_inf"), expected, strict=True):
        np.testing.assert_array_equal(getattr(result, name), flags, err_msg=name)


@pytest.mark.parametrize("fmt", ELEMENT_FORMATS.values(), ids=lambda fmt: fmt.name)
def test_dirty_bits_above_a_code_do_not_count(fmt):
    codes = np.arange(256).astype(np.uint8)
    clean = codes & np.uint8((1 << fmt.width) - 1)
    one = np.zeros(256, np.uint8) + np.uint8(1)
    dirty, expected = golden.product(codes, one, fmt, fmt), golden.product(clean, one, fmt, fmt)
    assert dirty.value.tolist() == expected.value.tolist()


@pytest.mark.parametrize("block", [1, 3, 31, 32, 1023, 1024])
def test_block_sums_of_the_widest_products_are_exact(block):
    rng = np.random.default_rng(block)
    a, b = rng.choice(np.array([0x7B, 0xFB, 1, 0x81, 0x7A], np.uint8), (2, 20, block))
    a[0], b[0] = 0x7B, 0xFB  # the largest sum there is
    result = golden.block_sums(a, b, E5M2, E5M2)
    _, integers, _ = decoded(E5M2)
    assert result.value.tolist() == (integers[a] * integers[b]).sum(-1).tolist()
    assert result.value[0] == -block * E5M2.max_integer**2
    assert not (result.nan | result.invalid | result.pos_inf | result.neg_inf).any()


def test_block_sums_are_exact_where_float64_is_filled_to_its_last_bit():
    # 7 * 2^14 times 7 * 2^29, thirty times, is just above 2^53; 1 * 1 comes on top.
    a, b = np.full((2, 31), [[0x3F], [0x7B]], np.uint8)
    a[0] = b[0] = 1
    assert golden.block_sums(a, b, E5M2, E5M2).value == 30 * 49 * 2**43 + 1
    assert golden.block_sums(b, a, E5M2, E5M2).value == 30 * 49 * 2**43 + 1


def test_block_sums_count_products_of_two_infinities_once():
    a, b = np.array([[0x7C, 0x7C, 0xFC], [0x7C, 0xFC, 1]], np.uint8), np.array([0x7C, 0x7C, 1], np.uint8)
    result = golden.block_sums(a, np.stack([b, b]), E5M2, E5M2)
    assert result.pos_inf.tolist() == [True, True]
    assert result.neg_inf.tolist() == [True, True]
    result = golden.block_sums(a[:, :2], np.stack([b, b])[:, :2], E5M2, E5M2)
    assert result.neg_inf.tolist() == [False, True]


def test_block_sums_tell_both_infinities_and_an_invalid_product_of_one_block():
    a = np.array([[0x7C, 0xFC, 0x7C, 0x01], [0x7C, 0x7C, 1, 0x7E]], np.uint8)
    b = np.array([[0x7C, 0x7C, 0x00, 0x01], [0xFC, 0x81, 1, 0x00]], np.uint8)
    result = golden.block_sums(a, b, E5M2, E5M2)
    assert result.value.tolist() == [1, 1]
    assert result.nan.tolist() == [False, True]
    assert result.invalid.tolist() == [True, False]
    assert result.pos_inf.tolist() == [True, False]
    assert result.neg_inf.tolist() == [True, True]


# Matrix products.


@each_accumulator
@pytest.mark.parametrize(("fmt_a", "fmt_b"), [(E4M3, E4M3), (E5M2, E5M2), (E2M1, E5M2), (INT8, E4M3)])
@pytest.mark.parametrize(("m", "n", "blocks"), [(1, 9, 4), (7, 5, 3), (12, 1, 1)])
@pytest.mark.parametrize("tile", [4, 1 << 13])
def test_matmul_is_the_dot_of_all_pairs_of_rows(accumulator, fmt_a, fmt_b, m, n, blocks, tile, monkeypatch):
    rng = np.random.default_rng([m, n, blocks])
    cfg = MacConfig(a=(fmt_a,), b=(fmt_b,), accumulator=accumulator, block=16)
    a, b = random_tensor(rng, m, blocks * 16, fmt_a, 16), random_tensor(rng, n, blocks * 16, fmt_b, 16)
    expected = by_dot(a, b, cfg)
    monkeypatch.setattr(model, "_RESULTS", tile)
    for got, want in zip(golden.matmul(a, b, cfg), expected, strict=True):
        np.testing.assert_array_equal(got, want)


@each_accumulator
def test_matmul_of_the_real_tile_is_right(accumulator):
    with np.load(TILE) as arrays:
        a, b = (quantize(arrays[name][:6], E4M3) for name in ("activations", "weights"))
    cfg = MacConfig(accumulator=accumulator)
    data, status = golden.matmul(a, b, cfg)
    blocks = a.scales.shape[1]
    for row, column in product(range(6), repeat=2):
        parts = (a.elements[row].reshape(blocks, -1), b.elements[column].reshape(blocks, -1))
        rows = (*(part.tolist() for part in parts), a.scales[row].tolist(), b.scales[column].tolist())
        blocks_of_dot = list(zip(*rows, strict=True))
        expected = oracle.dot(blocks_of_dot, fmt_a="E4M3", fmt_b="E4M3", accumulator=accumulator.value)
        assert (int(data[row, column]), int(status[row, column])) == expected


def test_matmul_uses_the_format_of_the_tensor_among_those_configured():
    rng = np.random.default_rng(2)
    a, b = random_tensor(rng, 3, 32, E2M1, 16), random_tensor(rng, 4, 32, INT8, 16)
    single = MacConfig(a=(E2M1,), b=(INT8,), block=16, accumulator="window", window_lsb=-40)
    several = MacConfig(a=(E4M3, E2M1), b=(INT8, E5M2), block=16, accumulator="window", window_lsb=-40)
    np.testing.assert_array_equal(golden.matmul(a, b, single), golden.matmul(a, b, several))


@pytest.mark.parametrize("choices", [(0, 0, 1), (1, 1, 1), (2, 0, 1), (0, 2, 2)])
@pytest.mark.parametrize("accumulator", ["window", "fp32"])
def test_blocks_of_chosen_formats_count_on_the_common_grid(choices, accumulator):
    rng = np.random.default_rng(sum(choices))
    formats = (E4M3, E2M1, INT8)
    window = window_of(accumulator, window=66, window_guard=3)
    cfg = MacConfig(a=formats, b=(E2M1, E5M2), block=8, accumulator=accumulator, **window)
    # Codes with dirty bits; what INT8 and E4M3 call finite.
    a, b = rng.integers(0, 100, (2, 40, 3, 8)).astype(np.uint8)
    scale_a, scale_b = rng.integers(110, 140, (2, 40, 3)).astype(np.uint8)
    choice_b = rng.integers(0, 2, (40, 3))
    data, status = golden.dot(a, scale_a, b, scale_b, cfg, format_a=np.array(choices), format_b=choice_b)
    for each in range(40):
        sums = []
        for j, choice in enumerate(choices):
            fmt_a, fmt_b = formats[choice], cfg.b[choice_b[each, j]]
            codes = ((x[each, j] & ((1 << f.width) - 1)).tolist() for x, f in ((a, fmt_a), (b, fmt_b)))
            block = (*codes, int(scale_a[each, j]), int(scale_b[each, j]))
            sums.append(oracle.block_sum(block, fmt_a.name, fmt_b.name))
        if accumulator == "fp32":
            value, flags, negative_zero = oracle.add_fp32(sums)
        else:
            first = next((j for j, s in enumerate(sums) if s.value), 0)
            lsb = int(scale_a[each, first]) + int(scale_b[each, first]) - 254 - 9 - 16 - 3
            value, flags = oracle.add_window(sums, 66, lsb)
            negative_zero = False
        rounded = oracle.round_to(value, "fp32", negative_zero=negative_zero)
        assert (int(data[each]), int(status[each])) == (rounded.code, rounded.status | flags)


# Shapes and mistakes.


@each_accumulator
def test_no_blocks_give_plus_zero(accumulator):
    cfg = MacConfig(accumulator=accumulator, output=RESULT_FORMATS["BF16"])
    codes, scales = np.zeros((5, 0, 32), np.uint8), np.zeros((5, 0), np.uint8)
    data, status = golden.dot(codes, scales, codes, scales, cfg)
    assert data.tolist() == status.tolist() == [0] * 5
    assert (data.dtype, status.dtype) == (np.uint32, np.uint8)


def test_leading_axes_broadcast():
    rng = np.random.default_rng(5)
    cfg = MacConfig(block=4, lanes=1)
    a, b = rng.integers(0, 0x7F, (3, 1, 2, 4)).astype(np.uint8), rng.integers(0, 0x7F, (5, 2, 4)).astype(np.uint8)
    one = np.full(2, 127, np.uint8)
    data, status = golden.dot(a, one, b, np.stack([one] * 5), cfg)
    assert data.shape == status.shape == (3, 5)
    for i, j in np.ndindex(3, 5):
        alone = golden.dot(a[i, 0], one, b[j], one, cfg)
        assert alone[0].shape == ()
        assert (data[i, j], status[i, j]) == alone


def test_memory_of_a_dot_is_bounded_and_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(6)
    a, b = rng.integers(0, 256, (2, 50, 3, 4)).astype(np.uint8)
    scales = np.full(3, 127, np.uint8)
    cfg = MacConfig(block=4, lanes=1)
    expected = golden.dot(a, scales, b, scales, cfg)
    monkeypatch.setattr(model, "_RESULTS", 7)
    np.testing.assert_array_equal(golden.dot(a, scales, b, scales, cfg), expected)


CODES, SCALES = np.zeros((2, 32), np.uint8), np.zeros(2, np.uint8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((CODES.astype(int), SCALES, CODES, SCALES), "a must be codes of dtype uint8, not int64"),
        ((CODES, SCALES, CODES, SCALES / 1), "scale_b must be codes of dtype uint8, not float64"),
        ((CODES[:, :8], SCALES, CODES, SCALES), r"a must have the shape \(\.\.\., blocks, 32\), not \(2, 8\)"),
        ((CODES[0], SCALES, CODES, SCALES), r"a must have the shape"),
        ((CODES, SCALES[:1], CODES, SCALES), r"scale_a must have the shape \(\.\.\., 2\), not \(1,\)"),
        ((CODES, SCALES, CODES[:1], SCALES[:1]), "a has 2 blocks, but b has 1"),
    ],
)
def test_dot_refuses_arrays_that_do_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        golden.dot(*arguments, MacConfig())


def test_dot_needs_a_choice_where_there_is_one():
    cfg = MacConfig(a=(E4M3, E5M2))
    with pytest.raises(ValueError, match="format_a must choose among E4M3, E5M2"):
        golden.dot(CODES, SCALES, CODES, SCALES, cfg)
    with pytest.raises(ValueError, match="format_a must be from 0 to 1"):
        golden.dot(CODES, SCALES, CODES, SCALES, cfg, format_a=np.array([0, 2]))


def test_matmul_refuses_tensors_that_do_not_fit():
    rng = np.random.default_rng(9)
    a, b = random_tensor(rng, 2, 64, E4M3, 32), random_tensor(rng, 2, 32, E4M3, 32)
    with pytest.raises(ValueError, match="a has K = 64, but b has 32"):
        golden.matmul(a, b, MacConfig())
    with pytest.raises(ValueError, match="b is E5M2, but the configuration has E4M3 there"):
        golden.matmul(a, random_tensor(rng, 2, 64, E5M2, 32), MacConfig())
    with pytest.raises(ValueError, match="a has blocks of 32, but the configuration of 16"):
        golden.matmul(a, a, MacConfig(block=16))
    with pytest.raises(UserError, match="rank 3"):
        golden.matmul(MxTensor(a.elements[np.newaxis], a.scales[np.newaxis], E4M3, 32), b, MacConfig())


def test_block_sums_refuse_codes_of_different_shapes():
    with pytest.raises(ValueError, match=r"must have one shape, not \(2, 32\) and \(32,\)"):
        golden.block_sums(CODES, CODES[0], E4M3, E4M3)
