"""Accumulator in fixed point of a chosen width."""

from functools import partial
from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig, Storage
from ...primitives.bits import add_with_carry, delay, delay_valid, register
from ...primitives.description import Description
from ...stages.layouts import SPECIALS
from ...stages.rounder import rounder_of
from ..plan import Kind, Plan
from .scale_applier import ScaleApplier, aligned_layout, scale_applier_latency
from .sizes import window_exp_min, window_limits, window_note, window_range, window_total_layout

__all__ = ["WINDOW_CLOCKS", "WindowAccumulator", "parallel_window_plan"]

#: Blocks of the shortest dot products that never wait for places for results, where each place costs area.
_BLOCKS_PER_RESULT = 4
#: Cycles from the last block of a dot product to its sum.
WINDOW_CLOCKS = 4


class _LowHalf(NamedTuple):
    """A block after clock 1, while lower halves are added.

    Members
    -------
    addend : Value
        The block, in the window.
    limit_low, twice_low : Value
        Lower half, with a carry, of a limit and this block; and of a limit, the block before, and this one.
    largest, least : 1
        Whether the limit is the largest or the least number of the window; neither, if the block is alone.
    alone : 1
        Whether it is the first of its dot product.
    beyond, neg : 1
        As in ``aligned_layout``.
    """

    addend: Value
    limit_low: Value
    twice_low: Value
    largest: Value
    least: Value
    alone: Value
    beyond: Value
    neg: Value


class _HighHalf(NamedTuple):
    """A block after clock 2, while upper halves are added.

    Members
    -------
    from_limit, low_from_limit : Value
        Upper and lower half of a limit and this block.
    addend : Value
        Upper half of the block.
    alone, beyond, neg : 1
        As in :class:`_LowHalf`.
    """

    from_limit: Value
    addend: Value
    low_from_limit: Value
    alone: Value
    beyond: Value
    neg: Value


class WindowAccumulator(wiring.Component):
    """Saturating accumulator in a two's complement window. Latency ``WINDOW_CLOCKS`` cycles, throughput one block per cycle.

    Overflow is known only when the next block is already being added. So that block is also added to a limit: to the one on the
    side of the block before it, because no other can have been reached. Then one of the two sums is chosen. The lower half of a
    sum is a cycle ahead of the upper one, which halves the carry chains.

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
        self._half = config.window_bits // 2
        super().__init__(
            {
                "i": In(stream.Signature(aligned_layout(config), always_ready=True)),
                "o": Out(stream.Signature(window_total_layout(config), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Saturating accumulator in a window of {self.config.window_bits} bits, in two's complement.",
            WINDOW_CLOCKS,
            "from the last block of a dot product",
        )

    def elaborate(self, platform):
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
        valid_low = delay_valid(m, self.i.valid, 1, name="adds_low")
        valid_high = delay_valid(m, valid_low, 1, name="adds_high")
        # Whether the sum of the block before the last was beyond the limits.
        outside_late = Signal()
        first = self._add_to_limit(m, fresh)
        low, second = self._add_low(m, valid_low, first, outside_late)
        return self._add_high(m, valid_high, low, second, outside_late)

    def _add_to_limit(self, m: Module, fresh: Value) -> _LowHalf:
        """Add this block to a limit, in the lower half; the block alone, if it is the first one: clock 1."""
        block = self.i.payload
        half = self._half
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
        return _LowHalf(
            addend=self._held(m, self.i.valid, block.value.as_unsigned(), "addend"),
            limit_low=self._held(m, self.i.valid, limit_low, "limit_low"),
            twice_low=twice_low,
            largest=self._held(m, self.i.valid, largest, "largest"),
            least=self._held(m, self.i.valid, least, "least"),
            alone=self._held(m, self.i.valid, fresh, "alone"),
            beyond=self._held(m, self.i.valid, block.beyond, "beyond"),
            neg=self._held(m, self.i.valid, block.neg, "neg"),
        )

    def _add_low(self, m: Module, valid: Value, first: _LowHalf, outside_late: Value) -> tuple[Signal, _HighHalf]:
        """Add the block to a limit in the upper half, and to the sum in the lower half: clock 2."""
        width, half = self.config.window_bits, self._half
        low = Signal(half + 1, reset_less=True)
        with m.If(valid):
            m.d.sync += low.eq(Mux(outside_late | first.alone, first.twice_low, low[:half] + first.addend[:half]))
        limit = Cat(first.largest.replicate(width - 1 - half), first.least.replicate(3))
        from_limit = add_with_carry(first.addend[half:], limit, first.limit_low[half], width + 2 - half)
        return low, _HighHalf(
            from_limit=self._held(m, valid, from_limit, "limit_high"),
            addend=self._held(m, valid, first.addend[half:], "addend_high"),
            low_from_limit=self._held(m, valid, first.limit_low[:half], "limit_low_later"),
            alone=self._held(m, valid, first.alone, "alone_later"),
            beyond=self._held(m, valid, first.beyond, "beyond_later"),
            neg=self._held(m, valid, first.neg, "neg_later"),
        )

    def _add_high(self, m: Module, valid: Value, low: Signal, second: _HighHalf, outside_late: Signal) -> tuple[Value, Value]:
        """Add in the upper half, choose, and limit the sum: cycles 3 and 4."""
        width, half = self.config.window_bits, self._half
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
            outside_late.eq(Mux(valid, outside, seen_outside)),
            chosen.eq(outside | second.alone),
        ]
        added = add_with_carry(high, second.addend, low[half], len(high))
        with m.If(valid):
            m.d.sync += [
                seen_outside.eq(outside),
                high.eq(Mux(chosen, second.from_limit, added)),
                sum_low.eq(Mux(chosen, second.low_from_limit, low[:half])),
                sum_beyond.eq(second.beyond),
                sum_neg.eq(second.neg),
                overflow.eq(~second.alone & (overflow | outside)),
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

    Dot products may follow each other at every beat; with ``Storage.REGISTERS``, there are only places for results of dot
    products of ``_BLOCKS_PER_RESULT`` blocks.
    """
    rounder = rounder_of(config, window_total_layout(config), window_exp_min(config))
    latency = scale_applier_latency(config) + WINDOW_CLOCKS + rounder.keywords["clocks"]
    dot_interval = _BLOCKS_PER_RESULT * config.beats if config.storage is Storage.REGISTERS else 1
    rate: tuple[str, ...] = ("One beat a cycle, sustained, however short dot products are.",)
    if dot_interval > 1:
        rate = (
            f"One beat a cycle, sustained, if dot products have {dot_interval} beats or more. Shorter ones that follow each",
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
        limits=window_limits(config),
        note=window_note(config),
    )
