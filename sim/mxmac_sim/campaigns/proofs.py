"""Proofs of several units and of all multipliers, to be left in build/prove.json: ``python -m mxmac_sim.campaigns.proofs``."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mxmac.cli.exit_status import with_exit_status
from mxmac.config import Accumulator, MacConfig, MultiplierKind, Target
from mxmac.files import check_folder, check_writable
from mxmac.formats import ELEMENT_FORMATS

from ..formal.console import prove_and_show, rows
from ..formal.properties import all_pairings, unit_properties
from ..formal.prover import Outcome, Prover, all_hold
from ..verify.runner import config_slug
from .record import measured_units, write_record

__all__ = ["CONFIGS", "main"]

_EXACT, _WINDOW = Accumulator.EXACT, Accumulator.WINDOW
_TARGETS = (Target.ECP5, Target.ASIC)
#: The units: what most people make, with as many beats a block as there can be and with few; and the smallest of other targets
#: that have all of their modules.
CONFIGS = [
    *(
        MacConfig(a=[ELEMENT_FORMATS[a]], b=[ELEMENT_FORMATS["E4M3"]], lanes=lanes, accumulator=accumulator)
        for accumulator in Accumulator
        for lanes in (1, 4)
        for a in ("E4M3", "E5M2")
    ),
    # Two beats a block: exact sums take one at once.
    MacConfig(block=8, lanes=4, accumulator=_EXACT),
    *(
        MacConfig(block=8, lanes=4, accumulator=accumulator, target=target)
        for target in _TARGETS
        for accumulator in Accumulator
    ),
    MacConfig(lanes=4, accumulator=_EXACT, target=Target.ECP5),
    MacConfig(block=8, lanes=4, accumulator=_WINDOW, target=Target.ECP5, multiplier=MultiplierKind.DSP),
]


@with_exit_status("prove")
def main(arguments: Sequence[str] | None = None, configs: Sequence[MacConfig] | None = None) -> int:
    """Prove all units and all pairings; return 1 if anything is refuted."""
    parser = argparse.ArgumentParser(prog="python -m mxmac_sim.campaigns.proofs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="proofs at a time (%(default)s)")
    parser.add_argument("--timeout", type=int, default=900, help="seconds after which a proof is given up (%(default)s)")
    parser.add_argument("--units-only", action="store_true", help="leave the multipliers of all pairings out")
    parser.add_argument("--work", type=Path, default=Path("build/prove"), help="where to work (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/prove.json"), help="where the results go (%(default)s)")
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = parser.parse_args(words)
    console = Console(highlight=False)
    began = time.monotonic()
    units: list[dict] = []
    every: list[Outcome] = []
    check_folder("work", given.work)
    check_writable(given.json)
    subjects = [(config_slug(config), config.as_dict(), unit_properties(config)) for config in configs or CONFIGS]
    if not given.units_only:
        subjects.append(("pairings", {}, dict(all_pairings(MacConfig()))))
    for name, parameters, makers in subjects:
        folder = given.work / name
        folder.mkdir(exist_ok=True)
        start = time.monotonic()
        outcomes = prove_and_show(Prover(folder, jobs=given.jobs, timeout=given.timeout), makers, name, console)
        seconds = round(time.monotonic() - start, 1)
        units.append({"unit": name, "config": parameters, "seconds": seconds, "properties": rows(outcomes)})
        every += outcomes
    figures = {"jobs": given.jobs, "units": units}
    write_record(given.json, "python -m mxmac_sim.campaigns.proofs", words, began, figures, measured_units(configs or CONFIGS))
    return 0 if all_hold(every) else 1


if __name__ == "__main__":
    sys.exit(main())
