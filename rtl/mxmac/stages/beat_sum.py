"""The lanes of a unit: products of the pairs of a beat, and their exact sum."""

from typing import Any, NamedTuple

from amaranth.hdl import Module, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig, MultiplierKind, Target
from ..primitives.bits import any_in_steps
from ..primitives.description import Description
from .adder_tree import AdderTree, Term, adder_tree_latency, sum_layout
from .compressor_tree import CompressorTree, compressor_tree_latency, tree_leaves_carry
from .dsp_lane import DSP_TERM, DspLane, dsp_lane_latency, has_dsp_lanes
from .lane_chain import ChainPlan, LaneChain
from .layouts import SPECIALS
from .multiplier import Multiplier, has_magnitudes, is_tabulated, multiplier_latency
from .product import exp_bits

__all__ = ["BeatSum", "beat_chains", "beat_latency", "beat_sum_layout", "beat_terms", "tree_latency"]


def beat_sum_layout(config: MacConfig) -> data.StructLayout:
    """Layout of the sum of a beat: a ``sum_layout``."""
    return sum_layout(config, Term(config.lanes, _leaves_carry(config)))


def _product_term(config: MacConfig) -> Term:
    """What is known of the product of a lane with a multiplier of its own."""
    return Term(1, config.products_carry, has_magnitudes(config))


def _leaves_carry(config: MacConfig) -> bool:
    """Whether the sum of a beat comes with a carry: the block adder takes it, if there is one."""
    if config.target is Target.ASIC:
        return tree_leaves_carry(config)
    return config.products_carry and not (_chained(config) and config.beats == 1)


def _chained(config: MacConfig) -> bool:
    """Whether lanes are in chains of carry cells: one of their formats has an exponent, for the last level of the shift."""
    return (
        config.target is Target.ECP5
        and config.lanes > 1
        and exp_bits(config) > 0
        and config.multiplier is MultiplierKind.LUT
        and not is_tabulated(config)
    )


def _chains(config: MacConfig) -> list[ChainPlan]:
    """Chains of about the same length; the elements of a shorter one wait a cycle."""
    count = -(-config.lanes // config.chain_lanes)
    longest = -(-config.lanes // count)
    chains = []
    for index in range(count):
        lanes = config.lanes // count + (index < config.lanes % count)
        carry = index < count - 1 or _leaves_carry(config)
        chains.append(ChainPlan(config, lanes, carry, longest - lanes))
    return chains


def beat_chains(config: MacConfig) -> list[ChainPlan]:
    """Return the chains that the lanes are in; none, if each has a multiplier of its own in front of a tree."""
    return _chains(config) if _chained(config) else []


def beat_terms(config: MacConfig) -> list[Term]:
    """Return what is known of the sums that the tree adds up."""
    lane = DSP_TERM if has_dsp_lanes(config) else _product_term(config)
    return [chain.term for chain in beat_chains(config)] or [lane] * config.lanes


def tree_latency(config: MacConfig) -> int:
    """Return the latency of the tree that adds the terms, in cycles."""
    if config.target is Target.ASIC:
        return compressor_tree_latency(config)
    return adder_tree_latency(len(beat_terms(config)))


def beat_latency(config: MacConfig) -> int:
    """Return the latency from a beat to the sum of its products, in cycles."""
    chains = beat_chains(config)
    lane = dsp_lane_latency(config) if has_dsp_lanes(config) else multiplier_latency(config)
    first = chains[0].latency if chains else lane
    return first + tree_latency(config)


class _Part(NamedTuple):
    """A part of the lanes: a multiplier, or a chain of them, with ports ``a``, ``b`` and ``specials``.

    Members
    -------
    name : str
    component : wiring.Component
    term : Term
    total : data.View
        Port with the sum of its products, a ``sum_layout(config, term)``.
    specials_latency : int
        Cycles from elements to specials.
    """

    name: str
    component: Any
    term: Term
    total: data.View
    specials_latency: int


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
        config, first = self.config, 0
        parts = self._parts()
        asic = config.target is Target.ASIC
        tree = CompressorTree(config) if asic else AdderTree(config, [part.term for part in parts])
        m.submodules.tree = tree
        for index, part in enumerate(parts):
            m.submodules[part.name] = part.component
            for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
                codes = getattr(self, side).as_value()[first * operand.width :][: part.term.products * operand.width]
                m.d.comb += Value.cast(getattr(part.component, side)).eq(codes)
                if operand.selectable:
                    m.d.comb += getattr(part.component, f"format_{side}").eq(getattr(self, f"format_{side}"))
            m.d.comb += getattr(tree, f"term{index}").as_value().eq(part.total.as_value())
            first += part.term.products
        flags = [part.component.specials for part in parts]
        specials = any_in_steps(m, flags, beat_latency(config) - parts[0].specials_latency, name="specials")
        m.d.comb += [self.beat.eq(tree.total), self.specials.as_value().eq(specials)]
        return m

    def _parts(self) -> list[_Part]:
        chains = list(map(LaneChain, beat_chains(self.config)))
        kind = DspLane if has_dsp_lanes(self.config) else Multiplier
        lanes = [] if chains else [kind(self.config) for _ in range(self.config.lanes)]
        term = beat_terms(self.config)[0]
        return [
            *(
                _Part(f"chain{index}", chain, chain.plan.term, chain.total, chain.plan.specials_latency)
                for index, chain in enumerate(chains)
            ),
            *(_Part(f"multiplier{index}", lane, term, lane.product, 1) for index, lane in enumerate(lanes)),
        ]
