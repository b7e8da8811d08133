"""Specification of a chain of lanes: the sum of any products, and the elements that each lane gets."""

import re
from dataclasses import dataclass, field

from mxmac.config import MacConfig
from mxmac.stages.lane_chain import ChainPlan
from mxmac.stages.product import exp_bits, product_zeros, sig_bits

from ..harness import constant, delayed, inner, module_of, rendered

__all__ = ["chain_harness", "partial_product_value"]


def partial_product_value(config: MacConfig, wide: int, ones: str, upper: str, neg: str) -> str:
    """Expression for the product, in units of the grid, that a partial product stands for; ``wide`` bits, signed."""
    levels = exp_bits(config) - 1
    width, amount = sig_bits(config) + (1 << levels) - 1, 1 << levels
    still = f"{{{{{wide - width}{{{neg}}}}}, {ones}}}"
    moved = f"{{{{{wide - width - amount}{{{neg}}}}}, {ones}, {{{amount}{{{neg}}}}}}}"
    return f"$signed({upper} ? {moved} : {still}) + $signed({{1'b0, {neg}}})"


@dataclass
class _Lanes:
    """Lines of Verilog about the lanes of a chain.

    Members
    -------
    signals : list of str
        Outputs of multipliers, and what they are some cycles later.
    numbers : list of str
        Declaration of ``number0`` and so on, the products, when they count.
    given : list of str
        Conditions on them.
    specials : list of str
        Names of signals.
    elements : list of str
        Declarations of the elements that the lanes get.
    fed : list of str
        Conditions on them.
    """

    signals: list[str] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    specials: list[str] = field(default_factory=list)
    elements: list[str] = field(default_factory=list)
    fed: list[str] = field(default_factory=list)

    def add(self, plan: ChainPlan, lane: int, wide: int):
        """Add the lines about one lane; numbers have ``wide`` bits."""
        config, most = plan.config, constant(wide, _largest(plan.config))
        path = "unit.multiplier.{}" if plan.places(lane) else f"unit.partial_product{lane}.{{}}"
        self._add_number(plan, lane, wide, path)
        self.given.append(f"number{lane} <= {most} && number{lane} >= -{most}")
        early = plan.specials_latency - plan.waits(lane) - 1
        self.signals.append(_later(path.format("specials"), f"lane{lane}_specials", 4, early))
        self.specials.append(f"lane{lane}_specials_{early}")
        for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
            wait, name = plan.waits(lane), f"fed{lane}_{side}"
            self.elements.append(inner(path.format(side), operand.width))
            part = f"{side}[{operand.width * lane} +: {operand.width}]"
            self.elements.append(f"  wire [{operand.width - 1}:0] {name} = {part};\n")
            self.elements.append(delayed(name, operand.width, wait))
            self.fed.append(f"{path.format(side).replace('.', '_')} == {name}" + f"_{wait}" * (wait > 0))

    def _add_number(self, plan: ChainPlan, lane: int, wide: int, path: str):
        config, zeros = plan.config, product_zeros(plan.config)
        clocks = plan.lanes - lane - plan.places(lane)
        if plan.places(lane):
            bits = config.product_bits + 2
            self.signals.append(_later(path.format("product"), f"lane{lane}_product", bits, clocks))
            held = f"lane{lane}_product" + f"_{clocks}" * (clocks > 0)
            value = f"$signed({held}[{bits - 2}:0]) + $signed({{1'b0, {held}[{bits - 1}]}})"
            self.numbers.append(f"  wire signed [{wide - 1}:0] number{lane} = {value};\n")
            return
        width = sig_bits(config) + (1 << (exp_bits(config) - 1)) - 1
        for name, bits in (("ones", width), ("upper", 1), ("neg", 1)):
            self.signals.append(_later(path.format(name), f"lane{lane}_{name}", bits, clocks))
        names = [f"lane{lane}_{name}_{clocks}" for name in ("ones", "upper", "neg")]
        self.numbers.append(f"  wire signed [{wide - 1}:0] grid{lane} = {partial_product_value(config, wide, *names)};\n")
        self.numbers.append(f"  wire signed [{wide - 1}:0] number{lane} = grid{lane} >>> {zeros};\n")
        if zeros:
            self.given.append(f"grid{lane}[{zeros - 1}:0] == 0")


def _largest(config: MacConfig) -> int:
    return config.operand_a.max_integer * config.operand_b.max_integer


def chain_harness(config: MacConfig, text: str, plan: ChainPlan, index: int) -> tuple[str, str, int]:
    """Harness of a chain whose multipliers are free.

    Parameters
    ----------
    config : MacConfig
    text : str
    plan : ChainPlan
    index : int
        Of the chain in the unit.

    Returns
    -------
    text : str
        The text with empty multipliers.
    harness : str
    clocks : int
        After how many cycles it has forgotten what was before.
    """
    module = module_of(text, f"beat_sum_chain{index or '0?'}")
    wide = config.sum_bits(plan.lanes) + product_zeros(config) + 2
    lanes, lines = range(plan.lanes), _Lanes()
    for lane in lanes:
        lines.add(plan, lane, wide)
    bits = config.sum_bits(plan.lanes)
    total = f"$signed(total[{bits - 1}:0])"
    harness = rendered(
        "chain",
        a_bits=config.operand_a.width * plan.lanes,
        any=" | ".join(lines.specials),
        assigned="".join(f"  assign in_{lane} = number{lane};\n" for lane in lanes),
        b_bits=config.operand_b.width * plan.lanes,
        connections={"a": "a", "b": "b", "total": "total", "specials": "specials"},
        elements="".join(lines.elements),
        fed=" &&\n    ".join(lines.fed),
        given=" &&\n    ".join(lines.given),
        got=f"{total} + $signed({{1'b0, total[{bits}]}})" if plan.carry else total,
        largest=constant(wide, plan.lanes * _largest(config)),
        module=module,
        numbers="".join(lines.numbers),
        shown="".join(f"  output wire signed [{wide - 1}:0] in_{lane},\n" for lane in lanes),
        signals="".join(lines.signals),
        sum=" + ".join(f"number{lane}" for lane in lanes),
        text=text,
        total_bits=bits + plan.carry,
        wide=wide,
    )
    return _without_multipliers(text), harness, max(plan.latency, plan.specials_latency)


def _later(path: str, name: str, width: int, clocks: int) -> str:
    """Declare a signal inside the unit as ``name``, and what it is up to some cycles later."""
    own = path.replace(".", "_")
    return inner(path, width) + f"  wire [{width - 1}:0] {name} = {own};\n" + delayed(name, width, clocks)


def _without_multipliers(text: str) -> str:
    """Empty the multipliers of chains, whose outputs are then free: all but a wire, for an empty module is a black box."""
    header = r"^(module \w+_chain\d*_(?:multiplier|partial_product\d*) \(.*?^\);\n)"
    return re.sub(rf"{header}.*?^endmodule\n", r"\1  wire nothing = 1'b0;\nendmodule\n", text, flags=re.M | re.S)
