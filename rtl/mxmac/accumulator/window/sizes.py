"""Place and range of a window, for both of its accumulators."""

from itertools import pairwise

from amaranth.lib import data

from ...config import MacConfig, Target
from ...formats import SCALE_WIDTH
from ...stages.layouts import total_layout

__all__ = [
    "window_clocks",
    "window_exp_min",
    "window_limits",
    "window_note",
    "window_parts",
    "window_range",
    "window_sum_bits",
    "window_total_layout",
]

#: Parts of a sum, at most, by pipeline depth; and for standard cells, whose additions are slower.
_PARTS, _ASIC_PARTS = {1: 2, 2: 2, 3: 3}, 3
#: Bits of a part that are not worth another one.
_PART_BITS = 28
#: Bits that a part has more than the one below it.
_MORE_BITS = 6


def window_exp_min(config: MacConfig) -> int:
    """Return the exponent of the window's least significant bit: the fixed one, or if a block with scale codes 0 anchors it."""
    return config.block_exp_min - config.window_guard_bits if config.window_lsb is None else config.window_lsb


def window_total_layout(config: MacConfig) -> data.StructLayout:
    """Layout of the window's sum: a ``total_layout`` whose ``exp`` is the anchor, counted from ``window_exp_min(config)``."""
    return total_layout(config.window_bits, SCALE_WIDTH + 1)


def _headroom(config: MacConfig) -> int:
    """Return the bits of an anchored window above the largest sum of the block that anchors it; negative if it does not fit."""
    return config.window_bits - config.window_guard_bits - config.block_sum_bits


def window_range(config: MacConfig) -> tuple[str, ...]:
    """Return the range of an anchored window in words, as lines of the header; none for a fixed one."""
    if config.window_lsb is not None:
        return ()
    headroom = _headroom(config)
    has = f"has {headroom} bits above" if headroom >= 0 else f"is {-headroom} bits too narrow for"
    return (f"The window {has} the largest sum of the block that anchors it. A sum beyond it saturates and raises OF.",)


def window_limits(config: MacConfig) -> dict[str, int]:
    """Return the range of an anchored window in numbers; none for a fixed one."""
    return {} if config.window_lsb is not None else {"headroom_bits": _headroom(config)}


def window_note(config: MacConfig) -> str:
    """Return a warning about a window that may not even hold its first block; empty if it does."""
    if config.window_lsb is not None or _headroom(config) >= 0:
        return ""
    return (
        f"the window is {-_headroom(config)} bits too narrow for the largest sum of a block above its guard bits; "
        "sums that do not fit saturate and raise OF (--window, --window-guard)"
    )


def window_sum_bits(config: MacConfig) -> int:
    """Return the bits of a sum in a window and one block more, which shows whether it is beyond the window's limits."""
    return config.window_bits + 2


def window_parts(config: MacConfig) -> list[slice]:
    """Return the parts of a sum in the window, lowest first: each is added a cycle ahead of the next.

    A bit of a lower part is added more often, and its sums wait longer for each other, so lower parts are shorter.
    """
    most = _ASIC_PARTS if config.target is Target.ASIC else _PARTS[config.pipeline]
    count = min(most, max(2, -(-window_sum_bits(config) // _PART_BITS)))
    least = window_sum_bits(config) - _MORE_BITS * count * (count - 1) // 2
    ends = [least * number // count + _MORE_BITS * number * (number - 1) // 2 for number in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


def choice_clocks(config: MacConfig) -> int:
    """Cycles from when it is known which sum counts, or which limit, to the choice: for lookup tables, which are slow."""
    return int(config.target is not Target.ASIC)


def window_clocks(config: MacConfig) -> int:
    """Cycles from the last block of a dot product to its sum: one to take it, one for limits, one a part, and to choose."""
    return len(window_parts(config)) + 3 + choice_clocks(config)
