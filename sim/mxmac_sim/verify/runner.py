"""Builds simulations of Verilog modules, and runs cocotb benches in them."""

import builtins
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from mxmac.config import MacConfig
from mxmac.errors import HardwareError, ToolError
from mxmac.files import private_folder, publish
from mxmac.processes import Finished, Processes, failure
from mxmac.quantizer.config import QuantizerConfig

from ..benches.kit.report import Report, report_file
from ..benches.kit.settings import Effort, Settings, environment_of
from ..simulators.builds import LOG, build_failure, built
from ..simulators.runtime import linked_runtime
from ..simulators.toolchain import VERILATOR_BUILD_ARGUMENTS
from .annotated import annotated, write_design_save_file
from .catalogue import Design
from .hooks import HOOKS, CommandError, Hooks
from .together import prefix_of, together

__all__ = ["SIMULATORS", "BenchRun", "Runner", "config_slug", "dump_name"]

SIMULATORS = ("verilator", "icarus")

#: Registers that reset leaves alone start with random values, as in hardware.
_VERILATOR_BUILD = (*VERILATOR_BUILD_ARGUMENTS, "--x-initial", "unique")
#: All signals but ports stay private: that makes Verilator's code several times smaller.
_PORT_IS_PUBLIC = 'public_flat_rw -module "{top}" -var "{port}"\n'
_TRACE_FST = "--trace-fst"
#: The library that is linked writes VCD only.
_FST_WRITER = "VM_GLOBAL_FAST=verilated_fst_c"
_BENCHES = "mxmac_sim.benches"
#: Folder of what benches run in together.
_TOGETHER = "together"
#: Where pytest is installed, cocotb has it rewrite every module for the sake of assertions, which takes a second.
_AS_THEY_ARE = {"COCOTB_REWRITE_ASSERTION_FILES": ""}
_TIMESCALE = ("1ns", "1ps")
#: Name of the output of a bench.
_RUN_LOG = "log"
_RESULTS = "results.xml"


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


def dump_name(simulator: str, *, fst: bool = False) -> str:
    """Return the name of the waveform of a bench: that of Icarus is always FST."""
    return "dump.fst" if fst or simulator == "icarus" else "dump.vcd"


def config_slug(config: MacConfig | QuantizerConfig) -> str:
    """Name a folder after a configuration."""
    parts = [value if isinstance(value, list) else [str(value)] for value in config.as_dict().values()]
    kind = ["quantizer"] if isinstance(config, QuantizerConfig) else []
    return "_".join([*kind, *("-".join(part) for part in parts)])


