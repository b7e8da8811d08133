"""The whole unit: a stream of beats in, a stream of results out."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .accumulator.exact import ExactAccumulator, exact_latency, exact_total_exp_min, exact_total_layout
from .accumulator.fp32 import FP32, Fp32Accumulator, Fp32Narrower, fp32_latency
from .accumulator.serial_exact import SerialExact, serial_exact_exp_bits, serial_exact_latency, serial_exact_msb_bits
from .accumulator.serial_window import SCALE_CLOCKS, SerialWindow, serial_msb_bits, serial_window_clocks
from .accumulator.window import WindowAccumulator, window_total_layout
from .adder_tree import AdderTree, adder_tree_latency
from .bits import any_of, delay, delay_valid
from .block import BlockAdder
from .config import Accumulator, MacConfig
from .credit_queue import QUEUE_CLOCKS, CreditQueue, credit
from .formats import SCALE_WIDTH
from .multiplier import SPECIALS, Multiplier, multiplier_latency
from .rounder import Rounder, result_layout
from .scale_applier import ScaleApplier, ScaleSum, scale_applier_latency, scale_sum_layout
from .serial_rounder import SerialRounder, serial_rounder_clocks

__all__ = [
    "Datapath",
    "MacUnit",
    "beat_in_layout",
    "datapath_latency",
    "result_queue_depth",
    "unit_latency",
    "unit_latency_min",
]

#: Clocks of the last rounding, and of the one from binary32 to a narrower format.
ROUND_CLOCKS = 6
NARROW_CLOCKS = 3
#: Clocks in which the exact accumulator carries out a dot product whose blocks all fall into the same two words.
EXACT_DOT_CLOCKS = 3


def beat_in_layout(config: MacConfig) -> data.StructLayout:
    """Layout of a beat as it comes in.

    Members
    -------
    a, b : config.lanes x operand.width
        Element codes, lane 0 in the least significant bits.
    scale_a, scale_b : 8
        UE8M0 codes; they count on the first beat of a block.
    format_a, format_b : range(len(operand.formats))
        Format of the elements; there only with more than one, and counts on the first beat of a block.
    last : 1
        Whether the beat ends the dot product.
    """
    members = {
        "a": data.ArrayLayout(config.operand_a.width, config.lanes),
        "b": data.ArrayLayout(config.operand_b.width, config.lanes),
        "scale_a": SCALE_WIDTH,
        "scale_b": SCALE_WIDTH,
        "last": 1,
    }
    for side, operand in (("a", config.operand_a), ("b", config.operand_b)):
        if len(operand.formats) > 1:
            members[f"format_{side}"] = range(len(operand.formats))
    return data.StructLayout(members)


def _front_latency(config: MacConfig) -> int:
    return multiplier_latency(config) + adder_tree_latency(config)


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
            fixed = serial_window_clocks(config) + config.chunks(config.window) - 1 + serial_rounder_clocks(config)
            back = fixed, fixed + config.beats - 1
        case Accumulator.WINDOW:
            fixed = scale_applier_latency(config) + WindowAccumulator.latency + ROUND_CLOCKS
            back = fixed, fixed
        case Accumulator.EXACT if config.chunk_bits:
            least, most = serial_exact_latency(config, queue=block_queue_depth(config))
            back = least + serial_rounder_clocks(config), most + serial_rounder_clocks(config)
        case Accumulator.EXACT:
            least, most = exact_latency(config)
            back = least + ROUND_CLOCKS, most + ROUND_CLOCKS
    return front + back[0], front + back[1]


def unit_latency(config: MacConfig) -> int:
    """Clocks from the edge that takes the last beat of a dot product to the first edge that can take its result.

    That is the most it takes after a pause: see ``unit_latency_min``.
    """
    return datapath_latency(config)[1] + QUEUE_CLOCKS


def unit_latency_min(config: MacConfig) -> int:
    """As ``unit_latency``, but the least it takes.

    That is less with the exact accumulator, if scales lie close together, and with ``fp32``, if no block waits for the
    addition before its own.
    """
    return datapath_latency(config)[0] + QUEUE_CLOCKS


def result_queue_depth(config: MacConfig) -> int:
    """Results to make room for, so that dot products follow each other without a gap.

    With a window they may be as short as a single beat; the other accumulators take their time over a dot product.
    """
    interval = {
        Accumulator.WINDOW: config.beats if config.chunk_bits else 1,
        Accumulator.FP32: config.fp32_add_clocks,
        Accumulator.EXACT: max(config.beats, EXACT_DOT_CLOCKS),
    }
    return -(-(unit_latency(config) + 2) // interval[config.accumulator]) + 1


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
        self._round(m, accumulator, window_total_layout(self.config), self.config.window_exp_min)

    def _serial_window(self, m: Module, block_adder: BlockAdder, scale):
        config = self.config
        m.submodules.accumulator = accumulator = SerialWindow(config)
        m.submodules.rounder = rounder = SerialRounder(
            config, msb_bits=serial_msb_bits(config), exp_bits=len(accumulator.total.exp), exp_min=config.window_exp_min
        )
        m.d.comb += accumulator.scale.eq(scale)
        wiring.connect(m, block_adder.o, accumulator.i)
        m.d.comb += rounder.total.eq(accumulator.total)
        wiring.connect(m, accumulator.o, rounder.i)
        wiring.connect(m, rounder.o, wiring.flipped(self.o))

    def _serial_exact(self, m: Module, block_adder: BlockAdder, scale):
        config = self.config
        m.submodules.accumulator = accumulator = SerialExact(config, queue=block_queue_depth(config))
        m.submodules.rounder = rounder = SerialRounder(
            config,
            msb_bits=serial_exact_msb_bits(config),
            exp_bits=serial_exact_exp_bits(config),
            exp_min=config.block_exp_min,
        )
        self._apply_scale(m, block_adder, scale, accumulator.i)
        m.d.comb += [self.block_taken.eq(accumulator.taken), rounder.total.eq(accumulator.total)]
        m.d.comb += accumulator.round_ready.eq(rounder.ready)
        wiring.connect(m, accumulator.o, rounder.i)
        wiring.connect(m, rounder.o, wiring.flipped(self.o))

    def _exact(self, m: Module, block_adder: BlockAdder, scale):
        if self.config.chunk_bits:
            self._serial_exact(m, block_adder, scale)
            return
        m.submodules.accumulator = accumulator = ExactAccumulator(self.config, queue=block_queue_depth(self.config))
        self._apply_scale(m, block_adder, scale, accumulator.i)
        m.d.comb += self.block_taken.eq(accumulator.taken)
        self._round(m, accumulator, exact_total_layout(self.config), exact_total_exp_min(self.config))

    def _round(self, m: Module, accumulator, total: data.StructLayout, exp_min: int):
        m.submodules.rounder = rounder = Rounder(
            self.config.output,
            width=total["value"].width,
            exp_bits=total["exp"].width,
            exp_min=exp_min,
            clocks=ROUND_CLOCKS,
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

        taken, block_complete, resting = Signal(), Signal(), Signal()
        beat_index = Signal(range(config.beats))
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            block_complete.eq(beat_index == config.beats - 1),
            datapath.i.valid.eq(taken),
            datapath.i.payload.eq(self.i.payload),
            datapath.block_first.eq(beat_index == 0),
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
                    resting.eq((resting | self.i.payload.last) & ~block_complete),
                ]
        else:
            m.d.comb += datapath.block_end.eq(taken & (self.i.payload.last | block_complete))
            with m.If(taken):
                m.d.sync += beat_index.eq(Mux(datapath.block_end, 0, beat_index + 1))

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
