"""Top module whose clock, reset and ports are as its configuration says."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import ClockDomain, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import Bus, MacConfig, Reset
from ..mac.top import MacTop
from ..primitives.description import Description
from ..primitives.ports import Port, Role, members
from ..quantizer.config import QuantizerConfig
from ..quantizer.top import QuantizerTop
from .axis import Slot, axis_ports, axis_slots
from .reset import RELEASE_CLOCKS, ResetSynchronizer

__all__ = ["BusTop", "bus_ports", "bus_top", "clock_name", "has_padding", "reset_sentence"]

_Config = MacConfig | QuantizerConfig


def _plain_top(config: _Config) -> Any:
    return MacTop if isinstance(config, MacConfig) else QuantizerTop


def _name(ports: Mapping[str, Port], role: Role) -> str:
    """Return the name of the first port with a role."""
    return next(name for name, port in ports.items() if port.role is role)


def _clock_and_reset(config: _Config) -> dict[str, Port]:
    reset = config.reset
    level = "low" if reset.active_low else "high"
    about = f"synchronous reset, active {level}"
    if reset.asynchronous:
        about = f"asynchronous reset, active {level}; released inside {RELEASE_CLOCKS} rising edges after its end"
    clock, names = ("aclk", ("areset", "aresetn")) if config.bus is Bus.AXIS else ("clk", ("rst", "rst_n"))
    return {
        clock: Port(In(1), "clock, rising edge", Role.CLOCK),
        names[reset.active_low]: Port(In(1), about, Role.RESET, active_low=reset.active_low, asynchronous=reset.asynchronous),
    }


def bus_ports(config: _Config) -> dict[str, Port]:
    """Return the ports of the top module of a configuration, clock and reset first.

    Parameters
    ----------
    config : MacConfig or QuantizerConfig
    """
    table: dict[str, Port] = _plain_top(config).port_table(config)
    return _clock_and_reset(config) | (axis_ports(table) if config.bus is Bus.AXIS else table)


def _joined(port: Port, plain: Value, outer: Value):
    """Return the assignment that connects a plain port to its place outside."""
    return plain.eq(outer) if port.member.flow == In else outer.eq(plain)


def clock_name(config: _Config) -> str:
    """Return the name of the clock of a configuration's top module."""
    return _name(_clock_and_reset(config), Role.CLOCK)


def reset_sentence(config: _Config) -> str:
    """Return what to do with the reset before use, as the beginning of a sentence."""
    name = _name(_clock_and_reset(config), Role.RESET)
    level = "low" if config.reset.active_low else "high"
    return f"Pulse {name} {level}" if config.reset.asynchronous else f"Hold {name} {level} for one cycle"


def has_padding(config: _Config) -> bool:
    """Whether inputs of a configuration's top module have bits that do not count."""
    ports = bus_ports(config).values()
    fields = [port for port in ports if port.member.flow == In and port.fields]
    return any(sum(field.width for field in port.fields) < port.width for port in fields)


def bus_top(config: _Config) -> wiring.Component:
    """Create the top module of a configuration, whose ports are ``bus_ports(config)``.

    Parameters
    ----------
    config : MacConfig or QuantizerConfig
    """
    if config.reset is Reset.SYNC_HIGH and config.bus is Bus.PLAIN:
        return _plain_top(config)(config)
    return BusTop(config)


class BusTop(wiring.Component):
    """A :class:`~mxmac.mac.top.MacTop` or :class:`~mxmac.quantizer.top.QuantizerTop` with another reset or other ports.

    Adds no latency. While an asynchronous reset is asserted, and until it is released inside, both streams stand still.

    Parameters
    ----------
    config : MacConfig or QuantizerConfig

    Members
    -------
    The ports of ``bus_ports(config)``.
    """

    def __init__(self, config: _Config):
        self.config = config
        self._ports = bus_ports(config)
        super().__init__(members(self._ports))

    @property
    def description(self) -> Description:
        return Description("Top module: ports, latency and rate are described at the beginning of the file.")

    def elaborate(self, platform):
        m = Module()
        top = _plain_top(self.config)
        table = top.port_table(self.config)
        plain = wiring.Signature(members(table)).create()
        top.connect(m, self.config, plain)
        reset = self._reset(m)
        moving = ~reset if self.config.reset.asynchronous else 1
        for name, port in table.items():
            if port.member.flow == Out and port.role in (Role.VALID, Role.READY):
                quiet = Signal(name=f"{name}_quiet")
                m.d.comb += quiet.eq(getattr(plain, name) & moving)
                setattr(plain, name, quiet)
        if self.config.bus is Bus.AXIS:
            self._pack(m, plain, axis_slots(table))
        else:
            for name, port in table.items():
                m.d.comb += _joined(port, getattr(plain, name), getattr(self, name))
        return m

    def _pack(self, m: Module, plain: Any, slots: Mapping[str, Slot]):
        """Connect plain ports to their places in the ports of AXI4-Stream."""
        for name, port in self._ports.items():
            if port.role in (Role.CLOCK, Role.RESET):
                continue
            outer = getattr(self, name)
            inside = {plain_name: slot for plain_name, slot in slots.items() if slot.name == name}
            for plain_name, slot in inside.items():
                m.d.comb += _joined(slot.port, getattr(plain, plain_name), outer[slot.lsb : slot.end])
            if port.member.flow == Out and not inside:
                m.d.comb += outer.eq(1)  # TLAST

    def _reset(self, m: Module) -> Signal:
        """Create the clock domain of the unit, and return its reset."""
        reset = getattr(self, _name(self._ports, Role.RESET))
        asserted = ~reset if self.config.reset.active_low else reset
        domain = ClockDomain("sync", local=True)
        m.domains.sync = domain
        m.d.comb += domain.clk.eq(getattr(self, _name(self._ports, Role.CLOCK)))
        if self.config.reset.asynchronous:
            m.submodules.reset = synchronizer = ResetSynchronizer()
            m.d.comb += synchronizer.asserted.eq(asserted)
            asserted = synchronizer.held
        m.d.comb += domain.rst.eq(asserted)
        return domain.rst
