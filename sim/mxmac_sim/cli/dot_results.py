"""What ``mxmac dot`` has found, for its table, for JSON and for JUnit."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig

from ..benches.kit.report import shown_result
from ..golden.quantize import dequantize, sqnr_db
from ..simulators.products import ProductRun
from ..tensors.archives import widened
from ..tensors.mx_tensor import MxTensor, element_values, result_values
from .junit import Case, Suite

__all__ = ["Error", "Outcome", "record", "suite"]

#: Mismatches that are described; all are counted.
_DESCRIBED = 8


@dataclass(frozen=True)
class Error:
    """Difference between results and a reference.

    Members
    -------
    not_finite : int
        Results that are NaN or infinite.
    largest : float or None
        Largest difference; None if a difference is not finite.
    of_up_to : float or None
        Largest magnitude of the reference.
    sqnr_db : float or None
        Ratio of signal to noise; None without a difference.
    """

    not_finite: int
    largest: float | None = None
    of_up_to: float | None = None
    sqnr_db: float | None = None

    @staticmethod
    def between(reference: NDArray[np.float64], values: NDArray[np.float64]) -> "Error":
        """Return the difference of values from a reference."""
        with np.errstate(invalid="ignore", divide="ignore"):
            difference = np.abs(values - reference)
            not_finite = int(np.count_nonzero(~np.isfinite(values)))
            if not np.isfinite(difference).all():
                return Error(not_finite)
            largest, up_to = float(difference.max()), float(np.abs(reference).max())
            return Error(not_finite, largest, up_to, float(sqnr_db(reference, values)) if largest else None)


@dataclass(frozen=True)
class Outcome:
    """Products of matrices, by hardware and by the golden model.

    Members
    -------
    config : MacConfig
    a, b : MxTensor
    run : ProductRun
        Of the hardware.
    data, status : ndarray
        Codes and flags by the golden model.
    originals : pair of ndarray or None
        Floats that ``a`` and ``b`` were quantized from.
    addend : ndarray of uint32, shape (M, N), optional
        Codes in binary32 that were added.
    """

    config: MacConfig
    a: MxTensor
    b: MxTensor
    run: ProductRun
    data: NDArray[np.uint32]
    status: NDArray[np.uint8]
    originals: tuple[NDArray[np.floating] | None, NDArray[np.floating] | None]
    addend: NDArray[np.uint32] | None = None

    @cached_property
    def wrong(self) -> NDArray[np.intp]:
        """Rows and columns of the results that differ."""
        return np.argwhere((self.run.data != self.data) | (self.run.status != self.status))

    @property
    def passed(self) -> bool:
        """Whether all results and flags are those of the golden model."""
        return not len(self.wrong)

    @property
    def macs(self) -> int:
        """Element pairs multiplied."""
        return self.a.elements.size * len(self.b.elements)

    @cached_property
    def _exact(self) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore"):  # infinities and NaN
            return dequantize(self.a) @ dequantize(self.b).T + self._added

    @property
    def _added(self) -> NDArray[np.float64] | float:
        return 0.0 if self.addend is None else self.addend.view(np.float32).astype(np.float64)

    @cached_property
    def error(self) -> Error:
        """Error of the results against float64 of the quantized values."""
        return Error.between(self._exact, result_values(self.run.data, self.config.output))

    @cached_property
    def quantization(self) -> Error | None:
        """Error of the quantization; None if the floats are not known."""
        a, b = self.originals
        if a is None or b is None:
            return None
        with np.errstate(invalid="ignore", over="ignore"):
            ideal = widened(a) @ widened(b).T + self._added
        return Error.between(ideal, self._exact)


def record(outcome: Outcome, waves: Path | None) -> dict[str, Any]:
    """Return what was found, ready for JSON.

    Parameters
    ----------
    outcome : Outcome
    waves : Path, optional
        Waveform of the first mismatch.
    """
    run = outcome.run
    return {
        "shapes": {"a": list(outcome.a.elements.shape), "b": list(outcome.b.elements.shape)},
        "dots": int(run.data.size),
        "macs": outcome.macs,
        "cycles": run.clocks,
        "simulation_seconds": round(run.seconds, 3),
        "mismatches": len(outcome.wrong),
        "first_mismatches": [_mismatch(outcome, *map(int, place)) for place in outcome.wrong[:_DESCRIBED]],
        "error": _figures(outcome.error),
        "quantization_error": _figures(outcome.quantization) if outcome.quantization is not None else None,
        "waves": str(waves) if waves is not None else None,
    }


def _figures(error: Error) -> dict[str, float | None]:
    """Return the members of an error; JSON has no infinities."""
    return {name: value if value is not None and np.isfinite(value) else None for name, value in asdict(error).items()}


def suite(outcome: Outcome, waves: Path | None) -> Suite:
    """Return what was found as a test suite with one test."""
    wrong = len(outcome.wrong)
    lines = []
    for place in outcome.wrong[:_DESCRIBED]:
        found = _mismatch(outcome, *map(int, place))
        lines.append(f"at [{found['row']}, {found['column']}]")
        for title in ("operands", "expected", "hardware"):
            lines += [f"{title}: {name} = {value}" for name, value in found[title].items()]
    message = f"{wrong} of {outcome.run.data.size} dot products differ" if wrong else ""
    case = Case("hardware = golden", outcome.run.seconds, "failure" if wrong else "", message, "\n".join(lines))
    return Suite("dot", [case], output=f"waveform: {waves}" if waves is not None else "")


def _mismatch(outcome: Outcome, row: int, column: int) -> dict[str, Any]:
    output, place = outcome.config.output, (row, column)
    operands: dict[str, str] = {}
    for side, tensor, index in (("a", outcome.a, row), ("b", outcome.b, column)):
        elements = tensor.elements[index]
        operands[f"{side}[{index}]"] = f"{tensor.format.name} {elements.tobytes().hex(' ')}"
        operands[f"{side}[{index}] values"] = " ".join(f"{value:g}" for value in element_values(elements, tensor.format))
        operands[f"{side}[{index}] scales"] = " ".join(f"0x{scale:02x}" for scale in tensor.scales[index])
    if outcome.addend is not None:
        code = outcome.addend[place]
        operands["addend"] = f"0x{code:08x} ({code.view(np.float32)!s})"
    return {
        "row": row,
        "column": column,
        "operands": operands,
        "expected": shown_result(int(outcome.data[place]), int(outcome.status[place]), output),
        "hardware": shown_result(int(outcome.run.data[place]), int(outcome.run.status[place]), output),
    }
