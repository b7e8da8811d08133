"""Verification of a unit or a quantizer: generate, lint, build, simulate and compare."""

import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from mxmac.errors import ToolError
from mxmac.files import private_folder, written_whole
from mxmac.processes import Processes, failure

from ..benches.kit.report import progress_file
from ..benches.kit.settings import Effort
from ..simulators.kept import kept
from ..simulators.toolchain import VERILATOR, environment
from .annotated import annotated, write_design_save_file
from .catalogue import Design, Subject
from .designs import kept_design
from .runner import BenchRun, Runner, config_slug, dump_name

__all__ = ["Outcome", "Verdict", "Verification"]

_LINT = ("--lint-only", "-Wall")
#: Benches that are built and run at a time.
_JOBS = 2
#: Seconds between two looks at what benches have to say.
_INTERVAL = 0.2


@dataclass(frozen=True)
class Outcome:
    """How a bench went.

    Members
    -------
    bench : str
    run : BenchRun
    seconds : float
        Wall time of building and simulating; only of simulating, if it ran together with others.
    waves : BenchRun or None
        A second run with a waveform, if the first one failed.
    """

    bench: str
    run: BenchRun
    seconds: float
    waves: BenchRun | None


@dataclass(frozen=True)
class Verdict:
    """How a verification went.

    Members
    -------
    warnings : str or None
        What Verilator says about the Verilog; empty if it says nothing, None for files of others, which have their own rules.
    lint_seconds : float
        Wall time of that.
    outcomes : list of Outcome
    waves : BenchRun or None
        The run for the waveform that was asked for.
    """

    warnings: str | None
    lint_seconds: float
    outcomes: list[Outcome]
    waves: BenchRun | None

    @property
    def passed(self) -> bool:
        """Whether everything was as it should be."""
        runs = [outcome.run for outcome in self.outcomes]
        if self.waves is not None:
            runs.append(self.waves)
            if self.waves.waves is None:
                return False
        return not self.warnings and all(run.passed for run in runs)


