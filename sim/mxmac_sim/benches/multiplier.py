"""Bench of the multiplier: every pair of codes, in every pairing of formats."""

import itertools

import cocotb
import numpy as np

from mxmac_sim.golden import model as golden
from mxmac_sim.tensors.mx_tensor import element_values

from ..stimulus.specials import SPECIALS
from .kit.report import shown
from .kit.settings import Effort
from .kit.testbench import Testbench

#: Codes of b that a quick run tries with each code of a, if there are several pairings to try.
_QUICK_CODES = 24


@cocotb.test()
async def every_pair_of_codes(dut):
    """Products, specials, and the cycles that each take, one pair a cycle."""
    async with Testbench(dut, "every_pair_of_codes") as bench:
        config = bench.config
        choices = list(itertools.product(enumerate(config.a), enumerate(config.b)))
        for number, ((index_a, fmt_a), (index_b, fmt_b)) in enumerate(choices):
            for side, index, formats in (("a", index_a, config.a), ("b", index_b, config.b)):
                if len(formats) > 1:
                    getattr(dut, f"format_{side}").value = index
            codes_b = list(range(1 << fmt_b.width))
            if bench.settings.effort is Effort.QUICK and len(choices) > 1:
                codes_b = sorted(bench.rng.sample(codes_b, min(len(codes_b), _QUICK_CODES)))
            pairs = np.array(list(itertools.product(range(1 << fmt_a.width), codes_b)), np.uint8)
            await _try(bench, pairs, fmt_a, fmt_b, lambda done, number=number: (number + done) / len(choices))


async def _try(bench: Testbench, pairs, fmt_a, fmt_b, share):
    dut, latency = bench.dut, bench.settings.parameters["latency"]
    exact = golden.product(pairs[:, 0], pairs[:, 1], fmt_a, fmt_b)
    flags = list(zip(*(getattr(exact, name).tolist() for name in SPECIALS), strict=True))
    # The hardware counts all pairings from one exponent.
    grid_shift = fmt_a.lsb_exp + fmt_b.lsb_exp - bench.config.product_lsb_exp
    expected = [value << grid_shift for value in exact.value.tolist()]
    # Bits above a code that is narrower than the port do not count.
    dirt = [_dirt(bench, len(pairs), fmt, len(port)) for fmt, port in ((fmt_a, dut.a), (fmt_b, dut.b))]
    driven = list(zip((pairs[:, 0] | dirt[0]).tolist(), (pairs[:, 1] | dirt[1]).tolist(), strict=True))
    ones_bits = len(dut.product_ones)
    specials = [getattr(dut, f"specials_{name}") for name in SPECIALS]

    def operands(index: int) -> dict[str, str]:
        sides = zip("ab", (fmt_a, fmt_b), pairs[index], strict=True)
        return {f"{side} ({fmt.name})": f"0x{code:02x} ({element_values(code, fmt):g})" for side, fmt, code in sides}

    class Pairs:
        start = bench.clock

        def drive(self, clock: int):
            if clock - self.start < len(driven):
                dut.a.value, dut.b.value = driven[clock - self.start]

        def sample(self, clock: int):
            index = clock - self.start - 1
            if 0 <= index < len(expected):
                seen = tuple(bool(int(special.value)) for special in specials)
                bench.check(flags[index], seen, lambda: (operands(index), _named(flags[index]), _named(seen)))
            index = clock - self.start - latency
            if 0 <= index < len(expected) and not any(flags[index]):
                ones = int(dut.product_ones.value)
                value = ones - (ones >> (ones_bits - 1) << ones_bits) + int(dut.product_neg.value)
                bench.check(
                    expected[index],
                    value,
                    lambda: (
                        operands(index),
                        {"product": shown(expected[index], ones_bits)},
                        {"product": shown(value, ones_bits)},
                    ),
                )

    end = bench.clock + len(pairs) + latency
    bench.report.vectors += len(pairs)
    bench.report.macs += len(pairs)
    await bench.run(
        [Pairs()],
        lambda: bench.clock == end,
        progress=lambda: share(1 - (end - bench.clock) / len(pairs)),
        patience=len(pairs),
    )


def _dirt(bench: Testbench, count: int, fmt, width: int):
    return bench.numpy_rng.integers(0, 1 << (width - fmt.width), count).astype(np.uint8) << fmt.width


def _named(flags) -> dict[str, str]:
    return {name: shown(int(flag), 1) for name, flag in zip(SPECIALS, flags, strict=True)}
