"""Lanes of every target with the ports of a multiplier, for its bench."""

from typing import Any

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from mxmac.config import MacConfig
from mxmac.stages.beat_sum import beat_chains
from mxmac.stages.dsp_lane import DspLane, dsp_lane_latency, has_dsp_lanes
from mxmac.stages.lane_chain import PartialProduct, partial_product_latency
from mxmac.stages.layouts import SPECIALS
from mxmac.stages.multiplier import Multiplier, multiplier_latency, product_layout
from mxmac.stages.product import element_ports

__all__ = ["lane_latency", "lane_of"]


def lane_latency(config: MacConfig) -> int:
    """Return the latency of a lane, from element codes to their product."""
    if has_dsp_lanes(config):
        return dsp_lane_latency(config)
    return partial_product_latency(config) if beat_chains(config) else multiplier_latency(config)


def lane_of(config: MacConfig) -> wiring.Component:
    """Return a lane of a unit, with the ports of a :class:`~mxmac.stages.multiplier.Multiplier`.

    Of a chain, it is a lane whose product an adder brings to its place; the wrapper does so instead.
    """
    if has_dsp_lanes(config):
        return _Ones(DspLane(config))
    return _Ones(PartialProduct(config)) if beat_chains(config) else Multiplier(config)


class _Ones(wiring.Component):
    """A lane whose product becomes ``ones + neg``. It adds no latency."""

    def __init__(self, lane: Any):
        self._lane, self.config = lane, lane.config
        outputs = {"product": Out(product_layout(lane.config)), "specials": Out(SPECIALS)}
        super().__init__({**element_ports(lane.config), **outputs})

    def elaborate(self, platform):
        """Place the product, or complement its magnitude."""
        m = Module()
        config, width = self.config, len(self.product.ones)
        m.submodules.lane = lane = self._lane
        for name in element_ports(config):
            m.d.comb += getattr(lane, name).eq(getattr(self, name))
        if isinstance(lane, PartialProduct):
            neg, (moved, still) = lane.neg, lane.candidates(width)
            ones = Mux(lane.upper, moved, still)
        else:
            neg = lane.product.carry
            ones = lane.product.sum ^ neg.replicate(width)
        m.d.comb += [self.product.ones.eq(ones), self.product.neg.eq(neg), self.specials.eq(lane.specials)]
        return m
