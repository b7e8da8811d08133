"""One unit kept busy for long: in cocotb, with pauses and resets at any time, and driven from compiled code, for volume."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mxmac.config import MacConfig

from ...benches.soak import coverage_file
from ...golden import model as golden
from ...simulators.bulk import BulkUnit
from ...stimulus.addends import mixed_addends
from ...stimulus.batches import random_batch
from ...verify.catalogue import unit_subject
from ...verify.runner import BenchRun, Runner

__all__ = ["ENOUGH", "Covered", "UnitResult", "soak_bulk", "soak_clocks"]

#: Share of the reachable bins of each unit that have to be hit.
ENOUGH = 0.99
#: Dot products that the compiled driver gets at a time.
_AT_A_TIME = 4000
#: Chances of a pause in a cycle, of which both sides choose anew for every such part.
_CHANCES = (0.0, 0.0, 0.05, 0.5, 0.9)


@dataclass(frozen=True)
class Covered:
    """Reachable bins of one cross.

    Members
    -------
    reachable : int
    holes : list of str
        Those that were not hit.
    """

    reachable: int
    holes: list[str]

    @property
    def hit(self) -> int:
        """How many were hit."""
        return self.reachable - len(self.holes)


@dataclass
class UnitResult:
    """What came of a unit.

    Members
    -------
    clocks, dots, misses : int
        Of the run in cocotb.
    problem : str or None
        What else went wrong there.
    coverage : dict of Covered
        By cross.
    bulk_clocks, bulk_dots, bulk_misses : int
        Of the run that is driven from compiled code.
    """

    clocks: int
    dots: int
    misses: int
    problem: str | None
    coverage: dict[str, Covered]
    bulk_clocks: int = 0
    bulk_dots: int = 0
    bulk_misses: int = 0

    @property
    def share(self) -> float:
        """Share of the reachable bins that were hit."""
        total = sum(cross.reachable for cross in self.coverage.values())
        return sum(cross.hit for cross in self.coverage.values()) / total if total else 0.0

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong and enough is covered."""
        return not (self.misses or self.problem or self.bulk_misses) and self.share >= ENOUGH


def soak_clocks(
    config: MacConfig, clocks: int, work: Path, *, seed: int = 1, on_start: Callable[[Path], None] = lambda _folder: None
) -> tuple[UnitResult, BenchRun]:
    """Run a unit in cocotb, with pauses and resets.

    Parameters
    ----------
    config : MacConfig
    clocks : int
        Cycles to run at least.
    work : Path
        Where to build.
    seed : int
    on_start : callable
        Called when the build is done, with the folder where the bench reports its progress.
    """
    whole = unit_subject(config).benches["mac"]()
    design = replace(whole, modules=("soak",), parameters=whole.parameters | {"clocks": clocks})
    coverage: dict[str, Covered] = {}

    def read_coverage(folder: Path):
        if (file := coverage_file(folder)).exists():
            coverage.update((cross, Covered(**found)) for cross, found in json.loads(file.read_text()).items())

    run = Runner(work).run("soak", design, config, seed=seed, on_start=on_start, on_end=read_coverage)
    report = run.report
    return UnitResult(report.clocks, report.dots, report.misses, run.problem, coverage), run


def soak_bulk(
    unit: BulkUnit, dots: int, *, seed: int = 1, advance: Callable[[int], object] = lambda dots: None
) -> tuple[int, int]:
    """Run dot products driven from compiled code, with pauses; return cycles and mismatches.

    Parameters
    ----------
    unit : BulkUnit
    dots : int
    seed : int
    advance : callable
        Called with the number of dot products that are done, each time that some are.
    """
    config, rng = unit.config, np.random.default_rng(seed)
    clocks = misses = 0
    for start in range(0, dots, _AT_A_TIME):
        count, blocks = min(_AT_A_TIME, dots - start), int(rng.choice([1, 2, 2, 3, 4, 6]))
        last_beats = np.where(rng.random(count) < 0.5, config.beats, rng.integers(1, config.beats + 1, count))
        batch = random_batch(config, rng, count, blocks).cut(last_beats * config.lanes)
        operands = batch.a, batch.scale_a, batch.b, batch.scale_b
        format_a, format_b = batch.format_a, batch.format_b
        addend = None
        if config.addend is not None:
            exact = MacConfig(a=config.a, b=config.b, block=config.block, lanes=config.lanes)
            addend = mixed_addends(golden.dot(*operands, exact, format_a=format_a, format_b=format_b)[0], rng)
        idle, stall = rng.choice(_CHANCES, 2)
        run = unit.run(
            *operands,
            format_a=format_a,
            format_b=format_b,
            last_beats=last_beats,
            addend=addend,
            idle=idle,
            stall=stall,
            seed=int(rng.integers(1 << 30)),
        )
        data, status = golden.dot(*operands, config, format_a=format_a, format_b=format_b, addend=addend)
        clocks += run.clocks
        misses += int(np.count_nonzero((run.data != data) | (run.status != status)))
        advance(count)
    return clocks, misses