class Runner:
    """Runs benches in folders of their own under one for all, and keeps what it has built there.

    Methods may be called by several threads, for different benches. Other processes may use the same folder at the same time.

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
        fst: bool = False,
        stop_after: int = 20,
        on_start: Callable[[Path], None] = lambda _folder: None,
        on_end: Callable[[Path], None] = lambda _folder: None,
    ) -> BenchRun:
        """Build the simulation of a bench, unless it is built already, and run it.

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
            Whether to write a waveform, with a save file of GTKWave beside it.
        fst : bool
            Whether that is FST with Verilator too, instead of VCD.
        stop_after : int
            Mismatches after which to give up.
        on_start : callable
            Called when the build is done, with the folder where the bench reports its progress.
        on_end : callable
            Called when the bench has ended, with the folder of its files, which belong to this run alone until it returns.

        Returns
        -------
        BenchRun
            Also if the hardware is wrong.

        Raises
        ------
        ToolError
            If a tool is missing or fails.
        """
        if waves:
            design = annotated(design, config)
        folder = self.folder(bench, config, waves=waves)
        shown = folder / "run"
        try:
            program = self._build(design, folder, waves, fst)
        except HardwareError as error:
            return BenchRun(Report(), str(error), folder / LOG, None)
        with private_folder(folder, "running") as place:
            on_start(place)
            settings = Settings(bench, config, seed, effort, design.parameters, place, stop_after, _modules(design))
            try:
                done = self._simulate(design, [settings], program, place, waves)
                problem = self._problem(done, settings, place, shown / _RUN_LOG)
                report = Report.read(place) if report_file(place).exists() else Report()
                dump = place / dump_name(self.simulator, fst=fst)
                if dump.exists():
                    write_design_save_file(dump, design, config)
                on_end(place)
                return BenchRun(report, problem, shown / _RUN_LOG, shown / dump.name if waves and dump.exists() else None)
            finally:
                publish(place, shown)

    def run_together(
        self,
        designs: Mapping[str, Design],
        config: MacConfig | QuantizerConfig,
        *,
        seed: int,
        effort: Effort,
        stop_after: int = 20,
        on_start: Callable[[str, Path], None] = lambda _bench, _folder: None,
    ) -> dict[str, BenchRun]:
        """Run benches in one simulation, one after the other: it starts once, and is compiled in one go.

        Parameters
        ----------
        designs : mapping of str to Design
            By the names of their benches.
        config, seed, effort, stop_after
            As for :meth:`run`.
        on_start : callable
            Called for each bench when the build is done, with its name and the folder where it reports its progress.

        Returns
        -------
        dict of str to BenchRun
            Without those that could not be built, or have not come to an end.

        Raises
        ------
        ToolError
            If a tool is missing or fails.
        """
        folder, design = self.folder(_TOGETHER, config), together(designs)
        try:
            program = self._build(design, folder, waves=False)
        except HardwareError:
            return {}
        shown = folder / "run"
        with private_folder(folder, "running") as place:
            benches = []
            for bench, part in designs.items():
                own, prefix = place / bench, prefix_of(bench)
                own.mkdir()
                benches.append(Settings(bench, config, seed, effort, part.parameters, own, stop_after, _modules(part), prefix))
                on_start(bench, own)
            try:
                done = self._simulate(design, benches, program, place, waves=False)
                complete = done.status == 0 and (place / _RESULTS).exists()
                ended = [each for each in benches if complete and report_file(each.folder).exists()]
                log = shown / _RUN_LOG
                problems = {each.bench: self._problem(done, each, place, log) for each in ended}
                return {each.bench: BenchRun(Report.read(each.folder), problems[each.bench], log, None) for each in ended}
            finally:
                for each in benches:
                    publish(each.folder, shown / each.bench)
                publish(place, shown)

    def _runner(self) -> Hooks:
        return HOOKS[self.simulator](self.processes)

    def _build(self, design: Design, folder: Path, waves: bool, fst: bool = False) -> Path:
        """Return the folder of a build, and make it unless it exists."""
        arguments = []
        if self.simulator == "verilator":
            arguments = [*_VERILATOR_BUILD, *design.options, *([_TRACE_FST] if fst else [])]
        ingredients = repr((design.text, design.top, design.ports, arguments, waves))
        return built(folder, ingredients, lambda place: self._compile(design, place, arguments, waves, folder / LOG))

    def _compile(self, design: Design, place: Path, arguments: list[str], waves: bool, log: Path):
        source = place / f"{design.top}.v"
        source.write_text(design.text)
        sources: Sequence[Path] = [source]
        runner = self._runner()
        if self.simulator == "verilator":
            runner.linked = linked_runtime(place, self.work / "verilator", self.processes, waves=waves)
            runner.linked += [_FST_WRITER] if _TRACE_FST in arguments else []
            ports = place / "ports.vlt"
            lines = [_PORT_IS_PUBLIC.format(top=design.top, port=port) for port in design.ports]
            ports.write_text("`verilator_config\n" + "".join(lines))
            sources = [ports, source]
        output = place / LOG
        try:
            runner.build(
                sources=sources,
                hdl_toplevel=design.top,
                build_dir=place,
                build_args=arguments,
                timescale=_TIMESCALE,
                waves=waves,
                log_file=output,
            )
        except CommandError as error:
            raise build_failure(error.tool, error.done, output.read_text(errors="replace"), log) from error

    def _simulate(self, design: Design, benches: Sequence[Settings], program: Path, place: Path, waves: bool) -> Finished:
        """Run the benches of a top module in a folder, and return how that ended."""
        place, seed = place.resolve(), benches[0].seed
        plusargs = ["+verilator+rand+reset+2", f"+verilator+seed+{seed % 0x7FFFFFFF + 1}"]
        try:
            self._runner().test(
                test_module=list(_modules(design)),
                hdl_toplevel=design.top,
                hdl_toplevel_lang="verilog",
                build_dir=program,
                test_dir=place,
                results_xml=str(place / _RESULTS),
                seed=seed,
                plusargs=plusargs if self.simulator == "verilator" else [f"+dumpfile_path={dump_name('icarus')}"],
                extra_env=environment_of(benches) | _AS_THEY_ARE,
                waves=waves,
                log_file=place / _RUN_LOG,
            )
        except CommandError as error:
            return error.done
        except SystemExit:
            # cocotb exits by itself when pytest runs it, if only a test has failed, or if it has left no results.
            pass
        return Finished(0)

    @staticmethod
    def _problem(done: Finished, settings: Settings, place: Path, shown: Path) -> str | None:
        """Return the faults of the hardware besides mismatches, after a run in a folder."""
        results, log = place / _RESULTS, place / _RUN_LOG
        if results.exists() and done.status >= 0:
            return _problem(settings, results, shown)
        text = log.read_text(errors="replace") if log.exists() else ""
        if complaint := re.search(r"^%Error: .*", text, re.M):
            return f"the simulation ended early: {complaint[0]}"
        raise ToolError(f"{failure(f'The simulation of bench {settings.bench}', done, text)}; see {shown}")


def _modules(design: Design) -> tuple[str, ...]:
    return tuple(f"{_BENCHES}.{module}" for module in design.modules)


def _problem(settings: Settings, results: Path, log: Path) -> str | None:
    """Return the faults of the hardware besides mismatches. The results may be those of several benches.

    Raises
    ------
    ToolError
        If the machine has failed, rather than the hardware.
    """
    cases = [case for case in ElementTree.parse(results).findall(".//testcase") if case.get("classname") in settings.modules]
    failures = [failed for case in cases for kind in ("failure", "error") for failed in case.findall(kind)]
    for failed in failures:
        error = getattr(builtins, failed.get("type", ""), AssertionError)
        if issubclass(error, (OSError, MemoryError)):
            raise ToolError(f"Bench {settings.bench} failed: {error.__name__}: {failed.get('message')}; see {log}")
    if not cases:
        raise ToolError(f"Bench {settings.bench} has run no test; see {log}")
    if failures and not Report.read(settings.folder).misses:
        return f"{len(failures)} of {len(cases)} tests failed"
    return None
