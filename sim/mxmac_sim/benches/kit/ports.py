"""Ports of a top module by the plain names of the port contract, however they are named and packed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Lane", "Packed", "StreamPorts", "TopPorts"]

#: Names of clocks, and of resets with the level at which they are active. Simulators also show wires inside, so a name that
#: such a wire may have comes last.
_CLOCKS = ("clk",)
_RESETS = {"rst_n": 0, "rst": 1}


@dataclass(frozen=True)
class Lane:
    """Some bits of a port that are one field of a stream's payload.

    Members
    -------
    index : int
        Number of the field.
    lsb, width : int
    """

    index: int
    lsb: int
    width: int


class Packed:
    """A port with some fields of a stream's payload.

    Parameters
    ----------
    port : cocotb handle
    lanes : sequence of Lane
    """

    def __init__(self, port: Any, lanes: Sequence[Lane]):
        self.port, self._lanes = port, lanes
        used = sum(((1 << lane.width) - 1) << lane.lsb for lane in lanes)
        #: Bits of the port that belong to no field.
        self.padding = ((1 << len(port)) - 1) ^ used

    def pack(self, item: Sequence[int], padding: int = 0) -> int:
        """Return the value of the port for a payload; ``padding`` fills the bits that belong to no field."""
        value = padding & self.padding
        for lane in self._lanes:
            value |= item[lane.index] << lane.lsb
        return value

    def unpack(self, item: list[int]):
        """Read the port, and enter its fields into a payload.

        Raises
        ------
        AssertionError
            If a bit that belongs to no field is not zero.
        """
        value = int(self.port.value)
        assert not value & self.padding, f"bits of {self.port._name} that belong to no field are not zero: 0x{value:x}"
        for lane in self._lanes:
            item[lane.index] = value >> lane.lsb & (1 << lane.width) - 1


@dataclass(frozen=True)
class StreamPorts:
    """Ports of a stream.

    Members
    -------
    valid : cocotb handle
    ready : cocotb handle or None
        None if the stream is always ready.
    payload : list of Packed
    widths : list of int
        Width of each field.
    """

    valid: Any
    ready: Any
    payload: list[Packed]
    widths: list[int]


class TopPorts:
    """Ports of a top module.

    Parameters
    ----------
    dut : cocotb handle

    Members
    -------
    clock : cocotb handle or None
        None if the module is combinational.
    """

    def __init__(self, dut: Any):
        self._dut = dut
        self.clock = next((getattr(dut, name) for name in _CLOCKS if hasattr(dut, name)), None)
        resets = [(getattr(dut, name), level) for name, level in _RESETS.items() if hasattr(dut, name)]
        self._reset: Any = None
        self._active = 1
        if resets:
            self._reset, self._active = resets[0]

    def has(self, name: str) -> bool:
        """Whether there is a port of that plain name."""
        return hasattr(self._dut, name)

    def reset(self, active: bool):
        """Assert or release the reset, if there is one."""
        if self._reset is not None:
            self._reset.value = self._active if active else 1 - self._active

    def stream(self, prefix: str, fields: Sequence[str]) -> StreamPorts:
        """Return the ports of a stream whose plain names start with ``prefix``, and the given fields of its payload."""
        dut = self._dut
        ports = [getattr(dut, f"{prefix}_{name}") for name in fields]
        widths = [len(port) for port in ports]
        return StreamPorts(
            getattr(dut, f"{prefix}_valid"),
            getattr(dut, f"{prefix}_ready") if hasattr(dut, f"{prefix}_ready") else None,
            [Packed(port, [Lane(index, 0, width)]) for index, (port, width) in enumerate(zip(ports, widths, strict=True))],
            widths,
        )
