"""The unit with plain ports, as integrators see it."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..formats import SCALE_WIDTH
from ..primitives.description import Description
from ..primitives.ports import Port, Role, flag_fields, lane_fields, members
from ..stages.layouts import STATUS
from .unit import MacUnit

__all__ = ["MacTop"]


class MacTop(wiring.Component):
    """A :class:`~mxmac.mac.unit.MacUnit` whose streams are ports of their own: the contract with the outside.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    in_valid, in_ready, in_a, in_b, in_scale_a, in_scale_b, in_last : the stream of beats
    in_addend : code that is added, there only if the unit has addends
    in_format_a, in_format_b : formats of the elements, there only with more than one to choose from
    out_valid, out_ready, out_data, out_status : the stream of results
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(members(self.port_table(config)))

    @staticmethod
    def port_table(config: MacConfig) -> dict[str, Port]:
        """Ports in order."""
        sides = (("a", config.operand_a), ("b", config.operand_b))
        ports = {
            "in_valid": Port(In(1), "a beat is offered", Role.VALID),
            "in_ready": Port(
                Out(1), "the beat is taken at the next rising edge if both are high; does not depend on in_valid", Role.READY
            ),
        }
        for side, operand in sides:
            ports[f"in_{side}"] = Port(
                In(config.lanes * operand.width),
                f"{config.lanes} elements of {side}, {operand.width} bits each, lane 0 in the least significant bits",
                fields=lane_fields(config.lanes, operand.width),
            )
        for side, _ in sides:
            ports[f"in_scale_{side}"] = Port(In(SCALE_WIDTH), f"UE8M0 scale of {side}; read on the first beat of a block")
        for side, operand in sides:
            if operand.selectable:
                names = ", ".join(f"{index} = {fmt.name}" for index, fmt in enumerate(operand.formats))
                ports[f"in_format_{side}"] = Port(
                    In(range(len(operand.formats))),
                    f"format of {side}: {names}; read on the first beat of a block",
                )
        if config.addend is not None:
            about = f"{config.addend.name} number that is added; read on the first beat of a dot product"
            ports["in_addend"] = Port(In(config.addend.width), about)
        return ports | {
            "in_last": Port(In(1), "last beat of the dot product; missing elements of the block are zero"),
            "out_valid": Port(Out(1), "a result is offered, and held until it is taken", Role.VALID),
            "out_ready": Port(In(1), "the result is taken at the next rising edge if both are high", Role.READY),
            "out_data": Port(Out(config.output.width), f"the dot product in {config.output.name}"),
            "out_status": Port(
                Out(STATUS.size), "its flags {NV, DZ, OF, UF, NX}, as RISC-V orders them", fields=flag_fields(STATUS)
            ),
        }

    @property
    def description(self) -> Description:
        return Description("Top module: ports, latency and rate are described at the beginning of the file.")

    def elaborate(self, platform):
        m = Module()
        self.connect(m, self.config, self)
        return m

    @staticmethod
    def connect(m: Module, config: MacConfig, ports: Any):
        """Add the unit to a module, as the submodule ``mac``, and connect it to signals with the names of the ports."""
        m.submodules.mac = mac = MacUnit(config)
        beat, result = mac.i.payload, mac.o.payload
        m.d.comb += [
            mac.i.valid.eq(ports.in_valid),
            ports.in_ready.eq(mac.i.ready),
            beat.a.eq(ports.in_a),
            beat.b.eq(ports.in_b),
            beat.scale_a.eq(ports.in_scale_a),
            beat.scale_b.eq(ports.in_scale_b),
            beat.last.eq(ports.in_last),
            ports.out_valid.eq(mac.o.valid),
            mac.o.ready.eq(ports.out_ready),
            ports.out_data.eq(result.data),
            ports.out_status.eq(result.status.as_value()),
        ]
        for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
            if operand.selectable:
                m.d.comb += beat[f"format_{side}"].eq(getattr(ports, f"in_format_{side}"))
        if config.addend is not None:
            m.d.comb += beat.addend.eq(ports.in_addend)
