"""Accumulator in fixed point of a chosen width."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..formats import SCALE_WIDTH
from ..product import SPECIALS
from ..rounder import total_layout
from ..scale_applier import aligned_layout

__all__ = ["WindowAccumulator", "window_total_layout"]


def window_total_layout(config: MacConfig):
    """Layout of the window's sum: a ``total_layout`` whose ``exp`` is the anchor, counted from config.window_exp_min."""
    return total_layout(config.window, SCALE_WIDTH + 1)


class WindowAccumulator(wiring.Component):
    """Adds blocks up in a two's complement window; a sum beyond its limits stays at the limit. One block a clock.

    Parameters
    ----------
    config : MacConfig
        Of it: the window.

    Members
    -------
    i : In(stream.Signature(aligned_layout(config), always_ready=True))
    o : Out(stream.Signature(window_total_layout(config), always_ready=True))
        The sum of the dot product, ``latency`` clocks after its last block.
    """

    #: Clocks from the last block of a dot product to its sum.
    latency = 2

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(aligned_layout(config), always_ready=True)),
                "o": Out(stream.Signature(window_total_layout(config), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        """Build the accumulator."""
        m = Module()
        width, block, total = self.config.window, self.i.payload, self.o.payload
        fresh = Signal(init=1)
        # The sum is brought back to the window's limits only when it is next used, so as not to lengthen the addition.
        raw = Signal(signed(width + 2))
        beyond = Signal()
        block_neg = Signal()
        lost = Signal()
        overflow = Signal()
        specials = Signal(SPECIALS)
        anchor = Signal(SCALE_WIDTH + 1, reset_less=True)
        done = Signal()

        top = raw[width - 1 :]
        outside = beyond | (top.any() & ~top.all())
        neg = Mux(beyond, block_neg, raw[-1])
        limited = Cat(Mux(outside, (~neg).replicate(width - 1), raw[: width - 1]), Mux(outside, neg, raw[width - 1]))

        with m.If(self.i.valid):
            m.d.sync += [
                raw.eq(Mux(fresh, 0, limited).as_signed() + block.value),
                beyond.eq(block.beyond),
                block_neg.eq(block.neg),
                lost.eq((~fresh & lost) | block.lost),
                overflow.eq(~fresh & (overflow | outside)),
                specials.as_value().eq(Mux(fresh, 0, specials.as_value()) | block.specials.as_value()),
                anchor.eq(block.anchor),
                fresh.eq(block.dot_last),
            ]
        m.d.sync += [
            done.eq(self.i.valid & block.dot_last),
            self.o.valid.eq(done),
            total.value.eq(limited.as_signed()),
            total.exp.eq(anchor),
            total.inexact.eq(lost | overflow | outside),
            total.overflow.eq(overflow | outside),
            total.specials.eq(specials),
        ]
        return m
