"""Golden vectors of a testbench: beats that go in, and those that have to come out, field by field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mxmac.config import Bus, MacConfig
from mxmac.quantizer.config import QuantizerConfig

from ..stimulus.addends import with_addends
from ..stimulus.directed_dots import directed_dots
from ..stimulus.dots import Dot, beat_fields, beats_of, expected_results
from ..stimulus.quantizer_blocks import Choices, expected_blocks, mixed_blocks
from ..stimulus.random_dots import random_dot

__all__ = ["Vectors", "vectors_of"]

#: Beats of a testbench, and what it has even if that takes more of them: dot products or blocks.
_BEATS, _LEAST = 1200, 4
_DIRECTED, _RANDOM = 160, 80

_Beat = Mapping[str, int]


@dataclass(frozen=True)
class Vectors:
    """Beats in both directions. The names of their fields are those of ports without the name of the stream."""

    beats: Sequence[_Beat]
    results: Sequence[_Beat]


def vectors_of(config: MacConfig | QuantizerConfig) -> Vectors:
    """Make directed and random vectors; the same ones for the same configuration."""
    rng = np.random.default_rng(0)
    return _mac(config, rng) if isinstance(config, MacConfig) else _quantizer(config, rng)


def _mac(config: MacConfig, rng: np.random.Generator) -> Vectors:
    directed = directed_dots(config, rng)
    chosen = [directed[index] for index in rng.permutation(len(directed))[:_DIRECTED]]
    chosen += [random_dot(config, rng) for _ in range(_RANDOM)]
    dots: list[Dot] = []
    beats = 0
    for index in rng.permutation(len(chosen)):
        beats += chosen[index].beats(config)
        if beats <= _BEATS or len(dots) < _LEAST:
            dots.append(chosen[index])
    dots = with_addends(dots, config, rng)
    names = beat_fields(config)
    # AXI4-Stream has TLAST with every result.
    last = {"last": 1} if config.bus is Bus.AXIS else {}
    return Vectors(
        [dict(zip(names, values, strict=True)) for dot in dots for values in beats_of(dot, config, rng)],
        [{"data": int(data), "status": int(status)} | last for data, status in expected_results(dots, config)],
    )


def _quantizer(config: QuantizerConfig, rng: np.random.Generator) -> Vectors:
    values = mixed_blocks(config, rng, max(_BEATS // config.beats, _LEAST))
    choices = Choices.random(config, len(values), rng)
    codes, scales = expected_blocks(config, values, choices)
    floats = values.view(np.uint32) >> (32 - config.source.width)
    beats, results = [], []
    for block in range(len(values)):
        row_ends = int(rng.integers(2))
        for beat in range(config.beats):
            lanes = slice(beat * config.lanes, (beat + 1) * config.lanes)
            last = row_ends if beat == config.beats - 1 else 0
            fields = {"data": _joined(floats[block, lanes].tolist(), config.source.width), "last": last}
            # Choices count on the first beat of a block only.
            for name, chosen, several in (
                ("rule", choices.rule, config.rules),
                ("overflow", choices.overflow, config.overflows),
            ):
                if len(several) > 1:
                    fields[name] = int(chosen[block] if beat == 0 else rng.integers(len(several)))
            beats.append(fields)
            code = _joined(codes[block, lanes].tolist(), config.to.width)
            results.append({"data": code, "scale": int(scales[block]), "last": last})
    return Vectors(beats, results)


def _joined(lanes: list[int], width: int) -> int:
    """Return lanes as one number, lane 0 in the least significant bits."""
    return sum(lane << index * width for index, lane in enumerate(lanes))
