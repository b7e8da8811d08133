"""Which benches a configuration has, and the Verilog that each of them runs on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from amaranth.lib import wiring

from mxmac.accumulator.fp32 import Fp32Accumulator, fp32_latency
from mxmac.accumulator.window import WindowAccumulator, window_total_layout
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import RESULT_FORMATS
from mxmac.mac import ROUND_CLOCKS, unit_latency
from mxmac.multiplier import Multiplier, multiplier_latency
from mxmac.netlist import component_verilog
from mxmac.rounder import Rounder
from mxmac.scale_applier import ScaleApplier, ScaleSum, scale_applier_latency
from mxmac.verilog import generate

from .flat import Flat

__all__ = ["BENCHES", "UNIT_TOP", "Bench", "Design"]

#: Name of the top module of a unit.
UNIT_TOP = "mxmac"


@dataclass(frozen=True)
class Design:
    """What a bench runs on.

    Members
    -------
    text, top : str
        Verilog, and the name of its top module.
    parameters : dict
        What the bench has to know of it: its stated latency above all.
    """

    text: str
    top: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """A bench of the catalogue.

    Members
    -------
    name : str
    module : str
        Python module with its tests.
    design : callable
        Makes what it runs on, of a configuration.
    """

    name: str
    module: str
    design: Callable[[MacConfig], Design]


def _component(components: Mapping[str, wiring.Component], top: str, **parameters: Any) -> Design:
    return Design(component_verilog(Flat(components), top), top, parameters)


def _multiplier(config: MacConfig) -> Design:
    return _component({"": Multiplier(config)}, "multiplier", latency=multiplier_latency(config))


def _scale_applier(config: MacConfig) -> Design:
    parts: dict[str, wiring.Component] = {"sum": ScaleSum()}
    if config.accumulator is not Accumulator.WINDOW:
        return _component(parts, "scale_applier")
    return _component(parts | {"": ScaleApplier(config)}, "scale_applier", latency=scale_applier_latency(config))


def _accumulator(config: MacConfig) -> Design:
    if config.accumulator is Accumulator.FP32:
        return _component({"": Fp32Accumulator(config)}, "accumulator", latency=fp32_latency(config))
    return _component({"": WindowAccumulator(config)}, "accumulator", latency=WindowAccumulator.latency)


def _rounder(config: MacConfig) -> Design:
    if config.accumulator is Accumulator.FP32:
        # As wide as the sum of a block and an accumulator side by side.
        width = max(config.block_sum_bits, RESULT_FORMATS["FP32"].sig_bits) + 6
        shape = RESULT_FORMATS["FP32"], width, (config.scale_sum_max + width).bit_length(), config.block_exp_min - width
    else:
        exp_bits = window_total_layout(config)["exp"].width
        shape = config.output, config.window, exp_bits, config.window_exp_min
    output, width, exp_bits, exp_min = shape
    rounder = Rounder(output, width=width, exp_bits=exp_bits, exp_min=exp_min, clocks=ROUND_CLOCKS)
    return _component({"": rounder}, "rounder", latency=ROUND_CLOCKS, output=output.name, exp_min=exp_min)


def _mac(config: MacConfig) -> Design:
    return Design(generate(config, UNIT_TOP).text, UNIT_TOP, {"latency": unit_latency(config)})


_MODULE = "mxmac_sim.benches."

#: All benches, from the smallest part to the whole unit.
BENCHES = (
    Bench("multiplier", _MODULE + "multiplier", _multiplier),
    Bench("scale_applier", _MODULE + "scale_applier", _scale_applier),
    Bench("accumulator", _MODULE + "accumulator", _accumulator),
    Bench("rounder", _MODULE + "rounder", _rounder),
    Bench("mac", _MODULE + "mac", _mac),
)
