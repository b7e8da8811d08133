"""Bench that keeps a whole unit busy: random dot products, pauses and resets, for a given number of cycles."""

import itertools
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

import cocotb
import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import Format
from mxmac_sim.golden.rounding import NV, NX, OF
from mxmac_sim.stimulus.batches import CLASSES, REGIONS, element_classes, random_batch
from mxmac_sim.tensors.mx_tensor import RESULT_DTYPES, element_values

from ..stimulus.dots import Dot, expected_results
from .coverage import BEFORE, COMPARED, IDLE, STALL, Coverage
from .kit.stream_run import StreamRun
from .kit.streams import Pause, never
from .kit.testbench import Agent, Testbench

__all__ = ["coverage_file"]

#: Beats of an episode, more or less: it has one way to pause, and ends with a reset or when all results are out.
_BEATS = 200
#: Chance that an episode ends with a reset, and cycles until then at most: in the first of them, soon, or at any time.
_RESET, _UNTIL_RESET = 0.6, (2, 40, 2 * _BEATS)
#: Chance that an episode has dot products of one beat only, which fill all queues.
_ALL_SHORT = 0.2
#: A block whose exponent is farther from that of the sum than this is far from it.
_FAR = 24


def coverage_file(folder: Path) -> Path:
    """Where the bench that runs in ``folder`` leaves what it has covered, as ``Coverage.as_dict`` gives it."""
    return folder / "coverage.json"


@cocotb.test()
async def soak(dut):
    """Episodes until the cycles are over, which are ``parameters["clocks"]``."""
    async with _Soak(dut, "soak") as bench:
        coverage = Coverage(bench.config)
        ways: list[tuple[str, str]] = []
        while bench.clock < bench.budget:
            if not ways:
                ways = list(itertools.product(IDLE, STALL))
                bench.rng.shuffle(ways)
            await _episode(bench, coverage, *ways.pop())
        coverage_file(bench.settings.folder).write_text(json.dumps(coverage.as_dict()))
        assert not coverage.unforeseen(), f"was said to be out of reach: {coverage.unforeseen()}"


class _Soak(Testbench):
    """A test whose progress is counted in cycles."""

    async def __aenter__(self) -> "_Soak":
        await super().__aenter__()
        return self

    @property
    def budget(self) -> int:
        """Cycles to run."""
        return self.settings.parameters["clocks"]

    def note(self, done: float):
        """Report how many of the cycles are over; the progress of an episode does not count."""
        super().note(min(1.0, self.clock / self.budget))


async def _episode(bench: _Soak, coverage: Coverage, idle: str, stall: str):
    rng = bench.rng
    unit = _Watched(bench, list(_dots(bench)), idle, stall, coverage)
    if rng.random() >= _RESET:
        await unit.run()
        return
    clocks = rng.randint(1, rng.choice(_UNTIL_RESET))
    missing = coverage.missing("resets")
    if missing and rng.random() < 0.5:
        # Not at any clock, but where there was none so far.
        sought = rng.choice(missing)
        await unit.run(clocks=2 * _BEATS, until=lambda: unit.place() == sought)
    else:
        await unit.run(clocks=clocks)
    coverage.sample("resets", *unit.place())
    await bench.reset(1)


def _dots(bench: Testbench) -> Iterator[Dot]:
    """About the beats of an episode, with ends on any beat of a block."""
    config, rng = bench.config, bench.numpy_rng
    budget = _BEATS
    short = rng.random() < _ALL_SHORT
    while budget > 0:
        blocks, dots = int(rng.choice([1] if short else [1, 1, 1, 2, 2, 3, 4, 6])), 4
        batch = random_batch(config, rng, dots, blocks)
        for index in range(dots):
            # Short ones bring more results than long ones.
            ends = config.beats, 1, int(rng.integers(1, config.beats + 1))
            last_beats = 1 if short else int(rng.choice(ends, p=[0.4, 0.3, 0.3]))
            sides = (batch.a[index], batch.format_a[index]), (batch.b[index], batch.format_b[index])
            dot = Dot.of(config, "soak", sides, (batch.scale_a[index], batch.scale_b[index]), last_beats)
            yield dot
            budget -= dot.beats(config)


def _rare(rng: Random) -> Pause:
    return lambda _waiting: rng.random() < 0.05


