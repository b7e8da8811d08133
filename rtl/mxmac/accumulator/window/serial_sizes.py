"""Sizes of a serial window: how many bits it works on per cycle, and the cycles that follow."""

from ...config import MacConfig
from ..serial_rounder import chunk_count, serial_rounder_clocks

__all__ = ["ADDEND_CLOCKS", "block_clocks", "serial_window_chunk_bits", "serial_window_latency"]

#: Bits per cycle that a serial window may work on.
_CHUNK_BITS = (4, 8, 16, 32)
#: Latency from the index of a chunk to its addend: index in the block, the block's chunk there, that chunk in its place.
ADDEND_CLOCKS = 3


def serial_window_chunk_bits(config: MacConfig) -> int | None:
    """Return the bits per cycle of a serial window: the fewest that a block has time for; None if it has too few beats.

    Another block may come, and another dot product be rounded, as soon as the beats of a block have passed.
    """
    for bits in _CHUNK_BITS:
        rest = max(chunk_count(config.block_sum_bits, bits) + 1, serial_rounder_clocks(config.output, bits) - 2)
        if chunk_count(config.window_bits, bits) + rest <= config.beats:
            return bits
    return None


def block_clocks(config: MacConfig, chunk_bits: int) -> int:
    """Return the cycles of a block: chunks below the window, inside it, and the carry out of it."""
    return chunk_count(config.block_sum_bits, chunk_bits) + chunk_count(config.window_bits, chunk_bits) + 1


def serial_window_latency(config: MacConfig, chunk_bits: int) -> int:
    """Cycles from the last block of a dot product to its rounded sum: its turn, another to read it, and rounding."""
    read = chunk_count(config.window_bits, chunk_bits) + 1
    return block_clocks(config, chunk_bits) + ADDEND_CLOCKS + read + serial_rounder_clocks(config.output, chunk_bits)
