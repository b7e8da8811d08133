"""Bench of the sum of two shared scales."""

import cocotb
from cocotb.triggers import Timer

from mxmac.formats import SCALE_NAN

from .kit.report import shown
from .kit.testbench import Testbench

#: Scale codes, of 8 bits.
_CODES = range(1 << 8)


@cocotb.test()
async def every_pair_of_scales(dut):
    """All pairs of codes; there is no clock."""
    async with Testbench(dut, "every_pair_of_scales") as bench:
        for scale_a in _CODES:
            dut.sum_scale_a.value = scale_a
            for scale_b in _CODES:
                dut.sum_scale_b.value = scale_b
                await Timer(1, "ns")
                _check(bench, scale_a, scale_b, int(dut.sum_scale_exp.value), int(dut.sum_scale_nan.value))
            bench.note(scale_a / len(_CODES))
        bench.report.vectors += len(_CODES) ** 2


def _check(bench: Testbench, scale_a: int, scale_b: int, exp: int, nan: int):
    is_nan = SCALE_NAN in (scale_a, scale_b)
    expected = (exp if is_nan else scale_a + scale_b, int(is_nan))  # with a NaN the sum means nothing
    bench.check(
        expected,
        (exp, nan),
        lambda: ({"scale_a": shown(scale_a, 8), "scale_b": shown(scale_b, 8)}, _named(expected), _named((exp, nan))),
    )


def _named(scale: tuple[int, int]) -> dict[str, str]:
    return {"exp": shown(scale[0], 9), "nan": shown(scale[1], 1)}
