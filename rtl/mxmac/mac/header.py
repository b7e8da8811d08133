"""What the header of a unit's Verilog says in words of its rate and its range."""

from ..accumulator.exact.parallel import exact_dot_clocks
from ..accumulator.exact.serial import serial_exact_clocks
from ..config import EXACT_BLOCKS, Accumulator, MacConfig

__all__ = ["dot_clocks", "range_lines", "rate_lines", "window_note"]


def dot_clocks(config: MacConfig) -> int:
    """Return the clocks that a dot product takes at most in the long run, if it has fewer beats than that."""
    match config.accumulator:
        case Accumulator.EXACT if config.chunk_bits:
            return sum(serial_exact_clocks(config))
        case Accumulator.EXACT:
            return exact_dot_clocks(config)
        case Accumulator.FP32:
            return config.fp32_add_clocks
        case Accumulator.WINDOW:
            return config.window_dot_clocks


def rate_lines(config: MacConfig) -> list[str]:
    """Return at what rate beats are taken, as lines of the header."""
    clocks = dot_clocks(config)
    match config.accumulator:
        case Accumulator.EXACT if config.chunk_bits:
            block, dot = serial_exact_clocks(config)
            return [
                "One beat a clock, sustained, if scales lie close together. Otherwise a block may take longer than its beats,",
                f"but {block} clocks at most, and the last one of a dot product {dot} more.",
            ]
        case Accumulator.EXACT:
            return [
                f"One beat a clock, sustained, if dot products have {clocks} beats or more. A shorter one may take longer than",
                f"its beats to be carried out, but {clocks} clocks at most; the fewer the closer its scales lie.",
            ]
        case Accumulator.FP32 if config.block_interval > config.beats:
            return [f"A block takes {clocks} clocks in the long run, for one addition; up to a few blocks, one beat a clock."]
        case Accumulator.FP32:
            return [
                f"One beat a clock, sustained, if blocks have {clocks} beats or more. A block that ends with fewer takes",
                f"{clocks} clocks in the long run, for one addition.",
            ]
        case Accumulator.WINDOW if config.takes_whole_blocks:
            return [f"One beat a clock, sustained, for whole blocks. One that ends early takes {clocks} clocks all the same."]
        case Accumulator.WINDOW if clocks > 1:
            return [
                f"One beat a clock, sustained, if dot products have {clocks} beats or more. Shorter ones that follow each",
                "other may have to wait until there is room for their results.",
            ]
        case Accumulator.WINDOW:
            return ["One beat a clock, sustained, however short dot products are."]


def range_lines(config: MacConfig) -> list[str]:
    """Return what sums there is room for, as lines of the header."""
    match config.accumulator:
        case Accumulator.EXACT:
            return [
                f"A dot product may have {EXACT_BLOCKS} blocks, whatever their values. A longer one may overflow unnoticed."
            ]
        case Accumulator.WINDOW if config.window_lsb is None:
            headroom = config.window_headroom
            has = f"has {headroom} bits above" if headroom >= 0 else f"lacks {-headroom} bits for"
            return [f"The window {has} the largest sum of the block that anchors it. A sum beyond it saturates and raises OF."]
        case _:
            return []


def window_note(config: MacConfig) -> str:
    """Return a warning of a window that may not even hold the first block; empty if there is no need for one."""
    if config.accumulator is not Accumulator.WINDOW or config.window_lsb is not None or config.window_headroom >= 0:
        return ""
    return (
        f"the window lacks {-config.window_headroom} bits for the largest sum of a block above its guard bits; "
        "sums that do not fit saturate and raise OF (--window, --window-guard)"
    )
