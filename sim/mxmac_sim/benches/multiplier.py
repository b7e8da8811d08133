"""Bench of the multiplier: every pair of codes, in every pairing of formats, on several multipliers side by side."""

import itertools

import cocotb
import numpy as np

from mxmac.stages.multiplier import has_magnitudes
from mxmac_sim.golden import model as golden
from mxmac_sim.tensors.mx_tensor import element_values

from ..stimulus.specials import SPECIALS
from .kit.lanes import joined, split
from .kit.report import shown
from .kit.settings import Effort
from .kit.testbench import Testbench

#: Codes of b that a quick run tries with each code of a, if there are several pairings to try.
_QUICK_CODES = 24


@cocotb.test()
async def every_pair_of_codes(dut):
    """Products, specials, and the cycles that each take, one pair a cycle and multiplier."""
    async with Testbench(dut, "every_pair_of_codes") as bench:
        config = bench.config
        choices = list(itertools.product(enumerate(config.a), enumerate(config.b)))
        for number, ((index_a, fmt_a), (index_b, fmt_b)) in enumerate(choices):
            for side, index, formats in (("a", index_a, config.a), ("b", index_b, config.b)):
                if len(formats) > 1:
                    port, lanes = getattr(bench.dut, f"format_{side}"), bench.settings.parameters["side_by_side"]
                    port.value = joined([index] * lanes, len(port) // lanes)
            codes_b = list(range(1 << fmt_b.width))
            if bench.settings.effort is Effort.QUICK and len(choices) > 1:
                codes_b = sorted(bench.rng.sample(codes_b, min(len(codes_b), _QUICK_CODES)))
            pairs = np.array(list(itertools.product(range(1 << fmt_a.width), codes_b)), np.uint8)
            await _try(bench, pairs, fmt_a, fmt_b, lambda done, number=number: (number + done) / len(choices))


async def _try(bench: Testbench, pairs, fmt_a, fmt_b, share):
    dut, latency, lanes = bench.dut, bench.settings.parameters["latency"], bench.settings.parameters["side_by_side"]
    exact = golden.product(pairs[:, 0], pairs[:, 1], fmt_a, fmt_b)
    flags = list(zip(*(getattr(exact, name).tolist() for name in SPECIALS), strict=True))
    # The hardware counts all pairings from one exponent.
    grid_shift = fmt_a.lsb_exp + fmt_b.lsb_exp - bench.config.product_lsb_exp
    expected = [value << grid_shift for value in exact.value.tolist()]
    rows = [_driven(bench, pairs[:, side], fmt, port) for side, fmt, port in ((0, fmt_a, dut.a), (1, fmt_b, dut.b))]
    rows_a, rows_b = rows
    ones_bits = len(dut.product_ones) // lanes
    specials = [getattr(dut, f"specials_{name}") for name in SPECIALS]
    parts = ["product_ones", *(["product_neg"] if bench.config.products_carry else [])]
    products = [(port, len(port)) for port in (getattr(dut, name) for name in parts)]

    def operands(index: int) -> dict[str, str]:
        sides = zip("ab", (fmt_a, fmt_b), pairs[index], strict=True)
        return {f"{side} ({fmt.name})": f"0x{code:02x} ({element_values(code, fmt):g})" for side, fmt, code in sides}

    def check_specials(index: int, seen: tuple[bool, ...]):
        bench.check(flags[index], seen, lambda: (operands(index), _named(flags[index]), _named(seen)))

    def named(product: int) -> dict[str, str]:
        return {"product": shown(product, ones_bits)}

    magnitudes = has_magnitudes(bench.config)

    def check_product(index: int, ones: int, neg: int = 0):
        if magnitudes and neg:
            ones ^= (1 << ones_bits) - 1
        value = ones - (ones >> (ones_bits - 1) << ones_bits) + neg
        if not any(flags[index]):
            bench.check(expected[index], value, lambda: (operands(index), named(expected[index]), named(value)))

    class Pairs:
        start = bench.clock

        def drive(self, clock: int):
            if clock - self.start < len(rows_a):
                dut.a.value, dut.b.value = rows_a[clock - self.start], rows_b[clock - self.start]

        def sample(self, clock: int):
            # The last row may not be full.
            row = clock - self.start - 1
            if 0 <= row < len(rows_a):
                seen = zip(*(split(int(port.value), lanes, lanes) for port in specials), strict=True)
                for index, named in zip(range(row * lanes, len(pairs)), seen, strict=False):
                    check_specials(index, tuple(map(bool, named)))
            row = clock - self.start - latency
            if 0 <= row < len(rows_a):
                seen = zip(*(split(int(port.value), lanes, width) for port, width in products), strict=True)
                for index, product in zip(range(row * lanes, len(pairs)), seen, strict=False):
                    check_product(index, *product)

    end = bench.clock + len(rows_a) + latency
    bench.report.vectors += len(pairs)
    bench.report.macs += len(pairs)
    await bench.run(
        [Pairs()],
        lambda: bench.clock == end,
        progress=lambda: share(1 - (end - bench.clock) / len(rows_a)),
        patience=len(pairs),
    )


def _driven(bench: Testbench, codes, fmt, port) -> list[int]:
    """Return what is driven in each cycle; the last may have codes for a part of the multipliers alone."""
    lanes = bench.settings.parameters["side_by_side"]
    width = len(port) // lanes
    # Bits above a code that is narrower than the port do not count.
    dirty = (codes | _dirt(bench, len(codes), fmt, width)).tolist()
    return [joined(dirty[start : start + lanes], width) for start in range(0, len(dirty), lanes)]


def _dirt(bench: Testbench, count: int, fmt, width: int):
    return bench.numpy_rng.integers(0, 1 << (width - fmt.width), count).astype(np.uint8) << fmt.width


def _named(flags) -> dict[str, str]:
    return {name: shown(int(flag), 1) for name, flag in zip(SPECIALS, flags, strict=True)}
