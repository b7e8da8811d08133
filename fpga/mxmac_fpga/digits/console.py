"""What is seen of digits that are being recognised: pictures in a terminal, a line now and then elsewhere."""

from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .network import WHITE

__all__ = ["Display"]

#: Columns of the terminal that a digit takes with the space beside it; a pixel takes two, and is about square then.
_PIXEL, _CELL = 2, 18
#: Shades of a terminal without colours, or whose user asks for none (``NO_COLOR``).
_SHADES = " ░▒▓█"
#: Parts of the work after which there is a line, where there is no terminal.
_LINES = 5


class Display:
    """A live display, as a context manager.

    Parameters
    ----------
    console : Console
    images : ndarray of uint8, shape (count, 8, 8)
        All that are to be recognised.
    labels : ndarray of uint8, shape (count,)
    """

    def __init__(self, console: Console, images: NDArray[np.uint8], labels: NDArray[np.uint8]):
        self._console, self._images, self._labels = console, images, labels
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._said = 0

    def __enter__(self) -> "Display":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, predictions: NDArray[np.uint8], mismatches: int, seconds: float) -> None:
        """Show what was recognised.

        Parameters
        ----------
        predictions : ndarray of uint8, shape (n,)
            Of the first n images.
        mismatches : int
            Results so far that are not the golden ones.
        seconds : float
            What the unit has taken for them.
        """
        done, count = len(predictions), len(self._labels)
        right = predictions == self._labels[:done]
        verdict = f"{mismatches:,} mismatches" if mismatches else "all results golden"
        status = f"{done}/{count} digits, {right.mean():.1%} right, {verdict}, {done / max(seconds, 1e-9):.1f} digits/s"
        if self._live is not None:
            self._live.update(Group(self._pictures(predictions), Text(status)), refresh=True)
        elif done * _LINES // count > self._said or done == count:
            self._said = done * _LINES // count
            self._console.print(status, highlight=False, soft_wrap=True)

    def _pictures(self, predictions: NDArray[np.uint8]) -> Table:
        """The last digits, as many as the terminal has room for."""
        done = len(predictions)
        shown = range(max(0, done - max(1, self._console.width // _CELL)), done)
        pictures = Table.grid(padding=(0, _CELL - _PIXEL * self._images.shape[-1], 0, 0))
        pictures.add_row(*(self._picture(index) for index in shown))
        pictures.add_row(*(self._caption(int(predictions[index]), int(self._labels[index])) for index in shown))
        return pictures

    def _picture(self, index: int) -> Text:
        return Text("\n").join(Text.assemble(*map(self._pixel, row)) for row in self._images[index].tolist())

    def _pixel(self, pixel: int) -> tuple[str, str]:
        if self._console.color_system is None or self._console.no_color:
            return _SHADES[pixel * (len(_SHADES) - 1) // WHITE] * _PIXEL, ""
        grey = pixel * 255 // WHITE
        return " " * _PIXEL, f"on rgb({grey},{grey},{grey})"

    @staticmethod
    def _caption(prediction: int, label: int) -> Text:
        return Text(f"read {prediction}, is {label}", "green" if prediction == label else "bold red")
