"""The whole unit: a stream of beats in, a stream of results out."""

from dataclasses import dataclass

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..accumulator import Plan, accumulator_plan
from ..accumulator.plan import BLOCK_CREDIT_CLOCKS
from ..config import MacConfig
from ..primitives.bits import delay_valid
from ..primitives.credit_queue import QUEUE_CLOCKS, CreditQueue, credit, queue_clocks, queue_depth
from ..primitives.description import Description
from ..stages.layouts import beat_in_layout, result_layout
from .datapath import Datapath, datapath_latency

__all__ = ["MacUnit", "UnitPlan", "unit_plan"]

#: Cycles from when a result is taken until its place counts as free: ``ready`` of the output comes late in a cycle.
_RESULT_CREDIT_CLOCKS = 1


@dataclass(frozen=True, kw_only=True)
class UnitPlan:
    """Timing of a unit. All times are in clock cycles.

    Latencies are counted from the edge that takes the last beat of a dot product to the first edge that can take its result.

    Members
    -------
    accumulator : Plan
    latency : int
        Largest latency of a dot product after a pause.
    latency_min : int
        Least latency. It is less than ``latency`` with the exact accumulator, if scales lie close together; with ``fp32``, if
        no block waits for the addition before its own; and with a serial window, if the last block is a whole one.
    results : int
        Places for results that dot products need in order to follow each other at every ``accumulator.result_interval``.
    results_queued : int
        Places for results that there are.
    queue_clocks : int
        Latency of the queue of results if it is empty.
    """

    accumulator: Plan
    latency: int
    latency_min: int
    results: int
    results_queued: int
    queue_clocks: int


def unit_plan(config: MacConfig) -> UnitPlan:
    """Return the plan of a unit."""
    plan = accumulator_plan(config)
    least, most = datapath_latency(config)

    def results_within(clocks: int) -> int:
        return -(-(most + clocks + 2 + _RESULT_CREDIT_CLOCKS) // plan.result_interval) + 1

    clocks = queue_clocks(results_within(QUEUE_CLOCKS), config.storage, config.target)
    results = results_within(clocks)
    return UnitPlan(
        accumulator=plan,
        latency=most + clocks,
        latency_min=least + clocks,
        results=results,
        results_queued=queue_depth(results, config.storage, clocks),
        queue_clocks=clocks,
    )


class MacUnit(wiring.Component):
    """Streaming dot products of MX blocks.

    A beat is only taken while there is room for one more block and one more result, so nothing behind the input ever has to
    wait for what comes after it. One beat a cycle, except that in the long run a block takes the accumulator's
    ``block_interval``, and a dot product with few beats its ``dot_interval`` at the most: see :class:`Plan`.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    i : In(stream.Signature(beat_in_layout(config)))
    o : Out(stream.Signature(result_layout(config.output)))

    Attributes
    ----------
    plan : UnitPlan
    """

    def __init__(self, config: MacConfig):
        self.config = config
        self.plan = unit_plan(config)
        super().__init__(
            {
                "i": In(stream.Signature(beat_in_layout(config))),
                "o": Out(stream.Signature(result_layout(config.output))),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            "Stream of beats to stream of results: flow control around the datapath and the queue of results.",
            (self.plan.latency_min, self.plan.latency),
            "from the last beat of a dot product after a pause",
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.datapath = datapath = Datapath(config)
        m.submodules.results = queue = CreditQueue(
            shape=result_layout(config.output),
            depth=self.plan.results,
            storage=config.storage,
            clocks=self.plan.queue_clocks,
        )

        taken = Signal()
        resting = Signal()
        self._count_beats(m, datapath, taken, resting)

        dot_ends = Signal()
        room_for_result = Signal()
        room_for_block = Signal(init=1)
        result_taken = delay_valid(m, queue.o.valid & queue.o.ready, _RESULT_CREDIT_CLOCKS, name="result_taken")
        m.d.comb += [
            dot_ends.eq(taken & self.i.payload.last),
            self.i.ready.eq(room_for_result & room_for_block & ~resting),
        ]
        credit(m, room_for_result, queue.depth, taken=dot_ends, returned=result_taken, name="result")
        if self.plan.accumulator.queue:
            taken_before = delay_valid(m, datapath.block_taken, BLOCK_CREDIT_CLOCKS - 1, name="block_taken")
            # A complement, since synthesis would take a register of the accumulator that holds the same, but lies far away.
            none_taken = Signal(name="no_block_taken", init=1)
            m.d.sync += none_taken.eq(~taken_before)
            credit(
                m,
                room_for_block,
                self.plan.accumulator.queue,
                taken=datapath.block_end,
                returned=~none_taken,
                name="block",
            )

        if config.addend is not None:
            dot_first = Signal(init=1)
            with m.If(taken):
                m.d.sync += dot_first.eq(self.i.payload.last)
            m.d.comb += datapath.dot_first.eq(dot_first)
        wiring.connect(m, datapath.o, queue.i)
        wiring.connect(m, queue.o, wiring.flipped(self.o))
        return m

    def _count_beats(self, m: Module, datapath: Datapath, taken: Signal, resting: Signal):
        """Count the beats of a block, and hand them to the datapath; ``resting`` after a block that ended early."""
        config = self.config
        block_complete = Signal()
        block_first = Signal(init=1)
        beat_index = Signal(range(config.beats))
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            block_complete.eq(beat_index == config.beats - 1),
            datapath.i.valid.eq(taken),
            datapath.i.payload.eq(self.i.payload),
            datapath.block_first.eq(block_first),
        ]
        if self.plan.accumulator.whole_blocks:
            # What works on a block for as long as its beats take needs that time for one that ends early, too.
            m.d.comb += [
                datapath.i.payload.last.eq(self.i.payload.last | resting),
                datapath.block_end.eq((taken | resting) & block_complete),
            ]
            with m.If(taken | resting):
                m.d.sync += [
                    beat_index.eq(Mux(block_complete, 0, beat_index + 1)),
                    block_first.eq(block_complete),
                    resting.eq((resting | self.i.payload.last) & ~block_complete),
                ]
        else:
            m.d.comb += datapath.block_end.eq(taken & (self.i.payload.last | block_complete))
            with m.If(taken):
                m.d.sync += [
                    beat_index.eq(Mux(datapath.block_end, 0, beat_index + 1)),
                    block_first.eq(datapath.block_end),
                ]
