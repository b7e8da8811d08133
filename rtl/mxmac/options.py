"""The command-line options that make up a configuration."""

import inspect
from collections.abc import Callable, Collection
from enum import Enum
from functools import partial, wraps
from typing import Annotated, TypeVar

import typer

from .config import Accumulator, MacConfig, MultiplierKind, Storage, format_named
from .errors import UserError
from .formats import ELEMENT_FORMATS, RESULT_FORMATS, Format

__all__ = [
    "AccumulatorOption",
    "BlockOption",
    "FormatAOption",
    "FormatBOption",
    "LanesOption",
    "MultiplierOption",
    "OutputOption",
    "PipelineOption",
    "StorageOption",
    "WindowGuardOption",
    "WindowLsbOption",
    "WindowOption",
    "config_from",
    "refuse_options_before",
    "with_unit_options",
]

_Kind = TypeVar("_Kind", bound=Enum)

_PANEL = "Unit"
_FORMATS = ", ".join(ELEMENT_FORMATS)

FormatAOption = Annotated[list[str], typer.Option("--a", help=f"Element format of a: {_FORMATS}.", rich_help_panel=_PANEL)]
FormatBOption = Annotated[list[str], typer.Option("--b", help=f"Element format of b: {_FORMATS}.", rich_help_panel=_PANEL)]
BlockOption = Annotated[int, typer.Option(help="Elements that share a scale.", rich_help_panel=_PANEL)]
LanesOption = Annotated[int, typer.Option(help="Element pairs a clock; they divide the block.", rich_help_panel=_PANEL)]
AccumulatorOption = Annotated[
    str,
    typer.Option(help=f"How blocks are added up: {', '.join(kind.value for kind in Accumulator)}.", rich_help_panel=_PANEL),
]
OutputOption = Annotated[
    str, typer.Option(help=f"Format of the result: {', '.join(RESULT_FORMATS).lower()}.", rich_help_panel=_PANEL)
]
WindowOption = Annotated[int, typer.Option(help="Bits of the window.", rich_help_panel=_PANEL)]
WindowGuardOption = Annotated[
    int, typer.Option(help="Bits of the window below the block that anchors it.", rich_help_panel=_PANEL)
]
WindowLsbOption = Annotated[
    int | None,
    typer.Option(help="Exponent of the window's least significant bit, instead of an anchor.", rich_help_panel=_PANEL),
]
StorageOption = Annotated[
    str,
    typer.Option(
        help=f"What queues and exact sums are kept in: {', '.join(kind.value for kind in Storage)}; the latter for an ASIC.",
        rich_help_panel=_PANEL,
    ),
]

MultiplierOption = Annotated[
    str,
    typer.Option(
        help=f"What elements are multiplied with: {', '.join(kind.value for kind in MultiplierKind)}.",
        rich_help_panel=_PANEL,
    ),
]
PipelineOption = Annotated[
    int,
    typer.Option(help="Depth of the pipeline: 1 for the least latency, 3 for the highest clock.", rich_help_panel=_PANEL),
]


def config_from(
    a: FormatAOption = ["E4M3"],  # noqa: B006 - typer reads it, nobody changes it
    b: FormatBOption = ["E4M3"],  # noqa: B006
    block: BlockOption = 32,
    lanes: LanesOption = 8,
    accumulator: AccumulatorOption = "exact",
    output: OutputOption = "fp32",
    window: WindowOption = 80,
    window_guard: WindowGuardOption = 16,
    window_lsb: WindowLsbOption = None,
    storage: StorageOption = "lutram",
    multiplier: MultiplierOption = "lut",
    pipeline: PipelineOption = 2,
) -> MacConfig:
    """Make a configuration of what the options say.

    Raises
    ------
    UserError
        If it is none; the error names the option.
    """
    return MacConfig(
        a=_formats(a, "a"),
        b=_formats(b, "b"),
        block=block,
        lanes=lanes,
        accumulator=_kind(Accumulator, accumulator, "accumulator"),
        output=format_named(output, RESULT_FORMATS, "output"),
        window=window,
        window_guard=window_guard,
        window_lsb=window_lsb,
        storage=_kind(Storage, storage, "storage"),
        multiplier=_kind(MultiplierKind, multiplier, "multiplier"),
        pipeline=pipeline,
    )


def with_unit_options(*, without: Collection[str] = ()) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Give a command the options of a unit: all that ``config_from`` takes.

    Parameters
    ----------
    without : collection of str
        Names of parameters of ``config_from`` that it does not get.

    Returns
    -------
    callable
        Decorator of the command. What the options say is in the command's parameter ``make_config``, a function as
        ``config_from`` whose parameters are all given but for those in ``without``.
    """
    unit = {
        name: each for name, each in inspect.signature(config_from, eval_str=True).parameters.items() if name not in without
    }

    def decorate(command: Callable[..., object]) -> Callable[..., object]:
        own = dict(inspect.signature(command, eval_str=True).parameters)
        del own["make_config"]

        @wraps(command)
        def run(**given):
            return command(make_config=partial(config_from, **{name: given.pop(name) for name in unit}), **given)

        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*unit.values(), *own.values())]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return run

    return decorate


def _kind(kinds: type[_Kind], name: str, option: str) -> _Kind:
    values = [kind.value for kind in kinds]
    if name.lower() not in values:
        raise UserError(option, f"There is no {option} {name!r}; choose one of {', '.join(values)}")
    return kinds(name.lower())


def _formats(names: list[str], option: str) -> tuple[Format, ...]:
    return tuple(format_named(name.strip(), ELEMENT_FORMATS, option) for entry in names for name in entry.split(","))


def refuse_options_before(context: typer.Context):
    """Refuse options of a command that stand before the name of its sub-command, which has its own.

    Raises
    ------
    UserError
        If there is one; the error names it.
    """
    for parameter in context.command.params:
        source = parameter.name and context.get_parameter_source(parameter.name)
        if source and source.name == "COMMANDLINE":
            sub = context.invoked_subcommand
            raise UserError(parameter.opts[0], f"Options of {sub} are written after its name, and this one stands before it")
