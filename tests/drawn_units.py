"""Random units and quantizers for linters: every option, ends of ranges included, the same ones for the same seed."""

import random

from mxmac.config import Accumulator, MacConfig, MultiplierKind, Storage, Target
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer.config import Overflow, QuantizerConfig, ScaleRule

__all__ = ["drawn_quantizer", "drawn_unit"]

#: Least significant bits of windows: ends of the range, and just around those of results and blocks.
_LSB_ENDS = (-1024, 1024, -700, -400, -149, -126, 0, 127)


def drawn_unit(seed: int, *, lanes_max: int, window_max: int = 1024) -> MacConfig:
    """A unit with options that are accepted, no more lanes than ``lanes_max``, and a window no wider than ``window_max``."""
    rng = random.Random(f"unit {seed}")
    while True:
        block = rng.choice([1, 2, 32, 1024, rng.randint(1, 1024)])
        fitting = [lanes for lanes in range(1, min(block, lanes_max) + 1) if block % lanes == 0]
        parameters = {
            "a": _formats(rng),
            "b": _formats(rng),
            "block": block,
            "lanes": rng.choice([fitting[0], fitting[-1], rng.choice(fitting)]),
            "accumulator": rng.choice([Accumulator.WINDOW, *Accumulator]),
            "output": rng.choice(list(RESULT_FORMATS.values())),
            "storage": rng.choice(list(Storage)),
            "multiplier": rng.choice(list(MultiplierKind)),
            "pipeline": rng.choice([1, 2, 3]),
            "target": rng.choice(list(Target)),
        }
        if parameters["accumulator"] is Accumulator.WINDOW:
            smallest = MacConfig(a=parameters["a"], b=parameters["b"], block=block, lanes=1).block_sum_bits
            parameters["window"] = rng.choice([80, window_max, smallest, rng.randint(smallest, min(256, window_max))])
            if rng.random() < 0.5:
                parameters["window_lsb"] = rng.choice([rng.choice(_LSB_ENDS), rng.randint(-1024, 1024)])
            else:
                parameters["window_guard"] = rng.choice([0, parameters["window"] - 1, rng.randint(0, 64)])
        try:
            return MacConfig(**parameters)
        except UserError:
            continue


def drawn_quantizer(seed: int, *, lanes_max: int) -> QuantizerConfig:
    """A quantizer with options that are accepted, no more lanes than ``lanes_max``."""
    rng = random.Random(f"quantizer {seed}")
    while True:
        block = rng.choice([1, 2, 32, 1024, rng.randint(1, 1024)])
        fitting = [lanes for lanes in range(1, min(block, lanes_max) + 1) if block % lanes == 0]
        try:
            return QuantizerConfig(
                to=rng.choice(list(ELEMENT_FORMATS.values())),
                source=rng.choice(list(RESULT_FORMATS.values())),
                block=block,
                lanes=rng.choice([fitting[0], fitting[-1]]),
                rules=tuple(rng.sample(list(ScaleRule), rng.randint(1, len(ScaleRule)))),
                overflows=tuple(rng.sample(list(Overflow), rng.randint(1, len(Overflow)))),
            )
        except UserError:
            continue


def _formats(rng: random.Random):
    table = list(ELEMENT_FORMATS.values())
    return tuple(rng.sample(table, rng.choice([1, 1, 1, 2, len(table)])))
