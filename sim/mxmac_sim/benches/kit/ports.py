"""Ports of a top module by the plain names of the port contract, however they are named and packed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mxmac.config import MacConfig
from mxmac.quantizer.config import QuantizerConfig

__all__ = ["Lane", "Packed", "Part", "StreamPorts", "TopPorts", "payload_widths"]

#: What names of AXI4-Stream start with, by the prefix of plain names.
_AXIS = {"in": "s_axis", "out": "m_axis"}

#: Names of clocks, and of resets with the level at which they are active. Simulators also show wires inside, so a name that
#: such a wire may have comes last.
_CLOCKS = ("aclk", "clk")
_RESETS = {"aresetn": 0, "areset": 1, "rst_n": 0, "rst": 1}


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
    constant : int
        Value of the bits that belong to no field, if the port is an output.
    """

    def __init__(self, port: Any, lanes: Sequence[Lane], constant: int = 0):
        self.port, self._lanes, self.constant = port, lanes, constant
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
            If the bits that belong to no field are not as they must be.
        """
        value = int(self.port.value)
        assert value & self.padding == self.constant, (
            f"bits of {self.port._name} that belong to no field are wrong: 0x{value:x}"
        )
        for lane in self._lanes:
            item[lane.index] = value >> lane.lsb & (1 << lane.width) - 1


class Part:
    """One of several modules inside a top module, by the names of its own ports.

    Parameters
    ----------
    top : cocotb handle
    prefix : str
        Prefix of the names of its ports outside.
    """

    def __init__(self, top: Any, prefix: str):
        self._top, self._prefix = top, prefix

    def __getattr__(self, name: str) -> Any:
        port = getattr(self._top, f"{self._prefix}{name}")
        # Found once: benches ask for some of their ports in every cycle.
        self.__dict__[name] = port
        return port


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
    widths : mapping of str to int
        Widths of the plain ports of a payload, which AXI4-Stream packs in this order.

    Members
    -------
    clock : cocotb handle or None
        None if the module is combinational.
    reset_port : cocotb handle or None
    reset_level : int
        Level at which the reset is active.
    """

    def __init__(self, dut: Any, widths: Mapping[str, int]):
        self._dut = dut
        #: By the plain name of a port, that of AXI4-Stream, and the position there; empty with plain ports.
        self._axis = _axis_places(widths) if hasattr(dut, "s_axis_tvalid") else {}
        self.clock = next((getattr(dut, name) for name in _CLOCKS if hasattr(dut, name)), None)
        resets = [(getattr(dut, name), level) for name, level in _RESETS.items() if hasattr(dut, name)]
        self.reset_port: Any = None
        self.reset_level = 1
        if resets:
            self.reset_port, self.reset_level = resets[0]

    def has(self, name: str) -> bool:
        """Whether there is a port of that plain name."""
        return name in self._axis if self._axis else hasattr(self._dut, name)

    def reset(self, active: bool):
        """Assert or release the reset, if there is one."""
        if self.reset_port is not None:
            self.reset_port.value = self.reset_level if active else 1 - self.reset_level

    def stream(self, prefix: str, fields: Sequence[str]) -> StreamPorts:
        """Return the ports of a stream whose plain names start with ``prefix``, and the given fields of its payload."""
        if self._axis:
            return self._axis_stream(prefix, fields)
        dut = self._dut
        ports = [getattr(dut, f"{prefix}_{name}") for name in fields]
        widths = [len(port) for port in ports]
        return StreamPorts(
            getattr(dut, f"{prefix}_valid"),
            getattr(dut, f"{prefix}_ready") if hasattr(dut, f"{prefix}_ready") else None,
            [Packed(port, [Lane(index, 0, width)]) for index, (port, width) in enumerate(zip(ports, widths, strict=True))],
            widths,
        )

    def _axis_stream(self, prefix: str, fields: Sequence[str]) -> StreamPorts:
        bus = _AXIS[prefix]
        lanes: dict[str, list[Lane]] = {}
        widths = []
        for index, field in enumerate(fields):
            name, lsb, width = self._axis[f"{prefix}_{field}"]
            lanes.setdefault(name, []).append(Lane(index, lsb, width))
            widths.append(width)
        payload = [Packed(getattr(self._dut, name), parts) for name, parts in lanes.items()]
        if prefix == "out" and "out_last" not in self._axis:
            payload.append(Packed(getattr(self._dut, f"{bus}_tlast"), [], constant=1))
        valid, ready = (getattr(self._dut, f"{bus}_{name}") for name in ("tvalid", "tready"))
        return StreamPorts(valid, ready, payload, widths)


def _axis_places(widths: Mapping[str, int]) -> dict[str, tuple[str, int, int]]:
    """Return name, position and width of payloads in AXI4-Stream: docs/integration.md, "AXI4-Stream"."""
    places = {}
    free: dict[str, int] = {}
    for plain, width in widths.items():
        prefix, _, member = plain.partition("_")
        kind = "tdata" if member in ("a", "b", "data") else "tlast" if member == "last" else "tuser"
        name = f"{_AXIS[prefix]}_{kind}"
        lsb = free.get(name, 0)
        places[plain] = name, lsb, width
        free[name] = -(-(lsb + width) // 8) * 8 if kind == "tdata" else lsb + width
    return places


def payload_widths(config: MacConfig | QuantizerConfig) -> dict[str, int]:
    """Return the widths of the plain ports of payloads, in order; of formats and choices only those that there are."""
    if isinstance(config, QuantizerConfig):
        chosen = {"in_rule": len(config.rules), "in_overflow": len(config.overflows)}
        before = {"in_data": config.lanes * config.source.width}
        after = {"out_data": config.lanes * config.to.width, "out_scale": 8, "out_last": 1}
    else:
        sides = {"a": config.a, "b": config.b}
        chosen = {f"in_format_{side}": len(formats) for side, formats in sides.items()}
        before = {f"in_{side}": config.lanes * max(fmt.width for fmt in formats) for side, formats in sides.items()}
        before |= {"in_scale_a": 8, "in_scale_b": 8}
        after = {"out_data": config.output.width, "out_status": 5}
    choices = {name: (count - 1).bit_length() for name, count in chosen.items() if count > 1}
    addend = {"in_addend": config.addend.width} if isinstance(config, MacConfig) and config.addend is not None else {}
    return before | choices | addend | {"in_last": 1} | after
