"""Every code of every format, decoded, against ml_dtypes."""

from fractions import Fraction
from math import isfinite, isinf, isnan

import ml_dtypes
import numpy as np
import pytest
from amaranth.sim import Simulator

from mxmac.formats import ELEMENT_FORMATS, Operand
from mxmac.stages.decoder import Decoder

DTYPES = {
    "E4M3": ml_dtypes.float8_e4m3fn,
    "E5M2": ml_dtypes.float8_e5m2,
    "E3M2": ml_dtypes.float6_e3m2fn,
    "E2M3": ml_dtypes.float6_e2m3fn,
    "E2M1": ml_dtypes.float4_e2m1fn,
    "INT8": np.int8,
}
CHOICES = [(name,) for name in DTYPES]
CHOICES += [("E4M3", "E5M2"), ("E5M2", "E4M3"), ("E4M3", "INT8"), ("E2M1", "E3M2", "E2M3"), ("E2M1", "INT8"), tuple(DTYPES)]


def values(name):
    codes = np.arange(1 << ELEMENT_FORMATS[name].width).astype(np.uint8)
    return codes.view(DTYPES[name]).astype(np.float64) / (64 if name == "INT8" else 1)


@pytest.mark.parametrize("names", CHOICES, ids=",".join)
def test_every_code_decodes_to_its_value(names):
    operand = Operand(tuple(ELEMENT_FORMATS[name] for name in names))
    dut = Decoder(operand)

    async def testbench(ctx):
        for index, name in enumerate(names):
            if len(names) > 1:
                ctx.set(dut.format, index)
            width = ELEMENT_FORMATS[name].width
            for code, value in enumerate(values(name)):
                # What stands above a narrow code does not count.
                for above in {0, (1 << (operand.width - width)) - 1}:
                    ctx.set(dut.code, code | above << width)
                    await ctx.delay(1e-9)
                    element = ctx.get(dut.element)
                    where = f"{name} {code:#x}"
                    assert element.nan == isnan(value), where
                    assert element.inf == isinf(value), where
                    assert (element.sig == 0) == (value == 0), where
                    if not isnan(value):
                        assert element.neg == np.signbit(value), where
                    if isfinite(value):
                        magnitude = element.sig * Fraction(2) ** (element.exp + operand.grid)
                        assert magnitude == abs(Fraction(value)), where

    simulator = Simulator(dut)
    simulator.add_testbench(testbench)
    simulator.run()
