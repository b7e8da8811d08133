"""Annotations of waveforms: decoded operands, expected and actual results, as texts in signals beside a unit.

A bench drives these signals beside the raw ports. Texts are ASCII, right-aligned; a signal without a text is zero.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from mxmac.config import MacConfig
from mxmac.formats import SCALE_BIAS, SCALE_NAN, Format
from mxmac.quantizer.config import QuantizerConfig
from mxmac_sim.tensors.mx_tensor import RESULT_DTYPES, element_values

from ...simulators.waves import Annotation
from ...stimulus.dots import Dot
from ...stimulus.quantizer_beats import QuantizerBeats
from .report import flag_names

__all__ = [
    "WRONG",
    "annotations",
    "beat_texts",
    "block_texts",
    "decimal",
    "element_texts",
    "encoded",
    "lane_texts",
    "result_texts",
    "scale_text",
    "value_texts",
]

#: Characters of what a test or a dot product is there for, of a number with its sign, and of a name or a count.
_KIND, _NUMBER, _NAME = 48, 16, 16
#: The one bit among the signals: the result offered is not the expected one.
WRONG = "wrong"


def annotations(config: MacConfig | QuantizerConfig) -> list[Annotation]:
    """Return the signals of a configuration, in the order of their display."""
    found = _of_quantizer(config) if isinstance(config, QuantizerConfig) else _of_unit(config)
    return [Annotation("test", _KIND), *found]


def _of_unit(config: MacConfig) -> list[Annotation]:
    found = [Annotation("fed_dot", _NAME, "in_ready"), Annotation("fed_kind", _KIND, "in_ready")]
    found += [Annotation(name, _NAME, "in_ready") for name in ("fed_block", "fed_beat")]
    sides = {"a": config.operand_a, "b": config.operand_b}
    for side in sides:
        found += [Annotation(f"{side}_{lane}", _NUMBER, f"in_{side}") for lane in range(config.lanes)]
    for side, operand in sides.items():
        found.append(Annotation(f"scale_{side}", _NUMBER, f"in_scale_{side}"))
        found += [Annotation(f"format_{side}", _NAME, f"in_format_{side}")] * operand.selectable
    if config.addend is not None:
        found.append(Annotation("addend", _NUMBER, "in_addend"))
    found.append(Annotation("result_dot", _NAME, "out_ready"))
    found += [Annotation(name, _NUMBER, "out_data") for name in ("expected", "actual")]
    found += [Annotation(name, _NAME, "out_status") for name in ("expected_flags", "actual_flags")]
    return [*found, Annotation(WRONG, 0, "out_status")]


def _of_quantizer(config: QuantizerConfig) -> list[Annotation]:
    lanes = range(config.lanes)
    found = [Annotation(name, _NAME, "in_ready") for name in ("fed_block", "fed_beat")]
    found += [Annotation(f"value_{lane}", _NUMBER, "in_data") for lane in lanes]
    found += [Annotation(name, _NAME, f"in_{name}") for name in ("rule", "overflow")]
    found += [Annotation(name, _NAME, "out_ready") for name in ("result_block", "result_beat")]
    found += [Annotation(f"{what}_{lane}", _NUMBER, "out_data") for lane in lanes for what in ("expected", "actual")]
    found += [Annotation(f"{what}_scale", _NUMBER, "out_scale") for what in ("expected", "actual")]
    found += [Annotation(f"{what}_last", _NAME, "out_last") for what in ("expected", "actual")]
    return [*found, Annotation(WRONG, 0, "out_last")]


def decimal(value: Any) -> str:
    """Write a NumPy float in the fewest digits that tell it from its neighbours: ``1.5``, ``-448``, ``NaN``, ``-Inf``."""
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "-Inf" if value < 0 else "Inf"
    text = str(value).removesuffix(".0")
    # NumPy writes zeros up to 16 digits.
    return text if len(text) <= _NUMBER - 2 else np.format_float_scientific(np.float32(value), trim="-")


@cache
def element_texts(fmt: Format) -> tuple[str, ...]:
    """Return the value of each code of an element format, without a scale."""
    values = element_values(np.arange(1 << fmt.width).astype(np.uint8), fmt)
    return tuple(decimal(value) for value in values.astype(np.float32))


def scale_text(code: int) -> str:
    """Write a UE8M0 scale as a power of two: ``2^-3``, or ``NaN``."""
    return "NaN" if code == SCALE_NAN else f"2^{code - SCALE_BIAS}"


def lane_texts(name: str, texts: Iterable[str]) -> dict[str, str]:
    """Return the texts of the lanes of a port."""
    return {f"{name}_{lane}": text for lane, text in enumerate(texts)}


def _result(code: int, output: Format) -> str:
    dtype = RESULT_DTYPES[output.name]
    return decimal(np.array([code], f"<u{dtype.itemsize}").view(dtype)[0])


def beat_texts(dot: Dot, beat: int, config: MacConfig) -> dict[str, str]:
    """Return the texts of a beat of a dot product, numbered from 0: its block, elements, scales, formats and addend.

    Scales, formats and addend are those that count, on all beats of the block or of the dot product.
    """
    block, place = divmod(beat, config.beats)
    texts = {"fed_kind": dot.kind[:_KIND], "fed_block": f"{block}", "fed_beat": f"{place}"}
    sides = (
        ("a", dot.a, dot.scale_a, config.a[dot.format_a[block]]),
        ("b", dot.b, dot.scale_b, config.b[dot.format_b[block]]),
    )
    for side, codes, scales, fmt in sides:
        values, first = element_texts(fmt), place * config.lanes
        texts |= lane_texts(side, (values[code] for code in codes[block, first : first + config.lanes]))
        texts |= {f"scale_{side}": scale_text(int(scales[block])), f"format_{side}": fmt.name}
    if config.addend is not None:
        texts["addend"] = _result(dot.addend, config.addend)
    return texts


def result_texts(expected: Sequence[int], actual: Sequence[int], output: Format) -> dict[str, str]:
    """Return the texts of a result offered, and of the expected one: code and status flags of each."""
    texts: dict[str, str] = {}
    for name, (code, status) in (("expected", expected), ("actual", actual)):
        texts |= {name: _result(code, output), f"{name}_flags": flag_names(status)}
    return texts | ({WRONG: "1"} if tuple(expected) != tuple(actual) else {})


def value_texts(blocks: QuantizerBeats, index: int) -> dict[str, str]:
    """Return the texts of a beat of floats: its block, values, rule and overflow mode; the last two on all beats of a block."""
    config, choices = blocks.config, blocks.choices
    block, beat = divmod(index, config.beats)
    values = blocks.values[block, beat * config.lanes : (beat + 1) * config.lanes]
    return lane_texts("value", map(decimal, values)) | {
        "fed_block": f"{block}",
        "fed_beat": f"{beat}",
        "rule": config.rules[choices.rule[block]].value,
        "overflow": config.overflows[choices.overflow[block]].value,
    }


def block_texts(index: int, expected: Sequence[int], actual: Sequence[int], config: QuantizerConfig) -> dict[str, str]:
    """Return the texts of a beat of a quantized block offered, and of the expected one: data, scale and last of each."""
    values, width = element_texts(config.to), config.to.width
    block, beat = divmod(index, config.beats)
    texts = {"result_block": f"{block}", "result_beat": f"{beat}"}
    for name, (data, scale, last) in (("expected", expected), ("actual", actual)):
        codes = (data >> width * lane & (1 << width) - 1 for lane in range(config.lanes))
        texts |= lane_texts(name, (values[code] for code in codes))
        texts |= {f"{name}_scale": scale_text(scale), f"{name}_last": f"{last}"}
    return texts | ({WRONG: "1"} if tuple(expected) != tuple(actual) else {})


def encoded(text: str, signal: Annotation) -> int:
    """Return the value of the signal of an annotation: characters in ASCII, the last in the least significant bits."""
    if not signal.characters:
        return int(text or 0)
    return int.from_bytes(text.encode()[: signal.characters], "big")
