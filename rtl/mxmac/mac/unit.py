"""The whole unit: a stream of beats in, a stream of results out."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..accumulator.exact.parallel import exact_dot_clocks
from ..config import Accumulator, MacConfig
from ..primitives.credit_queue import QUEUE_CLOCKS, CreditQueue, credit
from ..stages.layouts import beat_in_layout, result_layout
from .datapath import Datapath, block_queue_depth, datapath_latency

__all__ = ["MacUnit", "result_queue_depth", "unit_latency", "unit_latency_min"]

#: Clocks in which the exact accumulator carries out a dot product whose blocks all fall into the same two words.
EXACT_DOT_CLOCKS = 3


def unit_latency(config: MacConfig) -> int:
    """Clocks from the edge that takes the last beat of a dot product to the first edge that can take its result.

    That is the most it takes after a pause: see ``unit_latency_min``.
    """
    return datapath_latency(config)[1] + QUEUE_CLOCKS


def unit_latency_min(config: MacConfig) -> int:
    """As ``unit_latency``, but the least it takes.

    That is less with the exact accumulator, if scales lie close together; with ``fp32``, if no block waits for the addition
    before its own; and with a serial window, if the last block is a whole one.
    """
    return datapath_latency(config)[0] + QUEUE_CLOCKS


def result_queue_depth(config: MacConfig) -> int:
    """Results to make room for, so that dot products follow each other without a gap.

    With a window they may be as short as a single beat, unless its results are kept in registers; the other accumulators take
    their time over a dot product.
    """
    shortest = config.beats if config.chunk_bits else min(config.beats, exact_dot_clocks(config))
    interval = {
        Accumulator.WINDOW: config.window_dot_clocks,
        Accumulator.FP32: config.fp32_add_clocks,
        Accumulator.EXACT: max(shortest, EXACT_DOT_CLOCKS),
    }
    return -(-(unit_latency(config) + 2) // interval[config.accumulator]) + 1


class MacUnit(wiring.Component):
    """Streaming dot products of MX blocks.

    A beat is only taken while there is room for one more block and one more result, so nothing behind the input ever has to
    wait for what comes after it. One beat a clock, except that a block takes ``config.block_interval`` clocks in the long
    run, and a dot product the clocks that the exact accumulator needs to carry it out.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    i : In(stream.Signature(beat_in_layout(config)))
    o : Out(stream.Signature(result_layout(config.output)))
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "i": In(stream.Signature(beat_in_layout(config))),
                "o": Out(stream.Signature(result_layout(config.output))),
            }
        )

    def elaborate(self, platform):
        """Build the unit."""
        m = Module()
        config = self.config
        m.submodules.datapath = datapath = Datapath(config)
        width = result_layout(config.output).size
        m.submodules.results = queue = CreditQueue(width=width, depth=result_queue_depth(config))

        taken = Signal()
        block_complete = Signal()
        resting = Signal()
        block_first = Signal(init=1)
        beat_index = Signal(range(config.beats))
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            block_complete.eq(beat_index == config.beats - 1),
            datapath.i.valid.eq(taken),
            datapath.i.payload.eq(self.i.payload),
            datapath.block_first.eq(block_first),
        ]
        if config.takes_whole_blocks:
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

        dot_ends = Signal()
        result_taken = Signal()
        room_for_result = Signal()
        room_for_block = Signal(init=1)
        m.d.comb += [
            dot_ends.eq(taken & self.i.payload.last),
            result_taken.eq(queue.o.valid & queue.o.ready),
            self.i.ready.eq(room_for_result & room_for_block & ~resting),
        ]
        credit(m, room_for_result, queue.depth, taken=dot_ends, returned=result_taken, name="result")
        if config.accumulator is not Accumulator.WINDOW:
            depth = block_queue_depth(config)
            credit(m, room_for_block, depth, taken=datapath.block_end, returned=datapath.block_taken, name="block")

        m.d.comb += [
            queue.i.valid.eq(datapath.o.valid),
            queue.i.payload.eq(datapath.o.payload.as_value()),
            self.o.valid.eq(queue.o.valid),
            self.o.payload.eq(queue.o.payload),
            queue.o.ready.eq(self.o.ready),
        ]
        return m
