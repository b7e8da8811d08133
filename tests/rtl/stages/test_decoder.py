"""Every code of every format, decoded, against ml_dtypes."""

from fractions import Fraction
from math import isfinite, isinf, isnan

import numpy as np
import pytest
from amaranth.sim import Simulator

import dtypes
from mxmac.formats import ELEMENT_FORMATS, Operand
from mxmac.stages.decoder import Decoder

CHOICES = [(name,) for name in dtypes.ELEMENTS]
CHOICES += [("E4M3", "E5M2"), ("E5M2", "E4M3"), ("E4M3", "INT8"), ("E2M1", "E3M2", "E2M3"), ("E2M1", "INT8")]
CHOICES += [tuple(dtypes.ELEMENTS)]


@pytest.mark.parametrize("names", CHOICES, ids=",".join)
def test_every_code_decodes_to_its_value(names):
    operand = Operand(tuple(ELEMENT_FORMATS[name] for name in names))
    dut = Decoder(operand)

    async def testbench(ctx):
        for index, name in enumerate(names):
            if len(names) > 1:
                ctx.set(dut.format, index)
            width = ELEMENT_FORMATS[name].width
            for code, value in enumerate(dtypes.element_values(name)):
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
