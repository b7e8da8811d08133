"""Choices among kinds of hardware and of ports, as parameters of units."""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .parameters import checked_choice

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = [
    "ACCUMULATOR_PARAMETERS",
    "TARGET_DEFAULTS",
    "Accumulator",
    "Bus",
    "MultiplierKind",
    "Reset",
    "Storage",
    "Target",
    "checked_ports",
    "default_reset",
    "with_plain_ports",
]

_Config = TypeVar("_Config", bound="DataclassInstance")


class Accumulator(Enum):
    """Accumulator across blocks."""

    #: Unlimited precision over the full range of scales, rounded once per dot product.
    EXACT = "exact"
    #: Fixed point of a chosen width, anchored by the first non-zero block, or with a fixed least significant bit.
    WINDOW = "window"
    #: Binary32, rounded once per block.
    FP32 = "fp32"


#: Parameters of :class:`~mxmac.config.MacConfig` that do not apply to every accumulator, by those that have them.
ACCUMULATOR_PARAMETERS: Mapping[Accumulator, tuple[str, ...]] = {
    Accumulator.EXACT: ("addend",),
    Accumulator.WINDOW: ("window", "window_guard", "window_lsb"),
    Accumulator.FP32: ("addend",),
}


class MultiplierKind(Enum):
    """Kind of multiplier."""

    #: Significands are multiplied in LUTs or gates, and the product is shifted.
    LUT = "lut"
    #: Elements are multiplied as integers, which synthesis maps to DSP blocks.
    DSP = "dsp"


class Storage(Enum):
    """Kind of memory for accumulator words and queue entries; their numbers depend on it."""

    #: Small memories made of LUTs: depths of 16 and 32 cost about the same.
    LUTRAM = "lutram"
    #: Flip-flops, as in an ASIC: every entry costs area.
    REGISTERS = "registers"


class Target(Enum):
    """Technology that the text is written for. Every target gives the same result bits."""

    #: Portable text.
    GENERIC = "generic"
    #: Carry cells and DSP blocks of Lattice's ECP5, as instances.
    ECP5 = "ecp5"
    #: Registers and adders for standard cells.
    ASIC = "asic"


class _Defaults(NamedTuple):
    """Parameters of :class:`~mxmac.config.MacConfig` that depend on the target unless they are chosen."""

    storage: Storage
    pipeline: int
    chain: int | None = None


#: Storage, pipeline and length of chains of each target unless others are chosen.
TARGET_DEFAULTS: Mapping[Target, _Defaults] = {
    Target.GENERIC: _Defaults(Storage.LUTRAM, 2),
    Target.ECP5: _Defaults(Storage.LUTRAM, 3, 4),
    Target.ASIC: _Defaults(Storage.REGISTERS, 1),
}


class Reset(Enum):
    """Reset of a top module: whether it acts with the clock only, and its active level."""

    SYNC_HIGH = "sync-high"
    SYNC_LOW = "sync-low"
    #: Asserted at any time, released inside at a rising edge.
    ASYNC_HIGH = "async-high"
    ASYNC_LOW = "async-low"

    @property
    def active_low(self) -> bool:
        """Whether the unit is reset while the port is low."""
        return self in (Reset.SYNC_LOW, Reset.ASYNC_LOW)

    @property
    def asynchronous(self) -> bool:
        """Whether the reset acts without an edge of the clock."""
        return self in (Reset.ASYNC_HIGH, Reset.ASYNC_LOW)


class Bus(Enum):
    """Names and packing of the ports of a top module."""

    #: A port for each field of a beat and of a result.
    PLAIN = "plain"
    #: AXI4-Stream: elements in TDATA, scales, formats and flags in TUSER.
    AXIS = "axis"


def default_reset(bus: Bus) -> Reset:
    """Return the reset of a top module unless another one is chosen."""
    return Reset.SYNC_LOW if bus is Bus.AXIS else Reset.SYNC_HIGH


def checked_ports(reset: Reset | str | None, bus: Bus | str) -> dict[str, Reset | Bus]:
    """Return the parameters that describe the ports of a top module, normalised; None is the default reset.

    Raises
    ------
    TypeError, UserError
        If one is not accepted.
    """
    bus = checked_choice("bus", bus, Bus)
    return {"reset": default_reset(bus) if reset is None else checked_choice("reset", reset, Reset), "bus": bus}


def with_plain_ports(config: _Config) -> _Config:
    """Return a configuration of a unit or quantizer with plain ports and a synchronous reset, active high."""
    return replace(config, reset=Reset.SYNC_HIGH, bus=Bus.PLAIN)
