"""Builds simulations of Verilog modules, and runs cocotb benches in them."""

import fcntl
import hashlib
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cocotb_tools import runner as cocotb_runner
from cocotb_tools.check_results import get_results

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig

from ..benches.kit.report import Report, report_file
from ..benches.kit.settings import Effort, Settings
from ..simulators.processes import Processes
from ..simulators.toolchain import VERILATOR, VERILATOR_BUILD_ARGUMENTS, environment
from .catalogue import Design

__all__ = ["SIMULATORS", "BenchRun", "Runner", "config_slug"]

SIMULATORS = ("verilator", "icarus")

#: Registers that reset leaves alone start with random values, as in hardware.
_VERILATOR_BUILD = (*VERILATOR_BUILD_ARGUMENTS, "--x-initial", "unique")
#: All signals but ports stay private: that makes Verilator's code several times smaller.
_PORTS_ARE_PUBLIC = '`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n'
_BENCHES = "mxmac_sim.benches"
_TIMESCALE = ("1ns", "1ps")
#: Verilator's own C++ depends on no module, and takes longer to compile than most of them.
_RUNTIME = Design("runtime", "module runtime (input wire clk);\nendmodule\n")


@dataclass(frozen=True)
class BenchRun:
    """How a run of a bench went.

    Members
    -------
    report : Report
    problem : str or None
        What went wrong besides mismatches: it could not be built, it failed, or it got stuck.
    log : Path
        Output of the program that ran last.
    waves : Path or None
        Waveform.
    """

    report: Report
    problem: str | None
    log: Path
    waves: Path | None

    @property
    def passed(self) -> bool:
        """Whether everything was as it should be."""
        return self.problem is None and not self.report.misses


class _FailedError(Exception):
    pass


class _Hooks(cocotb_runner.Runner):
    """What mxmac has to say in cocotb's runners: where programs are, and how they are started."""

    def __init__(self, processes: Processes):
        super().__init__()
        self._processes = processes
        self.log.setLevel(logging.CRITICAL)

    def _set_env_common(self):
        super()._set_env_common()
        tools = environment()
        self.env |= {name: tools[name] for name in ("PATH", "VERILATOR_ROOT")}
        # Not those of a make that may have started us.
        self.env.pop("MAKEFLAGS", None)

    def _execute_cmds(self, cmds, cwd, stdout=None):
        for command in cmds:
            status = self._processes.run(command, cwd=Path(cwd), env=self.env, log=stdout)
            if status:
                raise _FailedError(f"{Path(command[0]).name} failed with exit status {status}")


class _Verilator(_Hooks, cocotb_runner.Verilator):
    def _simulator_in_path_build_only(self):
        self.executable = str(VERILATOR)

    def _build_command(self):
        verilate, make = super()._build_command()
        verilate.remove("--public-flat-rw")
        # What is there already needs no compiling, although it is older than the makefile.
        ready = [argument for file in sorted(self.build_dir.glob("verilated*.o")) for argument in ("-o", file.name)]
        return [verilate, [*make, *ready]]


class _Icarus(_Hooks, cocotb_runner.Icarus):
    pass


def config_slug(config: MacConfig | QuantizerConfig) -> str:
    """Name a folder after a configuration."""
    parts = [value if isinstance(value, list) else [str(value)] for value in config.as_dict().values()]
    kind = ["quantizer"] if isinstance(config, QuantizerConfig) else []
    return "_".join([*kind, *("-".join(part) for part in parts)])


