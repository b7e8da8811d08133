"""Top modules: the plain ports of a unit, or other ones: other resets, AXI4-Stream."""

from .top import BusTop, bus_ports, bus_top, clock_name, has_padding, reset_sentence

__all__ = ["BusTop", "bus_ports", "bus_top", "clock_name", "has_padding", "reset_sentence"]