class Verification:
    """Everything that is verified of one configuration.

    Parameters
    ----------
    subject : Subject
    work : Path
        Folder that all is written to.
    simulator : str
    seed : int
    effort : Effort
    """

    def __init__(self, subject: Subject, work: Path, *, simulator: str, seed: int, effort: Effort):
        self.subject, self.seed, self.effort = subject, seed, effort
        self._processes = Processes()
        self._runner = Runner(work, simulator, self._processes)
        self._folder = work / config_slug(subject.config)
        self._text = ""
        self._started: dict[str, Path] = {}

    @property
    def verilog(self) -> Path:
        """The subject's Verilog: as it was given, or once it is generated."""
        if self.subject.files:
            return self.subject.files[0]
        return self._folder / f"{self.subject.top}.v"

    def generate(self):
        """Write the subject's Verilog."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._text = self._design(self.subject.whole).text
        with written_whole(self.verilog) as temporary:
            temporary.write_text(self._text)

    def _design(self, bench: str) -> Design:
        """Return what a bench runs on."""
        make = self.subject.benches[bench]
        if self.subject.files:
            return make()
        return kept_design(self._folder / "designs", repr((bench, self.subject.config.as_dict())), make)

    def lint(self) -> str:
        """Return what Verilator finds to say about the subject's Verilog: nothing, if all is well. It is asked once."""
        ingredients = (_LINT, self.verilog.name, self._text)
        found = kept(self._folder / "lint", ingredients, lambda: {"said": self._linted()})
        said: str = found["said"]
        return said

    def _linted(self) -> str:
        command = [str(VERILATOR), *_LINT, self.verilog.name]
        with private_folder(self._folder, "lint") as place:
            (place / self.verilog.name).write_text(self._text)
            done = self._processes.run("Verilator", command, cwd=place, env=environment(), check=False)
        said = "".join(line for line in (done.output + done.errors).splitlines(keepends=True) if not line.startswith("- "))
        if done.status and not re.search("^%(Error|Warning)", said, re.M):
            raise failure("Verilator", done)
        return said.strip()

    def run(self, names: Sequence[str], on_progress: Callable[[str, str, float], None]) -> list[Outcome]:
        """Run benches, some at a time; of quick ones all in one simulation, whose start takes longer than most of them.

        Parameters
        ----------
        names : sequence of str
        on_progress : callable
            Called again and again with the name of a bench, what it is doing, and how much of that is done, from 0 to 1.

        Returns
        -------
        list of Outcome
            In the order of ``names``.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C, when all child processes have ended.
        """
        # Amaranth and Yosys stay in one thread.
        designs = {name: self._design(name) for name in names}
        shared = [name for name in names if self.effort is Effort.QUICK and not designs[name].alone]
        # The longest first: that is the whole unit.
        groups = [*([shared] if shared else []), *([name] for name in reversed(names) if name not in shared)]
        outcomes = self._run(groups, designs, on_progress)
        wrong = {name: outcomes.pop(name, None) for name in shared if len(shared) > 1 and not _passed(outcomes.get(name))}
        outcomes |= self._run([[name] for name in reversed(names) if name in wrong], designs, on_progress)
        # A single run has a waveform. If it passes, the verdict stays: a fault may depend on the first values of registers.
        outcomes |= {name: first for name, first in wrong.items() if first is not None and _passed(outcomes[name])}
        return [outcomes[name] for name in names]

    def _run(
        self,
        groups: Sequence[Sequence[str]],
        designs: Mapping[str, Design],
        on_progress: Callable[[str, str, float], None],
    ) -> dict[str, Outcome]:
        """Run groups of benches, some at a time: those of a group together."""
        executor, outcomes = ThreadPoolExecutor(_JOBS), dict[str, Outcome]()
        try:
            futures = {executor.submit(self._group, {name: designs[name] for name in group}): group for group in groups}
            left = set(futures)
            while left:
                done, left = wait(left, timeout=_INTERVAL, return_when=FIRST_COMPLETED)
                for future in done:
                    for name, outcome in future.result().items():
                        outcomes[name] = outcome
                        if _passed(outcome) or len(futures[future]) == 1:
                            on_progress(name, "passed" if _passed(outcome) else "FAILED", 1)
                for name in (name for future in left if future.running() for name in futures[future]):
                    on_progress(name, *self._progress(name))
            return outcomes
        except BaseException:
            self.stop()
            raise
        finally:
            executor.shutdown(cancel_futures=True)

    def _group(self, designs: Mapping[str, Design]) -> dict[str, Outcome]:
        """Run benches together, and return the outcomes of those that came to an end."""
        if len(designs) == 1:
            return {name: self._bench(name, design) for name, design in designs.items()}
        runs = self._runner.run_together(
            designs,
            self.subject.config,
            seed=self.seed,
            effort=self.effort,
            on_start=lambda name, folder: self._started.update({name: folder}),
        )
        for name in designs:
            self._started.pop(name, None)
        return {name: Outcome(name, run, run.report.seconds, None) for name, run in runs.items()}

    def waves(self, path: Path) -> BenchRun:
        """Run the bench of the whole in quick effort, and write its waveform, whose suffix is ``.vcd`` or ``.fst``."""
        name, config = self.subject.whole, self.subject.config
        fst = path.suffix == ".fst"
        dump = dump_name(self._runner.simulator, fst=fst)

        def copy(folder: Path):
            # Before another run in this folder can replace it.
            if (folder / dump).exists():
                with written_whole(path) as temporary:
                    shutil.copyfile(folder / dump, temporary)
                if not path.with_suffix(".gtkw").exists():
                    write_design_save_file(path, design, config)

        design = annotated(self._design(name), config)
        return self._runner.run(name, design, config, seed=self.seed, effort=Effort.QUICK, waves=True, fst=fst, on_end=copy)

    def stop(self):
        """End all child processes; from now on none starts."""
        self._processes.stop()

    def _bench(self, name: str, design: Design) -> Outcome:
        started = time.perf_counter()

        def run(**options) -> BenchRun:
            return self._runner.run(name, design, self.subject.config, seed=self.seed, effort=self.effort, **options)

        first = run(on_start=lambda folder: self._started.update({name: folder}))
        seconds = time.perf_counter() - started
        if first.passed:
            return Outcome(name, first, seconds, None)
        again = None
        if first.report.misses:
            try:
                # Each test of the bench ends a few cycles after its first mismatch, so that this is what one sees.
                again = run(waves=True, stop_after=1)
            except ToolError as error:
                # The verdict stays: Verilator cannot trace every netlist.
                again = BenchRun(first.report, str(error), first.log, None)
        return Outcome(name, first, seconds, again)

    def _progress(self, name: str) -> tuple[str, float]:
        folder = self._started.get(name)
        if folder is None:
            return "building", 0
        try:
            test, _, done = progress_file(folder).read_text().rpartition(" ")
            return test, float(done)
        except FileNotFoundError:
            return "simulating", 0


def _passed(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.run.passed
