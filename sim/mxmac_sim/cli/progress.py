"""Progress of work on the elements of tensors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Advance", "progress"]

#: Function that is called with the number of elements that are done, each time that some are.
Advance = Callable[[int], object]


@contextmanager
def progress(console: Console, verb: str, elements: int) -> Iterator[Advance]:
    """Show the share of elements that are done, on a terminal."""
    columns = (TextColumn(verb), BarColumn(), TextColumn("{task.percentage:.0f}%"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("elements", total=elements)
        yield lambda done: shown.advance(task, done)
