"""Dot products with an addend: the golden model against the oracle, over all corner cases of C and of the sum."""

from itertools import product

import numpy as np
import pytest

import oracle
from fast_oracle import fast_dots
from golden_checks import arrays, config, python_integers
from mxmac.config import Accumulator, MacConfig
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS
from mxmac_sim import golden
from mxmac_sim.golden.quantize import quantize
from mxmac_sim.stimulus.addends import ADDENDS, addends_near, random_addends
from mxmac_sim.stimulus.batches import random_batch
from oracle import NV, NX, OF, UF

each_kind = pytest.mark.parametrize("accumulator", ["exact", "fp32"])

#: E5M2, pairs a, b and a scale of a: zeros, numbers at the ends of all ranges, infinities, NaN, and one sum that overflows.
_BLOCKS = [
    [([0], [0], 127, 127)],
    [([0x80], [0x3C], 127, 127)],
    [([0x3C], [0x3C], 127, 127)],
    [([0xBC], [0x3C], 127, 127)],
    [([0x01], [0x01], 0, 0)],
    [([0x81], [0x01], 0, 0)],
    [([0x3C], [0x3C], 0, 105)],  # 2^-149
    [([0xBC], [0x3C], 0, 104)],  # -2^-150, a tie with the smallest subnormals
    [([0x3F], [0x3C], 254, 127)],  # 1.75 * 2^127
    [([0xBC], [0x3C], 254, 103)],  # -2^103, a tie below 2^128
    [([0x3C], [0x3C], 254, 200)],
    [([0xBC], [0x3C], 254, 200), ([0x3C], [0x3C], 127, 127)],
    [([0x3C], [0x3C], 254, 200), ([0xBC], [0x3C], 254, 200)],
    [([0x7C], [0x3C], 127, 127)],
    [([0x3C], [0x3C], 254, 200), ([0xFC], [0x3C], 127, 127)],
    [([0x7C], [0x00], 127, 127)],
    [([0x7E], [0x3C], 127, 127)],
    [([0x7C], [0x3C], 255, 127)],
]


def plain(blocks, cfg, addend):
    return oracle.dot(
        blocks,
        fmt_a=cfg.a[0].name,
        fmt_b=cfg.b[0].name,
        accumulator=cfg.accumulator.value,
        output=cfg.output.name.lower(),
        addend=addend,
    )


@each_kind
@pytest.mark.parametrize("output", ["FP32", "BF16", "FP16"])
def test_corner_cases_are_what_the_oracle_says(accumulator, output):
    cfg, flags = config("E5M2", "E5M2", accumulator, output, block=1, addend="fp32"), 0
    codes = np.array(ADDENDS, np.uint32)
    for blocks in _BLOCKS:
        expected = [plain(blocks, cfg, code) for code in ADDENDS]
        data, status = golden.dot(*arrays(blocks, 1), cfg, addend=codes)
        assert list(zip(data.tolist(), status.tolist(), strict=True)) == expected, blocks
        with python_integers():
            data, status = golden.dot(*arrays(blocks, 1), cfg, addend=codes)
        assert list(zip(data.tolist(), status.tolist(), strict=True)) == expected, blocks
        flags |= int(np.bitwise_or.reduce(status))
    assert flags == NV | OF | UF | NX


@each_kind
@pytest.mark.parametrize(
    "pair", [("E4M3", "E4M3"), ("E5M2", "E5M2"), ("E2M1", "E2M1"), ("INT8", "E4M3"), (",".join(ELEMENT_FORMATS),) * 2]
)
def test_random_dots_are_what_integers_and_mpfr_say(accumulator, pair):
    rng = np.random.default_rng([5, len(pair[0])])
    a, b = (side.split(",") for side in pair)
    for output, blocks in product(["FP32", "FP16"], [1, 2, 3]):
        cfg = MacConfig(a=a, b=b, block=2, lanes=1, accumulator=accumulator, output=output, addend="fp32")
        batch = random_batch(cfg, rng, 150, blocks)
        operands = {name: getattr(batch, name) for name in vars(batch)}
        sums, _ = golden.dot(**operands, config=MacConfig(a=a, b=b, block=2, lanes=1))
        codes = np.where(rng.random(150) < 0.5, addends_near(sums, rng), random_addends(rng, 150)).astype(np.uint32)
        data, status = golden.dot(**operands, config=cfg, addend=codes)
        expected, flags = fast_dots(batch, cfg, codes)
        assert (data.tolist(), status.tolist()) == (expected.tolist(), flags.tolist())


