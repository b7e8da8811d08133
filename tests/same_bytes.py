"""SHA-256 of generated text, as same_bytes.json has them: ``python tests/same_bytes.py`` (`make hashes`) records them anew.

Every supported Python compares with the record, so a difference between two versions of Python shows up as a wrong hash.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from mxmac.config import Accumulator, MacConfig, MultiplierKind, Storage, Target
from mxmac.files import written_whole
from mxmac.formats import ELEMENT_FORMATS, RESULT_FORMATS
from mxmac.quantizer.config import Overflow, QuantizerConfig, ScaleRule
from mxmac.verilog import generate, generate_quantizer
from mxmac_fpga.boards.table import board_named
from mxmac_fpga.boards.top import BoardTop

FILE = Path(__file__).with_suffix(".json")

_E2M1, _E3M2, _E5M2, _INT8 = ((ELEMENT_FORMATS[name],) for name in ("E2M1", "E3M2", "E5M2", "INT8"))
_ALL = tuple(ELEMENT_FORMATS.values())
_BF16, _FP16 = RESULT_FORMATS["BF16"], RESULT_FORMATS["FP16"]


def _unit(**parameters) -> Callable[[], str]:
    return lambda: generate(MacConfig(**parameters), "unit").text


def _quantizer(**parameters) -> Callable[[], str]:
    return lambda: generate_quantizer(QuantizerConfig(**parameters), "unit").text


def _board(name: str) -> str:
    """RTLIL of a whole board, as the synthesis for its bitstream reads it."""
    board = board_named(name)
    return board.make_platform().prepare(BoardTop(board), "board", emit_src=False).files["board.il"]


#: The text of each design, by name: every accumulator, parallel and serial, and every option that changes the hardware.
DESIGNS: dict[str, Callable[[], str]] = {
    "exact": _unit(a=_E3M2, b=_INT8, lanes=2, block=8),
    "exact in registers": _unit(a=_E2M1, b=_E2M1, lanes=4, storage=Storage.REGISTERS, pipeline=3),
    "exact, serial": _unit(lanes=1),
    "window": _unit(lanes=2, block=6, accumulator=Accumulator.WINDOW, output=_BF16),
    "window at a fixed place, DSP": _unit(
        b=_E5M2, lanes=2, accumulator=Accumulator.WINDOW, window_lsb=-40, multiplier=MultiplierKind.DSP, pipeline=1
    ),
    "window, serial": _unit(lanes=1, accumulator=Accumulator.WINDOW, output=_FP16),
    "fp32": _unit(a=_E2M1, lanes=2, accumulator=Accumulator.FP32),
    "all formats at run time": _unit(a=_ALL, b=_ALL, lanes=1, accumulator=Accumulator.FP32),
    "window for standard cells": _unit(lanes=5, block=10, accumulator=Accumulator.WINDOW, target=Target.ASIC),
    "quantizer": _quantizer(lanes=2),
    "quantizer with all options": _quantizer(
        to=_E5M2[0], source=_BF16, lanes=1, block=16, rules=tuple(ScaleRule), overflows=tuple(Overflow)
    ),
    "board icebreaker": partial(_board, "icebreaker"),
}


@cache
def text_of(name: str) -> str:
    return DESIGNS[name]()


def hash_of(name: str) -> str:
    return hashlib.sha256(text_of(name).encode()).hexdigest()


def recorded(file: Path = FILE) -> dict[str, str]:
    return json.loads(file.read_text())


def record(file: Path = FILE):
    """Write the file anew, whole or not at all."""
    with written_whole(file) as temporary:
        temporary.write_text(json.dumps({name: hash_of(name) for name in DESIGNS}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(record())
