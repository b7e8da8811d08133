"""Measure all combinations of targets, lanes, formats, accumulators and pipelines, and draw area against rate.

Results that OUT.csv has already are not measured again, unless the tools, the generator or the seeds differ. Exit status 3 if
a measurement fails.
"""

import itertools
import logging
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import dask
import typer
from distributed import Client, LocalCluster
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mxmac.cli.choices import list_of
from mxmac.cli.mac_options import config_from
from mxmac.cli.sharing import with_options_of
from mxmac.config import ACCUMULATOR_PARAMETERS, Accumulator, MacConfig, Target
from mxmac.errors import ToolError, UserError
from mxmac.files import check_writable, written_whole
from mxmac.formats import ELEMENT_FORMATS
from mxmac.parameters import checked_choice
from mxmac_sim.campaigns.gates.technologies import TECHNOLOGIES

from ..report.measure import Settings
from ..report.options import JobsOption, checked_jobs, settings_from, with_known_target
from ..report.sweep import Point, Results, run

__all__ = ["explore"]

_PANEL = "Sweep"
#: Seconds to wait for a scheduler, and for processes that Dask starts, on a busy machine too.
_PATIENCE, _START_PATIENCE = 30, "600s"

_Lanes = Annotated[
    str, typer.Option(metavar="N,N,…", help="Numbers of lanes: element pairs per cycle.", rich_help_panel=_PANEL)
]
_Formats = Annotated[
    str,
    typer.Option(
        metavar="A,AxB,…",
        help="Element formats, or pairs of them joined by an x.",
        rich_help_panel=_PANEL,
        autocompletion=list_of(ELEMENT_FORMATS),
    ),
]
_KINDS = [kind.value for kind in Accumulator]
_ALL_KINDS = ",".join(_KINDS)
_Accumulators = Annotated[
    str,
    typer.Option(help=f"Accumulators: {', '.join(_KINDS)}.", rich_help_panel=_PANEL, autocompletion=list_of(_KINDS)),
]
_TARGETS = [target.value for target in Target]
_Targets = Annotated[
    str,
    typer.Option(
        metavar="TARGET,…",
        help=f"Targets of the text: {', '.join(_TARGETS)}.",
        rich_help_panel=_PANEL,
        autocompletion=list_of(_TARGETS),
    ),
]
_Pipelines = Annotated[
    str | None,
    typer.Option(metavar="N,N,…", help="Pipeline depths.", show_default="that of each target", rich_help_panel=_PANEL),
]
_Technologies = Annotated[
    str | None,
    typer.Option(
        metavar="ON,…",
        help=f"Technologies of the measurement: {', '.join(TECHNOLOGIES)}.",
        show_default="asic for the target asic, otherwise ecp5",
        rich_help_panel=_PANEL,
        autocompletion=list_of(TECHNOLOGIES),
    ),
]
_Output = Annotated[
    Path | None,
    typer.Option(
        "-o", metavar="OUT.csv", help="File of the results; rows that it has already stay. Required.", show_default=False
    ),
]
_Plot = Annotated[
    Path | None,
    typer.Option(metavar="OUT.svg", help="Picture of area against rate.", show_default="OUT.svg"),
]
_Scheduler = Annotated[
    str | None,
    typer.Option(metavar="tcp://HOST:PORT", help="Dask scheduler of the jobs, instead of local processes."),
]


