"""Bench of the second rounding, from binary32 to a narrower format: ties, subnormals, overflow, and flags that came before."""

from collections.abc import Iterator
from random import Random

import cocotb

from mxmac.formats import RESULT_FORMATS, Format
from mxmac_sim.golden import model as golden

from ..stimulus.scaled_blocks import value_of
from .kit.pipeline import Result, run_pipeline
from .kit.testbench import Testbench

_FIELDS = ("data", "status_nx", "status_uf", "status_of", "status_dz", "status_nv")
_FLAGS = (golden.NX, golden.UF, golden.OF, golden.DZ, golden.NV)
_FP32 = RESULT_FORMATS["FP32"]


@cocotb.test()
async def every_exponent(dut):
    """Codes of every exponent and either sign: mantissas next to ties and to the ends of a binade."""
    async with Testbench(dut, "every_exponent") as bench:
        codes = list(_difficult(bench.rng, bench.config.output))
        bench.rng.shuffle(codes)
        await _run(bench, codes[: bench.settings.effort.scaled(20000)], idle="none")


@cocotb.test()
async def random_codes(dut):
    """Any code of binary32, NaN and infinities among them."""
    async with Testbench(dut, "random_codes") as bench:
        codes = [bench.rng.getrandbits(_FP32.width) for _ in range(bench.settings.effort.scaled(6000))]
        await _run(bench, codes, idle="some")


def _difficult(rng: Random, output: Format) -> Iterator[int]:
    for sign_and_exp in range(1 << (_FP32.width - _FP32.man_bits)):
        yield sign_and_exp << _FP32.man_bits  # zero, infinity, and the powers of two
        # A subnormal result keeps fewer bits.
        for kept in (output.man_bits, rng.randrange(output.man_bits), -1):
            below = _FP32.man_bits - kept
            half = 1 << below - 1
            man = rng.getrandbits(_FP32.man_bits) >> below << below
            for tie in (man, man | half, (1 << _FP32.man_bits) - half):
                for near in (tie - 1, tie, tie + 1):
                    yield sign_and_exp << _FP32.man_bits | near & (1 << _FP32.man_bits) - 1


def _narrowed(code: int, output: Format) -> tuple[int, int]:
    """Code and flags of the result, by the definition of the format."""
    sign, magnitude = code >> (_FP32.width - 1) << (output.width - 1), code & (1 << (_FP32.width - 1)) - 1
    if magnitude > _FP32.inf_code:
        return output.nan_code, 0
    if magnitude == _FP32.inf_code:
        return sign | output.inf_code, 0
    if not magnitude:
        return sign, 0
    return golden.round_to(*value_of(code, _FP32), output)


async def _run(bench: Testbench, codes: list[int], *, idle: str):
    vectors, results = [], []
    for index, code in enumerate(codes):
        # Flags of the additions before, which stay.
        before = bench.rng.choice((0, 0, golden.NX, golden.NX | golden.OF, golden.NX | golden.UF, golden.NV))
        narrowed, flags = _narrowed(code, bench.config.output)
        vectors.append((code, *_bits(before)))
        results.append(Result(index, (narrowed, *_bits(before | flags))))
    await run_pipeline(bench, _FIELDS, _FIELDS, vectors, results, idle=idle)


def _bits(flags: int) -> tuple[int, ...]:
    return tuple(int(bool(flags & flag)) for flag in _FLAGS)
