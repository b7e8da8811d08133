"""Products of two's complement integers of several widths against Python's, all pairs of codes."""

from itertools import product

import pytest
from amaranth.sim import Simulator

from mxmac.config import MacConfig, Target
from mxmac.formats import ELEMENT_FORMATS, Format
from mxmac.stages.integer_product import IntegerProduct, integer_product_latency
from mxmac.stages.multiplier import Multiplier, multiplier_latency


def signed(code, width):
    return code - (code >> (width - 1) << width)


def products_of(dut, out, latency, pairs):
    """Bits of ``out`` for each of the pairs, one a clock."""
    found = []

    async def testbench(ctx):
        for clock in range(len(pairs) + latency):
            code_a, code_b = pairs[min(clock, len(pairs) - 1)]
            ctx.set(dut.a, code_a)
            ctx.set(dut.b, code_b)
            _, _, bits = await ctx.tick().sample(out)
            if clock >= latency:
                found.append(bits)

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    return found


@pytest.mark.parametrize("target", [Target.GENERIC, Target.ECP5], ids=lambda target: target.value)
@pytest.mark.parametrize(("a", "b", "latency"), [(2, 2, 2), (3, 2, 2), (3, 3, 2), (2, 5, 2), (4, 5, 2), (5, 5, 3), (6, 7, 3)])
def test_products_of_any_widths_are_exact(monkeypatch, a, b, latency, target):
    for width in (a, b):
        monkeypatch.setitem(ELEMENT_FORMATS, f"INT{width}", Format(f"INT{width}", 0, width - 1))
    config = MacConfig(a=f"INT{a}", b=f"INT{b}", block=1, lanes=1, target=target)
    assert integer_product_latency(config) == latency
    pairs = list(product(range(1 << a), range(1 << b)))
    dut = IntegerProduct(config)
    found = products_of(dut, dut.product, latency, pairs)
    assert [signed(bits, a + b) for bits in found] == [signed(x, a) * signed(y, b) for x, y in pairs]


@pytest.mark.parametrize("multiplier", ["lut", "dsp"])
def test_least_integers_have_a_product_that_is_no_product_of_others(multiplier):
    config = MacConfig(a="INT8", b="INT8", block=1, lanes=1, multiplier=multiplier)
    assert (config.products_carry, config.product_bits) == (False, 15)
    dut = Multiplier(config)
    pairs = [(0x80, 0x80), (0x80, 0x7F), (0x7F, 0x80), (0x80, 0), (0xFF, 0xFF), (0x80, 0xFF)]
    found = products_of(dut, dut.product.ones, multiplier_latency(config), pairs)
    assert [signed(bits, 16) for bits in found] == [1 << 14, -127 << 7, -127 << 7, 0, 1, 128]


@pytest.mark.parametrize(("a", "b"), [("INT8", "E2M1"), ("E2M1", "E2M1"), ("INT8,E4M3", "INT8"), ("INT8", "E4M3,INT8")])
def test_products_of_other_formats_have_a_carry(a, b):
    config = MacConfig(a=a.split(","), b=b.split(","))
    assert config.products_carry
    assert config.operand_a.is_integer == (config.a == (ELEMENT_FORMATS["INT8"],))
