"""The mutation campaign: ``python -m mxmac_sim.campaigns.mutation.campaign`` leaves its results in build/mutate.json.

Each mutant is *killed* by a result, a flag or a clock that is not the unit's, or by a proof that does not hold for it; it is
*equivalent* if SAT proves that it does the same in every state, induction that it does in every one that can be, or a proof
that it still is what its module is specified to be; and else it *survives*, and is listed.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from mxmac.cli.exit_status import with_exit_status
from mxmac.config import Accumulator, MacConfig
from mxmac.files import check_folder, check_writable
from mxmac.formats import ELEMENT_FORMATS

from ...verify.runner import config_slug
from ..record import measured_units, write_record
from .unit import Mutant, MutatedUnit

__all__ = ["KINDS", "UNITS", "campaign", "main"]

_E4M3, _E5M2 = (ELEMENT_FORMATS[name] for name in ("E4M3", "E5M2"))
#: Units, and the share of the mutants that each of them gets.
UNITS = [
    (MacConfig(a=[_E4M3], b=[_E4M3], lanes=4, accumulator=Accumulator.EXACT), 3),
    (MacConfig(a=[_E4M3], b=[_E4M3], lanes=4, accumulator=Accumulator.WINDOW), 3),
    (MacConfig(a=[_E5M2], b=[_E4M3], lanes=4, accumulator=Accumulator.FP32), 3),
    (MacConfig(a=[_E5M2], b=[_E4M3], lanes=1, accumulator=Accumulator.EXACT), 2),
    (MacConfig(a=[_E4M3], b=[_E4M3], lanes=1, accumulator=Accumulator.WINDOW), 2),
]
#: Random vectors of each kind: for all mutants, and for those that are left.
_RANDOMS = (300, 8000)
#: What becomes of mutants that do not survive.
KINDS = ("killed by vectors", "killed by proof", "equivalent by SAT", "equivalent by proof", "equivalent by induction")
#: Seconds for the proof of one mutant, and for its induction.
_TIMEOUT, _INDUCTION_TIMEOUT = 120, 100


def campaign(config: MacConfig, folder: Path, *, count: int, seed: int, jobs: int, progress: Progress) -> dict:
    """Try mutants of a unit.

    Returns
    -------
    dict
        Numbers of ``mutants`` and of those of each of the ``KINDS``, and ``survivors`` in words.

    Raises
    ------
    HardwareError
        If the unit is wrong without a mutation.
    ToolError
        If a tool fails.
    """
    task = progress.add_task(f"{config_slug(config)}: building", total=None)
    unit = MutatedUnit(config, folder, count=count, seed=seed)
    left = unit.mutants
    found: dict[str, Any] = {"unit": config_slug(config), "config": config.as_dict(), "mutants": len(left)}

    def step(what: str, decide) -> None:
        nonlocal left
        progress.update(task, description=f"{config_slug(config)}: {what}", total=len(left), completed=0)
        left = unit.survivors(left, decide, jobs, lambda: progress.advance(task))

    for randoms in _RANDOMS:
        unit.use_vectors(randoms=randoms, seed=seed + randoms)
        step(f"{randoms} vectors of each kind", unit.killed_by_vectors)
    found["killed by vectors"] = found["mutants"] - len(left)
    before = len(left)
    step("the same step by SAT", lambda mutant: "same" if unit.same_step(mutant) else None)
    found["equivalent by SAT"] = before - len(left)
    verdicts: dict[Mutant, bool | None] = {}
    step("proofs", lambda mutant: verdicts.setdefault(mutant, unit.proof(mutant, timeout=_TIMEOUT)) is not None and "decided")
    before = len(left)
    if left:
        unit.prepare_sequences()
    step("induction", lambda mutant: "same" if unit.same_sequences(mutant, timeout=_INDUCTION_TIMEOUT) else None)
    found["equivalent by induction"] = before - len(left)
    found["killed by proof"] = sum(verdict is False for verdict in verdicts.values())
    found["equivalent by proof"] = sum(verdict is True for verdict in verdicts.values())
    found["survivors"] = [str(mutant) for mutant in left]
    progress.remove_task(task)
    return found


def score(units: Sequence[dict]) -> float:
    """Return the share of mutants that are killed or equivalent, from 0 to 1."""
    return 1 - sum(len(unit["survivors"]) for unit in units) / sum(unit["mutants"] for unit in units)


def _table(units: Sequence[dict]) -> Table:
    table = Table(title="Mutants", title_justify="left")
    names = ["mutants", *KINDS]
    table.add_column("Unit")
    for name in (*names, "survived"):
        table.add_column(name.capitalize(), justify="right")
    for unit in units:
        table.add_row(unit["unit"], *(f"{unit[name]:,}" for name in names), str(len(unit["survivors"])))
    return table


@with_exit_status("mutate")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign; return 1 if fewer mutants than ``--score`` are killed or equivalent, 2 on a mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m mxmac_sim.campaigns.mutation.campaign", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--mutants", type=int, default=1300, help="of all units together (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of their choice, and of the vectors (%(default)s)")
    parser.add_argument("--score", type=float, default=99, help="percent that have to be killed or equivalent (%(default)s)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time (%(default)s)")
    parser.add_argument("--work", type=Path, default=Path("build/mutate"), help="where to work (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/mutate.json"), help="where the results go (%(default)s)")
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = parser.parse_args(words)
    console, began = Console(highlight=False), time.monotonic()
    units = []
    check_folder("work", given.work)
    check_writable(given.json)
    shares = sum(share for _, share in UNITS)
    with Progress(console=console) as progress:
        for config, share in UNITS:
            count = given.mutants * share // shares
            folder = given.work / config_slug(config)
            units.append(campaign(config, folder, count=count, seed=given.seed, jobs=given.jobs, progress=progress))
            console.print(_table(units[-1:]))
    console.print(_table(units))
    for unit in units:
        for survivor in unit["survivors"]:
            console.print(f"  survived: {escape(unit['unit'])}: {escape(survivor)}", soft_wrap=True)
    reached = 100 * score(units)
    console.print(f"Killed or equivalent: {reached:.1f} %", style="green" if reached >= given.score else "red")
    figures = {"score_percent": round(reached, 2), "units": units}
    measured = measured_units(config for config, _ in UNITS)
    write_record(given.json, "python -m mxmac_sim.campaigns.mutation.campaign", words, began, figures, measured)
    return 0 if reached >= given.score else 1


if __name__ == "__main__":
    sys.exit(main())
