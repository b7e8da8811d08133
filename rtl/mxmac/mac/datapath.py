"""The arithmetic of a unit: beats in, rounded sums out, and never a pause between."""

from itertools import pairwise

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..accumulator import accumulator_plan
from ..config import MacConfig
from ..primitives.bits import delay, delay_valid
from ..primitives.description import Description
from ..stages.beat_sum import BeatSum, beat_latency
from ..stages.block_adder import BlockAdder
from ..stages.layouts import beat_in_layout, result_layout, scale_sum_layout
from ..stages.scale_sum import ScaleSum

__all__ = ["Datapath", "datapath_latency"]


def _sum_latency(config: MacConfig) -> int:
    """Return the latency from the last beat of a block to its sum, in cycles."""
    return beat_latency(config) + 1


def datapath_latency(config: MacConfig) -> tuple[int, int]:
    """Return the least and the largest latency from the last beat of a dot product to its rounded sum, in cycles."""
    least, most = accumulator_plan(config).latency
    return _sum_latency(config) + least, _sum_latency(config) + most


class Datapath(wiring.Component):
    """From beats to rounded sums, without any back-pressure: it takes a beat whenever one is valid.

    Before an accumulator that may stall blocks, the source of the beats must leave room for them: see ``block_taken``.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    i : In(stream.Signature(beat_in_layout(config), always_ready=True))
    block_first : In(1)
        Whether the beat is the first of its block.
    dot_first : In(1)
        Whether the beat is the first of its dot product; absent without addends.
    block_end : In(1)
        The block ends: with the beat that comes now, or with the one before if none comes. Then ``i.payload.last`` says
        whether the dot product ends, too.
    block_taken : Out(1)
        There is room for one more of ``plan.queue`` blocks; absent if blocks never wait.
    o : Out(stream.Signature(result_layout(config.output), always_ready=True))
        Result of a dot product, ``datapath_latency(config)`` after the end of its last block.
    """

    def __init__(self, config: MacConfig):
        self.config, self.plan = config, accumulator_plan(config)
        super().__init__(
            {
                "i": In(stream.Signature(beat_in_layout(config), always_ready=True)),
                "block_first": In(1),
                **({} if config.addend is None else {"dot_first": In(1)}),
                "block_end": In(1),
                **({"block_taken": Out(1)} if self.plan.queue else {}),
                "o": Out(stream.Signature(result_layout(config.output), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            "Beats to rounded dot products, without back-pressure.",
            datapath_latency(self.config),
            "from the last beat of a dot product after a pause",
        )

    def elaborate(self, platform):
        m = Module()
        config, beat = self.config, self.i.payload
        m.submodules.beat_sum = beat_sum = BeatSum(config)
        m.submodules.block_adder = block_adder = BlockAdder(config)
        m.d.comb += [beat_sum.a.eq(beat.a), beat_sum.b.eq(beat.b)]
        for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
            if operand.selectable:
                m.d.comb += getattr(beat_sum, f"format_{side}").eq(self._of_block(m, beat, f"format_{side}"))

        front = beat_latency(config)
        to_block = block_adder.i.payload
        m.d.comb += [
            to_block.beat.eq(beat_sum.beat),
            to_block.specials.eq(beat_sum.specials),
            block_adder.block_end.eq(delay_valid(m, self.block_end, front, name="block_end")),
            to_block.dot_last.eq(delay(m, beat.last, front, name="dot_last")),
            block_adder.i.valid.eq(delay_valid(m, self.i.valid, front, name="valid")),
        ]
        if config.beats > 1:
            m.d.comb += to_block.block_first.eq(delay(m, self.block_first, front, name="block_first"))
        self._accumulate(m, block_adder, self._scale(m, _sum_latency(config) - self.plan.scale_lead))
        return m

    def _scale(self, m: Module, clocks: int):
        """Scale of the block whose first beat comes now, to go with its sum."""
        beat = self.i.payload
        m.submodules.scale_sum = scale_sum = ScaleSum()
        m.d.comb += [scale_sum.scale_a.eq(beat.scale_a), scale_sum.scale_b.eq(beat.scale_b)]
        held = Signal(scale_sum_layout(), name="scale", reset_less=True)
        with m.If(self.block_first):
            m.d.sync += held.eq(scale_sum.scale)
        return data.View(scale_sum_layout(), delay(m, held.as_value(), clocks - 1, name="scale"))

    def _of_block(self, m: Module, beat, name: str):
        held = Signal(beat[name].shape(), name=f"{name}_held", reset_less=True)
        now = Mux(self.block_first, beat[name], held)
        m.d.sync += held.eq(now)
        return now

    def _accumulate(self, m: Module, block_adder: BlockAdder, scale):
        """Connect the stages of the accumulator, from sums of blocks to results."""
        stages = []
        for name, create in self.plan.stages.items():
            stage = create()
            m.submodules[name] = stage
            stages.append(stage)
        first, last = stages[0], stages[-1]
        if self.plan.scale_lead:
            m.d.comb += first.scale.eq(scale)
            wiring.connect(m, block_adder.o, first.i)
        else:
            m.d.comb += [
                first.i.valid.eq(block_adder.o.valid),
                first.i.payload.block.eq(block_adder.o.payload),
                first.i.payload.scale.eq(scale),
            ]
        if self.config.addend is not None:
            m.d.comb += [
                first.addend.valid.eq(self.i.valid & self.dot_first),
                first.addend.payload.eq(self.i.payload.addend),
            ]
        if self.plan.queue:
            m.d.comb += self.block_taken.eq(first.taken)
        for stage, following in pairwise(stages):
            wiring.connect(m, stage.o, following.i)
            if "idle" in following.signature.members:
                m.d.comb += following.idle.eq(stage.idle)
        wiring.connect(m, last.o, wiring.flipped(self.o))
