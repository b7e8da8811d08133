"""The boards, as data: part, pins, and the unit that is put on each.

A new board is one entry of :data:`BOARDS`; the fields of :class:`BoardType` say what it needs. Its name then works with
``mxmac fpga build``, ``flash`` and ``run``, and the tests of the table check it: platform, pins, clock, rate and the words for
openFPGALoader.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from amaranth.build import Attrs, Pins, Platform, Resource, Subsignal

from mxmac.config import MacConfig, Target
from mxmac.errors import UserError
from mxmac.formats import ELEMENT_FORMATS

from .pll import Pll, pll

__all__ = ["BOARDS", "BoardType", "board_named"]

#: A link moves less than 0.3 MB/s, which a single lane keeps up with; so the room of a part is spent on a choice of element
#: formats first, and then on lanes. Listed by name and in this order, since a position in the list is the meaning of
#: ``in_format`` in every bitstream: a new element format changes no board.
_FORMATS = tuple(ELEMENT_FORMATS[name] for name in ("E4M3", "E5M2", "E3M2", "E2M3", "E2M1", "INT8"))


def _unit(lanes: int, target: Target = Target.GENERIC) -> MacConfig:
    return MacConfig(a=_FORMATS, b=_FORMATS, lanes=lanes, target=target)


@dataclass(frozen=True, kw_only=True)
class BoardType:
    """A board that can be bought, and what is flashed on it.

    Members
    -------
    title : str
        Full name.
    device, grade : str
        FPGA without its package, as its vendor names it, and its speed grade; empty if there is only one.
    family : str
        Of the FPGA: one of :data:`~mxmac_fpga.boards.toolchains.TOOLCHAINS` and of :data:`~mxmac_fpga.boards.pll.PLLS`.
    platform : str
        Module and class of its Amaranth platform, such as those of amaranth-boards. It needs a clock, and a resource ``uart``
        with ``rx`` and ``tx``.
    reference_hz : int
        Clock on the board.
    clock_hz : int
        Clock for the unit; the PLL makes the nearest one that is not faster, from 95 % of it. The build fails if place and
        route does not reach it.
    config : MacConfig
        Unit to be put on the board.
    baud : int
        Rate of the serial line, which the clock must give to 2 %.
    serial : str
        Place of the serial line, in words.
    leds : mapping of str to tuple, optional
        By a field of :data:`~mxmac_fpga.gateware.accelerator.LEDS`, the LED that shows it: name and number of its resource and,
        if it is part of one, the part.
    synthesis : tuple of str, optional
        Further options of the synthesis command.
    resources : tuple of Resource, optional
        Resources that the platform needs and does not have, such as the serial line.
    seed : int, optional
        First seed of place and route.
    flash : tuple of str
        Options of openFPGALoader that name the board or its cable.
    flash_permanently : tuple of str, optional
        Further options, to write the memory that the FPGA starts from; empty if it does so anyway.
    connection : str
        Things to plug in for flashing, in words.
    """

    title: str
    device: str
    grade: str = ""
    family: str
    platform: str
    reference_hz: int
    clock_hz: int
    config: MacConfig
    baud: int
    serial: str
    leds: Mapping[str, tuple] = field(default_factory=dict)
    synthesis: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    seed: int = 1
    flash: tuple[str, ...]
    flash_permanently: tuple[str, ...] = ()
    connection: str

    @property
    def part(self) -> str:
        """Device and speed grade."""
        return ", ".join(word for word in (self.device, self.grade) if word)

    @property
    def pll(self) -> Pll:
        """Setting of the PLL that makes the unit's clock.

        Raises
        ------
        UserError
            If the device is not known to have such a PLL, or the PLL cannot make the clock.
        """
        return pll(self.family, self.reference_hz, self.clock_hz, self.device, self.grade)

    def make_platform(self) -> Platform:
        """A new platform, for one build.

        Raises
        ------
        ModuleNotFoundError
            If the package that describes the boards is not installed.
        """
        module, name = self.platform.rsplit(".", 1)
        platform = getattr(importlib.import_module(module), name)()
        platform.add_resources(self.resources)
        return platform


def _ulx3s(size: str, lanes: int, **more) -> BoardType:
    return BoardType(
        title=f"ULX3S {size}",
        device=f"LFE5U-{size}",
        grade="speed 6",
        family="ecp5",
        platform=f"amaranth_boards.ulx3s.ULX3S_{size}_Platform",
        reference_hz=25_000_000,
        clock_hz=50_000_000,
        config=_unit(lanes, Target.ECP5),
        baud=3_000_000,
        serial="USB socket US1 (FT231X)",
        leds={name: ("led", number) for number, name in enumerate(("busy", "error", "result", "alive"))},
        flash=("--board", "ulx3s"),
        flash_permanently=("--write-flash",),
        connection="a USB cable to the socket US1",
        **more,
    )


#: By the name that the command line has for them.
BOARDS: dict[str, BoardType] = {
    "icebreaker": BoardType(
        title="iCEBreaker",
        device="iCE40UP5K",
        family="ice40",
        platform="amaranth_boards.icebreaker.ICEBreakerPlatform",
        reference_hz=12_000_000,
        clock_hz=18_000_000,
        config=_unit(1),
        baud=3_000_000,
        serial="USB socket: the second of its two ports (FT2232H)",
        leds={"busy": ("led_g", 0), "error": ("led_r", 0)},
        synthesis=("-device u", "-dsp", "-abc9"),
        flash=("--board", "ice40_generic"),
        connection="a USB cable",
    ),
    "ulx3s-12f": _ulx3s("12F", 8, seed=3),
    "ulx3s-25f": _ulx3s("25F", 8, seed=3),
    "ulx3s-45f": _ulx3s("45F", 32),
    "ulx3s-85f": _ulx3s("85F", 32),
    "orangecrab": BoardType(
        title="OrangeCrab r0.2",
        device="LFE5U-25F",
        grade="speed 8",
        family="ecp5",
        platform="amaranth_boards.orangecrab_r0_2.OrangeCrabR0_2_25FPlatform",
        reference_hz=48_000_000,
        clock_hz=60_000_000,
        config=_unit(8, Target.ECP5),
        baud=1_000_000,
        resources=(
            Resource(
                "uart",
                0,
                Subsignal("rx", Pins("0", dir="i", conn=("io", 0))),
                Subsignal("tx", Pins("1", dir="o", conn=("io", 0))),
                Attrs(IO_TYPE="LVCMOS33"),
            ),
        ),
        serial="header: RX is pin 0, TX is pin 1 (3.3 V), to a USB serial adapter",
        leds={"busy": ("rgb_led", 0, "b"), "error": ("rgb_led", 0, "r"), "result": ("rgb_led", 0, "g")},
        flash=("--board", "orangeCrab"),
        connection="a USB cable, with the button held down as it is plugged in, so that the boot loader runs",
    ),
    "colorlight-5a-75b": BoardType(
        title="Colorlight 5A-75B v7.0",
        device="LFE5U-25F",
        grade="speed 6",
        family="ecp5",
        platform="amaranth_boards.colorlight_5a75b_r7_0.Colorlight_5A75B_R70Platform",
        reference_hz=25_000_000,
        clock_hz=50_000_000,
        config=_unit(8, Target.ECP5),
        baud=1_000_000,
        serial="connector J19: RX is KEY+ (M13), TX is DATA_LED- (P11, the LED too), 3.3 V, to a USB serial adapter",
        flash=("--board", "colorlight", "--cable", "ft232"),
        flash_permanently=("--unprotect-flash", "--write-flash"),
        connection="a JTAG adapter with an FT232H to the pads J27 (TCK), J31 (TMS), J32 (TDI) and J30 (TDO)",
    ),
    "colorlight-i5": BoardType(
        title="Colorlight i5 v7.0",
        device="LFE5U-25F",
        grade="speed 6",
        family="ecp5",
        platform="mxmac_fpga.boards.colorlight_i5.ColorlightI5Platform",
        reference_hz=25_000_000,
        clock_hz=50_000_000,
        config=_unit(8, Target.ECP5),
        baud=115_200,
        serial="USB socket of the extension board",
        leds={"busy": ("led", 0)},
        flash=("--board", "colorlight-i5"),
        flash_permanently=("--unprotect-flash", "--write-flash"),
        connection="a USB cable to the extension board",
    ),
    "tang-nano-9k": BoardType(
        title="Tang Nano 9K",
        device="GW1NR-9C",
        grade="C6/I5",
        family="gowin",
        platform="amaranth_boards.tang_nano_9k.TangNano9kPlatform",
        reference_hz=27_000_000,
        clock_hz=40_500_000,
        config=_unit(1),
        baud=1_000_000,
        serial="USB socket (BL702)",
        leds={name: ("led", number) for number, name in enumerate(("busy", "error", "result", "alive"))},
        flash=("--board", "tangnano9k"),
        flash_permanently=("--write-flash",),
        connection="a USB cable",
    ),
}


def board_named(name: str) -> BoardType:
    """Look a board up.

    Raises
    ------
    UserError
        If there is none of that name; the message lists those there are.
    """
    board = BOARDS.get(name.lower())
    if board is None:
        raise UserError("board", f"There is no board {name!r} here; choose one of {', '.join(BOARDS)}")
    return board
