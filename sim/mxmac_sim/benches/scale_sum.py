"""Bench of the sum of two shared scales."""

import cocotb
from cocotb.triggers import Timer

from mxmac.formats import SCALE_NAN

from .kit.lanes import joined, split
from .kit.report import shown
from .kit.testbench import Testbench

_WIDTH = 8
#: Scale codes.
_CODES = range(1 << _WIDTH)


@cocotb.test()
async def every_pair_of_scales(dut):
    """All pairs of codes, several at a time; there is no clock."""
    async with Testbench(dut, "every_pair_of_scales") as bench:
        dut, lanes = bench.dut, bench.settings.parameters["side_by_side"]
        outputs = [(port, len(port)) for port in (dut.sum_scale_exp, dut.sum_scale_nan)]
        for scale_a in _CODES:
            dut.sum_scale_a.value = joined([scale_a] * lanes, _WIDTH)
            for start in range(0, len(_CODES), lanes):
                scales_b = _CODES[start : start + lanes]
                dut.sum_scale_b.value = joined(scales_b, _WIDTH)
                await Timer(1, "ns")
                exps, nans = (split(int(port.value), lanes, width) for port, width in outputs)
                for scale_b, exp, nan in zip(scales_b, exps, nans, strict=True):
                    _check(bench, scale_a, scale_b, exp, nan)
            bench.note(scale_a / len(_CODES))
        bench.report.vectors += len(_CODES) ** 2


def _check(bench: Testbench, scale_a: int, scale_b: int, exp: int, nan: int):
    is_nan = SCALE_NAN in (scale_a, scale_b)
    expected = (exp if is_nan else scale_a + scale_b, int(is_nan))  # with a NaN the sum means nothing
    bench.check(
        expected,
        (exp, nan),
        lambda: ({"scale_a": shown(scale_a, _WIDTH), "scale_b": shown(scale_b, _WIDTH)}, _named(expected), _named((exp, nan))),
    )


def _named(scale: tuple[int, int]) -> dict[str, str]:
    return {"exp": shown(scale[0], 9), "nan": shown(scale[1], 1)}
