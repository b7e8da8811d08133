"""cocotb bench of largest_dot: random dot products, compared with mxmac's golden model."""

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge

from mxmac import MacConfig
from mxmac_sim import golden

CONFIG = MacConfig(lanes=8)
DOTS, BLOCKS = 50, 3


def packed(codes) -> int:
    """Lane 0 in the least significant bits."""
    return int.from_bytes(bytes(codes), "little")


async def send(dut, a, b, scale_a, scale_b, last):
    """Offer a beat until it is taken."""
    await FallingEdge(dut.clk)
    dut.in_valid.value = 1
    dut.in_a.value, dut.in_b.value = packed(a), packed(b)
    dut.in_scale_a.value, dut.in_scale_b.value = int(scale_a), int(scale_b)
    dut.in_last.value = int(last)
    while True:
        await ReadOnly()
        taken = dut.in_ready.value
        await RisingEdge(dut.clk)
        if taken:
            break
        await FallingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.in_valid.value = 0


@cocotb.test()
async def keeps_the_largest(dut):
    """The largest result and the number of results are those of the golden model."""
    rng = np.random.default_rng(1)
    a, b = (rng.integers(0, 256, (DOTS, BLOCKS, CONFIG.block), np.uint8) for _ in "ab")
    scale_a, scale_b = (rng.integers(120, 135, (DOTS, BLOCKS), np.uint8) for _ in "ab")
    data, _ = golden.dot(a, scale_a, b, scale_b, CONFIG)
    expected = np.nanmax(data.view(np.float32))

    dut.in_valid.value, dut.rst.value = 0, 1
    cocotb.start_soon(Clock(dut.clk, 10, "ns").start())
    await RisingEdge(dut.clk)
    await FallingEdge(dut.clk)
    dut.rst.value = 0

    beats = CONFIG.block // CONFIG.lanes
    for dot in range(DOTS):
        for beat in range(BLOCKS * beats):
            block, part = divmod(beat, beats)
            lanes = slice(part * CONFIG.lanes, (part + 1) * CONFIG.lanes)
            operands = a[dot, block, lanes], b[dot, block, lanes], scale_a[dot, block], scale_b[dot, block]
            await send(dut, *operands, last=beat == BLOCKS * beats - 1)

    while int(dut.count.value) < DOTS:
        await FallingEdge(dut.clk)
    assert np.uint32(int(dut.largest.value)).view(np.float32) == expected
