"""Accumulator in fixed point of a chosen width."""

from functools import partial
from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ...config import MacConfig, Storage, Target
from ...primitives.bits import add_by_choice, add_unsigned_with_carry, delay, delay_valid, register, sign_extend
from ...primitives.carry_chain import add_to_choice
from ...primitives.description import Description
from ...stages.layouts import SPECIALS
from ...stages.rounder import rounder_of
from ..plan import Kind, Plan
from .scale_applier import ScaleApplier, aligned_layout, scale_applier_latency
from .sizes import (
    choice_clocks,
    window_clocks,
    window_exp_min,
    window_limits,
    window_note,
    window_parts,
    window_range,
    window_total_layout,
)

__all__ = ["WindowAccumulator", "parallel_window_plan"]

#: Blocks of the shortest dot products that never wait for places for results, where each place costs area.
_BLOCKS_PER_RESULT = 4


class _Part(NamedTuple):
    """A part of the sum of a dot product.

    Members
    -------
    from_limit : tuple of Value
        Sums that start from a limit: of the last block, of the last two and so on. All but the highest part have a carry.
    total : Value
        The sum up to a block, without its carry, a cycle after that block's ``from_limit``. It takes into account the limits
        that were known to be reached by then.
    carries : tuple of Value
        Its carry, if it started anew from a limit, and if it went on.
    """

    from_limit: tuple[Value, ...]
    total: Value
    carries: tuple[Value, Value]


