"""Self-checking testbench of a unit in plain Verilog, with vectors of the golden model."""

from .text import testbench

__all__ = ["testbench"]
