"""Dot products as a unit takes them: beat by beat, with what the golden model makes of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mxmac.config import MacConfig
from mxmac.formats import Format
from mxmac_sim.golden import model as golden
from mxmac_sim.tensors.mx_tensor import element_values

__all__ = ["Dot", "beat_fields", "beats_of", "expected_results"]

_Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class Dot:
    """A dot product.

    Members
    -------
    kind : str
        What it is there for.
    a, b : ndarray of uint8, shape (blocks, block)
        Element codes.
    scale_a, scale_b : ndarray of uint8, shape (blocks,)
    format_a, format_b : ndarray of int, shape (blocks,)
        Indices into the formats of the configuration.
    last_beats : int
        Beats of the last block. Its missing elements must be code 0.
    addend : int
        Code that is added, if the configuration has addends.
    """

    kind: str
    a: _Codes
    b: _Codes
    scale_a: _Codes
    scale_b: _Codes
    format_a: NDArray[np.intp]
    format_b: NDArray[np.intp]
    last_beats: int
    addend: int = 0

    @staticmethod
    def of(
        config: MacConfig,
        kind: str,
        sides: Sequence[tuple[_Codes, NDArray[np.integer]]],
        scales: Sequence[NDArray[np.integer]],
        last_beats: int | None = None,
    ) -> "Dot":
        """Make a dot product of its parts.

        Parameters
        ----------
        config : MacConfig
        kind : str
        sides : sequence of (codes, choice)
            For a and b: element codes of shape (blocks, block), and indices of formats of shape (blocks,).
        scales : sequence of ndarray of int, shape (blocks,)
            For a and b.
        last_beats : int, optional
            Beats of the last block, to which its elements are cut; by default all.
        """
        beats = last_beats or config.beats
        (a, choice_a), (b, choice_b) = sides
        a, b = a.astype(np.uint8), b.astype(np.uint8)
        a[-1, beats * config.lanes :] = b[-1, beats * config.lanes :] = 0
        scale_a, scale_b = (np.asarray(scale).astype(np.uint8) for scale in scales)
        return Dot(kind, a, b, scale_a, scale_b, np.asarray(choice_a, np.intp), np.asarray(choice_b, np.intp), beats)

    def beats(self, config: MacConfig) -> int:
        """Beats in all."""
        return (len(self.a) - 1) * config.beats + self.last_beats

    def operands(self, config: MacConfig) -> dict[str, str]:
        """Operands in words: codes of each block, and the values of its elements without the scale."""
        words = {"kind": self.kind, "beats": f"{self.beats(config)}"}
        if config.addend is not None:
            words["addend"] = f"{config.addend.name} 0x{self.addend:08x} ({np.uint32(self.addend).view(np.float32)!s})"
        for block in range(len(self.a)):
            for side, formats in (("a", config.a), ("b", config.b)):
                fmt = formats[getattr(self, f"format_{side}")[block]]
                codes, scale = getattr(self, side)[block], int(getattr(self, f"scale_{side}")[block])
                exponent = "NaN" if scale == 0xFF else f"2^{scale - 127}"
                words[f"block {block}: {side}"] = f"{fmt.name} {codes.tobytes().hex(' ')}, scale 0x{scale:02x} ({exponent})"
                words[f"block {block}: {side} values"] = " ".join(f"{value:g}" for value in element_values(codes, fmt))
        return words


def beat_fields(config: MacConfig) -> tuple[str, ...]:
    """Names of the input's fields that a configuration has."""
    choices = [f"format_{side}" for side, formats in (("a", config.a), ("b", config.b)) if len(formats) > 1]
    addend = () if config.addend is None else ("addend",)
    return "a", "b", "scale_a", "scale_b", *choices, *addend, "last"


def beats_of(dot: Dot, config: MacConfig, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Return the fields ``beat_fields(config)`` of each beat of a dot product.

    Scales and formats count on the first beat of a block only, an addend on the first beat of all, and bits above a narrow code
    never: they are random.
    """
    count = dot.beats(config)
    columns = [
        _packed(dot.a, dot.format_a, config.a, config.lanes, rng),
        _packed(dot.b, dot.format_b, config.b, config.lanes, rng),
        _of_block(dot.scale_a, config, 256, rng),
        _of_block(dot.scale_b, config, 256, rng),
    ]
    for formats, choice in ((config.a, dot.format_a), (config.b, dot.format_b)):
        if len(formats) > 1:
            columns.append(_of_block(choice, config, len(formats), rng))
    if config.addend is not None:
        columns.append([dot.addend, *rng.integers(0, 1 << config.addend.width, count - 1).tolist()])
    last = [0] * (count - 1) + [1]
    return list(zip(*(column[:count] for column in columns), last, strict=True))


def _packed(
    codes: _Codes, choice: NDArray[np.intp], formats: Sequence[Format], lanes: int, rng: np.random.Generator
) -> list[int]:
    width = max(fmt.width for fmt in formats)
    widths = np.array([fmt.width for fmt in formats])[choice][:, np.newaxis]
    dirty = codes.astype(np.int64) | (rng.integers(0, 1 << width, codes.shape) >> widths << widths)
    bits = np.unpackbits(dirty.astype(np.uint8)[..., np.newaxis], axis=-1, bitorder="little")[..., :width]
    rows = np.packbits(bits.reshape(-1, lanes * width), axis=-1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]


def _of_block(values: NDArray[np.generic], config: MacConfig, end: int, rng: np.random.Generator) -> list[int]:
    beats = rng.integers(0, end, (len(values), config.beats))
    beats[:, 0] = values
    return beats.ravel().tolist()


def expected_results(dots: Sequence[Dot], config: MacConfig) -> list[tuple[int, int]]:
    """Return code and status flags of each dot product, as the golden model has them."""
    results: list[tuple[int, int]] = [(0, 0)] * len(dots)
    by_length = defaultdict(list)
    for index, dot in enumerate(dots):
        by_length[len(dot.a)].append(index)
    for indices in by_length.values():
        fields = {
            name: np.stack([getattr(dots[index], name) for index in indices])
            for name in ("a", "scale_a", "b", "scale_b", "format_a", "format_b")
        }
        if config.addend is not None:
            fields["addend"] = np.array([dots[index].addend for index in indices], np.uint32)
        data, status = golden.dot(config=config, **fields)
        for index, code, flags in zip(indices, data.tolist(), status.tolist(), strict=True):
            results[index] = code, flags
    return results
