"""Ports that equal components share: the bits of one after those of the other, from the lowest bit up."""

from collections.abc import Iterable

__all__ = ["joined", "split"]


def joined(values: Iterable[int], width: int) -> int:
    """Return the value of a port from those of each component, of ``width`` bits."""
    return sum(value << number * width for number, value in enumerate(values))


def split(value: int, lanes: int, port_width: int) -> list[int]:
    """Return the value of each component from that of a port that ``lanes`` of them share."""
    width = port_width // lanes
    return [value >> number * width & (1 << width) - 1 for number in range(lanes)]
