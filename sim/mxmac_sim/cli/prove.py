"""Prove properties of a unit's Verilog: its parts against specifications in Verilog, and its ports.

Exit status 1 if a property is refuted, by a counterexample that is shown, 3 if one is not decided.
"""

import os
import shlex
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

from ..formal.console import prove_and_show, result_of, rows
from ..formal.properties import all_pairings, unit_properties, unit_text
from ..formal.prover import Outcome, Prover, all_hold
from ..verify.runner import config_slug
from .given import config_of_file
from .prove_results import suite
from .results import JsonOption, JunitOption, Results, check_junit, options_of, versions

__all__ = ["prove"]


@with_options_of(config_from, "make_config")
def prove(
    context: typer.Context,
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
    as_json: JsonOption = False,
    junit: JunitOption = None,
    output_file: Annotated[Path | None, typer.Option("-o", metavar="FILE.json", help="JSON file of the results.")] = None,
    work: Annotated[Path, typer.Option(help="Folder of harnesses, netlists and waveforms.")] = Path("build/prove"),
) -> int:
    """Run ``mxmac prove``; see the module for its help."""
    config = make_config()
    if verilog is not None and (found := config_of_file(context, make_config, verilog)[0]) is not None:
        if not isinstance(found, MacConfig):
            raise UserError("verilog", f"The manifest of {verilog.name!r} is that of a quantizer; proofs are of units")
        config = found
    if jobs is not None and jobs < 1:
        raise UserError("jobs", f"At least one proof has to run at a time, not {jobs}")
    if timeout < 1:
        raise UserError("timeout", f"A proof needs at least a second, not {timeout}")
    if pairings and (names or verilog):
        other = "property" if names else "verilog"
        raise UserError(other, "With --all-pairings it is known what to prove, and of which text")
    if output_file is not None:
        check_writable(output_file)
    check_junit(junit)
    makers = (
        dict(all_pairings(config))
        if pairings
        else unit_properties(config, names, None if verilog is None else unit_text(verilog))
    )
    folder = work / ("pairings" if pairings else config_slug(config))
    check_folder("work", work)
    title = "Multipliers of all pairings" if pairings else config_slug(config)
    prover = Prover(folder, jobs=jobs or os.cpu_count() or 1, timeout=timeout)

    used = versions(("amaranth", "pyosys", "bitwuzla"))
    results = Results(_command(config, names, pairings, verilog), config, used, {})

    def put_out(outcomes: Sequence[Outcome]):
        if output_file is not None:
            with written_whole(output_file) as temporary:
                temporary.write_text(result_of(outcomes))
        passed = all(outcome.proved for outcome in outcomes)
        results.put_out(passed, {"properties": rows(outcomes)}, [suite(outcomes)], as_json=as_json, junit=junit)

    console = Console(stderr=as_json, highlight=False)
    return 0 if all_hold(prove_and_show(prover, makers, title, console, put_out, tables=not as_json)) else 1


def _command(config: MacConfig, names: Sequence[str] | None, pairings: bool, verilog: Path | None) -> str:
    """The command that does the same again."""
    words = ["mxmac", "prove", *options_of(config)]
    words += [word for name in names or [] for word in ("--property", name)]
    words += ["--all-pairings"] * pairings + ([] if verilog is None else ["--verilog", str(verilog)])
    return shlex.join(words)
