"""Accumulator in binary32, rounded once per block."""

from functools import partial

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import Out

from ...config import MacConfig
from ...primitives.bits import delay, delay_valid
from ...primitives.credit_queue import QUEUE_CLOCKS, CreditQueue
from ...primitives.description import Description
from ...stages.layouts import result_layout, scaled_block_layout
from ...stages.scale_sum import specials_of_block
from ..addend import addend_queue, addend_specials, block_ports, renamed_ports
from ..narrower import FP32, NARROW_CLOCKS, Fp32Narrower
from ..plan import Kind, Plan, block_queue_depth
from .normaliser import BlockNormaliser, normaliser_clocks
from .result import RESULT_CLOCKS, SumResult
from .running_sum import RunningSum
from .sizes import EXP_LEAD, LOOP_CLOCKS

__all__ = ["Fp32Accumulator", "fp32_latency", "fp32_plan"]


def fp32_latency(config: MacConfig) -> int:
    """Cycles from the last block of a dot product to its sum, if no block waits."""
    return QUEUE_CLOCKS + normaliser_clocks(config) + LOOP_CLOCKS + RESULT_CLOCKS


class Fp32Accumulator(wiring.Component):
    """Accumulator in binary32: ``acc = round(acc + block)`` with the exact value of each block, starting from +0.

    Latency ``fp32_latency(config)`` cycles, throughput one block per ``LOOP_CLOCKS`` cycles, because an addition starts from
    the result of the last. Blocks that come closer together wait in a queue.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``addend``.
    queue : int
        Blocks that may wait.

    Members
    -------
    addend : In(stream.Signature(config.addend.width, always_ready=True))
        What the sum of a dot product starts from, before its first block; absent if that is always +0.
    i : In(stream.Signature(scaled_block_layout(config), always_ready=True))
        No more than ``queue`` blocks may be on their way for which ``taken`` has not been seen.
    taken : Out(1)
        A block has left the queue.
    o : Out(stream.Signature(result_layout(FP32), always_ready=True))
        The sum of the dot product and the flags of all its additions, ``fp32_latency(config)`` cycles after its last block.
        If it is NaN, or infinite because an element was, only the flag NV counts.
    """

    def __init__(self, config: MacConfig, *, queue: int):
        self.config, self.queue = config, queue
        super().__init__(
            {
                **block_ports(config),
                "o": Out(stream.Signature(result_layout(FP32), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            "Accumulator in binary32: rounds once per block. "
            f"An addition takes {LOOP_CLOCKS} cycles; blocks that come faster wait in a queue.",
            fp32_latency(self.config),
            "from the last block of a dot product if none waits",
            renamed_ports(self.config),
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.normaliser = normaliser = BlockNormaliser(config)
        m.submodules.running_sum = running_sum = RunningSum(config)
        m.submodules.sum_result = result = SumResult(config)
        scaled = self._next_block(m)
        first_taken = self._first_of_dot(m, scaled.block.dot_last)
        # Cycles to the exponent of the block, to its value, and to the sum.
        to_exp = normaliser_clocks(config) - EXP_LEAD
        to_sum = normaliser_clocks(config) + LOOP_CLOCKS
        specials = delay(m, specials_of_block(scaled.block.specials, scaled.scale.nan).as_value(), to_exp, name="specials")
        first = delay(m, first_taken, to_exp, name="first")
        if config.addend is not None:
            addend = self._addend(m, first_taken, to_exp - 1)
            m.d.comb += running_sum.addend.eq(addend)
            specials = specials | Mux(first, addend_specials(addend).as_value(), 0)
        m.d.comb += [
            normaliser.sum.eq(scaled.block.sum),
            normaliser.scale_exp.eq(scaled.scale.exp),
            running_sum.exp.eq(normaliser.exp),
            running_sum.first.eq(first),
            running_sum.value.eq(normaliser.value),
            running_sum.valid.eq(delay_valid(m, self.taken, to_exp + EXP_LEAD, name="valid")),
            result.i.valid.eq(delay_valid(m, running_sum.valid, LOOP_CLOCKS, name="valid_sum")),
            result.i.payload.sum.eq(running_sum.o),
            result.i.payload.specials.as_value().eq(delay(m, specials, to_sum - to_exp, name="specials_sum")),
            result.i.payload.first.eq(delay(m, first, to_sum - to_exp, name="first_sum")),
            result.i.payload.last.eq(delay(m, scaled.block.dot_last, to_sum, name="last")),
        ]
        wiring.connect(m, result.o, wiring.flipped(self.o))
        return m

    def _next_block(self, m: Module) -> data.View:
        """The block that comes next, taken as soon as the addition before it has had its cycles."""
        m.submodules.queue = queue = CreditQueue(shape=scaled_block_layout(self.config), depth=self.queue)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        pause = Signal(range(LOOP_CLOCKS))
        m.d.comb += [
            queue.o.ready.eq(pause == 0),
            self.taken.eq(queue.o.valid & queue.o.ready),
        ]
        with m.If(self.taken):
            m.d.sync += pause.eq(LOOP_CLOCKS - 1)
        with m.Elif(pause.any()):
            m.d.sync += pause.eq(pause - 1)
        return queue.o.payload

    def _first_of_dot(self, m: Module, dot_last: Signal) -> Signal:
        """Whether the block that comes next is the first of its dot product."""
        first = Signal(init=1, name="first")
        with m.If(self.taken):
            m.d.sync += first.eq(dot_last)
        return first

    def _addend(self, m: Module, first: Signal, clocks: int) -> Signal:
        """The addend of the dot product whose first block was taken more than ``clocks`` cycles ago."""
        addends = addend_queue(m, self.addend, blocks=self.queue, delayed=1 + clocks // LOOP_CLOCKS)
        addend = Signal(FP32.width, reset_less=True)
        m.d.comb += addends.ready.eq(delay_valid(m, self.taken & first, clocks, name="load"))
        with m.If(addends.valid & addends.ready):
            m.d.sync += addend.eq(addends.payload)
        return addend


def fp32_plan(config: MacConfig, queue: int | None = None) -> Plan:
    """Return the plan of an accumulator in binary32. Blocks wait for the addition before their own."""
    narrows = config.output != FP32
    block_interval = max(config.beats, LOOP_CLOCKS)
    places = queue or block_queue_depth(config, block_interval)
    least = fp32_latency(config) + NARROW_CLOCKS * narrows
    # Blocks that come faster than they are added queue up; of longer ones, only a last that is cut short waits.
    ahead = places - 1 if config.beats < LOOP_CLOCKS else 1
    rate: tuple[str, ...] = (
        f"One beat a cycle, sustained, if blocks have {LOOP_CLOCKS} beats or more. A block that ends with fewer takes",
        f"{LOOP_CLOCKS} cycles in the long run, for one addition.",
    )
    if block_interval > config.beats:
        rate = (f"A block takes {LOOP_CLOCKS} cycles in the long run, for one addition; up to a few blocks, one beat a cycle.",)

    stages: dict[str, partial[wiring.Component]] = {"accumulator": partial(Fp32Accumulator, config, queue=places)}
    if narrows:
        stages["narrower"] = partial(Fp32Narrower, config.output, clocks=NARROW_CLOCKS)
    return Plan(
        kind=Kind.FP32,
        stages=stages,
        latency=(least, least + ahead * LOOP_CLOCKS),
        latency_reached=False,
        block_interval=block_interval,
        dot_interval=LOOP_CLOCKS,
        result_interval=LOOP_CLOCKS,
        queue=places,
        rate=rate if config.addend is None else (*rate, "An addend is loaded and takes no cycle."),
    )
