"""The arithmetic of a unit: beats in, rounded sums out, and never a pause between."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..accumulator.exact.parallel import ExactAccumulator, exact_latency
from ..accumulator.exact.serial import SerialExact, serial_exact_latency
from ..accumulator.exact.words import exact_total_exp_min, exact_total_layout
from ..accumulator.fp32 import FP32, Fp32Accumulator, Fp32Narrower, fp32_latency
from ..accumulator.window.parallel import WINDOW_CLOCKS, WindowAccumulator, window_total_layout
from ..accumulator.window.scale_applier import ScaleApplier, scale_applier_latency
from ..accumulator.window.serial import SCALE_CLOCKS, SerialWindow, serial_window_latency
from ..config import Accumulator, MacConfig
from ..primitives.bits import any_of, delay, delay_valid
from ..primitives.credit_queue import QUEUE_CLOCKS
from ..stages.adder_tree import AdderTree, adder_tree_latency
from ..stages.block_adder import BlockAdder
from ..stages.layouts import SPECIALS, beat_in_layout, result_layout, scale_sum_layout
from ..stages.multiplier import Multiplier, multiplier_latency
from ..stages.rounder import Rounder, rounder_clocks
from ..stages.scale_sum import ScaleSum

__all__ = ["NARROW_CLOCKS", "Datapath", "block_queue_depth", "datapath_latency", "total_of"]

#: Clocks of the rounding from binary32 to a narrower format.
NARROW_CLOCKS = 3


def _front_latency(config: MacConfig) -> int:
    return multiplier_latency(config) + adder_tree_latency(config)


def total_of(config: MacConfig) -> tuple[data.StructLayout, int]:
    """Layout of a sum on its way to being rounded at once, and its ``exp_min``."""
    if config.accumulator is Accumulator.EXACT:
        return exact_total_layout(config), exact_total_exp_min(config)
    return window_total_layout(config), config.window_exp_min


def _round_clocks(config: MacConfig) -> int:
    total, exp_min = total_of(config)
    width = total["value"].width
    return rounder_clocks(config.output, width=width, exp_min=exp_min, levels_per_clock=config.round_levels)


def datapath_latency(config: MacConfig) -> tuple[int, int]:
    """Least and largest number of clocks from the last beat of a dot product to its rounded sum."""
    front = _front_latency(config) + 1
    match config.accumulator:
        case Accumulator.FP32:
            narrow = NARROW_CLOCKS if config.output != FP32 else 0
            # Blocks that come faster than they are added queue up; of longer ones, only a last that is cut short waits.
            ahead = block_queue_depth(config) - 1 if config.beats < config.fp32_add_clocks else 1
            back = fp32_latency(config) + narrow, fp32_latency(config) + narrow + ahead * config.fp32_add_clocks
        case Accumulator.WINDOW if config.takes_whole_blocks:
            fixed = serial_window_latency(config)
            back = fixed, fixed + config.beats - 1
        case Accumulator.WINDOW:
            fixed = scale_applier_latency(config) + WINDOW_CLOCKS + _round_clocks(config)
            back = fixed, fixed
        case Accumulator.EXACT if config.chunk_bits:
            back = serial_exact_latency(config, queue=block_queue_depth(config))
        case Accumulator.EXACT:
            least, most = exact_latency(config)
            back = least + _round_clocks(config), most + _round_clocks(config)
    return front + back[0], front + back[1]


def block_queue_depth(config: MacConfig) -> int:
    """Blocks to make room for before an accumulator that may let them wait, so that whole ones follow without a gap."""
    return -(-(_front_latency(config) + QUEUE_CLOCKS + 3) // config.block_interval) + 2


class Datapath(wiring.Component):
    """From beats to rounded sums, without any back-pressure: it takes a beat whenever one is valid.

    Before an accumulator that may let blocks wait, whoever offers beats must leave room for them: see ``block_taken``.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    i : In(stream.Signature(beat_in_layout(config), always_ready=True))
    block_first : In(1)
        Whether the beat is the first of its block.
    block_end : In(1)
        The block ends: with the beat that comes now, or with the one before if none comes. Then ``i.payload.last`` says
        whether the dot product ends, too.
    block_taken : Out(1)
        There is room for one more of ``block_queue_depth(config)`` blocks; not there with a window.
    o : Out(stream.Signature(result_layout(config.output), always_ready=True))
        ``datapath_latency(config)`` clocks after the last block's end.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        waits = config.accumulator is not Accumulator.WINDOW
        super().__init__(
            {
                "i": In(stream.Signature(beat_in_layout(config), always_ready=True)),
                "block_first": In(1),
                "block_end": In(1),
                **({"block_taken": Out(1)} if waits else {}),
                "o": Out(stream.Signature(result_layout(config.output), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        """Build the datapath."""
        m = Module()
        config, beat = self.config, self.i.payload
        m.submodules.tree = tree = AdderTree(config)
        m.submodules.block_adder = block_adder = BlockAdder(config)
        lanes = []
        for lane in range(config.lanes):
            multiplier = Multiplier(config)
            m.submodules[f"multiplier{lane}"] = multiplier
            lanes.append(multiplier)
            m.d.comb += [
                multiplier.a.eq(beat.a[lane]),
                multiplier.b.eq(beat.b[lane]),
                tree.products[lane].ones.eq(multiplier.product.ones),
                tree.products[lane].neg.eq(multiplier.product.neg),
            ]
            for side in ("a", "b"):
                if hasattr(multiplier, f"format_{side}"):
                    m.d.comb += getattr(multiplier, f"format_{side}").eq(self._of_block(m, beat, f"format_{side}"))
        specials = any_of(m, [multiplier.specials for multiplier in lanes], SPECIALS, name="specials")

        front = _front_latency(config)
        to_block = block_adder.i.payload
        m.d.comb += [
            to_block.beat.eq(tree.beat),
            to_block.specials.as_value().eq(delay(m, specials.as_value(), front - 1, name="specials")),
            block_adder.block_end.eq(delay_valid(m, self.block_end, front, name="block_end")),
            to_block.dot_last.eq(delay(m, beat.last, front, name="dot_last")),
            block_adder.i.valid.eq(delay_valid(m, self.i.valid, front, name="valid")),
        ]
        if config.beats > 1:
            m.d.comb += to_block.block_first.eq(delay(m, self.block_first, front, name="block_first"))
        if config.takes_whole_blocks:
            self._serial_window(m, block_adder, self._scale(m, front + 1 - SCALE_CLOCKS))
            return m
        scale = self._scale(m, front + 1)
        back = {Accumulator.EXACT: self._exact, Accumulator.FP32: self._fp32, Accumulator.WINDOW: self._window}
        back[config.accumulator](m, block_adder, scale)
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

    def _window(self, m: Module, block_adder: BlockAdder, scale):
        m.submodules.scale_applier = applier = ScaleApplier(self.config)
        m.submodules.accumulator = accumulator = WindowAccumulator(self.config)
        self._apply_scale(m, block_adder, scale, applier.i)
        wiring.connect(m, applier.o, accumulator.i)
        self._round(m, accumulator)

    def _serial_window(self, m: Module, block_adder: BlockAdder, scale):
        m.submodules.accumulator = accumulator = SerialWindow(self.config)
        m.d.comb += accumulator.scale.eq(scale)
        wiring.connect(m, block_adder.o, accumulator.i)
        wiring.connect(m, accumulator.o, wiring.flipped(self.o))

    def _serial_exact(self, m: Module, block_adder: BlockAdder, scale):
        m.submodules.accumulator = accumulator = SerialExact(self.config, queue=block_queue_depth(self.config))
        self._apply_scale(m, block_adder, scale, accumulator.i)
        m.d.comb += self.block_taken.eq(accumulator.taken)
        wiring.connect(m, accumulator.o, wiring.flipped(self.o))

    def _exact(self, m: Module, block_adder: BlockAdder, scale):
        if self.config.chunk_bits:
            self._serial_exact(m, block_adder, scale)
            return
        m.submodules.accumulator = accumulator = ExactAccumulator(self.config, queue=block_queue_depth(self.config))
        self._apply_scale(m, block_adder, scale, accumulator.i)
        m.d.comb += self.block_taken.eq(accumulator.taken)
        self._round(m, accumulator)

    def _round(self, m: Module, accumulator):
        total, exp_min = total_of(self.config)
        width, exp_bits = total["value"].width, total["exp"].width
        m.submodules.rounder = rounder = Rounder(
            self.config.output, width=width, exp_bits=exp_bits, exp_min=exp_min, clocks=_round_clocks(self.config)
        )
        wiring.connect(m, accumulator.o, rounder.i)
        wiring.connect(m, rounder.o, wiring.flipped(self.o))

    def _fp32(self, m: Module, block_adder: BlockAdder, scale):
        m.submodules.accumulator = accumulator = Fp32Accumulator(self.config, queue=block_queue_depth(self.config))
        self._apply_scale(m, block_adder, scale, accumulator.i)
        m.d.comb += self.block_taken.eq(accumulator.taken)
        result = accumulator.o
        if self.config.output != FP32:
            m.submodules.narrower = narrower = Fp32Narrower(self.config.output, clocks=NARROW_CLOCKS)
            wiring.connect(m, result, narrower.i)
            result = narrower.o
        wiring.connect(m, result, wiring.flipped(self.o))

    @staticmethod
    def _apply_scale(m: Module, block_adder: BlockAdder, scale, target):
        m.d.comb += [
            target.valid.eq(block_adder.o.valid),
            target.payload.block.eq(block_adder.o.payload),
            target.payload.scale.eq(scale),
        ]
