"""Options that several commands have: written down once, as parameters of what is made of them."""

import inspect
from collections.abc import Callable, Collection, Iterator
from functools import partial, wraps

import typer

from ..errors import UserError

__all__ = ["given_options", "refuse_options_before", "with_options_of"]

_Command = Callable[..., object]


def with_options_of(make: Callable[..., object], name: str, *, without: Collection[str] = ()) -> Callable[[_Command], _Command]:
    """Give a command the options that the parameters of a function describe.

    Parameters
    ----------
    make : callable
        Its parameters are annotated as those of a command are.
    name : str
        The command's parameter for it: a function as ``make``, whose parameters are all given but for those in ``without``.
    without : collection of str
        Names of parameters of ``make`` of which the command gets no option.

    Returns
    -------
    callable
        Decorator of the command.
    """
    parameters = inspect.signature(make, eval_str=True).parameters
    options = {each: parameter for each, parameter in parameters.items() if each not in without}

    def decorate(command: _Command) -> _Command:
        own = dict(inspect.signature(command, eval_str=True).parameters)
        del own[name]

        @wraps(command)
        def run(**given):
            return command(**{name: partial(make, **{each: given.pop(each) for each in options})}, **given)

        both = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*options.values(), *own.values())]
        run.__signature__ = inspect.Signature(both)  # type: ignore[attr-defined]  # typer reads it, functions do not declare it
        return run

    return decorate


def refuse_options_before(context: typer.Context):
    """Refuse options of a command that stand before the name of its sub-command, which has its own.

    Raises
    ------
    UserError
        If there is one; the error names it.
    """
    for option in given_options(context):
        sub = context.invoked_subcommand
        raise UserError(option, f"Options of {sub} are written after its name, and this one stands before it")


def given_options(context: typer.Context) -> Iterator[str]:
    """Yield the options that the command line has, by their first names."""
    for parameter in context.command.params:
        source = parameter.name and context.get_parameter_source(parameter.name)
        if source and source.name == "COMMANDLINE":
            yield parameter.opts[0]
