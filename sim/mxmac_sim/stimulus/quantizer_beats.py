"""Blocks of floats as a quantizer takes them: beat by beat, with the results of the golden quantizer."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from mxmac.quantizer.config import QuantizerConfig

from .quantizer_blocks import Choices, expected_blocks, mixed_blocks

__all__ = ["QuantizerBeats"]


@dataclass(frozen=True)
class QuantizerBeats:
    """Blocks on their way through a quantizer.

    Members
    -------
    config : QuantizerConfig
    values : ndarray of float32, shape (blocks, config.block)
    choices : Choices
        Of every block.
    last : ndarray of int, shape (blocks,)
        Whether a block ends a row.
    """

    #: Names of the fields of a result.
    RESULT: ClassVar = ("data", "scale", "last")

    config: QuantizerConfig
    values: NDArray[np.float32]
    choices: Choices
    last: NDArray[np.int64]

    @classmethod
    def random(
        cls, config: QuantizerConfig, rng: np.random.Generator, least: int, exactly: int | None = None
    ) -> "QuantizerBeats":
        """Make blocks of all kinds: at least one number of them, or exactly another."""
        values = mixed_blocks(config, rng, least)[:exactly]
        return cls(config, values, Choices.random(config, len(values), rng), rng.integers(2, size=len(values)))

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields of a beat; of choices only those that there are."""
        chosen = {"rule": self.config.rules, "overflow": self.config.overflows}
        return "data", *(name for name, options in chosen.items() if len(options) > 1), "last"

    def beats(self, rng: Random) -> Iterator[tuple[int, ...]]:
        """Yield the fields of every beat; those that do not count on a beat are random there."""
        config, chosen = self.config, self.fields[1:-1]
        source = config.source.width
        bits = self.values.view(np.uint32) >> np.uint32(32 - source)
        for index, data in enumerate(_packed(bits.reshape(-1, config.lanes), source)):
            block, beat = divmod(index, config.beats)
            choices = [int(getattr(self.choices, name)[block]) if beat == 0 else rng.getrandbits(1) for name in chosen]
            yield data, *choices, int(self.last[block]) if beat == config.beats - 1 else rng.getrandbits(1)

    def results(self) -> list[tuple[int, int, int]]:
        """Return the fields ``RESULT`` of every beat of the results, by the golden quantizer."""
        config = self.config
        codes, scales = expected_blocks(config, self.values, self.choices)
        rows = enumerate(_packed(codes.reshape(-1, config.lanes), config.to.width))
        places = ((data, *divmod(index, config.beats)) for index, data in rows)
        return [
            (data, int(scales[block]), int(self.last[block]) if beat == config.beats - 1 else 0) for data, block, beat in places
        ]

    def operands(self, index: int) -> dict[str, str]:
        """Return the operands of a beat of the results in words."""
        config = self.config
        block, beat = divmod(index, config.beats)
        values = self.values[block, beat * config.lanes : (beat + 1) * config.lanes]
        return {
            "block": f"{block}, beat {beat}",
            "rule": config.rules[self.choices.rule[block]].value,
            "overflow": config.overflows[self.choices.overflow[block]].value,
            "largest": f"{np.abs(self.values[block]).max()!r}",
            "values": f"{values.tolist()}",
        }


def _packed(codes: NDArray[np.unsignedinteger], width: int) -> list[int]:
    """Rows of codes as integers, the first code in the least significant bits."""
    bits = np.unpackbits(codes.astype("<u4").view(np.uint8).reshape(*codes.shape, 4), axis=-1, bitorder="little")
    rows = np.packbits(bits[..., :width].reshape(len(codes), -1), axis=-1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in rows]
