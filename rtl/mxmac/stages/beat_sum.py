"""The lanes of a unit: products of the pairs of a beat, and their exact sum."""

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..primitives.bits import any_in_steps
from ..primitives.description import Description
from .adder_tree import AdderTree, adder_tree_latency, beat_sum_layout
from .layouts import SPECIALS
from .multiplier import Multiplier, multiplier_latency

__all__ = ["BeatSum", "beat_latency"]


def beat_latency(config: MacConfig) -> int:
    """Return the latency from a beat to the sum of its products, in cycles."""
    return multiplier_latency(config) + adder_tree_latency(config)


class BeatSum(wiring.Component):
    """Exact sum of the products of a beat. Latency ``beat_latency(config)`` cycles, throughput one beat per cycle.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``lanes``, ``target``, ``multiplier`` and ``pipeline``.

    Members
    -------
    a, b : In(data.ArrayLayout(operand.width, config.lanes))
        Element codes, lane 0 in the least significant bits.
    format_a, format_b : In(range(len(operand.formats)))
        Index of the codes' format; there only with more than one.
    beat : Out(beat_sum_layout(config))
        It means nothing if one of ``specials`` is set.
    specials : Out(SPECIALS)
        Of any lane.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        ports = {}
        for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
            ports[side] = In(data.ArrayLayout(operand.width, config.lanes))
            if operand.selectable:
                ports[f"format_{side}"] = In(range(len(operand.formats)))
        super().__init__({**ports, "beat": Out(beat_sum_layout(config)), "specials": Out(SPECIALS)})

    @property
    def description(self) -> Description:
        # Two neighbours in a beat are one port.
        both = data.StructLayout({side: self.signature.members[side].shape for side in "ab"})
        about = "Exact sum of the products of a beat, sum + carry, with its specials."
        return Description(about, beat_latency(self.config), renamed={"port": both})

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.tree = tree = AdderTree(config)
        multipliers = []
        for lane in range(config.lanes):
            multiplier = Multiplier(config)
            m.submodules[f"multiplier{lane}"] = multiplier
            multipliers.append(multiplier)
            m.d.comb += [
                multiplier.a.eq(self.a[lane]),
                multiplier.b.eq(self.b[lane]),
                tree.products[lane].ones.eq(multiplier.product.ones),
                tree.products[lane].neg.eq(multiplier.product.neg),
            ]
            for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
                if operand.selectable:
                    m.d.comb += getattr(multiplier, f"format_{side}").eq(getattr(self, f"format_{side}"))
        # A multiplier has its specials after one cycle.
        specials = any_in_steps(
            m, [multiplier.specials for multiplier in multipliers], beat_latency(config) - 1, name="specials"
        )
        m.d.comb += [self.beat.eq(tree.beat), self.specials.as_value().eq(specials)]
        return m
