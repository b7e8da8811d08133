"""Generate a unit, lint it, and simulate it and its parts against the golden model.

Exit status 1 if a result, a flag or a latency is wrong.
"""

import secrets
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mxmac.cli.choices import one_of
from mxmac.cli.mac_options import config_from
from mxmac.cli.quantizer_options import quantizer_config_from
from mxmac.cli.sharing import refuse_options_before, with_options_of
from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.files import check_folder, check_writable
from mxmac.quantizer.config import QuantizerConfig
from mxmac.verilog import manifest_path

from ..benches.kit.settings import Effort
from ..simulators.builds import check_fst
from ..simulators.sources import read_source
from ..simulators.toolchain import has_icarus
from ..verify.catalogue import Subject, quantizer_subject, unit_subject
from ..verify.console import show, verify
from ..verify.given import given_subject
from ..verify.runner import SIMULATORS
from ..verify.verification import Verification
from .given import config_of_file
from .results import JsonOption, JunitOption, Results, check_junit, options_of, versions
from .verify_results import record, suites

__all__ = ["verify_app"]

_WAVE_SUFFIXES = {"verilator": (".vcd", ".fst"), "icarus": (".fst",)}
_EFFORTS = {effort.value: effort for effort in Effort}

_SeedOption = Annotated[int | None, typer.Option(help="Seed for operands and stalls.", show_default="random")]
_EffortOption = Annotated[
    str, typer.Option(help=f"Length of the benches: {', '.join(_EFFORTS)}.", autocompletion=one_of(_EFFORTS))
]
_SimulatorOption = Annotated[str, typer.Option(help=f"Simulator: {', '.join(SIMULATORS)}.", autocompletion=one_of(SIMULATORS))]
_WavesOption = Annotated[Path | None, typer.Option(metavar="FILE.(vcd|fst)", help="Waveform of the bench of the whole unit.")]
_WorkOption = Annotated[Path, typer.Option(help="Folder to generate, build and run in.")]
_WORK = Path("build/verify")

verify_app = typer.Typer(invoke_without_command=True)


@verify_app.callback()
@with_options_of(config_from, "make_config")
def _verify(
    context: typer.Context,
    make_config: Callable[[], MacConfig],
    seed: _SeedOption = None,
    effort: _EffortOption = "normal",
    simulator: _SimulatorOption = "verilator",
    bench: Annotated[
        list[str] | None, typer.Option(help="Bench to run, instead of all; may be repeated.", show_default=False)
    ] = None,
    verilog: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE.v",
            help="Verilog with the ports of the unit, instead of generated text; may be repeated.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        str | None,
        typer.Option(
            help="Top module of that Verilog.",
            show_default="the one in the first file without an instance there",
        ),
    ] = None,
    waves: _WavesOption = None,
    as_json: JsonOption = False,
    junit: JunitOption = None,
    work: _WorkOption = _WORK,
) -> int:
    if context.invoked_subcommand is not None:
        refuse_options_before(context)
        return 0
    if verilog:
        return _run(
            *_given(context, make_config, verilog, top), seed, effort, simulator, bench, waves, work, as_json, junit
        )  # fmt: skip
    if top is not None:
        raise UserError("top", "Applies to --verilog only; generated units have a top of their own")
    subject = unit_subject(make_config())
    return _run(options_of(subject.config), subject, seed, effort, simulator, bench, waves, work, as_json, junit)


@verify_app.command("quantizer")
@with_options_of(quantizer_config_from, "make_config")
def _quantizer(
    make_config: Callable[[], QuantizerConfig],
    seed: _SeedOption = None,
    effort: _EffortOption = "normal",
    simulator: _SimulatorOption = "verilator",
    waves: _WavesOption = None,
    as_json: JsonOption = False,
    junit: JunitOption = None,
    work: _WorkOption = _WORK,
) -> int:
    """Generate a quantizer, lint it, and simulate it against the golden quantizer.

    Exit status 1 if a code, a scale or a latency is wrong.
    """
    subject = quantizer_subject(make_config())
    return _run(["quantizer", *options_of(subject.config)], subject, seed, effort, simulator, None, waves, work, as_json, junit)


