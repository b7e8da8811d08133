"""Stages of a rounding: each is all that a register between two steps may hold."""

from dataclasses import dataclass, fields, replace
from typing import Any

from amaranth.hdl import Module, Signal, Value

__all__ = ["Decided", "Normalised", "Normalising", "Packable", "Packed", "registered"]


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """Flags that go along from the beginning: see ``total_layout``. Each is one bit."""

    inexact: Value
    overflow: Value
    nan: Value
    invalid: Value
    pos_inf: Value
    neg_inf: Value
    neg: Value

    def flags(self) -> dict[str, Value]:
        """Return them by name, for the next stage."""
        return {field.name: getattr(self, field.name) for field in fields(_Stage)}


@dataclass(frozen=True, kw_only=True)
class Normalising(_Stage):
    """A value whose leading zeros are shifted out level by level.

    Members
    -------
    normal : Value
        The value, complemented if it is negative, and shifted so far.
    limit, taken : Value
        How far it may be shifted, and how far it has been: one bit for each level so far.
    sticky : 1
        Whether a bit was cut off that counts, before the last level.
    cut_off : Value
        Whether the last level cut one off, wherever the value was moved to, or because it was not moved.
    free : 1
        Whether the levels so far fall short of the limit, so that the others may be taken, too. From the first scan on.
    allowed : 1
        Whether the limit allows the next level. From a scan to its decision.
    top, lost_moved, lost_still : Value
        Which groups of bits hold a one: those that the next level would move out of the top, and those that are cut off whether
        the value is shifted or not, and unless it is. Between a scan and its decision.
    """

    normal: Value
    limit: Value
    taken: Value
    sticky: Value
    cut_off: Value
    free: Any = None
    allowed: Any = None
    top: Any = None
    lost_moved: Any = None
    lost_still: Any = None


@dataclass(frozen=True, kw_only=True)
class Normalised(_Stage):
    """A value in place.

    Members
    -------
    normal : output.man_bits + 3
        Significand, round bit and one more.
    sticky : 1
    exp : Value
        Exponent, counted from that of subnormals.
    some, gaps : Value
        Which groups of bits of ``normal`` hold a one, and which hold a zero.
    """

    normal: Value
    sticky: Value
    exp: Value
    some: Value
    gaps: Value


@dataclass(frozen=True, kw_only=True)
class Decided(_Stage):
    """Exponent and significand, whether to round up, and whether the result is tiny."""

    exp: Value
    sig: Value
    up: Value
    tiny: Value


@dataclass(frozen=True, kw_only=True)
class Packable(_Stage):
    """Fraction and exponent after rounding, and whether it underflows: see :class:`~mxmac.stages.result.Rounded`."""

    code: Value
    underflow: Value


@dataclass(frozen=True, kw_only=True)
class Packed:
    """The result."""

    data: Value
    status: Value


def registered(m: Module, stage, name: str):
    """Return a stage one cycle later, in signals whose names start with ``name``."""
    values = {field.name: value for field in fields(stage) if (value := getattr(stage, field.name)) is not None}
    held = {key: Signal(value.shape(), name=f"{name}_{key}", reset_less=True) for key, value in values.items()}
    m.d.sync += [held[key].eq(value) for key, value in values.items()]
    return replace(stage, **held)
