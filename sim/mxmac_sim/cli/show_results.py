"""Results of ``mxmac show``, and the same ready for JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..tensors.contents import Entry, StoredArray
from ..tensors.stored import StoredTensor
from .survey import Block, Counts, Errors, Exponents

__all__ = ["FloatTensor", "ShownTensor", "list_record"]


@dataclass(frozen=True, eq=False)
class ShownTensor:
    """A quantized tensor.

    Members
    -------
    file : Path
    name : str
    head : StoredTensor
        With an outline of its elements.
    elements, scales : StoredArray
        Its arrays as stored; of a whole tensor, also if one matrix of it is shown.
    stored : int
        Elements of that whole tensor.
    exponents : Exponents
        Of the scales.
    counts : Counts
    block : Block
    errors : Errors or None
        Against floats that were given.
    """

    file: Path
    name: str
    head: StoredTensor
    elements: StoredArray
    scales: StoredArray
    stored: int
    exponents: Exponents
    counts: Counts
    block: Block
    errors: Errors | None

    @property
    def bytes_per_element(self) -> float:
        """Stored bytes of elements and scales, for an element."""
        return (self.elements.size + self.scales.size) / self.stored

    def record(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        head, exponents = self.head, self.exponents
        return {
            "name": self.name,
            **_described(head),
            "elements": _stored(self.elements),
            "scales": _stored(self.scales)
            | {
                "nan": exponents.nan,
                "zero": exponents.zero,
                "not_powers_of_two": exponents.others,
                "exponents": _counts(exponents),
            },
            "bytes_per_element": self.bytes_per_element,
            "counts": asdict(self.counts),
            "block_shown": _block_record(self.block),
            "error": None if self.errors is None else _error_record(self.errors),
        }


@dataclass(frozen=True)
class FloatTensor:
    """An array of floats.

    Members
    -------
    file : Path
    name : str or None
    dtype : str
    shape : tuple of int
    size : int
        In bytes.
    exponents : Exponents
    subnormal : int
        Numbers below the normal range of their type.
    """

    file: Path
    name: str | None
    dtype: str
    shape: tuple[int, ...]
    size: int
    exponents: Exponents
    subnormal: int

    def record(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        counts = {name: getattr(self.exponents, name) for name in ("nan", "inf", "zero")} | {"subnormal": self.subnormal}
        return {
            "name": self.name,
            "layout": "floats",
            "format": self.dtype,
            "shape": list(self.shape),
            "bytes": self.size,
            "counts": {"elements": math.prod(self.shape), **counts},
            "exponents": _counts(self.exponents),
        }


def list_record(entries: Sequence[Entry]) -> dict[str, Any]:
    """Return the tensors of a file, ready for JSON."""
    return {
        "tensors": [
            {
                "name": entry.array.name,
                **(_described(entry.tensor) if entry.tensor is not None else {"layout": "floats" if entry.floats else None}),
                "elements": _stored(entry.array),
                "scales": None if entry.scales is None else _stored(entry.scales),
                "bytes": entry.size,
                "reason": entry.reason or None,
            }
            for entry in entries
        ]
    }


def _block_record(block: Block) -> dict[str, Any]:
    elements: list[dict[str, Any]] = []
    for number, (code, value, product, note) in enumerate(
        zip(block.codes, block.values, block.products, block.notes(), strict=True)
    ):
        element = {"code": int(code), "value": _number(value), "product": _number(product), "notes": note}
        if block.floats is not None and number < len(block.floats):
            element["float"] = _number(block.floats[number])
        elements.append(element)
    scale = {"scale": _number(block.scale), "scale_code": block.scale_code, "scale_exponent": block.exponent}
    return {"row": block.row, "index": block.index, "place": list(block.place), **scale, "elements": elements}


def _error_record(errors: Errors) -> dict[str, Any]:
    figures = {"largest": _number(errors.largest), "of_up_to": _number(errors.up_to), "sqnr_db": _number(errors.sqnr.db)}
    return {"elements": errors.elements, "clipped": errors.clipped, **figures}


def _described(tensor: StoredTensor) -> dict[str, Any]:
    return {
        "layout": tensor.layout,
        "format": tensor.format.name,
        "shape": list(tensor.elements.shape),
        "block": tensor.block,
        "tile_rows": tensor.tile_rows,
    }


def _stored(array: StoredArray) -> dict[str, Any]:
    return {"name": array.name, "dtype": array.dtype, "shape": list(array.shape), "bytes": array.size}


def _counts(exponents: Exponents) -> list[dict[str, int]]:
    return [{"exponent": n, "count": exponents.counts[n]} for n in sorted(exponents.counts)]


def _number(value: float) -> float | None:
    """JSON has neither NaN nor infinities."""
    return float(value) if math.isfinite(value) else None
