"""What is verified, which benches that has, and the Verilog that each of them runs on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from amaranth.lib import wiring

from mxmac.accumulator import Kind, accumulator_plan
from mxmac.accumulator.exact.chunked import chunked_exact_latency, chunked_words
from mxmac.accumulator.exact.parallel import exact_latency
from mxmac.accumulator.exact.serial import SERIAL_WORD_BITS
from mxmac.accumulator.exact.words import Words, parallel_words
from mxmac.accumulator.fp32.accumulator import fp32_latency
from mxmac.accumulator.window.scale_applier import scale_applier_latency
from mxmac.accumulator.window.sizes import window_clocks
from mxmac.config import Bus, MacConfig
from mxmac.mac import unit_plan
from mxmac.quantizer.config import QuantizerConfig
from mxmac.quantizer.unit import quantizer_latency
from mxmac.stages.scale_sum import ScaleSum
from mxmac.verilog import generate, generate_quantizer
from mxmac.verilog.emit import component_verilog

from .flat import Flat, WithIdle, WithRepeats, WithScaleAhead, WithZeroAddends
from .lanes import lane_latency, lane_of

__all__ = ["Design", "Subject", "quantizer_design", "quantizer_subject", "unit_design", "unit_subject"]

#: Names of the top modules.
_UNIT_TOP = "mxmac"
_QUANTIZER_TOP = "quantizer"
#: Blocks that may wait before an accumulator.
_QUEUE = 4
#: Small parts that a bench drives at a time: a cycle costs it far more than the simulator, but each is compiled.
_MULTIPLIERS, _SCALE_SUMS = 4, 16


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
    ports : tuple of str
        Names of signals of the top module that they reach, with ``*`` for any.
    options : tuple of str
        More options of Verilator.
    whole : bool
        Whether it is a whole unit or quantizer: waveforms have annotations.
    """

    top: str
    text: str
    modules: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    ports: tuple[str, ...] = ("*",)
    options: tuple[str, ...] = ()
    whole: bool = False

    @property
    def alone(self) -> bool:
        """Whether it cannot share a top module: models of AXI4-Stream find its ports by themselves."""
        return "axis" in self.modules


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
    files : tuple of Path
        Files of the Verilog, if it was given and not generated.
    """

    config: MacConfig | QuantizerConfig
    top: str
    text: Callable[[], str]
    benches: Mapping[str, Callable[[], Design]]
    files: tuple[Path, ...] = ()

    @property
    def whole(self) -> str:
        """Name of the bench that runs on all of it."""
        return list(self.benches)[-1]


def _component(
    top: str, components: Mapping[str, wiring.Component | Sequence[wiring.Component]], *modules: str, **parameters: Any
) -> Design:
    return Design(top, component_verilog(Flat(components), top), modules, parameters)


def _multiplier(config: MacConfig) -> Design:
    equal = [lane_of(config) for _ in range(_MULTIPLIERS)]
    return _component("multiplier", {"": equal}, "multiplier", latency=lane_latency(config), side_by_side=_MULTIPLIERS)


def _scale_sums() -> list[ScaleSum]:
    return [ScaleSum() for _ in range(_SCALE_SUMS)]


def _scale_sum(_: MacConfig) -> Design:
    return _component("scale_applier", {"sum": _scale_sums()}, "scale_sum", side_by_side=_SCALE_SUMS)


def _stage(config: MacConfig, name: str) -> Any:
    """Return a stage of the accumulator, with few places for blocks, and without addends."""
    stage = accumulator_plan(config, queue=_QUEUE).stages[name]()
    return WithZeroAddends(stage) if hasattr(stage, "addend") else stage


def _scale_applier(config: MacConfig) -> Design:
    parts = {"sum": _scale_sums(), "": _stage(config, "scale_applier")}
    more = {"latency": scale_applier_latency(config), "side_by_side": _SCALE_SUMS}
    return _component("scale_applier", parts, "scale_sum", "scale_applier", **more)


def _accumulator(config: MacConfig, module: str, **parameters: Any) -> Design:
    return _component("accumulator", {"": _stage(config, "accumulator")}, module, **parameters)


def _exact(config: MacConfig, latency: tuple[int, int], **parameters: int) -> Design:
    least, most = latency
    return _component(
        "accumulator",
        {"": WithRepeats(_stage(config, "accumulator"))},
        "accumulator_exact",
        "accumulator_exact_ends",
        latency_min=least,
        latency=most,
        **parameters,
    )


def _words_of_exact(config: MacConfig, latency: tuple[int, int], words: Words) -> Design:
    return _exact(config, latency, exp_min=words.total_exp_min, word_bits=words.bits)


def _parallel_exact(config: MacConfig) -> Design:
    return _words_of_exact(config, exact_latency(config), parallel_words(config))


def _chunked_exact(config: MacConfig) -> Design:
    return _words_of_exact(config, chunked_exact_latency(config), chunked_words(config))


def _serial_exact(config: MacConfig) -> Design:
    return _exact(config, accumulator_plan(config, queue=_QUEUE).latency, word_bits=SERIAL_WORD_BITS)


def _parallel_window(config: MacConfig) -> Design:
    part = WithIdle(_stage(config, "accumulator"))
    return _component("accumulator", {"": part}, "accumulator_window", latency=window_clocks(config))


def _serial_window(config: MacConfig) -> Design:
    plan = accumulator_plan(config)
    part = WithScaleAhead(_stage(config, "accumulator"), plan.scale_lead)
    parameters = {"latency": plan.scale_lead + plan.latency[0], "block_interval": plan.block_interval}
    return _component("accumulator", {"": part}, "accumulator_serial_window", **parameters)


def _fp32(config: MacConfig) -> Design:
    interval = accumulator_plan(config).block_interval
    return _accumulator(config, "accumulator_fp32", latency=fp32_latency(config), block_interval=interval)


def _narrower(config: MacConfig) -> Design:
    narrower = _stage(config, "narrower")
    return _component("narrower", {"": narrower}, "narrower", latency=narrower.clocks)


def _rounder(config: MacConfig) -> Design:
    rounder = _stage(config, "rounder")
    parameters = {"latency": rounder.clocks, "output": rounder.output.name, "exp_min": rounder.exp_min}
    return _component("rounder", {"": rounder}, "rounder", **parameters)


#: Benches of the stages of each kind of accumulator. Serial ones include their rounder, which has no bench of its own.
_ACCUMULATORS: Mapping[Kind, Mapping[str, Callable[[MacConfig], Design]]] = {
    Kind.PARALLEL_EXACT: {"accumulator": _parallel_exact, "rounder": _rounder},
    Kind.CHUNKED_EXACT: {"accumulator": _chunked_exact, "rounder": _rounder},
    Kind.SERIAL_EXACT: {"accumulator": _serial_exact},
    Kind.PARALLEL_WINDOW: {"scale_applier": _scale_applier, "accumulator": _parallel_window, "rounder": _rounder},
    Kind.SERIAL_WINDOW: {"accumulator": _serial_window},
    Kind.FP32: {"accumulator": _fp32, "narrower": _narrower},
}


def _of_ports(config: MacConfig | QuantizerConfig, *modules: str) -> tuple[str, ...]:
    """Return the modules of a bench of a whole unit, that of AXI4-Stream with it, and that of an asynchronous reset."""
    axis = ("axis",) if config.bus is Bus.AXIS else ()
    return (*modules, *axis, "asynchronous_reset") if config.reset.asynchronous else (*modules, *axis)


def unit_design(config: MacConfig, top: str, text: str, **more: Any) -> Design:
    """Return a whole unit for its bench; ``more`` are members of the design."""
    unit = unit_plan(config)
    accumulator = unit.accumulator
    parameters = {
        "latency_min": unit.latency_min,
        "latency": unit.latency,
        "latency_reached": accumulator.latency_reached,
        "results_queued": unit.results_queued,
        "block_interval": accumulator.block_interval,
        "dot_interval": accumulator.dot_interval,
        "addend_interval": accumulator.addend_interval,
        "blocks_queued": accumulator.queue,
    }
    return Design(top, text, _of_ports(config, "mac", "mac_ports"), parameters, whole=True, **more)


def quantizer_design(config: QuantizerConfig, top: str, text: str, **more: Any) -> Design:
    """Return a whole quantizer for its bench; ``more`` are members of the design."""
    return Design(top, text, _of_ports(config, "quantizer"), {"latency": quantizer_latency(config)}, whole=True, **more)


def unit_subject(config: MacConfig) -> Subject:
    """Return what is verified of a unit."""

    @cache
    def text() -> str:
        return generate(config, _UNIT_TOP).text

    def whole(config: MacConfig) -> Design:
        return unit_design(config, _UNIT_TOP, text())

    plan = accumulator_plan(config)
    parts = {"multiplier": _multiplier, "scale_applier": _scale_sum, **_ACCUMULATORS[plan.kind]}
    if "narrower" not in plan.stages:
        parts.pop("narrower", None)
    return Subject(config, _UNIT_TOP, text, {name: partial(make, config) for name, make in (parts | {"mac": whole}).items()})


def quantizer_subject(config: QuantizerConfig) -> Subject:
    """Return what is verified of a quantizer."""

    @cache
    def text() -> str:
        return generate_quantizer(config, _QUANTIZER_TOP).text

    def whole() -> Design:
        return quantizer_design(config, _QUANTIZER_TOP, text())

    return Subject(config, _QUANTIZER_TOP, text, {"quantizer": whole})
