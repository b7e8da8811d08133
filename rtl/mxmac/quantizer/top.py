"""The quantizer with plain ports, as integrators see it."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..formats import SCALE_WIDTH
from ..primitives.description import Description
from ..primitives.ports import Port, Role, lane_fields, members
from .config import QuantizerConfig
from .unit import Quantizer

__all__ = ["QuantizerTop"]


class QuantizerTop(wiring.Component):
    """A :class:`~mxmac.quantizer.unit.Quantizer` whose streams are ports of their own.

    Parameters
    ----------
    config : QuantizerConfig

    Members
    -------
    in_valid, in_ready, in_data, in_last : the stream of floats
    in_rule, in_overflow : how to convert the block, there only with more than one choice
    out_valid, out_ready, out_data, out_scale, out_last : the stream of elements
    """

    def __init__(self, config: QuantizerConfig):
        self.config = config
        super().__init__(members(self.port_table(config)))

    @staticmethod
    def port_table(config: QuantizerConfig) -> dict[str, Port]:
        """Ports in order."""
        lane0 = "lane 0 in the least significant bits"
        ports = {
            "in_valid": Port(In(1), "a beat is offered", Role.VALID),
            "in_ready": Port(
                Out(1), "the beat is taken at the next rising edge if both are high; does not depend on in_valid", Role.READY
            ),
            "in_data": Port(
                In(config.lanes * config.source.width),
                f"{config.lanes} numbers in {config.source.name}, {config.source.width} bits each, {lane0}",
                fields=lane_fields(config.lanes, config.source.width),
            ),
        }
        for name, about, choices in (
            ("rule", "scale rule of the block", config.rules),
            ("overflow", "what becomes of values too large", config.overflows),
        ):
            if len(choices) > 1:
                names = ", ".join(f"{index} = {choice.value}" for index, choice in enumerate(choices))
                ports[f"in_{name}"] = Port(In(range(len(choices))), f"{about}: {names}; read on its first beat")
        return ports | {
            "in_last": Port(In(1), "the block ends a row; read on the last beat of a block"),
            "out_valid": Port(Out(1), "a beat is offered, and held until it is taken", Role.VALID),
            "out_ready": Port(In(1), "the beat is taken at the next rising edge if both are high", Role.READY),
            "out_data": Port(
                Out(config.lanes * config.to.width),
                f"{config.lanes} elements in {config.to.name}, {config.to.width} bits each, {lane0}",
                fields=lane_fields(config.lanes, config.to.width),
            ),
            "out_scale": Port(Out(SCALE_WIDTH), "UE8M0 scale of the block, on every beat of it"),
            "out_last": Port(Out(1), "the last beat of a block that ends a row"),
        }

    @property
    def description(self) -> Description:
        return Description("Top module: ports, latency and rate are described at the beginning of the file.")

    def elaborate(self, platform):
        m = Module()
        self.connect(m, self.config, self)
        return m

    @staticmethod
    def connect(m: Module, config: QuantizerConfig, ports: Any):
        """Add the unit to a module, as the submodule ``quantizer``, and connect it to signals with the names of the ports."""
        m.submodules.quantizer = quantizer = Quantizer(config)
        floats, elements = quantizer.i.payload, quantizer.o.payload
        m.d.comb += [
            quantizer.i.valid.eq(ports.in_valid),
            ports.in_ready.eq(quantizer.i.ready),
            floats.data.as_value().eq(ports.in_data),
            floats.last.eq(ports.in_last),
            ports.out_valid.eq(quantizer.o.valid),
            quantizer.o.ready.eq(ports.out_ready),
            ports.out_data.eq(elements.data.as_value()),
            ports.out_scale.eq(elements.scale),
            ports.out_last.eq(elements.last),
        ]
        for name in ("rule", "overflow"):
            if hasattr(ports, f"in_{name}"):
                m.d.comb += floats[name].eq(getattr(ports, f"in_{name}"))
