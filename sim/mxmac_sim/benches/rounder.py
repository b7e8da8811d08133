"""Bench of the rounder: ties, powers of two, the smallest and the largest numbers, and all flags."""

from collections.abc import Iterator
from random import Random

import cocotb

from mxmac.formats import RESULT_FORMATS, Format
from mxmac_sim.golden import model as golden

from ..stimulus.specials import NO_SPECIALS, SPECIALS, special_result
from .kit.pipeline import Result, run_pipeline
from .kit.testbench import Testbench

_INPUTS = ("value", "exp", "inexact", "overflow", *(f"specials_{name}" for name in SPECIALS))
_OUTPUTS = ("data", "status_nx", "status_uf", "status_of", "status_dz", "status_nv")
_FLAGS = (golden.NX, golden.UF, golden.OF, golden.DZ, golden.NV)


@cocotb.test()
async def difficult_values(dut):
    """Values of every length, next to where the result changes, at exponents next to where its kind changes."""
    async with Testbench(dut, "difficult_values") as bench:
        shape = _Shape(bench)
        vectors: list[tuple[int, ...]] = [
            (value, exp, 0, 0, *NO_SPECIALS)
            for length in range(shape.width + 1)
            for value in _values(bench.rng, length, shape)
            for exp in _exps(bench.rng, length, shape)
        ]
        bench.rng.shuffle(vectors)
        await _run(bench, shape, vectors[: bench.settings.effort.scaled(20000)], idle="none")


@cocotb.test()
async def random_values(dut):
    """Anything, with what accumulators have to say of it."""
    async with Testbench(dut, "random_values") as bench:
        shape, rng = _Shape(bench), bench.rng
        vectors = []
        for _ in range(bench.settings.effort.scaled(6000)):
            length = rng.randint(0, shape.width - 1)
            value = rng.choice((-1, 1)) * rng.getrandbits(length)
            exp = rng.choice((rng.getrandbits(shape.exp_bits), *_exps(rng, length, shape)))
            # A sum that was cut off at a limit is inexact.
            overflow = int(rng.random() < 0.1)
            inexact = overflow | int(rng.random() < 0.3)
            special = tuple(rng.getrandbits(1) for _ in SPECIALS) if rng.random() < 0.1 else NO_SPECIALS
            vectors.append((value, exp, inexact, overflow, *special))
        await _run(bench, shape, vectors, idle="some")


class _Shape:
    """Widths of the input, and what its exponent starts from."""

    def __init__(self, bench: Testbench):
        self.output: Format = RESULT_FORMATS[bench.settings.parameters["output"]]
        self.exp_min: int = bench.settings.parameters["exp_min"]
        self.width, self.exp_bits = len(bench.dut.i_value), len(bench.dut.i_exp)


def _values(rng: Random, length: int, shape: _Shape) -> Iterator[int]:
    """Values of that many bits, and the most negative one: powers of two, ties, and their neighbours."""
    if length == shape.width:
        yield -(1 << length - 1)
        return
    if length == 0:
        yield 0
        return
    low, high = 1 << length - 1, (1 << length) - 1
    # What is left of the value when it is rounded to a normal number, or to a subnormal of one bit less.
    for precision in (shape.output.man_bits + 1, rng.randint(1, shape.output.man_bits + 1)):
        below = length - precision
        half = 1 << below - 1 if below > 0 else 0
        even = (low + (rng.randrange(1 << precision) << below & low - 1) if below > 0 else low) & ~(half << 1)
        odd = even | half << 1
        carry = high & ~(half - 1) if half else high
        for value in (low, low + half, even + half, odd + half, odd, carry):
            for near in {value, max(low, value - 1), min(high, value + 1)}:
                yield rng.choice((-near, near))


def _exps(rng: Random, length: int, shape: _Shape) -> list[int]:
    """Exponents, counted from ``exp_min``, that put the top of a value where something begins or ends."""
    output = shape.output
    tops = [
        output.emin,
        output.emin + rng.randint(1, 3),
        output.lsb_exp + rng.randint(-2, output.man_bits),
        output.lsb_exp - 1,
        output.emax,
        output.emax + 1,
        output.emin - 1,
    ]
    exps = [top - max(length - 1, 0) - shape.exp_min for top in tops]
    limit = (1 << shape.exp_bits) - 1
    return [exp for exp in exps if 0 <= exp <= limit] + [rng.choice((0, limit, rng.randint(0, limit)))]


async def _run(bench: Testbench, shape: _Shape, vectors: list[tuple[int, ...]], *, idle: str):
    results = []
    for index, (value, exp, inexact, overflow, *specials) in enumerate(vectors):
        result = special_result(specials, shape.output)
        if result is None:
            code, status = golden.round_to(value, exp + shape.exp_min, shape.output, inexact=bool(inexact))
            result = code, status | (golden.OF if overflow else 0)
        code, status = result
        results.append(Result(index, (code, *(int(bool(status & flag)) for flag in _FLAGS))))
    await run_pipeline(bench, _INPUTS, _OUTPUTS, vectors, results, idle=idle)
