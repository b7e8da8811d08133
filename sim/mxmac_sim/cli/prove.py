"""Prove properties of a unit's Verilog: its parts against specifications in Verilog, and its ports.

Exit status 1 if a property is refuted, by a counterexample that is shown, or not decided.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import bitwuzla  # noqa: F401 - the processes that prove need it: a missing package is reported here
import typer
from rich.console import Console

from mxmac.cli.mac_options import config_from
from mxmac.cli.sharing import with_options_of
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.files import check_writable, written_whole

from ..formal.console import prove_and_show, result_of
from ..formal.properties import all_pairings, unit_properties, unit_text
from ..formal.prover import Prover
from ..verify.runner import config_slug

__all__ = ["prove"]


@with_options_of(config_from, "make_config")
def prove(
    make_config: Callable[[], MacConfig],
    names: Annotated[
        list[str] | None, typer.Option("--property", help="Prove this property only; may be repeated.", show_default=False)
    ] = None,
    pairings: Annotated[bool, typer.Option("--all-pairings", help="Prove the multipliers of all 36 pairings instead.")] = False,
    verilog: Annotated[
        Path | None, typer.Option(metavar="FILE.v", help="Prove this text instead of one that is generated now.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Proofs at a time.  [default: one for each CPU]", show_default=False)] = None,
    timeout: Annotated[int, typer.Option(help="Seconds after which a proof is given up.")] = 900,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the results as JSON, too.")] = None,
    work: Annotated[Path, typer.Option(help="Where harnesses, netlists and waveforms are written.")] = Path("build/prove"),
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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError("work", f"Files cannot be written to {str(work)!r}: {error.strerror}") from error
    title = "Multipliers of all pairings" if pairings else config_slug(config)
    prover = Prover(folder, jobs=jobs or os.cpu_count() or 1, timeout=timeout)
    outcomes = prove_and_show(prover, makers, title, Console(highlight=False))
    if json_file is not None:
        with written_whole(json_file) as temporary:
            temporary.write_text(result_of(outcomes))
    return 0 if all(outcome.proved for outcome in outcomes) else 1
