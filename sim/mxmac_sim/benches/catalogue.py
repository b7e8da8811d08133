"""Which benches a configuration has, and the Verilog that each of them runs on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from amaranth.lib import wiring

from mxmac.accumulator.exact import exact_total_exp_min, exact_total_layout
from mxmac.accumulator.fp32 import Fp32Accumulator, fp32_latency
from mxmac.accumulator.window import WindowAccumulator, window_total_layout
from mxmac.config import Accumulator, MacConfig
from mxmac.formats import RESULT_FORMATS
from mxmac.mac import ROUND_CLOCKS, unit_latency, unit_latency_min
from mxmac.multiplier import Multiplier, multiplier_latency
from mxmac.netlist import component_verilog
from mxmac.rounder import Rounder
from mxmac.scale_applier import ScaleApplier, ScaleSum, scale_applier_latency
from mxmac.verilog import generate

from .flat import Flat

__all__ = ["UNIT_TOP", "Design", "benches"]

#: Name of the top module of a unit.
UNIT_TOP = "mxmac"


@dataclass(frozen=True)
class Design:
    """What a bench runs on.

    Members
    -------
    top : str
        Name of the top module.
    text : str
        Its Verilog.
    modules : tuple of str
        Names of the modules of this package that test it.
    parameters : dict
        What they have to know of it: its stated latency above all.
    """

    top: str
    text: str
    modules: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


def _component(top: str, components: Mapping[str, wiring.Component], *modules: str, **parameters: Any) -> Design:
    return Design(top, component_verilog(Flat(components), top), modules, parameters)


def _multiplier(config: MacConfig) -> Design:
    return _component("multiplier", {"": Multiplier(config)}, "multiplier", latency=multiplier_latency(config))


def _scale_applier(config: MacConfig) -> Design:
    parts: dict[str, wiring.Component] = {"sum": ScaleSum()}
    if config.accumulator is not Accumulator.WINDOW:
        return _component("scale_applier", parts, "scale_sum")
    parts[""] = ScaleApplier(config)
    return _component("scale_applier", parts, "scale_sum", "scale_applier", latency=scale_applier_latency(config))


def _fp32_accumulator(config: MacConfig) -> Design:
    return _component("accumulator", {"": Fp32Accumulator(config, queue=4)}, "accumulator_fp32", latency=fp32_latency(config))


def _window_accumulator(config: MacConfig) -> Design:
    part = WindowAccumulator(config)
    return _component("accumulator", {"": part}, "accumulator_window", latency=part.latency)


def _rounder(config: MacConfig) -> Design:
    output = config.output
    match config.accumulator:
        case Accumulator.FP32:
            # As wide as the sum of a block and an accumulator side by side.
            output = RESULT_FORMATS["FP32"]
            width = max(config.block_sum_bits, output.sig_bits) + 6
            exp_bits, exp_min = (config.scale_sum_max + width).bit_length(), config.block_exp_min - width
        case Accumulator.WINDOW:
            width, exp_min = config.window, config.window_exp_min
            exp_bits = window_total_layout(config)["exp"].width
        case Accumulator.EXACT:
            total, exp_min = exact_total_layout(config), exact_total_exp_min(config)
            width, exp_bits = total["value"].width, total["exp"].width
    rounder = Rounder(output, width=width, exp_bits=exp_bits, exp_min=exp_min, clocks=ROUND_CLOCKS)
    return _component("rounder", {"": rounder}, "rounder", latency=ROUND_CLOCKS, output=output.name, exp_min=exp_min)


def _mac(config: MacConfig) -> Design:
    latencies = {"latency_min": unit_latency_min(config), "latency": unit_latency(config)}
    return Design(UNIT_TOP, generate(config, UNIT_TOP).text, ("mac",), latencies)


_ACCUMULATORS = {Accumulator.FP32: _fp32_accumulator, Accumulator.WINDOW: _window_accumulator}


def benches(config: MacConfig) -> dict[str, Callable[[MacConfig], Design]]:
    """Return what there is to be tested of a unit, from its smallest part to the whole, by name of the bench.

    The exact accumulator has no bench of its own: what it adds up is seen in the whole unit.
    """
    accumulator = _ACCUMULATORS.get(config.accumulator)
    return {
        "multiplier": _multiplier,
        "scale_applier": _scale_applier,
        **({"accumulator": accumulator} if accumulator else {}),
        "rounder": _rounder,
        "mac": _mac,
    }
