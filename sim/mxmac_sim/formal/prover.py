"""Proofs, some at a time, each in a process of its own."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from mxmac.errors import ToolError
from mxmac.files import private_folder, publish
from mxmac.processes import Processes, failure

from .properties import Property

__all__ = ["Outcome", "Prover", "all_hold"]

#: Seconds between two looks at what is being done.
_INTERVAL = 0.2


@dataclass(frozen=True)
class Outcome:
    """What has become of a property.

    Members
    -------
    claim : Property
    seconds : float
        Wall time, with reading the Verilog.
    verdict : dict or None
        As of :class:`~mxmac_sim.formal.engine.Verdict`; None if there is none.
    problem : str
        Why there is no proof and no counterexample either; empty if there is one of them.
    waves : Path or None
        Waveform of the counterexample.
    """

    claim: Property
    seconds: float
    verdict: dict | None
    problem: str = ""
    waves: Path | None = None

    @property
    def proved(self) -> bool:
        """Whether the claim is proved, to its depth."""
        return bool(self.verdict and self.verdict["proved"])

    @property
    def counterexample(self) -> dict | None:
        """Members of the :class:`~mxmac_sim.formal.engine.Counterexample`, if there is one."""
        return self.verdict["counterexample"] if self.verdict else None


def all_hold(outcomes: Iterable[Outcome]) -> bool:
    """Whether all properties hold.

    Raises
    ------
    ToolError
        If none is refuted, but some are not decided.
    """
    left = [outcome for outcome in outcomes if not outcome.proved]
    undecided = [outcome for outcome in left if outcome.verdict is None]
    if left and len(undecided) == len(left):
        raise ToolError("; ".join(f"{outcome.claim.name}: {outcome.problem}" for outcome in undecided))
    return not left


class Prover:
    """Proves properties.

    Parameters
    ----------
    folder : Path
        Folder for the files of the proofs, which other processes may use at the same time; made if it does not exist.
    jobs : int
        Proofs at a time.
    timeout : float
        Seconds after which a proof is given up.
    """

    def __init__(self, folder: Path, *, jobs: int, timeout: float):
        self._folder, self._jobs, self._timeout = folder, jobs, timeout
        self._place = folder
        self._processes = Processes()
        self._began: dict[str, float] = {}

    def run(
        self, makers: Mapping[str, Callable[[], Property]], on_progress: Callable[[str, str, Outcome | None], None]
    ) -> list[Outcome]:
        """Prove properties, and return what has become of them in their order.

        Parameters
        ----------
        makers : mapping of str to callable
            Make the properties, by name; called in this thread.
        on_progress : callable
            Called again and again with the name of a property, what is being done, and in the end with its outcome.

        Raises
        ------
        KeyboardInterrupt
            On Ctrl-C, when all child processes have ended.
        """
        with private_folder(self._folder, "proving") as self._place:
            outcomes = self._run(makers, on_progress)
            for name in makers:
                # Of an earlier run: this one may have none.
                for suffix in (".vcd", ".gtkw"):
                    (self._folder / f"{name}{suffix}").unlink(missing_ok=True)
            publish(self._place, self._folder)
        return outcomes

    def _run(
        self, makers: Mapping[str, Callable[[], Property]], on_progress: Callable[[str, str, Outcome | None], None]
    ) -> list[Outcome]:
        executor = ThreadPoolExecutor(self._jobs)
        futures: dict[str, Future[Outcome]] = {}
        told: set[str] = set()
        try:
            for name, make in makers.items():
                futures[name] = executor.submit(self._prove, make())
                self._tell(futures, told, on_progress)
            while len(told) < len(futures):
                wait([future for name, future in futures.items() if name not in told], timeout=_INTERVAL)
                self._tell(futures, told, on_progress)
        finally:
            self._processes.stop()
            executor.shutdown(cancel_futures=True)
        return [future.result() for future in futures.values()]

    def _tell(self, futures: Mapping[str, Future[Outcome]], told: set[str], on_progress):
        for name, future in futures.items():
            if name in told:
                continue
            if future.done():
                told.add(name)
                on_progress(name, "done", future.result())
            elif name in self._began:
                progress = self._file(name, ".progress")
                on_progress(name, progress.read_text() if progress.exists() else "reading", None)

    def _file(self, name: str, suffix: str) -> Path:
        return self._place / f"{name}{suffix}"

    def _prove(self, claim: Property) -> Outcome:
        verilog, log = self._file(claim.name, ".v"), self._file(claim.name, ".log")
        verilog.write_text(claim.text)
        began = self._began[claim.name] = time.monotonic()
        command = [sys.executable, "-P", "-m", "mxmac_sim.formal.worker", verilog.name, claim.method.value]
        command += [str(claim.depth), str(claim.seen_within), str(self._timeout)]
        with log.open("w") as file:
            done = self._processes.run("The proof", command, cwd=self._place, log=file, check=False)
        seconds = time.monotonic() - began
        result, waves = self._file(claim.name, ".json"), self._file(claim.name, ".vcd")
        if done.status or not result.exists():
            if seconds >= self._timeout:
                return Outcome(claim, seconds, None, f"not decided in {self._timeout:.0f} s; allow more with --timeout")
            why = failure("the proof", done, log.read_text(errors="replace"))
            return Outcome(claim, seconds, None, f"not decided: {why}; see {self._folder / log.name}")
        verdict = json.loads(result.read_text())
        return Outcome(claim, seconds, verdict, verdict["problem"] or "", self._folder / waves.name if waves.exists() else None)
