"""What can be measured, by name: the unit, and parts of it alone."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from amaranth.lib import wiring

from mxmac.config import MacConfig
from mxmac.errors import UserError
from mxmac.multiplier import Multiplier
from mxmac.netlist import component_verilog
from mxmac.quantizer_config import QuantizerConfig
from mxmac.verilog import Design, generate, generate_quantizer

__all__ = ["PARTS", "QUANTIZER", "TOP", "Part", "Subject", "part_named"]

#: Name of the top module of whatever is measured.
TOP = "core"


@dataclass(frozen=True)
class Subject:
    """Verilog to be measured.

    Members
    -------
    text : str
        Its top module is called ``TOP``.
    per_clock : Fraction
        Operations a clock, sustained.
    """

    text: str
    per_clock: Fraction


@dataclass(frozen=True)
class Part:
    """Something that can be measured.

    Members
    -------
    about : str
        What it is, for people.
    make : callable
        Makes it of a configuration.
    operation : str
        What it does so many of a second.
    per_lane : bool
        Whether it has as many lanes as its configuration says, or one.
    """

    about: str
    make: Callable[[Any], Subject]
    operation: str = "MAC"
    per_lane: bool = True


def _whole(generator: Callable[[Any, str], Design]) -> Callable[[Any], Subject]:
    def make(config: MacConfig | QuantizerConfig) -> Subject:
        design = generator(config, TOP)
        return Subject(design.text, Fraction(config.block, design.manifest["initiation_interval"]["clocks_per_block"]))

    return make


def _component(factory: Callable[[MacConfig], wiring.Component], *, lanes: bool = False) -> Callable[[MacConfig], Subject]:
    """Make a part of a component that takes an operand for each lane, or for one, every clock."""

    def make(config: MacConfig) -> Subject:
        return Subject(component_verilog(factory(config), TOP), Fraction(config.lanes if lanes else 1))

    return make


#: Parts that the options of a unit describe.
PARTS: dict[str, Part] = {
    "unit": Part("MAC unit", _whole(generate)),
    "multiplier": Part("multiplier of two elements", _component(Multiplier), "product", per_lane=False),
}
QUANTIZER = Part("quantizer", _whole(generate_quantizer), "element")


def part_named(name: str) -> Part:
    """Look a part up.

    Raises
    ------
    UserError
        If there is none of that name; the message lists those there are.
    """
    part = PARTS.get(name.lower())
    if part is None:
        raise UserError("part", f"There is no part {name!r}; choose one of {', '.join(PARTS)}")
    return part
