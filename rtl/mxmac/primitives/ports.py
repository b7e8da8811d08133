"""Ports of a top module as data: what they are for, and the fields of their bits.

Header, manifest and companion files follow from these tables.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from amaranth.hdl import Shape
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In

__all__ = ["Field", "Port", "Role", "flag_fields", "lane_fields", "members"]


class Role(Enum):
    """Purpose of a port."""

    #: Clock; its rising edge counts.
    CLOCK = "clock"
    RESET = "reset"
    #: A beat or a result is offered.
    VALID = "valid"
    #: It is taken at the next edge if both are high.
    READY = "ready"
    #: Payload of a stream, stable while it waits.
    DATA = "data"


@dataclass(frozen=True)
class Field:
    """Some of the bits of a port.

    Parameters
    ----------
    name : str
        Identifier.
    lsb : int
        Position of the least significant bit.
    width : int
        Bits.
    """

    name: str
    lsb: int
    width: int


@dataclass(frozen=True)
class Port:
    """A port of a top module.

    Parameters
    ----------
    member : wiring.Member
        Direction and shape.
    about : str
        Line of explanation.
    role : Role
    fields : tuple of Field
        Parts of the port, from the least significant; none if the port is one number.
    active_low : bool
        Level at which a reset is active.
    asynchronous : bool
        Whether a reset acts without an edge of the clock.
    """

    member: wiring.Member
    about: str
    role: Role = Role.DATA
    fields: tuple[Field, ...] = ()
    active_low: bool = False
    asynchronous: bool = False

    @property
    def direction(self) -> str:
        """Direction in the words of Verilog."""
        return "input" if self.member.flow == In else "output"

    @property
    def width(self) -> int:
        """Bits of the port."""
        return Shape.cast(self.member.shape).width


def members(table: Mapping[str, Port]) -> dict[str, wiring.Member]:
    """Return the signature that a table of ports describes."""
    return {name: port.member for name, port in table.items()}


def lane_fields(lanes: int, width: int) -> tuple[Field, ...]:
    """Return the lanes of a port, lane 0 in the least significant bits."""
    return tuple(Field(f"lane{lane}", lane * width, width) for lane in range(lanes))


def flag_fields(layout: data.StructLayout) -> tuple[Field, ...]:
    """Return the members of a structure."""
    offsets: Iterable[tuple[str, data.Field]] = layout
    return tuple(Field(str(name), field.offset, field.width) for name, field in offsets)
