"""Exact sums through an accumulator: what goes in, what has to come out, and when."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from mxmac.config import MacConfig
from mxmac_sim.golden import model as golden

from ...stimulus.scaled_blocks import SCALED_BLOCK, ScaledBlock
from ...stimulus.specials import NO_SPECIALS, SPECIALS, merged, special_result
from .report import shown
from .streams import IDLE
from .testbench import Agent, Testbench

__all__ = ["MOST_BLOCKS", "run_sums"]

#: What comes out: a sum on its way to rounding, or a serial accumulator's result.
_SUM = ("value", "exp", "inexact", "overflow", *(f"specials_{name}" for name in SPECIALS))
_RESULT = ("data", "status_nx", "status_uf", "status_of", "status_dz", "status_nv")
_FLAGS = (golden.NX, golden.UF, golden.OF, golden.DZ, golden.NV)
#: Blocks that a dot product may have, of any values (docs/numerics.md, "exact").
MOST_BLOCKS = 1 << 16
#: Lines of blocks that a report of a mismatch shows.
_SHOWN_LINES = 16

_Blocks = Sequence[ScaledBlock]


def _repeated(dot: _Blocks) -> list[tuple[ScaledBlock, int]]:
    """Blocks of a dot product and how many times in a row each of them comes; the last one comes alone."""
    runs = [(block, sum(1 for _ in run)) for (_, block), run in groupby((id(block), block) for block in dot[:-1])]
    return [*runs, (dot[-1], 1)]


async def run_sums(bench: Testbench, dots: Sequence[_Blocks], *, idle: str = "none", alone: bool = False):
    """Run dot products through the accumulator, and compare every sum and its latency.

    Parameters
    ----------
    bench : Testbench
        Its top module is a :class:`~mxmac_sim.verify.flat.WithRepeats`. Its parameters give ``latency_min`` and ``latency`` in
        cycles, and ``exp_min`` if sums come out unrounded.
    dots : sequence of sequence of ScaledBlock
        A block that is there several times in a row, as the same object, is offered once and repeated by the top module.
    idle : str
        How the source pauses: a name in ``streams.IDLE``.
    alone : bool
        Run each dot product by itself: only then is the largest latency checked, for a sum may wait for those before it.
    """
    for some in [[dot] for dot in dots] if alone else [dots]:
        await _SumsRun(bench, some, idle=idle, alone=alone).run()


class _SumsRun:
    """Dot products on their way through the accumulator; if they are ``alone``, there is only one."""

    def __init__(self, bench: Testbench, dots: Sequence[_Blocks], *, idle: str, alone: bool):
        self.bench, self.dots, self.alone = bench, dots, alone
        dut, fields = bench.dut, (*SCALED_BLOCK, "more")
        self._in_bits = [len(getattr(dut, f"i_{name}")) for name in fields]
        self._outputs = _RESULT if hasattr(dut, "o_data") else _SUM
        self._out_bits = [len(getattr(dut, f"o_{name}")) for name in self._outputs]
        interval = bench.config.beats if alone else 1
        self.source = bench.source("i", fields, idle=IDLE[idle](bench.rng), interval=interval)
        #: Number of the last transfer of each dot product.
        self._ends: list[int] = []
        for dot in dots:
            self.source.queue(self._items(dot))
            self._ends.append(len(self.source) - 1)
        self.sink = bench.sink("o", self._outputs, self._on_item)

    def _items(self, dot: _Blocks) -> Iterator[tuple[int, ...]]:
        runs = _repeated(dot)
        for position, (block, times) in enumerate(runs, 1):
            vector = *block.vector(last=position == len(runs)), times - 1
            yield tuple(value & (1 << bits) - 1 for value, bits in zip(vector, self._in_bits, strict=True))

    async def run(self):
        """Let them pass, and a while longer."""
        bench = self.bench
        agents: list[Agent] = [self.source, self.sink]
        bench.report.vectors += sum(len(dot) for dot in self.dots)
        bench.report.dots += len(self.dots)
        await bench.run(
            agents,
            lambda: self.source.done and len(self.sink.taken) >= len(self.dots),
            progress=lambda: (len(self.source.taken) + len(self.sink.taken)) / (len(self.source) + len(self.dots)),
            patience=2000,
            asleep=bench.dut.repeating if self.alone else None,
        )
        for _ in range(bench.settings.parameters["latency"] + 4):
            await bench.step(agents)

    def _operands(self, index: int) -> dict[str, str]:
        words = {"dot product": f"{index}, {len(self.dots[index])} blocks"}
        first = 0
        for block, times in _repeated(self.dots[index])[:_SHOWN_LINES]:
            values = _named(SCALED_BLOCK, block.vector(last=first + times == len(self.dots[index])), self._in_bits[:-1])
            blocks = f"block {first}" if times == 1 else f"blocks {first} to {first + times - 1}"
            words[blocks] = ", ".join(f"{name} {value}" for name, value in values.items())
            first += times
        return words

    def _on_item(self, index: int, item: tuple[int, ...], clock: int):
        bench, named = self.bench, self._named
        if index >= len(self.dots):
            bench.miss({}, {"sums": f"only {len(self.dots)}"}, named(item))
            return
        if self._outputs is _SUM:
            expected, bits_kept = _expected_sum(bench, self.dots[index], item, self._out_bits[0])
        else:
            expected, bits_kept = _expected_result(bench, self.dots[index]), None
        bench.check(expected, item, lambda: (self._operands(index), named(expected), named(item)))
        least_bits = bench.config.output.sig_bits + 1
        bench.check(
            True,
            bits_kept is None or bits_kept >= least_bits,
            lambda: (
                self._operands(index),
                {"bits of an inexact sum": f"{least_bits} or more"},
                {"bits of an inexact sum": f"{bits_kept}"} | named(item),
            ),
        )
        self._check_latency(index, clock)

    def _check_latency(self, index: int, clock: int):
        least, most = (self.bench.settings.parameters[name] for name in ("latency_min", "latency"))
        # Repeated blocks come faster than those of a unit, and the last one waits for them.
        bounded = self.alone and len(_repeated(self.dots[index])) == len(self.dots[index])
        early = self._ends[index] >= len(self.source.taken)
        latency = -1 if early else clock - self.source.taken[self._ends[index]]
        self.bench.check(
            True,
            least <= latency and (latency <= most or not bounded),
            lambda: (
                self._operands(index),
                {"latency": f"{least} to {most} cycles"},
                {"latency": "before its last block" if early else f"{latency} cycles"},
            ),
        )

    def _named(self, item: Sequence[int]) -> dict[str, str]:
        return _named(self._outputs, item, self._out_bits)


def _total(config: MacConfig, dot: _Blocks) -> tuple[int, tuple[int, ...]]:
    """Exact sum, in units of 2^config.block_exp_min, and specials."""
    runs, seen = _repeated(dot), NO_SPECIALS
    for block, _ in runs:
        seen = merged(seen, block.seen)
    return sum(times * block.sum << block.exp - config.block_exp_min for block, times in runs), seen


def _expected_result(bench: Testbench, dot: _Blocks) -> tuple[int, ...]:
    """What has to come out if the sum is rounded, too."""
    config = bench.config
    total, seen = _total(config, dot)
    code, flags = special_result(seen, config.output) or golden.round_to(total, config.block_exp_min, config.output)
    return code, *(int(bool(flags & flag)) for flag in _FLAGS)


def _expected_sum(bench: Testbench, dot: _Blocks, item: tuple[int, ...], value_bits: int) -> tuple[tuple[int, ...], int | None]:
    """What has to come out if the sum is cut off where the hardware has cut it off, and how many bits that leaves.

    The sum is the exact one, floored to a multiple of twice its least significant bit, which says whether that took
    anything off: only then does the number of bits that are left matter.
    """
    value, exp, *_ = item
    total, seen = _total(bench.config, dot)
    if any(seen):
        return (value, exp, 0, 0, *seen), None
    lowest = bench.config.block_exp_min
    cut = exp + bench.settings.parameters["exp_min"] + 1 - lowest
    floor = total >> cut if cut >= 0 else total << -cut
    lost = cut > 0 and floor << cut != total
    # Of a subnormal result, as many as leave two bits below its last.
    matter = lost and lowest + cut > bench.config.output.lsb_exp - 2
    bits_kept = (abs(total) >> cut).bit_length() if matter else None
    return ((2 * floor + lost) & (1 << value_bits) - 1, exp, 0, 0, *seen), bits_kept


def _named(names: Sequence[str], item: Sequence[int], bits: Sequence[int]) -> dict[str, str]:
    return {name: shown(value, width) for name, value, width in zip(names, item, bits, strict=True)}
