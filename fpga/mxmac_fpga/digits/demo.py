"""The demo that thinks: handwritten digits, recognised through a MAC unit, with every result compared with the golden model."""

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from mxmac.config import MacConfig
from mxmac.errors import UserError

from .console import Display
from .network import Backend, Golden, Network, held_out, load

__all__ = ["Mismatch", "Outcome", "recognise"]

#: Mismatches, and misread digits, that are listed one by one.
_KEPT, _MISREAD = 3, 8


@dataclass(frozen=True)
class Mismatch:
    """A dot product whose result is not the golden one.

    Members
    -------
    dot : int
        How many the unit has computed before it.
    data, status : int
        What the unit gave.
    golden_data, golden_status : int
        What it should have given.
    """

    dot: int
    data: int
    status: int
    golden_data: int
    golden_status: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of some digits.

    Members
    -------
    labels : ndarray of uint8, shape (count,)
        What the digits are.
    predictions, golden_predictions, fp32_predictions : ndarray of uint8, shape (count,)
        What they were taken for: with the unit, with the golden model in its place, and by the network before quantization.
    dots : int
        Dot products that the unit has computed.
    macs : int
        Products in them.
    mismatches : int
        Dot products whose data or status are not the golden ones.
    details : list of Mismatch
        The first few of these.
    seconds : float
        Wall time of the unit, with the way there and back.
    """

    labels: NDArray[np.uint8]
    predictions: NDArray[np.uint8]
    golden_predictions: NDArray[np.uint8]
    fp32_predictions: NDArray[np.uint8]
    dots: int
    macs: int
    mismatches: int
    details: list[Mismatch]
    seconds: float

    @property
    def accuracy(self) -> float:
        """Part of the digits that the unit got right, from 0 to 1."""
        return float(np.mean(self.predictions == self.labels))

    @property
    def golden_accuracy(self) -> float:
        """Part of the digits that the golden model got right."""
        return float(np.mean(self.golden_predictions == self.labels))

    @property
    def fp32_accuracy(self) -> float:
        """Part of the digits that the network got right before quantization."""
        return float(np.mean(self.fp32_predictions == self.labels))

    @property
    def passed(self) -> bool:
        """Whether every result and flag was the golden one."""
        return not self.mismatches


def recognise(backend: Backend, *, count: int, console: Console, batch: int = 4) -> Outcome:
    """Recognise test digits through a unit, and compare each of its results with the golden model.

    In a terminal the digits are seen as they are recognised; elsewhere there is a line now and then. A table ends it.

    Parameters
    ----------
    backend : Backend
        What it raises goes through.
    count : int
        How many of the 599 digits that the network was not trained on, in the order of the data set.
    console : Console
    batch : int
        Digits that the unit is given at a time, in two calls of ``backend.dot``.

    Raises
    ------
    UserError
        If there are fewer digits.
    """
    digits = load()
    test = held_out(len(digits.images))
    images, labels = digits.images[test], digits.labels[test]
    if not 1 <= count <= len(images):
        raise UserError("digits", f"There are 1 to {len(images)} digits to recognise, not {count}")
    images, labels = images[:count], labels[:count]
    network, checked = Network(digits, backend.config), _Checked(backend)
    predictions = np.zeros(count, np.uint8)
    with Display(console, images, labels) as display:
        for start in range(0, count, batch):
            part = slice(start, start + batch)
            predictions[part] = network.scores(checked, images[part]).argmax(axis=1)
            display.update(predictions[: part.stop], checked.mismatches, checked.seconds)
    outcome = Outcome(
        labels=labels,
        predictions=predictions,
        golden_predictions=network.scores(Golden(backend.config), images).argmax(axis=1).astype(np.uint8),
        fp32_predictions=digits.fp32_scores(images).argmax(axis=1).astype(np.uint8),
        dots=checked.dots,
        macs=network.macs * count,
        mismatches=checked.mismatches,
        details=checked.details,
        seconds=checked.seconds,
    )
    _show(outcome, backend.config, console)
    return outcome


@dataclass
class _Checked:
    """A backend that has another one compute, and compares its results with the golden model."""

    backend: Backend
    dots: int = 0
    mismatches: int = 0
    details: list[Mismatch] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def config(self) -> MacConfig:
        return self.backend.config

    def dot(
        self, a: NDArray[np.uint8], scale_a: NDArray[np.uint8], b: NDArray[np.uint8], scale_b: NDArray[np.uint8]
    ) -> tuple[NDArray[np.unsignedinteger], NDArray[np.uint8]]:
        start = time.perf_counter()
        data, status = self.backend.dot(a, scale_a, b, scale_b)
        self.seconds += time.perf_counter() - start
        if data.shape != (len(a),) or status.shape != (len(a),):
            raise ValueError(f"{len(a)} dot products came back as data {data.shape} and status {status.shape}")
        results = data, status, *Golden(self.config).dot(a, scale_a, b, scale_b)
        wrong = np.flatnonzero((data != results[2]) | (status != results[3]))
        self.mismatches += len(wrong)
        for index in wrong[: _KEPT - len(self.details)].tolist():
            self.details.append(Mismatch(self.dots + index, *(int(array[index]) for array in results)))
        self.dots += len(a)
        return data, status


def _show(outcome: Outcome, config: MacConfig, console: Console):
    count = len(outcome.labels)
    seconds = max(outcome.seconds, 1e-9)
    table = Table(show_header=False, title="Digits", title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    formats = f"{config.a[0].name} × {config.b[0].name}, blocks of {config.block}"
    table.add_row(
        "Unit", f"{formats}, lanes {config.lanes}, accumulator {config.accumulator.value}, output {config.output.name}"
    )
    table.add_row("Work", f"{count:,} digits, {outcome.dots:,} dot products, {outcome.macs:,} MACs")
    table.add_row(
        "Time", f"{outcome.seconds:.2f} s, {count / seconds:.1f} digits/s, {outcome.dots / seconds:,.0f} dot products/s"
    )
    same = "[green]bit for bit, flags included[/]"
    table.add_row("Unit = golden", same if outcome.passed else f"[red]{outcome.mismatches:,} of {outcome.dots:,} differ[/]")
    accuracies = (("unit", outcome.accuracy), ("golden", outcome.golden_accuracy), ("FP32", outcome.fp32_accuracy))
    table.add_row("Right", ", ".join(f"{name} {accuracy:.2%}" for name, accuracy in accuracies))
    misread = np.flatnonzero(outcome.predictions != outcome.labels)
    told = [f"{outcome.labels[index]} as {outcome.predictions[index]}" for index in misread[:_MISREAD]]
    more = f" and {len(misread) - _MISREAD} more" if len(misread) > _MISREAD else ""
    table.add_row("Misread", ", ".join(told) + more or "none")
    console.print(table)
    digits = config.output.width // 4
    for wrong in outcome.details:
        unit = f"{wrong.data:0{digits}x}, flags {wrong.status:05b}"
        wanted = f"{wrong.golden_data:0{digits}x}, flags {wrong.golden_status:05b}"
        console.print(f"[red]Mismatch[/] in dot product {wrong.dot:,}: unit {unit}; golden {wanted}", highlight=False)