def _phases(work: tuple[int, int], pause: tuple[int, int]) -> Callable[[Random], Pause]:
    def make(rng: Random) -> Pause:
        left = [0, rng.random() < 0.5]  # cycles left of this phase, and whether it is a pause

        def pausing(_waiting: bool) -> bool:
            if not left[0]:
                left[1] = not left[1]
                left[0] = rng.randint(*(pause if left[1] else work))
            left[0] -= 1
            return bool(left[1])

        return pausing

    return make


#: The ways to pause that the coverage names.
_PAUSES: dict[str, Callable[[Random], Pause]] = {
    "none": lambda _rng: never,
    "rare": _rare,
    "bursts": _phases((1, 24), (1, 24)),
    "long": _phases((20, 150), (50, 400)),
    "until offered": lambda _rng: lambda waiting: not waiting,
}


class _Watched(StreamRun):
    """Dot products whose results are counted by what they are, and what led to them."""

    def __init__(self, bench: Testbench, dots: list[Dot], idle: str, stall: str, coverage: Coverage):
        super().__init__(bench, dots, idle=_PAUSES[idle](bench.rng), stall=_PAUSES[stall](bench.rng))
        self._pauses, self._coverage = (idle, stall), coverage
        self._refused = self._refused_now = False
        self._before = _prefixes(dots, bench.config)
        #: What the dot products give without their addends, if they have any.
        self._sums = [] if bench.config.addend is None else expected_results(dots, bench.config)

    def agents(self) -> list[Agent]:
        """Return source, sink, and who looks whether beats are refused."""
        return [*super().agents(), self]

    def drive(self, _clock: int):
        """Drive nothing."""

    def sample(self, _clock: int):
        """See whether a beat that is offered in this cycle is refused."""
        self._refused_now = self.source.waiting
        self._refused |= self._refused_now

    def on_result(self, index: int, result: tuple[int, ...], clock: int):
        """Compare a result, and count it."""
        super().on_result(index, result, clock)
        if index >= len(self.dots):
            return
        config, sample = self.bench.config, self._coverage.sample
        dot, waited = self.dots[index], self.bench.clock - clock
        kind, _ = _kind(*self.expected[index], config)
        end = "last" if dot.last_beats == config.beats else "first" if dot.last_beats == 1 else "inside"
        sample("pauses", *self._pauses, _without_loss(kind))
        sample("ends", end, str(len(dot.a)) if len(dot.a) < 3 else "3 or more")
        sample("waits", "no" if not waited else "short" if waited <= 3 else "long", "yes" if self._refused else "no")
        self._refused = False
        _sample_blocks(dot, self._before[index], config, self._coverage)
        if config.addend is not None:
            self._sample_addend(index)

    def _sample_addend(self, index: int):
        """Count what an addend is, and where it lies next to the sum of the blocks."""
        code, config, sample = self.dots[index].addend, self.bench.config, self._coverage.sample
        kind, total = _kind(*self._sums[index], config)
        addend = _addend_kind(code)
        sample("addends", addend, _without_loss(kind))
        if addend in ("subnormal", "normal") and kind in COMPARED:
            value = float(np.uint32(code).view(np.float32))
            opposite = value == -total and not kind.endswith("lost")
            place = "opposite" if opposite else _block_kind(kind, total, addend, value)
            sample("places", place, _without_loss(kind))

    def place(self) -> tuple[str, ...]:
        """Return where the unit is, in the terms of the cross of resets."""
        taken, given = len(self.source.taken), len(self.sink.taken)
        complete = int(np.searchsorted(self.last_beats, taken, side="left"))
        begun = taken - (self.last_beats[complete - 1] + 1 if complete else 0)
        place = "in a block" if begun % self.bench.config.beats else "between blocks" if begun else "between dots"
        truths = (self.sink.waiting, self._refused_now)
        return place, "some" if complete > given else "none", *("yes" if truth else "no" for truth in truths)


def _prefixes(dots: list[Dot], config: MacConfig) -> list[list[tuple[tuple[int, int], tuple[int, int]]]]:
    """For each block of each dot product, what all blocks before it give, and what it gives alone."""
    parts = [
        (part, part.stop - part.start) for dot in dots for i in range(len(dot.a)) for part in (slice(0, i), slice(i, i + 1))
    ]
    owners = [dot for dot in dots for _ in range(2 * len(dot.a))]
    pieces = [_piece(dot, part, config) for dot, (part, length) in zip(owners, parts, strict=True) if length]
    results = iter(expected_results(pieces, config))
    flat = iter([next(results) if length else (0, 0) for _, length in parts])
    return [[(next(flat), next(flat)) for _ in range(len(dot.a))] for dot in dots]


