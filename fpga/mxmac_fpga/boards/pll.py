"""Phase-locked loops: a clock near the fastest that the unit takes, from the one on the board."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import ClassVar

from amaranth.hdl import Const, Instance, Signal

from mxmac.errors import UserError

__all__ = ["PLLS", "Ecp5Pll", "GowinPll", "Ice40Pll", "Pll", "pll"]


@dataclass(frozen=True)
class Limits:
    """Frequencies that a part allows, in Hz, ends included."""

    reference: tuple[int, int]
    #: Of the phase detector.
    detector: tuple[int, int]
    oscillator: tuple[int, int]
    output: tuple[int, int]


def _within(frequency: Fraction, limits: tuple[int, int]) -> bool:
    return limits[0] <= frequency <= limits[1]


@dataclass(frozen=True)
class Pll:
    """Dividers of a loop whose oscillator runs at ``reference / reference_divider * feedback * output_divider``.

    Each family of FPGAs is a subclass with its limits and its primitive.

    Members
    -------
    reference_hz : int
    reference_divider, feedback, output_divider : int
        The factors themselves, not the codes of the primitive's parameters. The output is
        ``reference / reference_divider * feedback``.
    device : str
        FPGA without package and speed grade, for families whose primitive names it.
    """

    reference_hz: int
    reference_divider: int
    feedback: int
    output_divider: int
    device: str = ""

    limits: ClassVar[Limits] = Limits(reference=(0, 0), detector=(0, 0), oscillator=(0, 0), output=(0, 0))
    #: Values that the dividers may have; the output's feeds the loop back, so that it does not change the output.
    reference_dividers: ClassVar[Sequence[int]] = ()
    feedbacks: ClassVar[Sequence[int]] = ()
    output_dividers: ClassVar[Sequence[int]] = ()

    @property
    def detector_hz(self) -> Fraction:
        """Frequency of the phase detector."""
        return Fraction(self.reference_hz, self.reference_divider)

    @property
    def output_hz(self) -> Fraction:
        """Frequency that comes out."""
        return self.detector_hz * self.feedback

    @property
    def oscillator_hz(self) -> Fraction:
        """Frequency of the oscillator."""
        return self.output_hz * self.output_divider

    @property
    def allowed(self) -> bool:
        """Whether all frequencies are within the limits of the part."""
        return (
            _within(Fraction(self.reference_hz), self.limits.reference)
            and _within(self.detector_hz, self.limits.detector)
            and _within(self.oscillator_hz, self.limits.oscillator)
            and _within(self.output_hz, self.limits.output)
        )

    @classmethod
    def check_device(cls, device: str, grade: str) -> None:
        """Refuse a device or speed grade whose PLL is not the one of this class. Here, one PLL serves the whole family.

        Raises
        ------
        UserError
            If the PLL of the device is not known; the message names the known ones.
        """

    @classmethod
    def choices(cls, reference_hz: int, wanted_hz: int, device: str = "") -> Iterable["Pll"]:
        """Settings within the limits: for every pair of the other dividers, the largest feedback that is not too fast."""
        for reference_divider, output_divider in product(cls.reference_dividers, cls.output_dividers):
            step = cls(reference_hz, reference_divider, 1, output_divider).output_hz
            choice = cls(reference_hz, reference_divider, wanted_hz // step, output_divider, device)
            if choice.feedback in cls.feedbacks and choice.allowed:
                yield choice

    def instance(self, clock_in, clock_out: Signal, locked: Signal) -> Instance:
        """Primitive with this setting.

        Parameters
        ----------
        clock_in
            The reference.
        clock_out, locked : Signal
            ``locked`` is asynchronous.
        """
        raise NotImplementedError


class Ice40Pll(Pll):
    """``SB_PLL40_PAD`` of an iCE40 (Lattice FPGA-TN-02052): its reference comes straight from the pad of the clock.

    Here the oscillator is fed back before the output divider, which is a power of two.
    """

    limits = Limits(
        reference=(10_000_000, 133_000_000),
        detector=(10_000_000, 133_000_000),
        oscillator=(533_000_000, 1_066_000_000),
        output=(16_000_000, 275_000_000),
    )
    reference_dividers = range(1, 17)
    feedbacks = range(1, 129)
    output_dividers = tuple(1 << q for q in range(1, 7))

    #: Upper ends, in Hz, of the ranges of the loop filter, for the phase detector; the last one has none.
    filter_ranges = (17_000_000, 26_000_000, 44_000_000, 66_000_000, 101_000_000)

    @property
    def output_hz(self) -> Fraction:
        """Frequency that comes out."""
        return self.oscillator_hz / self.output_divider

    @property
    def oscillator_hz(self) -> Fraction:
        """Frequency of the oscillator."""
        return self.detector_hz * self.feedback

    def instance(self, clock_in, clock_out: Signal, locked: Signal) -> Instance:
        """Primitive with this setting; ``clock_in`` is an ``IOValue``, the pad itself."""
        return Instance(
            "SB_PLL40_PAD",
            p_FEEDBACK_PATH="SIMPLE",
            p_DIVR=self.reference_divider - 1,
            p_DIVF=self.feedback - 1,
            p_DIVQ=self.output_divider.bit_length() - 1,
            p_FILTER_RANGE=1 + sum(self.detector_hz >= end for end in self.filter_ranges),
            i_PACKAGEPIN=clock_in,
            i_RESETB=1,
            i_BYPASS=0,
            o_PLLOUTGLOBAL=clock_out,
            o_LOCK=locked,
        )


class Ecp5Pll(Pll):
    """``EHXPLLL`` of an ECP5 (Lattice FPGA-DS-02012, table 3.24), fed back from its first output."""

    limits = Limits(
        reference=(8_000_000, 400_000_000),
        detector=(10_000_000, 400_000_000),
        oscillator=(400_000_000, 800_000_000),
        output=(3_125_000, 400_000_000),
    )
    reference_dividers = range(1, 41)
    feedbacks = range(1, 81)
    output_dividers = range(1, 129)

    def instance(self, clock_in, clock_out: Signal, locked: Signal) -> Instance:
        """Primitive with this setting."""
        return Instance(
            "EHXPLLL",
            # What the vendor's tools give the loop filter, as the open tools know it.
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_OUTDIVIDER_MUXC="DIVC",
            p_OUTDIVIDER_MUXD="DIVD",
            p_CLKI_DIV=self.reference_divider,
            p_CLKFB_DIV=self.feedback,
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=self.output_divider,
            p_CLKOP_CPHASE=self.output_divider // 2,
            p_CLKOP_FPHASE=0,
            p_FEEDBK_PATH="CLKOP",
            i_CLKI=clock_in,
            i_CLKFB=clock_out,
            i_RST=0,
            i_STDBY=0,
            i_PHASESEL0=0,
            i_PHASESEL1=0,
            i_PHASEDIR=1,
            i_PHASESTEP=1,
            i_PHASELOADREG=1,
            i_PLLWAKESYNC=0,
            i_ENCLKOP=0,
            o_CLKOP=clock_out,
            o_LOCK=locked,
        )


class GowinPll(Pll):
    """``rPLL`` of a GW1NR-9C of speed grade C6/I5 (Gowin DS117 and UG286).

    Limits and primitive differ from device to device, so that others are refused.
    """

    #: Devices with these limits, and their speed grade.
    devices: ClassVar[Mapping[str, str]] = {"GW1NR-9C": "C6/I5"}

    limits = Limits(
        reference=(3_000_000, 400_000_000),
        detector=(3_000_000, 400_000_000),
        oscillator=(400_000_000, 1_200_000_000),
        output=(3_125_000, 600_000_000),
    )
    reference_dividers = range(1, 65)
    feedbacks = range(1, 65)
    output_dividers = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)

    @classmethod
    def check_device(cls, device: str, grade: str) -> None:
        """Refuse devices and speed grades other than those whose limits are these."""
        if cls.devices.get(device) != grade:
            known = ", ".join(f"{name} {grade}" for name, grade in cls.devices.items())
            raise UserError("board", f"The PLL of a {device} {grade} is not known; known is that of {known}")

    def instance(self, clock_in, clock_out: Signal, locked: Signal) -> Instance:
        """Primitive with this setting."""
        return Instance(
            "rPLL",
            p_DEVICE=self.device,
            p_FCLKIN=f"{self.reference_hz / 1e6:g}",
            p_IDIV_SEL=self.reference_divider - 1,
            p_FBDIV_SEL=self.feedback - 1,
            p_ODIV_SEL=self.output_divider,
            p_DYN_IDIV_SEL="false",
            p_DYN_FBDIV_SEL="false",
            p_DYN_ODIV_SEL="false",
            p_PSDA_SEL="0000",
            p_DYN_DA_EN="false",
            p_DUTYDA_SEL="1000",
            p_CLKFB_SEL="internal",
            p_CLKOUT_BYPASS="false",
            p_CLKOUTP_BYPASS="false",
            p_CLKOUTD_BYPASS="false",
            i_CLKIN=clock_in,
            i_CLKFB=0,
            i_RESET=0,
            i_RESET_P=0,
            **{f"i_{name}": Const(0, 6) for name in ("FBDSEL", "IDSEL", "ODSEL")},
            **{f"i_{name}": Const(0, 4) for name in ("PSDA", "DUTYDA", "FDLY")},
            o_CLKOUT=clock_out,
            o_LOCK=locked,
        )


#: By the name of the family, as :mod:`~mxmac_fpga.boards.toolchains` has it.
PLLS: dict[str, type[Pll]] = {"ice40": Ice40Pll, "ecp5": Ecp5Pll, "gowin": GowinPll}


def pll(family: str, reference_hz: int, wanted_hz: int, device: str = "", grade: str = "") -> Pll:
    """Setting whose output comes nearest to the wanted frequency without exceeding it.

    Of several, the one with the fastest phase detector, which jitters least, and then the fastest oscillator.

    Parameters
    ----------
    family : str
        One of :data:`PLLS`.
    reference_hz, wanted_hz : int
    device, grade : str
        FPGA without its package, and its speed grade, for the families whose PLLs differ.

    Raises
    ------
    UserError
        If the PLL of the device is not known, or no setting is within 5 % of the frequency.
    """
    PLLS[family].check_device(device, grade)
    choices = PLLS[family].choices(reference_hz, wanted_hz, device)
    best = max(choices, key=lambda choice: (choice.output_hz, choice.detector_hz, choice.oscillator_hz), default=None)
    if best is None or best.output_hz < Fraction(wanted_hz * 95, 100):
        nearest = f"; the nearest below is {float(best.output_hz) / 1e6:g} MHz" if best else ""
        raise UserError(
            "clock", f"No PLL of the {family} makes {wanted_hz / 1e6:g} MHz from {reference_hz / 1e6:g} MHz{nearest}"
        )
    return best
