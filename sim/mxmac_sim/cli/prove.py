"""Prove properties of a unit's Verilog: its parts against specifications in Verilog, and its ports.

Exit status 1 if a property is refuted, by a counterexample that is shown, 3 if one is not decided.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import bitwuzla  # noqa: F401 - the processes that prove need it: a missing package is reported here
import typer
from rich.console import Console

from mxmac.cli.mac_options import config_from
from mxmac.cli.sharing import with_options_of
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.files import check_folder, check_writable, written_whole

from ..formal.console import prove_and_show, result_of
from ..formal.properties import all_pairings, unit_properties, unit_text
from ..formal.prover import Outcome, Prover, all_hold
from ..verify.runner import config_slug

__all__ = ["prove"]


@with_options_of(config_from, "make_config")
def prove(
    make_config: Callable[[], MacConfig],
    names: Annotated[
        list[str] | None,
        typer.Option("--property", help="Property to prove, instead of all; may be repeated.", show_default=False),
    ] = None,
    pairings: Annotated[
        bool, typer.Option("--all-pairings", help="Multipliers of all 36 pairings of formats, instead of the unit.")
    ] = False,
    verilog: Annotated[Path | None, typer.Option(metavar="FILE.v", help="Verilog to prove, instead of generated text.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Number of proofs at a time.", show_default="one per CPU")] = None,
    timeout: Annotated[int, typer.Option(help="Time limit of a proof, in seconds.")] = 900,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="JSON file of the results.")] = None,
    work: Annotated[Path, typer.Option(help="Folder of harnesses, netlists and waveforms.")] = Path("build/prove"),
) -> int:
    """Run ``mxmac prove``; see the module for its help."""
    config = make_config()
    if jobs is not None and jobs < 1:
        raise UserError("jobs", f"At least one proof has to run at a time, not {jobs}")
    if timeout < 1:
        raise UserError("timeout", f"A proof needs at least a second, not {timeout}")
    if pairings and (names or verilog):
        other = "property" if names else "verilog"
        raise UserError(other, "With --all-pairings it is known what to prove, and of which text")
    if json_file is not None:
        check_writable(json_file)
    makers = (
        dict(all_pairings(config))
        if pairings
        else unit_properties(config, names, None if verilog is None else unit_text(verilog))
    )
    folder = work / ("pairings" if pairings else config_slug(config))
    check_folder("work", work)
    title = "Multipliers of all pairings" if pairings else config_slug(config)
    prover = Prover(folder, jobs=jobs or os.cpu_count() or 1, timeout=timeout)

    def record(outcomes: Sequence[Outcome]):
        if json_file is not None:
            with written_whole(json_file) as temporary:
                temporary.write_text(result_of(outcomes))

    return 0 if all_hold(prove_and_show(prover, makers, title, Console(highlight=False), record)) else 1