class WindowAccumulator(wiring.Component):
    """Saturating accumulator in a two's complement window. Latency ``window_clocks(config)``, throughput one block per cycle.

    Each part of a sum is added a cycle ahead of the next, which keeps the carry chains short. Overflow is known only when the
    next blocks are already being added. So those blocks are also added to a limit: to the one on the side of the block before
    them, because no other can have been reached. Then one of the sums is chosen.

    Parameters
    ----------
    config : MacConfig
        Of it: the window.

    Members
    -------
    i : In(stream.Signature(aligned_layout(config), always_ready=True))
    idle : In(1)
        The complement of ``i.valid``.
    o : Out(stream.Signature(window_total_layout(config), always_ready=True))
        The sum of the dot product, ``window_clocks(config)`` after its last block.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        self._parts = window_parts(config)
        super().__init__(
            {
                "i": In(stream.Signature(aligned_layout(config), always_ready=True)),
                "idle": In(1),
                "o": Out(stream.Signature(window_total_layout(config), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Saturating accumulator in a window of {self.config.window_bits} bits, in two's complement.",
            window_clocks(self.config),
            "from the last block of a dot product",
        )

    def elaborate(self, platform):
        m = Module()
        block, total = self.i.payload, self.o.payload
        ends = Signal()
        m.d.comb += ends.eq(self.i.valid & block.dot_last)
        fresh = Signal(init=1)
        lost = Signal(reset_less=True)
        specials = Signal(SPECIALS, reset_less=True)
        with m.If(self.i.valid):
            m.d.sync += [
                fresh.eq(block.dot_last),
                lost.eq((~fresh & lost) | block.lost),
                specials.as_value().eq(Mux(fresh, 0, specials.as_value()) | block.specials.as_value()),
            ]
        value, overflow = self._sum(m, ends)
        clocks = window_clocks(self.config)
        m.d.comb += [
            self.o.valid.eq(delay_valid(m, ends, clocks, name="done")),
            total.value.eq(value),
            total.exp.eq(delay(m, block.anchor, clocks, name="anchor")),
            total.inexact.eq(delay(m, lost, clocks - 1, name="lost") | overflow),
            total.overflow.eq(overflow),
            total.specials.as_value().eq(delay(m, specials.as_value(), clocks - 1, name="specials")),
        ]
        return m

    def _sum(self, m: Module, ends: Value) -> tuple[Value, Value]:
        """Sum of the dot product within the limits, and whether it ever was beyond one."""
        block, width = self.i.payload, self.config.window_bits
        # A cycle without a block adds zero, which leads no sum beyond a limit.
        addend = register(m, Mux(self.idle, 0, block.value.as_unsigned()), name="addend")
        neg = register(m, block.neg, name="neg")
        goes_on = delay_valid(m, ~ends, 1, name="goes_on")
        # What the next block starts from if this one leads the sum beyond a limit; zero, if this one is the last.
        largest = register(m, goes_on & ~neg, name="largest")
        least = register(m, goes_on & neg, name="least")
        # Whether the block after the one whose sum is known starts anew; and a cycle later.
        restarts = Signal()
        restarted = register(m, restarts, name="restarted")
        parts: list[_Part] = []
        for number, bits in enumerate(self._parts):
            limit = Cat(largest.replicate(width - 1), least.replicate(3))[bits]
            later = register(m, addend, name=f"addend{number}")
            now, next_cycle = (sign_extend(value, len(limit)).as_unsigned() for value in (addend, later))
            parts.append(self._add(m, limit, now, next_cycle, restarted, parts))
            addend = later[len(limit) :]
            largest = register(m, largest, name=f"largest{number}")
            least = register(m, least, name=f"least{number}")
        return self._limited(m, parts, restarts, restarted, neg, goes_on)

    def _add(self, m: Module, limit: Value, addend: Value, later: Value, restarted: Value, lower: list[_Part]) -> _Part:
        """Add a block in one part: to limits, and ``later``, in the next cycle, to the sum."""
        number, width = len(lower), len(limit)
        # Blocks that are on their way to the highest part when it turns out that the sum before them is beyond a limit.
        blocks = len(self._parts) - number
        bits = width + (blocks > 1)
        from_limit: list[Value] = []
        start = limit
        for block in range(blocks):
            carry = lower[-1].from_limit[block][-1] if lower else None
            added = self._added(m, start, addend, carry, bits, f"from_limit{number}_{block}")
            from_limit.append(register(m, added, name=f"start{number}_{block}"))
            start = from_limit[-1][:width]
        # The choice between the sums comes before the next addition, for which carry cells have an input to spare.
        restart = register(m, from_limit[-1], name=f"restart{number}")
        went_on = Signal(bits, name=f"went_on{number}", reset_less=True)
        total = Signal(width, name=f"total{number}")
        choice = restarted, restart[:width], went_on[:width]
        carry = (restarted, *lower[-1].carries) if lower else None
        m.d.comb += total.eq(Mux(*choice))
        m.d.sync += went_on.eq(self._added_to(m, choice, later, carry, bits, f"added{number}"))
        return _Part(tuple(from_limit), total, (restart[-1], went_on[-1]))

    def _added(self, m: Module, x: Value, y: Value, carry: Value | None, width: int, name: str) -> Value:
        if self.config.target is Target.ASIC:
            return add_by_choice(m, x, y, carry, width, name=name)
        return (x + y)[:width] if carry is None else add_unsigned_with_carry(m, x, y, carry, width, name=name)

    def _added_to(self, m: Module, choice: tuple, addend: Value, carry: tuple | None, width: int, name: str) -> Value:
        if self.config.target is Target.ASIC:
            return self._added(m, Mux(*choice), addend, carry and Mux(*carry), width, name)
        return add_to_choice(m, self.config.target, choice, addend, carry, width, name=name)

    def _limited(
        self, m: Module, parts: list[_Part], restarts: Signal, restarted: Value, neg: Value, goes_on: Value
    ) -> tuple[Value, Value]:
        """Choose between the sums, and go back to the limits."""
        count, block = len(parts), self.i.payload
        beyond = delay(m, self.i.valid & block.beyond, count + 1, name="beyond")
        goes_on = delay_valid(m, goes_on, count, name="goes_on_later")
        over = register(m, beyond, name="over")
        over_or_last = register(m, beyond | ~goes_on, name="over_or_last")
        top = parts[-1].total[-3:]
        mixed = Signal()
        outside = Signal()
        m.d.comb += [
            mixed.eq(top.any() & ~top.all()),
            outside.eq(over | mixed),
            restarts.eq(over_or_last | mixed),
        ]
        overflow = Signal(reset_less=True)
        m.d.sync += overflow.eq(outside | (overflow & delay_valid(m, goes_on, 2, name="went_on")))
        positive = Signal()
        m.d.comb += positive.eq(~delay(m, neg, count + 1, name="neg"))
        # One bit more says which limit it is, or which of two sums.
        which = Signal()
        m.d.comb += which.eq(Mux(outside, positive, restarted))
        # They choose at once, or a cycle later.
        clocks = choice_clocks(self.config)
        outside, which = delay(m, outside, clocks, name="outside"), delay(m, which, clocks, name="which")
        limited: list[Value] = []
        for number, part in enumerate(parts[:-1]):
            width = len(part.total)
            settled = register(m, part.total, name=f"settled{number}_0")
            for step in range(1, count - number - 1):
                start = part.from_limit[count - number - step - 1][:width]
                start = delay(m, start, step + 1, name=f"start{number}_after{step}")
                settled = register(m, Mux(restarted, start, settled), name=f"settled{number}_{step}")
            settled = delay(m, settled, clocks, name=f"settled{number}")
            alone = delay(m, part.from_limit[0][:width], count - number + clocks, name=f"alone{number}")
            limited.append(Mux(outside, which.replicate(width), Mux(which, alone, settled)))
        highest = delay(m, parts[-1].total[:-2], clocks, name="highest")
        limited.append(Mux(outside, Cat(which.replicate(len(highest) - 1), ~which), highest))
        overflow = delay(m, overflow, clocks, name="overflow")
        return register(m, Cat(limited), name="limited").as_signed(), overflow


def parallel_window_plan(config: MacConfig, _queue: int | None = None) -> Plan:
    """Return the plan of a window that takes a block per cycle. Blocks never wait.

    Dot products may follow each other at every beat; with ``Storage.REGISTERS``, there are only places for results of dot
    products of ``_BLOCKS_PER_RESULT`` blocks.
    """
    rounder = rounder_of(config, window_total_layout(config), window_exp_min(config))
    latency = scale_applier_latency(config) + window_clocks(config) + rounder.keywords["clocks"]
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
