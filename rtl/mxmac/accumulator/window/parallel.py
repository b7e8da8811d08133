"""Accumulator in fixed point of a chosen width."""

from functools import partial

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig, Storage
from ...primitives.bits import add_with_carry, delay, delay_valid, register
from ...stages.layouts import SPECIALS
from ...stages.rounder import rounder_of
from ..plan import Kind, Plan
from .scale_applier import ScaleApplier, aligned_layout, scale_applier_latency
from .sizes import window_exp_min, window_note, window_range, window_total_layout

__all__ = ["WINDOW_CLOCKS", "WindowAccumulator", "parallel_window_plan"]

#: Clocks from the last block of a dot product to its sum.
WINDOW_CLOCKS = 4


class WindowAccumulator(wiring.Component):
    """Adds blocks up in a two's complement window; a sum beyond its limits stays at the limit. One block a clock.

    Whether a sum is beyond the limits is seen only when the next block is being added to it. So that block is added to a
    limit as well, before: to the one on the side to which the block before it leads, for no other can have been reached. Then
    it only takes to choose. The lower half of a sum is a clock ahead of the upper one, to halve what carries run through.

    Parameters
    ----------
    config : MacConfig
        Of it: the window.

    Members
    -------
    i : In(stream.Signature(aligned_layout(config), always_ready=True))
    o : Out(stream.Signature(window_total_layout(config), always_ready=True))
        The sum of the dot product, ``WINDOW_CLOCKS`` after its last block.
    """

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
        block, total = self.i.payload, self.o.payload
        fresh = Signal(init=1)
        lost = Signal(reset_less=True)
        specials = Signal(SPECIALS, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += [
                fresh.eq(block.dot_last),
                lost.eq((~fresh & lost) | block.lost),
                specials.as_value().eq(Mux(fresh, 0, specials.as_value()) | block.specials.as_value()),
            ]
        value, overflow = self._sum(m, fresh)
        later = WINDOW_CLOCKS - 1
        m.d.sync += self.o.valid.eq(delay_valid(m, self.i.valid & block.dot_last, later, name="done"))
        m.d.comb += [
            total.value.eq(value),
            total.exp.eq(delay(m, block.anchor, WINDOW_CLOCKS, name="anchor")),
            total.inexact.eq(delay(m, lost, later, name="lost") | overflow),
            total.overflow.eq(overflow),
            total.specials.as_value().eq(delay(m, specials.as_value(), later, name="specials")),
        ]
        return m

    def _sum(self, m: Module, fresh: Value) -> tuple[Value, Value]:
        """Sum of the dot product within the limits, and whether it ever was beyond one."""
        width, block = self.config.window_bits, self.i.payload
        half = width // 2
        valid_low = delay_valid(m, self.i.valid, 1, name="adds_low")
        valid_high = delay_valid(m, valid_low, 1, name="adds_high")

        # Clock 1: a limit and this block, of the lower half; the block alone, if it is the first one.
        largest = Signal(name="largest_before")
        least = Signal(name="least_before")
        limit_low = Signal(half + 1)
        m.d.comb += limit_low.eq(block.value[:half] + largest.replicate(half))
        # And the same for two blocks: this one, and the one before from a limit.
        before_low = Signal(half)
        twice_low = Signal(half + 1, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += [
                largest.eq(~block.dot_last & ~block.neg),
                least.eq(~block.dot_last & block.neg),
                before_low.eq(Mux(block.dot_last, 0, limit_low[:half])),
                twice_low.eq(before_low + block.value[:half]),
            ]
        addend, limit_low, largest, least, alone, beyond, neg = (
            self._held(m, self.i.valid, value, name)
            for name, value in {
                "addend": block.value.as_unsigned(),
                "limit_low": limit_low,
                "largest": largest,
                "least": least,
                "alone": fresh,
                "beyond": block.beyond,
                "neg": block.neg,
            }.items()
        )

        # Clock 2: the same of the upper half, and the lower half of the sum. Whether the sum of the block before
        # the last was beyond the limits is known by now.
        outside_late = Signal()
        low = Signal(half + 1, reset_less=True)
        with m.If(valid_low):
            m.d.sync += low.eq(Mux(outside_late | alone, twice_low, low[:half] + addend[:half]))
        limit = Cat(largest.replicate(width - 1 - half), least.replicate(3))
        high_from_limit = self._held(
            m, valid_low, add_with_carry(addend[half:], limit, limit_low[half], width + 2 - half), "limit_high"
        )
        high_addend, low_from_limit, alone, beyond, neg = (
            self._held(m, valid_low, value, name)
            for name, value in {
                "addend_high": addend[half:],
                "limit_low_later": limit_low[:half],
                "alone_later": alone,
                "beyond_later": beyond,
                "neg_later": neg,
            }.items()
        )

        # Clock 3: the upper half, and the lower one for certain.
        high = Signal(width + 2 - half, reset_less=True)
        sum_low = Signal(half, reset_less=True)
        sum_beyond = Signal(reset_less=True)
        sum_neg = Signal(reset_less=True)
        overflow = Signal(reset_less=True)
        top = high[width - 1 - half :]
        outside = Signal()
        chosen = Signal()
        sum_pos = Signal()
        seen_outside = Signal(reset_less=True)
        m.d.comb += [
            outside.eq(sum_beyond | (top.any() & ~top.all())),
            outside_late.eq(Mux(valid_high, outside, seen_outside)),
            chosen.eq(outside | alone),
        ]
        added = add_with_carry(high, high_addend, low[half], len(high))
        with m.If(valid_high):
            m.d.sync += [
                seen_outside.eq(outside),
                high.eq(Mux(chosen, high_from_limit, added)),
                sum_low.eq(Mux(chosen, low_from_limit, low[:half])),
                sum_beyond.eq(beyond),
                sum_neg.eq(neg),
                overflow.eq(~alone & (overflow | outside)),
            ]

        # Clock 4: back to the limits.
        m.d.comb += sum_pos.eq(~sum_neg)
        limit = Cat(sum_pos.replicate(width - 1), sum_neg)
        value = Mux(outside, limit, Cat(sum_low, high)[:width])
        return register(m, value, name="limited").as_signed(), register(m, overflow | outside, name="overflowed")

    @staticmethod
    def _held(m: Module, enable: Value, value: Value, name: str) -> Signal:
        held = Signal(value.shape(), name=name, reset_less=True)
        with m.If(enable):
            m.d.sync += held.eq(value)
        return held


def parallel_window_plan(config: MacConfig, _queue: int | None = None) -> Plan:
    """Return the plan of a window that takes a block per cycle. Blocks never wait.

    Dot products may follow each other at every beat; with ``Storage.REGISTERS``, there are only places for results of whole
    blocks.
    """
    rounder = rounder_of(config, window_total_layout(config), window_exp_min(config))
    latency = scale_applier_latency(config) + WINDOW_CLOCKS + rounder.keywords["clocks"]
    dot_interval = config.beats if config.storage is Storage.REGISTERS else 1
    rate: tuple[str, ...] = ("One beat a clock, sustained, however short dot products are.",)
    if dot_interval > 1:
        rate = (
            f"One beat a clock, sustained, if dot products have {dot_interval} beats or more. Shorter ones that follow each",
            "other may have to wait until there is room for their results.",
        )
    return Plan(
        kind=Kind.PARALLEL_WINDOW,
        stages={
            "scale_applier": partial(ScaleApplier, config),
            "accumulator": partial(WindowAccumulator, config),
            "rounder": rounder,
        },
        latency=(latency, latency),
        block_interval=config.beats,
        dot_interval=dot_interval,
        result_interval=dot_interval,
        rate=rate,
        range=window_range(config),
        note=window_note(config),
    )