class Runner:
    """Runs benches in folders of their own under one for all, and keeps what it has built there.

    Methods may be called by several threads, for different benches.

    Parameters
    ----------
    work : Path
        Made if it does not exist. Names of files in messages start with it as it is given.
    simulator : str
        One of ``SIMULATORS``.
    processes : Processes, optional
        What to start programs in.
    """

    def __init__(self, work: Path, simulator: str = "verilator", processes: Processes | None = None):
        self.work, self.simulator = work, simulator
        self.processes = processes or Processes()

    def folder(self, bench: str, config: MacConfig | QuantizerConfig, *, waves: bool = False) -> Path:
        """Where a bench is built and run."""
        return self.work / config_slug(config) / ("-".join([bench, self.simulator, *(["waves"] if waves else [])]))

    def run(
        self,
        bench: str,
        design: Design,
        config: MacConfig | QuantizerConfig,
        *,
        seed: int,
        effort: Effort = Effort.NORMAL,
        waves: bool = False,
        stop_after: int = 20,
        on_start: Callable[[Path], None] = lambda _folder: None,
    ) -> BenchRun:
        """Build what a bench runs on, unless it is built already, and run it.

        Parameters
        ----------
        bench : str
            Its name.
        design : Design
            As the catalogue gives it for that name.
        config : MacConfig or QuantizerConfig
        seed : int
        effort : Effort
        waves : bool
            Whether to write a waveform; VCD with Verilator, FST with Icarus.
        stop_after : int
            Mismatches after which to give up.
        on_start : callable
            Called when the build is done, with the folder where the bench reports its progress.

        Returns
        -------
        BenchRun
            Also if the bench failed, or could not be built.
        """
        folder = self.folder(bench, config, waves=waves)
        place = folder / "run"
        log = folder / "build.log"
        report, problem = Report(), None
        try:
            self._build(design, folder, waves)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            log = place / "log"
            on_start(place)
            settings = Settings(bench, config, seed, effort, design.parameters, place, stop_after)
            self._simulate(design, settings, folder, log, waves)
        except _FailedError as error:
            problem = str(error)
        if report_file(place).exists():
            report = Report.read(place)
        found = place / "dump.vcd" if self.simulator == "verilator" else folder / f"{design.top}.fst"
        return BenchRun(report, problem, log, found if waves and found.exists() else None)

    def _runner(self) -> _Hooks:
        return {"verilator": _Verilator, "icarus": _Icarus}[self.simulator](self.processes)

    def _build(self, design: Design, folder: Path, waves: bool):
        arguments = list(_VERILATOR_BUILD) if self.simulator == "verilator" else []
        wanted = hashlib.sha256(repr((design.text, design.top, arguments)).encode()).hexdigest()
        stamp = folder / "built"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        # A build that was interrupted leaves half of its files.
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if self.simulator == "verilator" and design is not _RUNTIME:
            self._share_runtime(folder)
        source = folder / f"{design.top}.v"
        source.write_text(design.text)
        sources: Sequence[Path] = [source]
        if self.simulator == "verilator":
            ports = folder / "ports.vlt"
            ports.write_text(_PORTS_ARE_PUBLIC.format(top=design.top))
            sources = [ports, source]
        self._runner().build(
            sources=sources,
            hdl_toplevel=design.top,
            build_dir=folder,
            build_args=arguments,
            timescale=_TIMESCALE,
            waves=waves,
            log_file=folder / "build.log",
        )
        stamp.write_text(wanted)

    def _share_runtime(self, folder: Path):
        """Compile Verilator's own C++ once for all: what writes waveforms is a file more, and changes no other."""
        runtime = self.work / "verilator-runtime"
        with self._locked(runtime):
            self._build(_RUNTIME, runtime, waves=True)
        for file in runtime.glob("verilated*.[do]"):
            shutil.copy(file, folder)

    @contextmanager
    def _locked(self, folder: Path) -> Iterator[None]:
        """Keep a folder from others, be they threads or processes."""
        with folder.with_suffix(".lock").open("w") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self.processes.pause(0.1)
            yield

    def _simulate(self, design: Design, settings: Settings, folder: Path, log: Path, waves: bool):
        results = settings.folder.resolve() / "results.xml"
        plusargs = ["+verilator+rand+reset+2", f"+verilator+seed+{settings.seed % 0x7FFFFFFF + 1}"]
        try:
            self._runner().test(
                test_module=[f"{_BENCHES}.{module}" for module in design.modules],
                hdl_toplevel=design.top,
                hdl_toplevel_lang="verilog",
                build_dir=folder,
                test_dir=settings.folder,
                results_xml=str(results),
                seed=settings.seed,
                plusargs=plusargs if self.simulator == "verilator" else [],
                extra_env=settings.environment(),
                waves=waves,
                log_file=log,
            )
            tests, failed = get_results(results)
        except (SystemExit, RuntimeError) as error:
            # cocotb exits by itself when pytest runs it, if only a test has failed.
            if not results.exists():
                raise _FailedError(f"the simulation ended early: {error}") from error
            tests, failed = get_results(results)
        if not tests:
            raise _FailedError("there was no test to run")
        if failed and not Report.read(settings.folder).misses:
            raise _FailedError(f"{failed} of {tests} tests failed")
