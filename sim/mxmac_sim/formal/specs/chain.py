"""Specification of a chain of lanes: the sum of any products, and the elements that each lane gets."""

import re

from mxmac.config import MacConfig
from mxmac.stages.lane_chain import ChainPlan
from mxmac.stages.product import exp_bits, sig_bits

from ..harness import constant, delayed, inner, module_of, rendered

__all__ = ["chain_harness", "partial_product_value"]


def partial_product_value(config: MacConfig, wide: int, ones: str, upper: str, neg: str) -> str:
    """Expression for the product, in units of the grid, that a partial product stands for; ``wide`` bits, signed."""
    levels = exp_bits(config) - 1
    width, amount = sig_bits(config) + (1 << levels) - 1, 1 << levels
    still = f"{{{{{wide - width}{{{neg}}}}}, {ones}}}"
    moved = f"{{{{{wide - width - amount}{{{neg}}}}}, {ones}, {{{amount}{{{neg}}}}}}}"
    return f"$signed({upper} ? {moved} : {still}) + $signed({{1'b0, {neg}}})"


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
    zeros = config.product_lsb_exp - config.operand_a.grid - config.operand_b.grid
    wide = config.sum_bits(plan.lanes) + zeros + 2
    largest = config.operand_a.max_integer * config.operand_b.max_integer
    signals, numbers, given, any_specials, elements, fed = [], [], [], [], [], []
    for lane in range(plan.lanes):
        placed = plan.places(lane)
        path = "unit.multiplier.{}" if placed else f"unit.partial_product{lane}.{{}}"
        clocks = plan.lanes - lane - placed
        if placed:
            product = config.product_bits + 2
            signals.append(_later(path.format("product"), f"lane{lane}_product", product, clocks))
            held = f"lane{lane}_product" + f"_{clocks}" * (clocks > 0)
            value = f"$signed({held}[{product - 2}:0]) + $signed({{1'b0, {held}[{product - 1}]}})"
            numbers.append(f"  wire signed [{wide - 1}:0] number{lane} = {value};\n")
        else:
            width = sig_bits(config) + (1 << (exp_bits(config) - 1)) - 1
            for name, bits in (("ones", width), ("upper", 1), ("neg", 1)):
                signals.append(_later(path.format(name), f"lane{lane}_{name}", bits, clocks))
            names = [f"lane{lane}_{name}_{clocks}" for name in ("ones", "upper", "neg")]
            numbers.append(f"  wire signed [{wide - 1}:0] grid{lane} = {partial_product_value(config, wide, *names)};\n")
            numbers.append(f"  wire signed [{wide - 1}:0] number{lane} = grid{lane} >>> {zeros};\n")
            if zeros:
                given.append(f"grid{lane}[{zeros - 1}:0] == 0")
        given.append(f"number{lane} <= {constant(wide, largest)} && number{lane} >= -{constant(wide, largest)}")
        early = plan.specials_latency - plan.waits(lane) - 1
        signals.append(_later(path.format("specials"), f"lane{lane}_specials", 4, early))
        any_specials.append(f"lane{lane}_specials_{early}")
        for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
            wait, name = plan.waits(lane), f"fed{lane}_{side}"
            elements.append(inner(path.format(side), operand.width))
            elements.append(f"  wire [{operand.width - 1}:0] {name} = {side}[{operand.width * lane} +: {operand.width}];\n")
            elements.append(delayed(name, operand.width, wait))
            fed.append(f"{path.format(side).replace('.', '_')} == {name}" + f"_{wait}" * (wait > 0))
    bits = config.sum_bits(plan.lanes)
    total = f"$signed(total[{bits - 1}:0])"
    harness = rendered(
        "chain",
        a_bits=config.operand_a.width * plan.lanes,
        any=" | ".join(any_specials),
        assigned="".join(f"  assign in_{lane} = number{lane};\n" for lane in range(plan.lanes)),
        b_bits=config.operand_b.width * plan.lanes,
        connections={"a": "a", "b": "b", "total": "total", "specials": "specials"},
        elements="".join(elements),
        fed=" &&\n    ".join(fed),
        given=" &&\n    ".join(given),
        got=f"{total} + $signed({{1'b0, total[{bits}]}})" if plan.carry else total,
        largest=constant(wide, plan.lanes * largest),
        module=module,
        numbers="".join(numbers),
        shown="".join(f"  output wire signed [{wide - 1}:0] in_{lane},\n" for lane in range(plan.lanes)),
        signals="".join(signals),
        sum=" + ".join(f"number{lane}" for lane in range(plan.lanes)),
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
