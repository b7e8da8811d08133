"""Specification of the window's sum: how blocks add up in it, and stay at its limits (numerics, "window")."""

from collections.abc import Mapping

from mxmac.accumulator.window.parallel import WINDOW_CLOCKS
from mxmac.config import MacConfig

from ..harness import delayed, inner, module_of, rendered

__all__ = ["window_accumulator_harness"]

#: Blocks that are remembered, from the one that came last: the unit is at three of them at once.
_AGES = range(5)
#: Width and value in Verilog, by name.
_Values = Mapping[str, tuple[int, str]]


def _blocks(window: int) -> _Values:
    """What is remembered of a block, with the sum within the limits that it led to."""
    return {
        "exists": (1, "1'b1"),
        "first": (1, "!inside"),
        "last": (1, "dot_last"),
        "over": (1, "beyond"),
        "side": (1, "neg"),
        "addend": (window + 1, "value"),
        "limited": (window, "clamped"),
        "before_out": (1, "inside && overflow"),
    }


def _sums(window: int) -> _Values:
    """What the unit makes of a block; ``{0}`` is the block's age, ``{1}`` that of the one before."""
    half, sum_bits = window // 2, window + 2
    return {
        "limit": (sum_bits, "first_{0} ? 0 : side_{1} ? LEAST : LARGEST"),
        "from_limit": (sum_bits, "$signed(limit_{0}) + $signed(addend_{0})"),
        "sum": (sum_bits, "(first_{0} ? 0 : $signed(limited_{1})) + $signed(addend_{0})"),
        "out": (1, f"over_{{0}} || (|sum_{{0}}[{window + 1}:{window - 1}] && !(&sum_{{0}}[{window + 1}:{window - 1}]))"),
        "lower": (half + 1, f"limit_{{0}}[{half - 1}:0] + addend_{{0}}[{half - 1}:0]"),
        "low": (half + 1, f"(first_{{0}} ? {half}'d0 : sum_{{1}}[{half - 1}:0]) + addend_{{0}}[{half - 1}:0]"),
        "twice": (half + 1, f"(first_{{0}} ? {half}'d0 : from_limit_{{1}}[{half - 1}:0]) + addend_{{0}}[{half - 1}:0]"),
    }


def _history(blocks: _Values, sums: _Values) -> str:
    """Declare registers of the blocks, the sums that follow from them, and those that the unit has done."""
    declared = "".join(
        f"  reg [{width - 1}:0] {', '.join(f'{name}_{age}' for age in _AGES)};\n" for name, (width, _) in blocks.items()
    )
    declared += "".join(
        f"  wire [{width - 1}:0] {name}_{age} = {value.format(age, age + 1)};\n"
        for name, (width, value) in sums.items()
        for age in _AGES[: -2 if "sum_{1}" in value or "from_limit_{1}" in value else -1]
    )
    return declared + "".join(
        f"  wire [{width - 1}:0] {name}_low_done = adds_low ? {name}_1 : {name}_0;\n"
        f"  wire [{width - 1}:0] {name}_done =\n"
        f"    adds_low && adds_high ? {name}_2 : adds_low || adds_high ? {name}_1 : {name}_0;\n"
        for name, (width, _) in {**blocks, **sums}.items()
    )


def _consistent(window: int) -> str:
    """Conditions on the remembered blocks: each follows from the one before."""
    sign = window
    return "".join(
        f""" &&
    (!exists_{age + 1} || exists_{age}) && (!exists_{age} || (
      (exists_{age + 1} ? first_{age} == last_{age + 1} : first_{age}) && (over_{age} || side_{age} == addend_{age}[{sign}]) &&
      limited_{age} == (out_{age} ? (side_{age} ? least : largest) : sum_{age}[{window - 1}:0]) &&
      (!first_{age} || !before_out_{age}) && (first_{age} || before_out_{age} == (before_out_{age + 1} || out_{age + 1}))))"""
        for age in _AGES[:-2]
    )


def _registers(window: int) -> Mapping[str, _Values]:
    """Content of the unit's registers, in the order of its cycles, by when they have it: helps the induction."""
    half, sum_bits = window // 2, window + 2
    return {
        "exists_0": {
            "addend": (window + 1, "addend_0"),
            "alone": (1, "first_0"),
            "beyond": (1, "over_0"),
            "neg": (1, "side_0"),
            "largest": (1, "!first_0 && !side_1"),
            "least": (1, "!first_0 && side_1"),
            "limit_low": (half + 1, "lower_0"),
            "twice_low": (half + 1, "twice_0"),
            "lost": (1, "lost_any"),
            "specials": (4, "any"),
        },
        "1'b1": {
            "largest_before": (1, "exists_0 && !last_0 && !side_0"),
            "least_before": (1, "exists_0 && !last_0 && side_0"),
            "before_low": (half, f"exists_0 && !last_0 ? from_limit_0[{half - 1}:0] : {half}'d0"),
            "adds_low_d1": (1, "adds_low"),
            "adds_high_d1": (1, "adds_high"),
        },
        "exists_low_done": {
            "low": (half + 1, "low_low_done"),
            "limit_high": (sum_bits - half, f"from_limit_low_done[{sum_bits - 1}:{half}]"),
            "limit_low_later": (half, f"from_limit_low_done[{half - 1}:0]"),
            "addend_high": (window + 1 - half, f"addend_low_done[{window}:{half}]"),
            "alone_later": (1, "first_low_done"),
            "beyond_later": (1, "over_low_done"),
            "neg_later": (1, "side_low_done"),
        },
        "exists_done": {
            "high": (sum_bits - half, f"sum_done[{sum_bits - 1}:{half}]"),
            "sum_low": (half, f"sum_done[{half - 1}:0]"),
            "sum_beyond": (1, "over_done"),
            "sum_neg": (1, "side_done"),
            "overflow": (1, "before_out_done"),
            "seen_outside": (1, "exists_before_done ? out_before_done : unit_seen_outside"),
        },
    }


def window_accumulator_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the window accumulator: any blocks, with pauses and resets; and the depth of its induction."""
    window = config.window_bits
    held = ("total", window), ("inexact", 1), ("overflow", 1), ("any", 4), ("last_anchor", 9), ("lost_any", 1)
    blocks, registers = _blocks(window), _registers(window)
    moves = "".join(
        f"      {name}_{age} <= {f'{name}_{age - 1}' if age else now};\n" for name, (_, now) in blocks.items() for age in _AGES
    )
    holds = " &&\n    ".join(
        f"(!({when}) || unit_{name} == ({value}))" for when, group in registers.items() for name, (_, value) in group.items()
    )
    harness = rendered(
        "window_accumulator",
        WINDOW_CLOCKS=WINDOW_CLOCKS,
        connections={
            "i__payload": "{dot_last, specials, anchor, neg, beyond, lost, value}",
            "i__valid": "valid",
            "o__payload": "payload",
            "o__valid": "out_valid",
        },
        consistent=_consistent(window),
        forget="; ".join(f"exists_{age} <= 0" for age in _AGES),
        history=_history(blocks, _sums(window)),
        holds=holds,
        later="".join(delayed(name, width, WINDOW_CLOCKS - 1) for name, width in held),
        looks="".join(inner(f"unit.{name}", width) for group in registers.values() for name, (width, _) in group.items()),
        module=module_of(text, "datapath_accumulator"),
        moves=moves,
        text=text,
        v=window + 1,
        wide=window + 3,
        window=window,
    )
    return harness, WINDOW_CLOCKS + 1