def _piece(dot: Dot, part: slice, config: MacConfig) -> Dot:
    a, b, scale_a, scale_b = (array[part] for array in (dot.a, dot.b, dot.scale_a, dot.scale_b))
    return Dot("part", a, b, scale_a, scale_b, dot.format_a[part], dot.format_b[part], config.beats)


def _kind(code: int, status: int, config: MacConfig) -> tuple[str, float]:
    """What a result is, in the terms of BEFORE, and its value."""
    dtype = RESULT_DTYPES[config.output.name]
    value = float(np.array([code], f"<u{config.output.width // 8}").view(dtype)[0])
    lost = ", lost" if status & NX else ""
    if np.isnan(value):
        return "invalid" if status & NV else "NaN", value
    if status & OF:
        return "overflow", value
    if np.isinf(value):
        return "infinite", value
    if value == 0:
        return f"zero{lost}", value
    if abs(value) < 2.0**config.output.emin:
        return "subnormal", value
    return f"normal{lost}", value


def _addend_kind(code: int) -> str:
    """What an addend is, in the terms of ADDENDS."""
    magnitude = code & 0x7FFFFFFF
    if magnitude > 0x7F800000:
        return "NaN" if magnitude >= 0x7FC00000 else "signalling NaN"
    if magnitude == 0x7F800000:
        return "infinite"
    return "normal" if magnitude >= 0x800000 else "subnormal" if magnitude else "zero"


def _without_loss(kind: str) -> str:
    return kind.removesuffix(", lost")


def _sample_blocks(dot: Dot, results: list[tuple[tuple[int, int], tuple[int, int]]], config: MacConfig, coverage: Coverage):
    exact = _block_values(dot, config)
    for block, (before, alone) in enumerate(results):
        a, b = config.a[dot.format_a[block]], config.b[dot.format_b[block]]
        pairing = f"{a.name}×{b.name}"
        scales = [int(scale[block]) for scale in (dot.scale_a, dot.scale_b)]
        regions = [next(name for name, (low, high) in REGIONS.items() if low <= scale <= high) for scale in scales]
        coverage.sample("scales", pairing, *regions)
        state, value = _kind(*before, config) if block else (BEFORE[0], 0.0)
        coverage.sample("accumulator", state, _block_kind(state, value, _kind(*alone, config)[0], exact[block]))
        if "NaN" not in regions:
            # What meets in a block with a NaN scale has no consequences.
            codes = np.stack([_class_indices(a)[dot.a[block]], _class_indices(b)[dot.b[block]]])
            for pair in np.unique(codes, axis=1).T:
                coverage.sample("elements", pairing, *(CLASSES[index] for index in pair))


def _block_kind(state: str, value: float, alone: str, exact: float) -> str:
    """What a block is next to what was before it, in the terms of BLOCKS."""
    if alone in ("zero", "infinite", "NaN", "invalid"):
        return alone
    if state not in COMPARED or not exact:
        return "alone"
    distance = np.log2(abs(exact)) - np.log2(abs(value))
    place = "far above" if distance > _FAR else "far below" if distance < -_FAR else "near"
    return f"{place}, {'same' if (exact > 0) == (value > 0) else 'other'}"


def _block_values(dot: Dot, config: MacConfig) -> NDArray[np.float64]:
    """Values of the blocks in float64, which holds the range: close enough to tell signs and magnitudes; specials are zeros."""
    sides = []
    for codes, choice, formats in ((dot.a, dot.format_a, config.a), (dot.b, dot.format_b, config.b)):
        values = np.stack([element_values(row, formats[index]) for row, index in zip(codes, choice, strict=True)])
        sides.append(np.where(np.isfinite(values), values, 0))
    exponents = dot.scale_a.astype(np.int64) + dot.scale_b - 254
    return np.ldexp((sides[0] * sides[1]).sum(axis=1), exponents)


@cache
def _class_indices(fmt: Format) -> NDArray[np.intp]:
    """Index of the class of each code."""
    found = np.zeros(1 << fmt.width, np.intp)
    for kind, codes in element_classes(fmt).items():
        found[codes] = CLASSES.index(kind)
    return found
