"""Settings and primitives of the PLLs, and the reset that waits for them."""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from mxmac.errors import UserError
from mxmac_fpga.boards.pll import PLLS, Ecp5Pll, GowinPll, Ice40Pll, pll
from mxmac_fpga.boards.table import BOARDS
from mxmac_fpga.boards.top import ResetAfterLock

each_board = pytest.mark.parametrize("name", BOARDS)


def test_a_second_gowin_board_does_not_get_the_pll_of_the_first():
    second = replace(BOARDS["tang-nano-9k"], title="Tang Nano 20K", device="GW2AR-18C", grade="C8/I7")
    with pytest.raises(UserError, match=r"PLL of a GW2AR-18C C8/I7 is not known; known is that of GW1NR-9C C6/I5"):
        _ = second.pll
    faster = replace(BOARDS["tang-nano-9k"], grade="C7/I6")
    with pytest.raises(UserError, match="GW1NR-9C C7/I6 is not known"):
        _ = faster.pll


def test_the_primitive_names_the_device_of_the_board(monkeypatch):
    monkeypatch.setattr(GowinPll, "devices", {"GW1NR-9C": "C6/I5", "GW1N-9C": "C6/I5"})
    for device in GowinPll.devices:
        board = replace(BOARDS["tang-nano-9k"], device=device)
        assert board.pll.instance(Signal(), Signal(), Signal()).parameters["DEVICE"] == device


@pytest.mark.parametrize(
    ("family", "reference", "wanted", "setting"),
    [
        # As icepll, ecppll and gowin_pll set them.
        ("ice40", 12, 24, Ice40Pll(12_000_000, 1, 64, 32)),
        ("ice40", 12, 18, Ice40Pll(12_000_000, 1, 48, 32)),
        ("ecp5", 25, 100, Ecp5Pll(25_000_000, 1, 4, 8)),
        ("ecp5", 48, 120, Ecp5Pll(48_000_000, 2, 5, 6)),
        ("gowin", 27, 81, GowinPll(27_000_000, 1, 3, 8)),
    ],
)
def test_known_settings(family, reference, wanted, setting):
    chosen = pll(family, reference * 1_000_000, wanted * 1_000_000, *DEVICES.get(family, ()))
    assert chosen.output_hz == setting.output_hz == wanted * 1_000_000
    assert (chosen.reference_divider, chosen.feedback) == (setting.reference_divider, setting.feedback)
    assert setting.allowed


# Of the families whose PLLs differ: device and speed grade.
DEVICES = {"gowin": ("GW1NR-9C", "C6/I5")}

# Vendors' data sheets, in MHz: phase detector, oscillator, output.
LIMITS = {
    "ice40": ((10, 133), (533, 1066), (16, 275)),
    "ecp5": ((10, 400), (400, 800), (3.125, 400)),
    "gowin": ((3, 400), (400, 1200), (3.125, 600)),
}


def frequencies(family, reference, reference_divider, feedback, output_divider):
    """Of phase detector, oscillator and output, in the unit of the reference."""
    detector = Fraction(reference, reference_divider)
    if family == "ice40":
        return detector, detector * feedback, detector * feedback / output_divider
    return detector, detector * feedback * output_divider, detector * feedback


def within(family, values):
    return all(low <= value <= high for value, (low, high) in zip(values, LIMITS[family], strict=True))


@pytest.mark.parametrize("family", PLLS)
@pytest.mark.parametrize("reference", [12, 25, 27, 48])
def test_every_setting_is_within_the_limits_and_the_fastest_that_is_not_too_fast(family, reference):
    kind = PLLS[family]
    dividers = (kind.reference_dividers[:8], kind.feedbacks, kind.output_dividers[:32])
    outputs = [values[2] for each in product(*dividers) if within(family, values := frequencies(family, reference, *each))]
    for wanted in (18, Fraction(81, 2), 66, 100, 250):
        best = max((output for output in outputs if output <= wanted), default=0)
        if best < wanted * Fraction(95, 100):
            with pytest.raises(UserError, match="No PLL"):
                pll(family, reference * 1_000_000, int(wanted * 1_000_000), *DEVICES.get(family, ()))
            continue
        chosen = pll(family, reference * 1_000_000, int(wanted * 1_000_000), *DEVICES.get(family, ()))
        values = frequencies(family, reference, chosen.reference_divider, chosen.feedback, chosen.output_divider)
        assert within(family, values)
        assert chosen.output_hz == values[2] * 1_000_000
        assert best <= values[2] <= wanted


@pytest.mark.parametrize(
    "setting",
    [
        # One of the frequencies is just outside its limits: the oscillator below and above, the phase detector, the output.
        *(Ice40Pll(12_000_000, *dividers) for dividers in ((1, 44, 32), (1, 89, 32), (2, 90, 32), (1, 80, 64))),
        *(Ecp5Pll(25_000_000, *dividers) for dividers in ((1, 4, 3), (1, 4, 9), (3, 12, 5), (1, 17, 1))),
        *(GowinPll(27_000_000, *dividers) for dividers in ((1, 7, 2), (1, 45, 1), (10, 16, 16), (1, 23, 1))),
    ],
)
def test_a_setting_beyond_the_limits_is_not_allowed(setting):
    assert not setting.allowed


@pytest.mark.parametrize(("family", "wanted"), [("ice40", 15), ("ice40", 300), ("ecp5", 500), ("gowin", 2)])
def test_a_frequency_that_no_setting_makes_is_refused(family, wanted):
    with pytest.raises(UserError, match=f"No PLL of the {family} makes {wanted} MHz from 27 MHz"):
        pll(family, 27_000_000, wanted * 1_000_000, *DEVICES.get(family, ()))


# Parameters that the primitive codes otherwise than as the factor itself.
CODES = {
    "SB_PLL40_PAD": lambda p: Ice40Pll(12_000_000, p["DIVR"] + 1, p["DIVF"] + 1, 1 << p["DIVQ"]),
    "EHXPLLL": lambda p: Ecp5Pll(25_000_000, p["CLKI_DIV"], p["CLKFB_DIV"], p["CLKOP_DIV"]),
    "rPLL": lambda p: GowinPll(27_000_000, p["IDIV_SEL"] + 1, p["FBDIV_SEL"] + 1, p["ODIV_SEL"]),
}


@pytest.mark.parametrize(
    "setting", [Ice40Pll(12_000_000, 1, 48, 32), Ecp5Pll(25_000_000, 1, 4, 6), GowinPll(27_000_000, 2, 3, 16)]
)
def test_the_primitive_has_the_setting(setting):
    instance = setting.instance(Signal(), Signal(), Signal())
    assert CODES[instance.type](instance.parameters) == setting


def test_the_reset_waits_for_the_lock():
    start = ResetAfterLock(5)
    m = Module()
    m.submodules.start = start
    simulator = Simulator(m)

    async def bench(ctx):
        async def clocks(count):
            states = []
            for _ in range(count):
                for level in (1, 0):
                    ctx.set(start.clock, level)
                    await ctx.delay(1e-8)
                states.append(ctx.get(start.reset))
            return states

        assert await clocks(20) == [1] * 20
        ctx.set(start.locked, 1)
        # Two for the synchronizer, five to wait.
        assert await clocks(12) == [1] * 7 + [0] * 5
        ctx.set(start.locked, 0)
        await ctx.delay(1e-9)
        assert ctx.get(start.reset) == 1
        assert await clocks(20) == [1] * 20

    simulator.add_testbench(bench)
    simulator.run()
