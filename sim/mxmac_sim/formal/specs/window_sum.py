"""Specification of the window's sum: how blocks add up in it, and stay at its limits (numerics, "window")."""

from mxmac.accumulator.window.parallel import WINDOW_CLOCKS
from mxmac.config import MacConfig

from ..harness import delayed, inner, module_of, rendered

__all__ = ["window_accumulator_harness"]


def window_accumulator_harness(config: MacConfig, text: str) -> tuple[str, int]:
    """Harness of the window accumulator: any blocks, with pauses and resets; and the depth of its induction."""
    module, window = module_of(text, "datapath_accumulator"), config.window_bits
    v, wide, sum_bits, half = window + 1, window + 3, window + 2, window // 2
    held = ("total", window), ("inexact", 1), ("overflow", 1), ("any", 4), ("last_anchor", 9), ("lost_any", 1)
    later = "".join(delayed(name, width, WINDOW_CLOCKS - 1) for name, width in held)
    connections = {
        "i__payload": "{dot_last, specials, anchor, neg, beyond, lost, value}",
        "i__valid": "valid",
        "o__payload": "payload",
        "o__valid": "out_valid",
    }
    # Of the last blocks: what they were, and the sum within the limits with them. The unit is at three of them at once.
    block = {
        "exists": (1, "1'b1"),
        "first": (1, "!inside"),
        "last": (1, "dot_last"),
        "over": (1, "beyond"),
        "side": (1, "neg"),
        "addend": (v, "value"),
        "limited": (window, "clamped"),
        "before_out": (1, "inside && overflow"),
    }
    # And what the unit makes of each, from that.
    made = {
        "limit": (sum_bits, "first_{0} ? 0 : side_{1} ? LEAST : LARGEST"),
        "from_limit": (sum_bits, "$signed(limit_{0}) + $signed(addend_{0})"),
        "sum": (sum_bits, "(first_{0} ? 0 : $signed(limited_{1})) + $signed(addend_{0})"),
        "out": (1, f"over_{{0}} || (|sum_{{0}}[{window + 1}:{window - 1}] && !(&sum_{{0}}[{window + 1}:{window - 1}]))"),
        "lower": (half + 1, f"limit_{{0}}[{half - 1}:0] + addend_{{0}}[{half - 1}:0]"),
        "low": (half + 1, f"(first_{{0}} ? {half}'d0 : sum_{{1}}[{half - 1}:0]) + addend_{{0}}[{half - 1}:0]"),
        "twice": (half + 1, f"(first_{{0}} ? {half}'d0 : from_limit_{{1}}[{half - 1}:0]) + addend_{{0}}[{half - 1}:0]"),
    }
    ages = range(5)
    history = "".join(
        f"  reg [{width - 1}:0] {', '.join(f'{name}_{age}' for age in ages)};\n" for name, (width, _) in block.items()
    )
    history += "".join(
        f"  wire [{width - 1}:0] {name}_{age} = {what.format(age, age + 1)};\n"
        for name, (width, what) in made.items()
        for age in ages[: -2 if "sum_{1}" in what or "from_limit_{1}" in what else -1]
    )
    history += "".join(
        f"  wire [{width - 1}:0] {name}_low_done = adds_low ? {name}_1 : {name}_0;\n"
        f"  wire [{width - 1}:0] {name}_done =\n"
        f"    adds_low && adds_high ? {name}_2 : adds_low || adds_high ? {name}_1 : {name}_0;\n"
        for name, (width, _) in (block | made).items()
    )
    moves = "".join(
        f"      {name}_{age} <= {f'{name}_{age - 1}' if age else now};\n" for name, (_, now) in block.items() for age in ages
    )
    told = "".join(
        f""" &&
    (!exists_{age + 1} || exists_{age}) && (!exists_{age} || (
      (exists_{age + 1} ? first_{age} == last_{age + 1} : first_{age}) && (over_{age} || side_{age} == addend_{age}[{v - 1}]) &&
      limited_{age} == (out_{age} ? (side_{age} ? least : largest) : sum_{age}[{window - 1}:0]) &&
      (!first_{age} || !before_out_{age}) && (first_{age} || before_out_{age} == (before_out_{age + 1} || out_{age + 1}))))"""
        for age in ages[:-2]
    )
    # Helps: what the unit's registers hold, in the order of its clocks.
    registers = {
        "exists_0": {
            "addend": (v, "addend_0"),
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
            "addend_high": (v - half, f"addend_low_done[{v - 1}:{half}]"),
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
    looks = "".join(inner(f"unit.{name}", width) for group in registers.values() for name, (width, _) in group.items())
    holds = " &&\n    ".join(
        f"(!({when}) || unit_{name} == ({what}))" for when, group in registers.items() for name, (_, what) in group.items()
    )
    return (
        rendered(
            "window_accumulator",
            WINDOW_CLOCKS=WINDOW_CLOCKS,
            connections=connections,
            forget="; ".join(f"exists_{age} <= 0" for age in ages),
            history=history,
            holds=holds,
            later=later,
            looks=looks,
            module=module,
            moves=moves,
            text=text,
            told=told,
            v=v,
            wide=wide,
            window=window,
        ),
        WINDOW_CLOCKS + 1,
    )
