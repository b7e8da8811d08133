"""Platform of the Colorlight i5 v7.0 on its extension board: the clock, the LED and the serial line."""

from amaranth.build import Attrs, Clock, Pins, PinsN, Resource, Subsignal
from amaranth.vendor import LatticeECP5Platform

__all__ = ["ColorlightI5Platform"]

_IO = Attrs(IO_TYPE="LVCMOS33")


class ColorlightI5Platform(LatticeECP5Platform):
    """What the accelerator needs of it. Pins are those of litex-boards."""

    device = "LFE5U-25F"
    package = "BG381"
    speed = "6"
    default_clk = "clk25"
    resources = (
        Resource("clk25", 0, Pins("P3", dir="i"), Clock(25e6), _IO),
        Resource("led", 0, PinsN("U16", dir="o"), _IO),
        Resource("uart", 0, Subsignal("rx", Pins("H18", dir="i")), Subsignal("tx", Pins("J17", dir="o")), _IO),
    )
    connectors = ()

    def toolchain_prepare(self, fragment, name, **options):
        """Ask for a compressed bitstream, which is flashed sooner."""
        return super().toolchain_prepare(fragment, name, **{"ecppack_opts": "--compress", **options})
