"""Values of options, completed by the shell."""

from collections.abc import Callable, Iterable

__all__ = ["list_of", "one_of"]

_Completion = Callable[[str], list[str]]


def one_of(values: Iterable[str]) -> _Completion:
    """Return the completion of an option with one of the values."""
    known = list(values)

    def complete(incomplete: str) -> list[str]:
        return [value for value in known if value.startswith(incomplete)]

    return complete


def list_of(values: Iterable[str]) -> _Completion:
    """Return the completion of an option with a comma list of the values, each at most once."""
    known = list(values)

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        given = {value.strip().casefold() for value in before.split(",")}
        left = [value for value in known if value.casefold() not in given]
        return [f"{before}{comma}{value}" for value in one_of(left)(last)]

    return complete