@with_options_of(settings_from, "make_settings", without=("on", "jobs", "period", "power", "target"))
@with_options_of(config_from, "make_config", without=("a", "b", "lanes", "accumulator", "target", "pipeline"))
def explore(
    make_config: Callable[..., MacConfig],
    make_settings: Callable[..., Settings],
    lanes: _Lanes = "1,2,4,8,16,32",
    formats: _Formats = "E4M3",
    accumulator: _Accumulators = _ALL_KINDS,
    target: _Targets = Target.GENERIC.value,
    pipeline: _Pipelines = None,
    on: _Technologies = None,
    jobs: JobsOption = None,
    scheduler: _Scheduler = None,
    output_file: _Output = None,
    plot: _Plot = None,
) -> int:
    """Run ``mxmac explore``; see the module for its help."""
    if output_file is None:
        raise UserError("output_file", "Missing; give the name of the file to write results to, such as OUT.csv")
    picture = output_file.with_suffix(".svg") if plot is None else plot
    for file in (output_file, picture):
        check_writable(file)
    if output_file == picture:
        raise UserError("plot", f"{picture} is where the results go; give another name for the picture")
    processes = checked_jobs(jobs)
    with with_known_target():
        targets = [checked_choice("target", word, Target) for word in _words(target)]
    units = itertools.product(
        targets,
        _numbers("lanes", lanes),
        _pairs(formats),
        [checked_choice("accumulator", word, Accumulator) for word in _words(accumulator)],
        [None] if pipeline is None else _numbers("pipeline", pipeline),
    )
    technologies = [None] if on is None else _words(on)
    configs = _configs(make_config, units)
    points = [
        Point(config, make_settings(on=name, jobs=1, target=config.target)) for config in configs for name in technologies
    ]
    points = list({point.key: point for point in points}.values())
    results = Results(output_file)
    lacking = results.lacking(points)
    console = Console(highlight=False)
    console.print(f"{len(points)} points, {len(points) - len(lacking)} of them in {output_file} already", soft_wrap=True)
    failed = 0
    if lacking:
        with _client(scheduler, min(processes, len(lacking))) as client, _progress(console, len(lacking)) as say:
            failed = run(lacking, results, client, say)
    if rows := results.of(points):
        # Matplotlib takes a second to import.
        from ..report.pareto import draw

        with written_whole(picture) as temporary:
            temporary.write_text(draw(rows), encoding="utf-8")
        console.print(f"Wrote {output_file} and {picture}", soft_wrap=True)
    if failed:
        raise ToolError(f"{failed} of {len(lacking)} units could not be measured; the lines above say why")
    return 0


def _configs(make_config: Callable[..., MacConfig], units: Iterable[tuple[Any, ...]]) -> list[MacConfig]:
    """Return the configurations of units: target, lanes, formats, accumulator, and pipeline depth or None for the usual one."""
    units, configs = list(units), []
    special = {name for *_, kind, _ in units for name in ACCUMULATOR_PARAMETERS.get(kind, ())}
    for target, lanes, (a, b), kind, depth in units:
        parameters: dict[str, Any] = {"target": target, "a": [a], "b": [b], "lanes": lanes, "accumulator": kind}
        if depth is not None:
            parameters["pipeline"] = depth
        # Options that not every accumulator has are for the units that have them.
        parameters |= dict.fromkeys(special.difference(ACCUMULATOR_PARAMETERS.get(kind, ())))
        try:
            configs.append(make_config(**parameters))
        except UserError as error:
            raise UserError("formats" if error.parameter in ("a", "b") else error.parameter, error.message) from error
    return configs


def _words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",")]


def _numbers(parameter: str, text: str) -> list[int]:
    words = _words(text)
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise UserError(parameter, f"must be whole numbers with commas between them, such as 1,2, not {text!r}")
    return [int(word) for word in words]


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for word in _words(text):
        # The x of an MX name, such as MXFP8, separates nothing.
        a, *b = re.split("(?<!m)x", word, maxsplit=1)
        pairs.append((a, b[0] if b else a))
    return pairs


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[str], object]]:
    """Show how many points are done, and give a function that says what became of one."""
    columns = (SpinnerColumn(), TextColumn("Measuring"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)

        def say(line: str):
            progress.console.print(line, soft_wrap=True, markup=False)
            progress.advance(task)

        yield say


@contextmanager
def _client(scheduler: str | None, processes: int):
    """Provide a client of the scheduler, or of ``processes`` processes on this machine."""
    logging.getLogger("distributed").setLevel(logging.ERROR)
    if scheduler is None:
        # The processes inherit this: at Ctrl-C they are ended from here, and have nothing to say to it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            # A scheduler always has an HTTP server, at port 8787 by default and with a warning if that is taken; at port 0 any
            # free one will do. There is no dashboard.
            with dask.config.set({"distributed.comm.timeouts.connect": _START_PATIENCE}):
                cluster = LocalCluster(
                    n_workers=processes,
                    threads_per_worker=1,
                    dashboard_address="127.0.0.1:0",
                    scheduler_kwargs={"dashboard": False},
                    silence_logs=logging.ERROR,
                )
        finally:
            signal.signal(signal.SIGINT, before)
        with cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        message = f"There is no scheduler of Dask at {scheduler!r}; give its address, such as tcp://host:8786"
        raise UserError("scheduler", message) from error
    with client:
        yield client
