"""AXI4-Stream names and packing for the plain ports of a unit or a quantizer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from amaranth.lib.wiring import In, Out

from ..primitives.ports import Field, Port, Role

__all__ = ["Slot", "axis_ports", "axis_slots"]

#: Bits of a byte.
_BYTE = 8
#: Plain names of payloads that go into TDATA, each padded to whole bytes, and of those that are TLAST. All others go into
#: TUSER.
_DATA = ("in_a", "in_b", "in_data", "out_data")
_LAST = ("in_last", "out_last")
_ROLES = {Role.VALID: "tvalid", Role.READY: "tready"}
_ABOUT = {
    "tvalid": "a beat is offered",
    "tready": "the beat is taken at the next rising edge if both are high",
    "tdata": "each padded to whole bytes",
    "tuser": "padded to whole bytes",
}


@dataclass(frozen=True)
class Slot:
    """Place of a plain port.

    Members
    -------
    name : str
        Name of the port of AXI4-Stream.
    lsb : int
        Position in it.
    port : Port
        The plain port.
    """

    name: str
    lsb: int
    port: Port

    @property
    def end(self) -> int:
        """Position behind the plain port."""
        return self.lsb + self.port.width


def _whole_bytes(bits: int) -> int:
    return -(-bits // _BYTE) * _BYTE


def axis_slots(table: Mapping[str, Port]) -> dict[str, Slot]:
    """Return the place of each plain port, by its name.

    Parameters
    ----------
    table : mapping of str to Port
        Plain ports in order, whose names start with ``in_`` and ``out_``.
    """
    slots: dict[str, Slot] = {}
    ends: dict[str, int] = {}
    for plain, port in table.items():
        bus = "s_axis" if plain.startswith("in_") else "m_axis"
        kind = _ROLES.get(port.role) or ("tdata" if plain in _DATA else "tlast" if plain in _LAST else "tuser")
        name = f"{bus}_{kind}"
        slots[plain] = slot = Slot(name, ends.get(name, 0), port)
        ends[name] = _whole_bytes(slot.end) if kind == "tdata" else slot.end
    return slots


def axis_ports(table: Mapping[str, Port]) -> dict[str, Port]:
    """Return the ports of AXI4-Stream, in order, with the places of plain ports as their fields.

    Parameters
    ----------
    table : mapping of str to Port
        Plain ports in order.
    """
    by_name: dict[str, list[tuple[str, Slot]]] = {}
    for plain, slot in axis_slots(table).items():
        by_name.setdefault(slot.name, []).append((plain, slot))
    ports = {}
    for bus, payload in (("s_axis", In), ("m_axis", Out)):
        for kind in ("tvalid", "tready", "tdata", "tuser", "tlast"):
            name = f"{bus}_{kind}"
            found = by_name.get(name, [])
            if kind == "tlast" and not found:
                about = "always high: each result is a packet of its own"
                ports[name] = Port(payload(1), about, fields=(Field("last", 0, 1),))
            elif len(found) == 1 and kind in ("tvalid", "tready", "tlast"):
                _, slot = found[0]
                last = (Field("last", 0, 1),) if kind == "tlast" else ()
                ports[name] = replace(slot.port, about=_ABOUT.get(kind, slot.port.about), fields=last)
            elif found:
                parts = ", ".join(_part(plain, slot) for plain, slot in found)
                fields = tuple(field for plain, slot in found for field in _fields(plain, slot))
                width = _whole_bytes(max(slot.end for _, slot in found))
                ports[name] = Port(payload(width), f"{parts}; {_ABOUT[kind]}", fields=fields)
    return ports


def _part(plain: str, slot: Slot) -> str:
    return f"{plain.partition('_')[2]} [{slot.end - 1}:{slot.lsb}]"


def _fields(plain: str, slot: Slot) -> Iterator[Field]:
    member = plain.partition("_")[2]
    for field in slot.port.fields or (Field(member, 0, slot.port.width),):
        name = f"{member}_{field.name}" if field.name.startswith("lane") else field.name
        yield Field(name, slot.lsb + field.lsb, field.width)
