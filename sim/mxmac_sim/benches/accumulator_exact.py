"""Bench of the exact accumulator: sums in plain integers, wherever words begin and end, and however many blocks there are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random

import cocotb

from mxmac.config import MacConfig
from mxmac_sim.golden import model as golden

from ..stimulus.scaled_blocks import SCALED_BLOCK, ScaledBlock, between_results, largest_sum
from ..stimulus.specials import NO_SPECIALS, SPECIALS, merged, special_result
from .kit.report import shown
from .kit.settings import Effort
from .kit.streams import IDLE
from .kit.testbench import Agent, Testbench

#: What comes out: a sum on its way to rounding, or a serial accumulator's result.
_SUM = ("value", "exp", "inexact", "overflow", *(f"specials_{name}" for name in SPECIALS))
_RESULT = ("data", "status_nx", "status_uf", "status_of", "status_dz", "status_nv")
_FLAGS = (golden.NX, golden.UF, golden.OF, golden.DZ, golden.NV)
#: Blocks that a dot product may have at least, of any values.
_MOST_BLOCKS = 1 << 16
#: Of them, those that a report of a mismatch shows.
_SHOWN_BLOCKS = 16

_Blocks = Sequence[ScaledBlock]


@cocotb.test()
async def every_scale(dut):
    """Every sum of scales from 0 to 508, as a dot product of one block, as a step of one with all, and back down again."""
    async with Testbench(dut, "every_scale") as bench:
        config, rng = bench.config, bench.rng
        scales = list(range(config.scale_sum_max + 1))
        dots = [[ScaledBlock.random(config, rng, scale)] for scale in scales]
        rng.shuffle(dots)
        up = [ScaledBlock.random(config, rng, scale) for scale in scales]
        dots += [up, [replace(block, sum=-block.sum) for block in reversed(up)], [*up, *_negated(up)]]
        await _run(bench, dots)


@cocotb.test()
async def around_words(dut):
    """Values next to the ends of words, and sums that carry or borrow across several of them."""
    async with Testbench(dut, "around_words") as bench:
        count = bench.settings.effort.scaled(400)
        await _run(bench, [_around_words(bench) for _ in range(count)])


@cocotb.test()
async def ties_and_limits(dut):
    """Sums halfway between two results, where subnormals begin and where numbers end, and what tips them from far below."""
    async with Testbench(dut, "ties_and_limits") as bench:
        count = bench.settings.effort.scaled(600)
        await _run(bench, [_between_results(bench) for _ in range(count)])


@cocotb.test()
@cocotb.parametrize(idle=list(IDLE))
async def random_dot_products(dut, idle):
    """Short and long ones, near and far scales, cancellation, NaN and infinities: in all slots, one after the other."""
    async with Testbench(dut, f"random_dot_products, idle {idle}") as bench:
        count = bench.settings.effort.scaled(500)
        await _run(bench, [list(_random_dot(bench.config, bench.rng)) for _ in range(count)], idle=idle)


@cocotb.test()
async def alone(dut):
    """Dot products that nothing comes before or after: their latency is always within its limits."""
    async with Testbench(dut, "alone") as bench:
        config, rng = bench.config, bench.rng
        ends = [ScaledBlock.random(config, rng, scale) for scale in (0, config.scale_sum_max)]
        dots: list[_Blocks] = [ends, ends[::-1], ends[:1], ends[1:]]
        dots += [list(_random_dot(config, rng)) for _ in range(bench.settings.effort.scaled(60))]
        for dot in dots:
            await _run(bench, [dot], alone=True)


@cocotb.test()
async def as_many_blocks_as_there_may_be(dut):
    """2^16 blocks, each the most that a word may be given, up or down; a quick run tries one such word."""
    async with Testbench(dut, "as_many_blocks_as_there_may_be") as bench:
        config, bits = bench.config, bench.settings.parameters["word_bits"]
        limit, scale = largest_sum(config), bits * bench.rng.randrange(config.scale_sum_max // bits)
        # A word of ones and -1 above it; then the extremes of an upper word, moved up as far as a word allows.
        blocks = [ScaledBlock(config, -1, scale), *(ScaledBlock(config, value, scale + bits - 1) for value in (limit, -limit))]
        tried = blocks[:1] if bench.settings.effort is Effort.QUICK else blocks
        await _run(bench, [[block] * _MOST_BLOCKS for block in tried])


def _negated(blocks: Iterable[ScaledBlock]) -> list[ScaledBlock]:
    return [replace(block, sum=-block.sum) for block in blocks]


def _around_words(bench: Testbench) -> list[ScaledBlock]:
    """Blocks that bring a sum next to ``2^edge``, where a word ends, from one side or the other, and perhaps back again."""
    config, rng, bits = bench.config, bench.rng, bench.settings.parameters["word_bits"]
    lowest = config.block_exp_min
    edge = bits * rng.randint(1, config.scale_sum_max // bits)
    # Every bit from some way down to the edge is set; what comes last makes them all fall over.
    bottom = max(0, edge - rng.choice((1, bits, 2 * bits, 5 * bits)) - rng.randrange(bits))
    run = _as_blocks(config, rng, (1 << edge) - (1 << bottom), lowest)
    last = _as_blocks(config, rng, rng.choice((1, 1, 1, 2, -1)) << bottom, lowest)
    far = [ScaledBlock.random(config, rng, rng.randint(0, config.scale_sum_max))]
    dot = run + last + rng.choice(([], last, _negated(last), _negated(run), far, far + _negated(far)))
    if rng.random() < 0.5:
        dot = _negated(dot)
    if rng.random() < 0.5:
        rng.shuffle(dot)
    return dot


def _between_results(bench: Testbench) -> list[ScaledBlock]:
    config, rng = bench.config, bench.rng
    lowest, highest = config.block_exp_min, config.block_exp_min + config.scale_sum_max
    value, exp = between_results(config, rng)
    while not lowest <= exp <= highest - value.bit_length():
        value, exp = between_results(config, rng)
    far = rng.choice((0, 1, 20, 40, 60, 200))
    tip = _as_blocks(config, rng, rng.choice((-1, 1)), max(lowest, exp - far)) if far else []
    dot = _as_blocks(config, rng, value, exp) + tip
    rng.shuffle(dot)
    return dot


def _as_blocks(config: MacConfig, rng: Random, value: int, exp: int) -> list[ScaledBlock]:
    """Blocks that are ``value * 2^exp`` together; each as long as the sum of a block can be."""
    bits = largest_sum(config).bit_length() - 1
    sign, left, blocks = (-1 if value < 0 else 1), abs(value), []
    while left:
        block = ScaledBlock.of(config, rng, sign * (left & (1 << bits) - 1), exp)
        assert block is not None
        blocks.append(block)
        left, exp = left >> bits, exp + bits
    return blocks


def _random_dot(config: MacConfig, rng: Random) -> Iterator[ScaledBlock]:
    center, reach = rng.randint(0, config.scale_sum_max), rng.choice((0, 4, 40, 508))
    special, blocks = rng.random() < 0.1, list[ScaledBlock]()
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        block = ScaledBlock.random(config, rng, max(0, min(config.scale_sum_max, center + rng.randint(-reach, reach))))
        # Some take away all that has been added, or nearly so.
        if blocks and rng.random() < 0.3:
            block = replace(rng.choice(blocks), specials=NO_SPECIALS, scale_nan=0)
            block = replace(block, sum=-block.sum + rng.choice((0, 0, 1)))
        blocks.append(block)
        yield block.made_special(rng) if special and rng.random() < 0.4 else block


class _Credits:
    """Keeps blocks back while no more may be on their way, and pauses besides.

    Parameters
    ----------
    bench : Testbench
    idle : str
        How it pauses: a name in ``streams.IDLE``.
    most : int
        Blocks that may be on their way.
    """

    def __init__(self, bench: Testbench, idle: str, most: int):
        self._taken, self._pause = bench.dut.taken, IDLE[idle](bench.rng)
        self.left = most

    def pauses(self, waiting: bool) -> bool:
        """Say whether the source has to pause for this clock; what it then offers is taken."""
        if self._pause(waiting) or not self.left:
            return True
        self.left -= 1
        return False

    def drive(self, clock: int):
        """Drive nothing."""

    def sample(self, _clock: int):
        """See whether a block has left the queue."""
        self.left += int(self._taken.value)


async def _run(bench: Testbench, dots: Sequence[_Blocks], *, idle: str = "none", alone: bool = False):
    """Let dot products pass, and compare every sum.

    A sum may wait for those before it, so only one that stands alone, and whose blocks do not wait, has a largest latency.
    """
    config, dut, parameters = bench.config, bench.dut, bench.settings.parameters
    in_bits = [len(getattr(dut, f"i_{name}")) for name in SCALED_BLOCK]
    outputs = _RESULT if hasattr(dut, "o_data") else _SUM
    out_bits = [len(getattr(dut, f"o_{name}")) for name in outputs]
    credits = _Credits(bench, idle, 1 if alone else parameters["queue"])
    source = bench.source("i", SCALED_BLOCK, idle=credits.pauses)
    ends: list[int] = []
    for dot in dots:
        vectors = (block.vector(last=position == len(dot)) for position, block in enumerate(dot, 1))
        source.queue(tuple(value & (1 << bits) - 1 for value, bits in zip(vector, in_bits, strict=True)) for vector in vectors)
        ends.append(len(source) - 1)

    def operands(index: int) -> dict[str, str]:
        dot = dots[index]
        words = {"dot product": f"{index}, {len(dot)} blocks"}
        for number, block in enumerate(dot[:_SHOWN_BLOCKS]):
            fields = zip(SCALED_BLOCK, block.vector(last=number + 1 == len(dot)), in_bits, strict=True)
            words[f"block {number}"] = ", ".join(f"{name} {shown(value, bits)}" for name, value, bits in fields)
        return words

    def on_item(index: int, item: tuple[int, ...], clock: int):
        if index >= len(dots):
            bench.miss({}, {"sums": f"only {len(dots)}"}, _named(outputs, item, out_bits))
            return
        if outputs is _SUM:
            expected, bits_kept = _expected_sum(bench, dots[index], item, out_bits[0])
        else:
            expected, bits_kept = _expected_result(bench, dots[index]), None
        bench.check(
            expected, item, lambda: (operands(index), _named(outputs, expected, out_bits), _named(outputs, item, out_bits))
        )
        least_bits = config.output.sig_bits + 1
        bench.check(
            True,
            bits_kept is None or bits_kept >= least_bits,
            lambda: (
                operands(index),
                {"bits of an inexact sum": f"{least_bits} or more"},
                {"bits of an inexact sum": f"{bits_kept}"} | _named(outputs, item, out_bits),
            ),
        )
        early = ends[index] >= len(source.taken)
        latency = -1 if early else clock - source.taken[ends[index]]
        bench.check(
            True,
            parameters["latency_min"] <= latency and (latency <= parameters["latency"] or not alone),
            lambda: (
                operands(index),
                {"latency": f"{parameters['latency_min']} to {parameters['latency']} clocks"},
                {"latency": "before its last block" if early else f"{latency} clocks"},
            ),
        )

    sink = bench.sink("o", outputs, on_item)
    agents: list[Agent] = [source, credits, sink]
    bench.report.vectors += len(source)
    bench.report.dots += len(dots)
    await bench.run(
        agents,
        lambda: source.done and len(sink.taken) >= len(dots),
        progress=lambda: (len(source.taken) + len(sink.taken)) / (len(source) + len(dots)),
        patience=2000,
    )
    for _ in range(parameters["latency"] + 4):
        await bench.step(agents)


def _total(config: MacConfig, dot: _Blocks) -> tuple[int, tuple[int, ...]]:
    """Exact sum, in units of 2^config.block_exp_min, and specials."""
    seen = NO_SPECIALS
    for block in dot:
        seen = merged(seen, block.seen)
    return sum(block.sum << block.exp - config.block_exp_min for block in dot), seen


def _expected_result(bench: Testbench, dot: _Blocks) -> tuple[int, ...]:
    """What has to come out if the sum is rounded, too."""
    config = bench.config
    total, seen = _total(config, dot)
    code, flags = special_result(seen, config.output) or golden.round_to(total, config.block_exp_min, config.output)
    return code, *(int(bool(flags & flag)) for flag in _FLAGS)


def _expected_sum(bench: Testbench, dot: _Blocks, item: tuple[int, ...], value_bits: int) -> tuple[tuple[int, ...], int | None]:
    """What has to come out if the sum is cut off where the hardware has cut it off, and how many bits that leaves.

    The sum is the exact one, floored to a multiple of twice its least significant bit, which says whether that took
    anything off: only then do the bits that are left matter.
    """
    value, exp, *_ = item
    total, seen = _total(bench.config, dot)
    if any(seen):
        return (value, exp, 0, 0, *seen), None
    lowest = bench.config.block_exp_min
    cut = exp + bench.settings.parameters["exp_min"] + 1 - lowest
    floor = total >> cut if cut >= 0 else total << -cut
    lost = cut > 0 and floor << cut != total
    bits_kept = (abs(total) >> cut).bit_length() if lost else None
    return ((2 * floor + lost) & (1 << value_bits) - 1, exp, 0, 0, *seen), bits_kept


def _named(names: Sequence[str], item: Sequence[int], bits: Sequence[int]) -> dict[str, str]:
    return {name: shown(value, width) for name, value, width in zip(names, item, bits, strict=True)}
