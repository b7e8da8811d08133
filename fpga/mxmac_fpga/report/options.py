"""Options of the commands that measure, and what they mean."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mxmac.cli.choices import one_of
from mxmac.config import Target
from mxmac.errors import UserError
from mxmac_sim.campaigns.gates.technologies import LIBERTY, TECHNOLOGIES, check_liberty

from .measure import Settings
from .parts import PARTS
from .timing import check_sta

__all__ = ["JobsOption", "PartOption", "checked_jobs", "checked_technology", "settings_from", "with_known_target"]

_PANEL = "Measurement"

#: Technology that the text for a target is measured on unless ``--on`` names another.
_USUAL = {Target.GENERIC: "ecp5", Target.ECP5: "ecp5", Target.ASIC: "asic"}

_OnOption = Annotated[
    str | None,
    typer.Option(
        metavar="|".join(TECHNOLOGIES),
        help="Technology of the measurement.",
        show_default="asic for the target asic, otherwise ecp5",
        rich_help_panel=_PANEL,
        autocompletion=one_of(TECHNOLOGIES),
    ),
]
PartOption = Annotated[
    str,
    typer.Option(
        metavar="|".join(PARTS),
        help="Part to measure alone, or the whole unit.",
        rich_help_panel=_PANEL,
        autocompletion=one_of(PARTS),
    ),
]
_SeedsOption = Annotated[str, typer.Option(metavar="N,N,…", help="Seeds of place and route.", rich_help_panel=_PANEL)]
_FreqOption = Annotated[float, typer.Option(help="Target frequency of place and route, in MHz.", rich_help_panel=_PANEL)]
_NoRouteOption = Annotated[
    bool, typer.Option("--no-route", help="Area alone, without place and route.", rich_help_panel=_PANEL)
]
JobsOption = Annotated[
    int | None,
    typer.Option(
        help="Number of processes at a time.",
        show_default="one per CPU",
        rich_help_panel=_PANEL,
    ),
]
_LibertyOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.lib",
        help="Library of standard cells for --on asic; without one, gates are counted.",
        show_default=str(LIBERTY),
        rich_help_panel=_PANEL,
    ),
]
_KoggeStoneOption = Annotated[
    bool,
    typer.Option(
        "--kogge-stone",
        help="Kogge-Stone adders in the netlist for the delay with --on asic, instead of Brent-Kung ones.",
        rich_help_panel=_PANEL,
    ),
]
_PeriodOption = Annotated[
    float | None,
    typer.Option(
        metavar="NS",
        help="Clock period for setup slack with --on asic, in ns; needs OpenSTA and a library with times.",
        rich_help_panel=_PANEL,
    ),
]
_PowerOption = Annotated[
    bool,
    typer.Option("--power", help="Power at that period, from a simulation of real dot products.", rich_help_panel=_PANEL),
]


def checked_technology(name: str | None, target: Target) -> str:
    """Return the technology of that name, in lower case, or the usual one of a target.

    Raises
    ------
    UserError
        If there is none, or the text for the target has cells of another one.
    """
    on = _USUAL[target] if name is None else name.lower()
    if on not in TECHNOLOGIES:
        raise UserError("on", f"There is no technology {name!r}; choose one of {', '.join(TECHNOLOGIES)}")
    if target is Target.ECP5 and on != _USUAL[target]:
        raise UserError("on", f"must be ecp5 for the target ecp5, whose cells {on} does not have; or choose --target generic")
    return on


@contextmanager
def with_known_target() -> Iterator[None]:
    """Point to ``--on`` where the target that is given is the name of a technology."""
    try:
        yield
    except UserError as error:
        if error.parameter == "target" and (meant := next((name for name in TECHNOLOGIES if f"'{name}'" in str(error)), None)):
            raise UserError("target", f"{error.message}; to measure on {meant}, use --on {meant}") from error
        raise


def _checked_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that a list with commas names.

    Raises
    ------
    UserError
        If it is no such list, or one of them is there twice.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() for word in words):
        raise UserError("seeds", f"{text!r} is no list of seeds: give whole numbers with commas between them, such as 1,2,3")
    seeds = tuple(int(word) for word in words)
    if len(set(seeds)) != len(seeds) or max(seeds) >= 1 << 31:
        raise UserError("seeds", f"Each seed is a number below 2^31 and there once, not as in {text!r}")
    return seeds


def _checked_freq(mhz: float) -> float:
    """Return the frequency.

    Raises
    ------
    UserError
        If nothing can be clocked so.
    """
    if not 1 <= mhz <= 2000:
        raise UserError("freq", f"Place and route aims at 1 to 2000 MHz, not at {mhz:g}")
    return mhz


def checked_jobs(jobs: int | None) -> int:
    """Return how many processes to run at a time: one for each CPU, if nothing is said.

    Raises
    ------
    UserError
        If it is none.
    """
    if jobs is not None and jobs < 1:
        raise UserError("jobs", f"At least one process has to run at a time, not {jobs}")
    return (os.cpu_count() or 1) if jobs is None else jobs


def _existing_liberty(given: Path | None) -> Path:
    """Return the library of cells that was asked for, or the usual one whether it is there or not.

    Raises
    ------
    UserError
        If it was asked for and is no library.
    """
    if given is not None:
        check_liberty(given)
    return given or LIBERTY


def _check_timing(on: str, period: float | None, power: bool) -> None:
    """Check the options of slack and power.

    Raises
    ------
    UserError
        If they do not go together, or with the technology.
    ToolError
        If OpenSTA is missing.
    """
    if period is None:
        if power:
            raise UserError("power", "must come with a clock period; add --period NS")
        return
    if on != "asic":
        raise UserError("period", f"must be left out on {on}; it is for standard cells")
    if not 0.01 <= period <= 1e6:
        raise UserError("period", f"must be 0.01 to 1,000,000 ns, not {period:g}")
    check_sta()


def settings_from(
    on: _OnOption = None,
    seeds: _SeedsOption = "1,2,3",
    freq: _FreqOption = 400.0,
    no_route: _NoRouteOption = False,
    jobs: JobsOption = None,
    liberty: _LibertyOption = None,
    kogge_stone: _KoggeStoneOption = False,
    period: _PeriodOption = None,
    power: _PowerOption = False,
    target: Target = Target.GENERIC,
) -> Settings:
    """Make settings of what the options say, which commands get from ``with_options_of`` this function.

    ``target`` is that of the unit, and no option.

    Raises
    ------
    UserError
        If they are none; the error names the option.
    ToolError
        If they ask for a tool that is missing.
    """
    on = checked_technology(on, target)
    if kogge_stone and on != "asic":
        raise UserError("kogge_stone", f"must be left out on {on}; it is for standard cells")
    _check_timing(on, period, power)
    return Settings(
        on=on,
        seeds=() if no_route else _checked_seeds(seeds),
        freq_mhz=_checked_freq(freq),
        jobs=checked_jobs(jobs),
        liberty=_existing_liberty(liberty),
        kogge_stone=kogge_stone,
        period_ns=period,
        power=power,
    )
