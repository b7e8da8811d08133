"""mxmac: a generator of microscaling (MX) multiply-accumulate hardware.

A :class:`~mxmac.config.MacConfig` describes a unit, :class:`~mxmac.mac.unit.MacUnit` is its Amaranth component, and
:func:`~mxmac.verilog.generate` writes it as Verilog.
"""

__version__ = "0.1.0"
