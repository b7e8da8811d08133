"""What the tests of the golden model share: configurations, blocks, and the comparison with the oracle."""

from contextlib import contextmanager
from unittest import mock

import numpy as np

import oracle
from mxmac.config import Accumulator, MacConfig
from mxmac_sim import golden
from mxmac_sim.golden.blocks import BlockSums
from mxmac_sim.tensors import MxTensor


def config(fmt_a="E4M3", fmt_b="E4M3", accumulator="exact", output="FP32", block=4, **window):
    return MacConfig(a=fmt_a, b=fmt_b, block=block, lanes=1, accumulator=accumulator, output=output, **window)


def window_of(accumulator, **window):
    """Parameters of a window, where the accumulator has one."""
    return window if Accumulator(accumulator) is Accumulator.WINDOW else {}


def oracle_window(config):
    """Those that the configuration has, for the oracle."""
    names = ("window", "window_guard", "window_lsb")
    return {name: getattr(config, name) for name in names if getattr(config, name) is not None}


def arrays(blocks, block):
    """Codes and scales of a list of (a codes, b codes, scale a, scale b), padded to whole blocks."""
    a, b = np.zeros((2, len(blocks), block), np.uint8)
    for index, (a_codes, b_codes, _, _) in enumerate(blocks):
        a[index, : len(a_codes)], b[index, : len(b_codes)] = a_codes, b_codes
    scale_a, scale_b = (np.array([part[side] for part in blocks], np.uint8) for side in (2, 3))
    return a, scale_a, b, scale_b


@contextmanager
def python_integers():
    """Make the golden model believe that no sum fits 64 bits."""
    in_arrays = BlockSums.fitting

    def fitting(sums):
        return in_arrays(sums)[0], np.zeros(sums.exps.shape, np.bool_)

    with mock.patch.object(BlockSums, "fitting", fitting):
        yield


def check(blocks, cfg):
    """Assert that golden, in both of its ways, and oracle agree, and return what they say."""
    expected = oracle.dot(
        blocks,
        fmt_a=cfg.a[0].name,
        fmt_b=cfg.b[0].name,
        accumulator=cfg.accumulator.value,
        output=cfg.output.name.lower(),
        **oracle_window(cfg),
    )
    data, status = golden.dot(*arrays(blocks, cfg.block), cfg)
    assert (int(data), int(status)) == expected, blocks
    with python_integers():
        data, status = golden.dot(*arrays(blocks, cfg.block), cfg)
    assert (int(data), int(status)) == expected, blocks
    return expected


def scales(exponent):
    """Two scale codes that together weigh 2^exponent, or what comes next to it."""
    exponent = max(-254, min(254, exponent))
    return 127 + exponent // 2, 127 + exponent - exponent // 2


def e4m3(exponent, *signed):
    """A block of ±2^0 or ±2^-9 (the smallest subnormal) times ±1 in E4M3, times 2^exponent."""
    codes = {1: 0x38, -1: 0xB8, "tiny": 0x01, "-tiny": 0x81, 1.5: 0x3C, -1.5: 0xBC, 0: 0}
    return [codes[element] for element in signed], [0x38] * len(signed), *scales(exponent)


def random_tensor(rng, rows, k, fmt, block, spread=6):
    elements = rng.integers(0, 1 << fmt.width, (rows, k)).astype(np.uint8)
    scales = rng.integers(127 - spread, 128 + spread, (rows, k // block)).astype(np.uint8)
    return MxTensor(elements, scales, fmt, block)


def by_dot(a, b, cfg):
    """Every row with every row, through ``dot``."""
    (m, blocks), (n, _) = a.scales.shape, b.scales.shape
    return golden.dot(
        a.elements.reshape(m, 1, blocks, a.block),
        a.scales[:, np.newaxis],
        b.elements.reshape(1, n, blocks, b.block),
        b.scales[np.newaxis],
        cfg,
    )
