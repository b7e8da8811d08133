"""Quantizer: a stream of floats in, a stream of elements with the scales of their blocks out."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..formats import SCALE_NAN, SCALE_WIDTH
from ..primitives.bits import delay, delay_valid, register
from ..primitives.credit_queue import QUEUE_CLOCKS, CreditQueue, credit
from ..primitives.description import Description
from .config import QuantizerConfig
from .lane import ENCODE_CLOCKS, GRID_BITS, ElementEncoder, ElementPreparer
from .scale import BlockScale

__all__ = ["Quantizer", "floats_layout", "mx_layout", "quantizer_latency", "results_queued"]


def floats_layout(config: QuantizerConfig) -> data.StructLayout:
    """Layout of a beat as it comes in.

    Members
    -------
    data : config.lanes x source.width
        Lane 0 in the least significant bits.
    rule, overflow : range(len(config.rules)), range(len(config.overflows))
        Their indices; there only with more than one, and count on the first beat of a block.
    last : 1
        Whether the block ends a row; counts on the last beat of a block.
    """
    members: dict[str, object] = {"data": data.ArrayLayout(config.source.width, config.lanes), "last": 1}
    for name, choices in (("rule", config.rules), ("overflow", config.overflows)):
        if len(choices) > 1:
            members[name] = range(len(choices))
    return data.StructLayout(members)


def mx_layout(config: QuantizerConfig) -> data.StructLayout:
    """Layout of a beat as it goes out.

    Members
    -------
    data : config.lanes x to.width
    scale : 8
        UE8M0 code of the block, the same on all of its beats.
    last : 1
        Whether the beat is the last of its block, and the block ends a row.
    """
    return data.StructLayout({"data": data.ArrayLayout(config.to.width, config.lanes), "scale": SCALE_WIDTH, "last": 1})


def _block_layout(config: QuantizerConfig) -> data.StructLayout:
    """Layout of what the elements of a block have in common: ``scale``, ``grid`` (with config.emin), ``overflow``, ``last``."""
    overflow = {"overflow": 1} if len(config.overflows) > 1 else {}
    return data.StructLayout({"scale": SCALE_WIDTH, "grid": GRID_BITS, **overflow, "last": 1})


def _issue_clocks(config: QuantizerConfig) -> int:
    """Cycles from the last beat of a block to the edge that fetches its first one: both there, and the queue of scales."""
    return config.align_clocks + (QUEUE_CLOCKS if config.beats > 1 else 0)


def quantizer_latency(config: QuantizerConfig) -> int:
    """Cycles from the edge that takes the last beat of a block to the first edge that can take its first beat."""
    return _issue_clocks(config) + (config.beats > 1) + ENCODE_CLOCKS + QUEUE_CLOCKS


def _stored_beats(config: QuantizerConfig) -> int:
    """Beats to keep: all of a block and those that come before its first one is fetched."""
    return 1 << (config.beats + _issue_clocks(config) - 1).bit_length()


def results_queued(config: QuantizerConfig) -> int:
    """Results to make room for, so that beats follow each other without a gap."""
    return quantizer_latency(config) - (_issue_clocks(config) if config.beats > 1 else 0) + 1


class Quantizer(wiring.Component):
    """Streaming conversion of floats to MX blocks: one beat a cycle.

    A block is config.beats beats, in and out, and has one scale, which every beat of it carries. A beat is only taken while
    there is room for it further on, so nothing behind the input ever has to wait.

    Parameters
    ----------
    config : QuantizerConfig

    Members
    -------
    i : In(stream.Signature(floats_layout(config)))
    o : Out(stream.Signature(mx_layout(config)))
        The first beat of a block ``quantizer_latency(config)`` cycles after its last one came in.
    """

    def __init__(self, config: QuantizerConfig):
        self.config = config
        super().__init__({"i": In(stream.Signature(floats_layout(config))), "o": Out(stream.Signature(mx_layout(config)))})

    @property
    def description(self) -> Description:
        return Description(
            "Stream of floats to stream of MX blocks.",
            quantizer_latency(self.config),
            "from the last beat of a block to the first one of its elements",
        )

    def elaborate(self, platform):
        m = Module()
        config, beat = self.config, self.i.payload
        taken = Signal()
        first = Const(1, 1)
        last = Const(1, 1)
        m.d.comb += taken.eq(self.i.valid & self.i.ready)
        if config.beats > 1:
            first, last = self._index(m, taken, "beat_index")

        m.submodules.block_scale = block_scale = BlockScale(config)
        if config.beats > 1:
            m.d.comb += [
                block_scale.valid.eq(delay_valid(m, taken, 1, name="valid")),
                block_scale.first.eq(register(m, first, name="first")),
            ]
        rule = self._of_block(m, first, "rule") if len(config.rules) > 1 else None
        prepared = []
        for lane in range(config.lanes):
            preparer = ElementPreparer(config)
            m.submodules[f"preparer{lane}"] = preparer
            m.d.comb += [
                preparer.code.eq(beat.data[lane]),
                block_scale.keys[lane].as_value().eq(preparer.key.as_value()),
            ]
            if rule is not None:
                m.d.comb += preparer.rule.eq(rule)
            prepared.append(preparer.prepared.as_value())

        align = config.align_clocks
        block = Signal(_block_layout(config))
        late = align - config.scale_clocks
        m.d.comb += [
            block.scale.eq(delay(m, block_scale.scale, late, name="scale")),
            block.grid.eq(delay(m, block_scale.grid, late, name="grid")),
            block.last.eq(delay(m, beat.last, align, name="last")),
        ]
        if len(config.overflows) > 1:
            m.d.comb += block.overflow.eq(delay(m, self._of_block(m, first, "overflow"), align, name="overflow"))
        if config.beats == 1:
            late = align - config.prepare_clocks
            prepared = [delay(m, value, late, name=f"prepared{lane}") for lane, value in enumerate(prepared)]
            self._encode(m, taken, self.i.ready, delay_valid(m, taken, align, name="valid"), prepared, block)
        else:
            self._store(m, taken, last, prepared, block)
        return m

    def _index(self, m: Module, step: Value, name: str) -> tuple[Value, Value]:
        """Count beats of a block; whether the coming one is the first or the last."""
        index = Signal(range(self.config.beats), name=name)
        first = Signal(name=f"{name}_first")
        last = Signal(name=f"{name}_last")
        m.d.comb += [first.eq(index == 0), last.eq(index == self.config.beats - 1)]
        with m.If(step):
            m.d.sync += index.eq(Mux(last, 0, index + 1))
        return first, last

    def _of_block(self, m: Module, first: Value, name: str) -> Value:
        """What a member of the beat was on the first beat of the block."""
        now = self.i.payload[name]
        if self.config.beats == 1:
            return now
        held = Signal(now.shape(), name=f"{name}_held", reset_less=True)
        kept = Signal(now.shape(), name=f"{name}_of_block")
        m.d.comb += kept.eq(Mux(first, now, held))
        m.d.sync += held.eq(kept)
        return kept

    def _store(self, m: Module, taken: Value, last: Value, prepared: list[Value], block: data.View):
        """Keep the beats of a block until its scale is there, and then those of the next while they are fetched."""
        config = self.config
        depth = _stored_beats(config)
        beats = Memory(shape=sum(len(value) for value in prepared), depth=depth, init=[])
        m.submodules.beats = beats
        written = Signal(range(depth))
        fetched = Signal(range(depth))
        write = beats.write_port()
        read = beats.read_port()
        m.d.comb += [
            write.en.eq(delay_valid(m, taken, config.prepare_clocks, name="stored")),
            write.addr.eq(written),
            write.data.eq(Cat(prepared)),
            read.addr.eq(fetched),
            read.en.eq(1),
        ]
        with m.If(write.en):
            m.d.sync += written.eq(written + 1)

        layout = _block_layout(config)
        m.submodules.scales = scales = CreditQueue(shape=layout, depth=(depth - 1) // config.beats + 1)
        fetch = Signal()
        room = Signal()
        _, block_ends = self._index(m, fetch, "fetch_index")
        m.d.comb += [
            scales.i.valid.eq(delay_valid(m, taken & last, config.align_clocks, name="block_valid")),
            scales.i.payload.eq(block),
            scales.o.ready.eq(fetch & block_ends),
            fetch.eq(scales.o.valid & room),
        ]
        with m.If(fetch):
            m.d.sync += fetched.eq(fetched + 1)
        credit(m, self.i.ready, depth, taken=taken, returned=fetch, name="beats")

        now = Signal(layout, name="block_now", reset_less=True)
        next_block = scales.o.payload
        m.d.sync += [now.eq(next_block), now.last.eq(next_block.last & block_ends)]
        offsets = [index * len(prepared[0]) for index in range(config.lanes)]
        lanes = [read.data[offset : offset + len(prepared[0])] for offset in offsets]
        self._encode(m, fetch, room, delay_valid(m, fetch, 1, name="fetched_valid"), lanes, now)

    def _encode(self, m: Module, taken: Value, room: Signal, valid: Value, prepared: list[Value], block: data.View):
        """Encode beats, which are valid some cycles after they are taken while there is room for their results."""
        config = self.config
        results = CreditQueue(shape=mx_layout(config), depth=results_queued(config))
        result = Signal(mx_layout(config))
        nan = register(m, block.scale == SCALE_NAN, name="nan")
        nan = delay(m, nan, ENCODE_CLOCKS - 2, name="nan")
        overflow = None
        if len(config.overflows) > 1:
            overflow = delay(m, block.overflow, ENCODE_CLOCKS - 2, name="overflow_mode")
        for lane, value in enumerate(prepared):
            m.submodules[f"encoder{lane}"] = encoder = ElementEncoder(config)
            m.d.comb += [
                encoder.prepared.as_value().eq(value),
                encoder.grid.eq(block.grid),
                encoder.nan.eq(nan),
                result.data[lane].eq(encoder.code),
            ]
            if overflow is not None:
                m.d.comb += encoder.overflow.eq(overflow)
        m.submodules.results = results
        m.d.comb += [
            result.scale.eq(delay(m, block.scale, ENCODE_CLOCKS, name="scale_of_result")),
            result.last.eq(delay(m, block.last, ENCODE_CLOCKS, name="last_of_result")),
            results.i.valid.eq(delay_valid(m, valid, ENCODE_CLOCKS, name="result_valid")),
            results.i.payload.eq(result),
        ]
        wiring.connect(m, results.o, wiring.flipped(self.o))
        credit(m, room, results.depth, taken=taken, returned=results.o.valid & self.o.ready, name="results")