def _run(
    words: list[str],
    subject: Subject,
    seed: int | None,
    effort: str,
    simulator: str,
    bench: list[str] | None,
    waves: Path | None,
    work: Path,
    as_json: bool,
    junit: Path | None,
) -> int:
    """Verify a subject; ``words`` come after ``mxmac verify`` to describe it again."""
    known = list(subject.benches)
    for name in bench or []:
        if name not in known:
            raise UserError("bench", f"There is no bench {name!r} of this unit; choose among {', '.join(known)}")
    check_junit(junit)
    _check(effort, simulator, seed, waves, work)
    seed = secrets.randbelow(1 << 31) if seed is None else seed
    console = Console(stderr=as_json, highlight=False)
    console.print(f"Seed [bold]{seed}[/]")
    again = _command(words, seed, effort, simulator, bench, work)
    used = versions(("verilator", "cocotb", "numpy", "amaranth", "pyosys"), icarus=simulator == "icarus")
    results = Results(again, subject.config, used, {"seed": seed, "effort": effort, "simulator": simulator})
    verification = Verification(subject, work, simulator=simulator, seed=seed, effort=_EFFORTS[effort])
    try:
        verdict = verify(verification, [name for name in known if not bench or name in bench], waves, console)
    finally:
        verification.stop()
    found = record(verdict, verification.verilog, waves)
    results.put_out(verdict.passed, found, suites(verdict), as_json=as_json, junit=junit)
    if not as_json:
        show(verdict, seed, waves, again, console)
    return 0 if verdict.passed else 1


def _check(effort: str, simulator: str, seed: int | None, waves: Path | None, work: Path):
    """Refuse options that are not as they should be; nothing is written if one is."""
    if effort not in _EFFORTS:
        raise UserError("effort", f"There is no effort {effort!r}; choose one of {', '.join(_EFFORTS)}")
    if simulator not in SIMULATORS:
        raise UserError("simulator", f"There is no simulator {simulator!r}; choose one of {', '.join(SIMULATORS)}")
    if simulator == "icarus" and not has_icarus():
        raise UserError("simulator", "Icarus Verilog is not installed: there is no iverilog in the PATH")
    if seed is not None and seed < 0:
        raise UserError("seed", f"{seed} is negative; seeds start from 0")
    if waves is not None:
        suffixes = _WAVE_SUFFIXES[simulator]
        if waves.suffix not in suffixes:
            raise UserError("waves", f"Waveforms of {simulator} are {' or '.join(suffixes)}, not {waves.suffix!r}")
        if simulator == "verilator" and waves.suffix == ".fst":
            check_fst()
        check_writable(waves)
        check_folder("waves", waves.parent)
    # The last, for it makes the folder.
    check_folder("work", work)


def _given(
    context: typer.Context, make_config: Callable[[], MacConfig], verilog: list[Path], top: str | None
) -> tuple[list[str], Subject]:
    """Read Verilog that was given; return the words that do so again, and the subject."""
    source = read_source(verilog, top)
    config, timing = config_of_file(context, make_config, verilog[0])
    if config is None:
        beside = manifest_path(verilog[0]).name
        raise UserError("verilog", f"There is no manifest {beside!r} beside it; give options of the unit, such as --lanes")
    words = options_of(config) if timing is None else []
    for file in verilog:
        words += ["--verilog", str(file)]
    words += [] if top is None else ["--top", top]
    return words, given_subject(source, config, timing)


def _command(words: list[str], seed: int, effort: str, simulator: str, bench: list[str] | None, work: Path) -> str:
    """The command that does the same again."""
    words = ["mxmac", "verify", *words]
    words += ["--seed", str(seed), "--effort", effort, "--simulator", simulator, "--work", str(work)]
    for name in bench or []:
        words += ["--bench", name]
    return shlex.join(words)