@pytest.mark.parametrize(
    ("addend", "block", "expected"),
    [
        (0x80000000, ([0x80], [0x38], 127, 127), (0, 0)),
        (0xBF800000, ([0x38], [0x38], 127, 127), (0, 0)),
        (0x00000001, ([0x01], [0x01], 0, 0), (1, UF | NX)),
        (0x7FC12345, ([0x38], [0x38], 127, 127), (0x7FC00000, 0)),
        (0xFF812345, ([0x38], [0x38], 127, 127), (0x7FC00000, NV)),
        (0xFF800000, ([0x7E], [0x7E], 254, 254), (0xFF800000, 0)),
        (0x7F7FFFFF, ([0x38], [0x38], 127, 127 + 103), (0x7F800000, OF | NX)),
        (0x7F7FFFFF, ([0x38], [0x38], 127, 127 + 102), (0x7F7FFFFF, NX)),
    ],
)
@each_kind
def test_worked_by_hand(accumulator, addend, block, expected):
    cfg = config(accumulator=accumulator, block=1, addend="fp32")
    assert plain([block], cfg, addend) == expected
    data, status = golden.dot(*arrays([block], 1), cfg, addend=np.uint32(addend))
    assert (int(data), int(status)) == expected


@each_kind
def test_no_blocks_are_a_block_of_zeros(accumulator):
    cfg = config(accumulator=accumulator, block=1, addend="fp32")
    for code in ADDENDS:
        data, status = golden.dot(*arrays([], 1), cfg, addend=np.uint32(code))
        assert (int(data), int(status)) == plain([], cfg, code) == plain([([0], [0], 0, 0)], cfg, code)


@each_kind
def test_matmul_adds_what_dot_adds(accumulator):
    rng = np.random.default_rng(3)
    a, b = (quantize(rng.standard_normal((rows, 64)).astype(np.float32), ELEMENT_FORMATS["E4M3"]) for rows in (5, 3))
    cfg = MacConfig(accumulator=accumulator, addend="fp32")
    codes = random_addends(rng, 15).reshape(5, 3)
    data, status = golden.matmul(a, b, cfg, addend=codes)
    sides = [(each.elements.reshape(*each.scales.shape, 32), each.scales) for each in (a, b)]
    (a_codes, scale_a), (b_codes, scale_b) = sides
    expected = golden.dot(a_codes[:, None], scale_a[:, None], b_codes, scale_b, cfg, addend=codes)
    assert (data.tolist(), status.tolist()) == (expected[0].tolist(), expected[1].tolist())
    without = golden.matmul(a, b, MacConfig(accumulator=accumulator))[0]
    assert golden.matmul(a, b, cfg)[0].tolist() == without.tolist() != data.tolist()


def test_addends_are_refused_where_there_are_none():
    with pytest.raises(ValueError, match="the configuration has none"):
        golden.dot(*arrays([([0], [0], 0, 0)], 1), config(block=1), addend=np.uint32(0))
    with pytest.raises(ValueError, match="dtype uint32, not float32"):
        golden.dot(*arrays([([0], [0], 0, 0)], 1), config(block=1, addend="fp32"), addend=np.float32(0))
    with pytest.raises(UserError, match=r"^addend must be left out with the accumulator window") as error:
        MacConfig(accumulator=Accumulator.WINDOW, addend="fp32")
    assert error.value.parameter == "addend"
    with pytest.raises(UserError, match=r"^addend must be one of FP32, not 'bf16'"):
        MacConfig(addend="bf16")
