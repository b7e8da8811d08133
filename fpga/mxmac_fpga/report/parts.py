"""What can be measured, by name: the unit, and parts of it alone."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring

from mxmac.accumulator import accumulator_plan
from mxmac.accumulator.window.scale_applier import ScaleApplier
from mxmac.baselines.fp32_lane import Fp32Lane
from mxmac.baselines.fp32_scale import Fp32ScaleDatapath, ScaleByMultiplication
from mxmac.config import MacConfig, with_plain_ports
from mxmac.errors import UserError
from mxmac.mac.datapath import Datapath
from mxmac.quantizer.config import QuantizerConfig
from mxmac.stages.beat_sum import BeatSum
from mxmac.stages.multiplier import Multiplier
from mxmac.stages.product import ElementProduct
from mxmac.verilog import Design, generate, generate_quantizer
from mxmac.verilog.emit import component_verilog
from mxmac_sim.verify.flat import Flat

__all__ = ["PARTS", "QUANTIZER", "TOP", "Part", "Subject", "part_named"]

#: Name of the top module of everything measured.
TOP = "core"


@dataclass(frozen=True)
class Subject:
    """Verilog to be measured.

    Members
    -------
    text : str
        Its top module is called ``TOP``.
    per_clock : Fraction
        Operations a cycle, sustained.
    latency : int, optional
        Cycles from the last beat to the result, of a whole unit.
    """

    text: str
    per_clock: Fraction
    latency: int | None = None


@dataclass(frozen=True)
class Part:
    """Something that can be measured.

    Members
    -------
    about : str
        Description in words.
    make : callable
        Makes it of a configuration.
    operation : str
        Operation whose rate is measured.
    per_lane : bool
        Whether it has as many lanes as its configuration says, or one.
    """

    about: str
    make: Callable[[Any], Subject]
    operation: str = "MAC"
    per_lane: bool = True


def _whole(generator: Callable[[Any, str], Design]) -> Callable[[Any], Subject]:
    def make(config: MacConfig | QuantizerConfig) -> Subject:
        design = generator(with_plain_ports(config), TOP)
        per_clock = Fraction(config.block, design.manifest["initiation_interval"]["clocks_per_block"])
        return Subject(design.text, per_clock, design.manifest["latency"])

    return make


def _component(
    factory: Callable[[MacConfig], wiring.Component],
    *,
    per_clock: Callable[[MacConfig], Fraction] = lambda config: Fraction(1),
    check: Callable[[MacConfig], object] = lambda config: None,
) -> Callable[[MacConfig], Subject]:
    """Make a part of a component.

    Parameters
    ----------
    factory : callable
        Makes the component of a configuration.
    per_clock : callable
        Operations a cycle of a configuration; one by default.
    check : callable
        Refuses configurations that the component does not take, before it is made.
    """

    def make(config: MacConfig) -> Subject:
        check(config)
        return Subject(component_verilog(Flat({"": factory(config)}), TOP), per_clock(config))

    return make


class _Accumulator(wiring.Component):
    """The stages of a unit's accumulator, from scaled blocks to results.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    i, taken and others : as of the first stage
    o : Out(stream.Signature(result_layout(config.output), always_ready=True))
    """

    def __init__(self, config: MacConfig):
        self._stages = {name: stage() for name, stage in accumulator_plan(config).stages.items()}
        first, *_, last = [*self._stages.values()] * 2
        super().__init__({**first.signature.members, "o": last.signature.members["o"]})

    def elaborate(self, platform):
        m = Module()
        stages: list[Any] = list(self._stages.values())
        for name, stage in self._stages.items():
            m.submodules[name] = stage
        for name, member in self.signature.members.items():
            inner, port = getattr(stages[-1 if name == "o" else 0], name), getattr(self, name)
            if member.is_signature:
                wiring.connect(m, inner, wiring.flipped(port))
            else:
                m.d.comb += port.eq(inner) if member.flow is wiring.Out else inner.eq(port)
        for stage, following in pairwise(stages):
            wiring.connect(m, stage.o, following.i)
        return m


def _check_window(config: MacConfig) -> None:
    if config.window is None:
        raise UserError("accumulator", "must be window for the part scale, which shifts into a window")


def _macs_of_blocks(config: MacConfig) -> Fraction:
    return Fraction(config.block, accumulator_plan(config).block_interval)


def _macs_of_beats(config: MacConfig) -> Fraction:
    return Fraction(config.lanes)


#: Parts that the options of a unit describe; some are what others do instead, for comparison.
PARTS: dict[str, Part] = {
    "unit": Part("MAC unit", _whole(generate)),
    "datapath": Part("datapath of a unit", _component(Datapath, per_clock=_macs_of_blocks)),
    "beat-sum": Part("lanes of a unit and the sum of their products", _component(BeatSum, per_clock=_macs_of_beats)),
    "accumulator": Part("accumulator of a unit, with its rounder", _component(_Accumulator), "block", per_lane=False),
    "product": Part("product of two elements, in floating point", _component(ElementProduct), "product", per_lane=False),
    "multiplier": Part("product of two elements, as an integer", _component(Multiplier), "product", per_lane=False),
    "scale": Part(
        "scale applier, a shift into the window", _component(ScaleApplier, check=_check_window), "block", per_lane=False
    ),
    "fp32-scale": Part(
        "scale in FP32, applied by a multiplication", _component(ScaleByMultiplication), "block", per_lane=False
    ),
    "fp32-scale-datapath": Part(
        "datapath with scales and sums in FP32",
        _component(Fp32ScaleDatapath, per_clock=_macs_of_blocks, check=Fp32ScaleDatapath.check),
    ),
    "fp32-lane": Part("lane in FP32, multiply and add", _component(Fp32Lane, check=Fp32Lane.check), per_lane=False),
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
