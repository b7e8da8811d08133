"""A unit of mxmac as a peripheral of LiteX, and a system on chip that contains it."""

from contextlib import chdir

from litex.build.generic_platform import GenericPlatform, Pins, Subsignal
from litex.gen import LiteXModule
from litex.soc.integration.soc_core import SoCCore
from litex.soc.interconnect import wishbone
from litex.soc.interconnect.csr import CSR, CSRField, CSRStatus, CSRStorage
from migen import ClockDomain, ClockSignal, If, Instance, ResetSignal, Signal

__all__ = ["Platform", "SoC", "Unit"]

_IO = [
    ("clk", 0, Pins(1)),
    ("rst", 0, Pins(1)),
    # Characters that the firmware prints, and its verdict: bit 0 at the end, bit 1 if results are wrong.
    ("serial", 0, Subsignal("source_valid", Pins(1)), Subsignal("source_ready", Pins(1)), Subsignal("source_data", Pins(8)),
     Subsignal("sink_valid", Pins(1)), Subsignal("sink_ready", Pins(1)), Subsignal("sink_data", Pins(8))),
    ("verdict", 0, Pins(2)),
    # The bus, in a system without a processor.
    ("wishbone", 0, Subsignal("adr", Pins(30)), Subsignal("dat_w", Pins(32)), Subsignal("dat_r", Pins(32)),
     Subsignal("sel", Pins(4)), Subsignal("cyc", Pins(1)), Subsignal("stb", Pins(1)), Subsignal("ack", Pins(1)),
     Subsignal("we", Pins(1)), Subsignal("cti", Pins(3)), Subsignal("bte", Pins(2)), Subsignal("err", Pins(1))),
]  # fmt: skip


class Unit(LiteXModule):
    """A unit behind registers. Works for every configuration, because names and widths come from the manifest.

    Each field of a beat is a register that the firmware writes, and each field of a result one that it reads: ``a``, ``b``,
    ``scale_a``, ``scale_b``, ``last``, ``data``, ``status`` and so on, by the names of the ports. Besides, there are

    - ``send``: a write offers the registers as a beat;
    - ``take``: a write takes the result away;
    - ``ready``: bit 0 if no beat is waiting, bit 1 if there is a result.

    Parameters
    ----------
    manifest : dict
        What ``mxmac generate`` has written beside the Verilog of the unit; one with plain ports.
    """

    def __init__(self, manifest):
        self.send = CSR(name="send")
        self.take = CSR(name="take")
        self.ready = CSRStatus(fields=[CSRField("beat", description="No beat waits."), CSRField("result")])
        offered, taken, valid = Signal(), Signal(), Signal()
        connected = {}
        for port in manifest["ports"]:
            name, width = port["name"], port["width"]
            signal = {
                "clock": ClockSignal(),
                "reset": ~ResetSignal() if manifest["reset"]["active"] == "low" else ResetSignal(),
                "in_valid": offered,
                "in_ready": taken,
                "out_valid": valid,
                "out_ready": self.take.re,
            }.get(name if port["role"] in ("valid", "ready") else port["role"])
            if signal is None:
                # in_a becomes the register a.
                member = name.partition("_")[2]
                register = (CSRStorage if port["direction"] == "input" else CSRStatus)(width, name=member)
                setattr(self, member, register)
                signal = register.storage if port["direction"] == "input" else register.status
            connected[f"{port['direction'][0]}_{name}"] = signal
        self.specials += Instance(manifest["top"], **connected)
        self.sync += [If(taken, offered.eq(0)), If(self.send.re, offered.eq(1))]
        self.comb += [self.ready.fields.beat.eq(~offered), self.ready.fields.result.eq(valid)]


class Platform(GenericPlatform):
    """Pins of the simulation; building it writes Verilog."""

    def __init__(self):
        super().__init__("", _IO, name="dots")

    def build(self, fragment, build_dir, **_):
        """Write the Verilog of a design into a folder."""
        self.finalize(fragment)
        text = self.get_verilog(fragment, name="soc")
        # Contents of memories go beside it, into the working directory.
        with chdir(build_dir):
            text.write("soc.v")


class SoC(SoCCore):
    """A VexRiscv, memory, a serial port and a unit; without the processor, its bus has pins instead.

    Parameters
    ----------
    manifest : dict
        Manifest of the unit.
    cpu : bool
        Whether there is a processor.
    """

    def __init__(self, manifest, *, cpu=True):
        platform = Platform()
        processor = (
            {"cpu_variant": "minimal", "integrated_rom_size": 0x10000, "uart_name": "sim"} if cpu else {"with_uart": False}
        )
        super().__init__(
            platform,
            clk_freq=100_000_000,
            cpu_type="vexriscv" if cpu else None,
            integrated_sram_size=0x1000 if cpu else 0,
            with_timer=False,
            **processor,
        )
        self.crg = _ClockAndReset(platform)
        self.unit = Unit(manifest)
        if cpu:
            self.verdict = _Verdict(platform.request("verdict"))
        else:
            bus = wishbone.Interface(data_width=32, adr_width=30)
            self.comb += bus.connect_to_pads(platform.request("wishbone"), mode="slave")
            self.bus.add_master(name="pins", master=bus)


class _ClockAndReset(LiteXModule):
    def __init__(self, platform):
        self.cd_sys = ClockDomain()
        self.comb += [self.cd_sys.clk.eq(platform.request("clk")), self.cd_sys.rst.eq(platform.request("rst"))]


class _Verdict(LiteXModule):
    def __init__(self, pins):
        self.code = CSRStorage(2)
        self.comb += pins.eq(self.code.storage)
