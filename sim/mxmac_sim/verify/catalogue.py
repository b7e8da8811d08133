"""What is verified, which benches that has, and the Verilog that each of them runs on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

from amaranth.lib import wiring

from mxmac.accumulator.exact.parallel import ExactAccumulator, exact_latency
from mxmac.accumulator.exact.serial import SERIAL_WORD_BITS, SerialExact, serial_exact_latency
from mxmac.accumulator.exact.words import exact_total_exp_min, word_bits
from mxmac.accumulator.fp32 import FP32, Fp32Accumulator, Fp32Narrower, fp32_latency
from mxmac.accumulator.window.parallel import WINDOW_CLOCKS, WindowAccumulator
from mxmac.accumulator.window.scale_applier import ScaleApplier, scale_applier_latency
from mxmac.accumulator.window.serial import SCALE_CLOCKS, SerialWindow, serial_window_latency
from mxmac.config import Accumulator, MacConfig
from mxmac.mac.datapath import NARROW_CLOCKS, total_of
from mxmac.mac.unit import unit_latency, unit_latency_min
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.unit import quantizer_latency
from mxmac.stages.multiplier import Multiplier, multiplier_latency
from mxmac.stages.rounder import Rounder, rounder_clocks
from mxmac.stages.scale_sum import ScaleSum
from mxmac.verilog import generate, generate_quantizer
from mxmac.verilog.emit import component_verilog

from .flat import Flat, WithScaleAhead

__all__ = ["Design", "Subject", "quantizer_subject", "unit_subject"]

#: Names of the top modules.
_UNIT_TOP = "mxmac"
_QUANTIZER_TOP = "quantizer"
#: Blocks that may wait before an accumulator.
_QUEUE = 4


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


@dataclass(frozen=True)
class Subject:
    """What is verified: a unit, or a quantizer.

    Members
    -------
    config : MacConfig or QuantizerConfig
    top : str
        Name of its top module.
    text : callable
        Gives its Verilog.
    benches : dict of str to callable
        What there is to be tested, from its smallest part to the whole, by name of the bench. Each gives its design.
    """

    config: MacConfig | QuantizerConfig
    top: str
    text: Callable[[], str]
    benches: Mapping[str, Callable[[], Design]]

    @property
    def whole(self) -> str:
        """Name of the bench that runs on all of it."""
        return list(self.benches)[-1]


def _component(top: str, components: Mapping[str, wiring.Component], *modules: str, **parameters: Any) -> Design:
    return Design(top, component_verilog(Flat(components), top), modules, parameters)


def _multiplier(config: MacConfig) -> Design:
    return _component("multiplier", {"": Multiplier(config)}, "multiplier", latency=multiplier_latency(config))


def _scale_applier(config: MacConfig) -> Design:
    parts: dict[str, wiring.Component] = {"sum": ScaleSum()}
    if config.accumulator is not Accumulator.WINDOW or config.chunk_bits:
        return _component("scale_applier", parts, "scale_sum")
    parts[""] = ScaleApplier(config)
    return _component("scale_applier", parts, "scale_sum", "scale_applier", latency=scale_applier_latency(config))


def _exact_accumulator(config: MacConfig) -> Design:
    least, most = exact_latency(config)
    return _component(
        "accumulator",
        {"": ExactAccumulator(config, queue=_QUEUE)},
        "accumulator_exact",
        queue=_QUEUE,
        latency_min=least,
        latency=most,
        exp_min=exact_total_exp_min(config),
        word_bits=word_bits(config),
    )


def _fp32_accumulator(config: MacConfig) -> Design:
    part = Fp32Accumulator(config, queue=_QUEUE)
    return _component("accumulator", {"": part}, "accumulator_fp32", latency=fp32_latency(config))


def _window_accumulator(config: MacConfig) -> Design:
    part = WindowAccumulator(config)
    return _component("accumulator", {"": part}, "accumulator_window", latency=WINDOW_CLOCKS)


def _serial_window(config: MacConfig) -> Design:
    part = WithScaleAhead(SerialWindow(config), SCALE_CLOCKS)
    latency = SCALE_CLOCKS + serial_window_latency(config)
    return _component("accumulator", {"": part}, "accumulator_serial_window", latency=latency)


def _serial_exact(config: MacConfig) -> Design:
    least, most = serial_exact_latency(config, queue=_QUEUE)
    return _component(
        "accumulator",
        {"": SerialExact(config, queue=_QUEUE)},
        "accumulator_exact",
        queue=_QUEUE,
        latency_min=least,
        latency=most,
        word_bits=SERIAL_WORD_BITS,
    )


def _narrower(config: MacConfig) -> Design:
    part = Fp32Narrower(config.output, clocks=NARROW_CLOCKS)
    return _component("narrower", {"": part}, "narrower", latency=NARROW_CLOCKS)


def _rounder(config: MacConfig) -> Design:
    output = config.output
    match config.accumulator:
        case Accumulator.FP32:
            # As wide as the sum of a block and an accumulator side by side.
            output = FP32
            width = max(config.block_sum_bits, output.sig_bits) + 6
            exp_bits, exp_min = (config.scale_sum_max + width).bit_length(), config.block_exp_min - width
        case _:
            total, exp_min = total_of(config)
            width, exp_bits = total["value"].width, total["exp"].width
    clocks = rounder_clocks(output, width=width, exp_min=exp_min, levels_per_clock=config.round_levels)
    rounder = Rounder(output, width=width, exp_bits=exp_bits, exp_min=exp_min, clocks=clocks)
    return _component("rounder", {"": rounder}, "rounder", latency=clocks, output=output.name, exp_min=exp_min)


_ACCUMULATORS = {
    Accumulator.EXACT: _exact_accumulator,
    Accumulator.FP32: _fp32_accumulator,
    Accumulator.WINDOW: _window_accumulator,
}


def unit_subject(config: MacConfig) -> Subject:
    """Return what is verified of a unit.

    Serial accumulators bring their rounder along, which has no bench of its own.
    """

    @cache
    def text() -> str:
        return generate(config, _UNIT_TOP).text

    def whole(config: MacConfig) -> Design:
        latencies = {"latency_min": unit_latency_min(config), "latency": unit_latency(config)}
        return Design(_UNIT_TOP, text(), ("mac",), latencies)

    parts = {"multiplier": _multiplier, "scale_applier": _scale_applier}
    if config.chunk_bits:
        parts["accumulator"] = _serial_window if config.takes_whole_blocks else _serial_exact
    else:
        parts |= {"accumulator": _ACCUMULATORS[config.accumulator], "rounder": _rounder}
    if config.accumulator is Accumulator.FP32 and config.output != FP32:
        parts["narrower"] = _narrower
    return Subject(config, _UNIT_TOP, text, {name: partial(make, config) for name, make in (parts | {"mac": whole}).items()})


def quantizer_subject(config: QuantizerConfig) -> Subject:
    """Return what is verified of a quantizer."""

    @cache
    def text() -> str:
        return generate_quantizer(config, _QUANTIZER_TOP).text

    def whole() -> Design:
        return Design(_QUANTIZER_TOP, text(), ("quantizer",), {"latency": quantizer_latency(config)})

    return Subject(config, _QUANTIZER_TOP, text, {"quantizer": whole})
