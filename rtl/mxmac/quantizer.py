"""The quantizer: a stream of floats in, a stream of elements with the scales of their blocks out."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .bits import delay, delay_valid, register
from .formats import SCALE_NAN, SCALE_WIDTH
from .quantizer_config import QuantizerConfig
from .quantizer_lane import ENCODE_CLOCKS, ElementEncoder, ElementPreparer, grid_bits, key_layout, prepared_layout

__all__ = ["BlockScale", "Quantizer", "floats_layout", "mx_layout", "quantizer_latency"]

#: Clocks that a result spends in a queue if nothing waits before it.
QUEUE_CLOCKS = 2


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
    return data.StructLayout({"scale": SCALE_WIDTH, "grid": grid_bits(config), "overflow": 1, "last": 1})


def _issue_clocks(config: QuantizerConfig) -> int:
    """Clocks from the last beat of a block to the edge that fetches its first one: both there, and the queue of scales."""
    return config.align_clocks + (QUEUE_CLOCKS if config.beats > 1 else 0)


def quantizer_latency(config: QuantizerConfig) -> int:
    """Clocks from the edge that takes the last beat of a block to the first edge that can take its first beat."""
    return _issue_clocks(config) + (config.beats > 1) + ENCODE_CLOCKS + QUEUE_CLOCKS


class BlockScale(wiring.Component):
    """Scale of a block from the keys of its elements (MX v1.0, 6.3). One beat a clock.

    Parameters
    ----------
    config : QuantizerConfig

    Members
    -------
    keys : In(key_layout(config)).array(config.lanes)
    first : In(1)
        Whether these are the first of their block, as late as the maximum of the lanes; there only with several beats.
    scale : Out(8)
        UE8M0 code for all beats of the block up to this one, ``config.scale_clocks - 1`` clocks later.
    grid : Out(grid_bits(config))
        The same plus config.emin.
    """

    def __init__(self, config: QuantizerConfig):
        self.config = config
        super().__init__(
            {
                "keys": In(key_layout(config)).array(config.lanes),
                **({"first": In(1)} if config.beats > 1 else {}),
                "scale": Out(SCALE_WIDTH),
                "grid": Out(grid_bits(config)),
            }
        )

    def elaborate(self, platform):
        """Build the tree of maxima, with a register after each level, and the rule's arithmetic."""
        m = Module()
        config = self.config
        nodes = [key.as_value() for key in self.keys]
        level = 0
        while len(nodes) > 1:
            pairs = [nodes[index : index + 2] for index in range(0, len(nodes), 2)]
            nodes = [
                register(m, Mux(pair[0] > pair[-1], pair[0], pair[-1]), name=f"max{level}_{index}")
                for index, pair in enumerate(pairs)
            ]
            level += 1
        largest = nodes[0]
        if config.beats > 1:
            so_far = Signal(len(largest), reset_less=True)
            m.d.sync += so_far.eq(Mux(self.first | (largest > so_far), largest, so_far))
            largest = so_far
        self._scale(m, data.View(key_layout(config), largest))
        return m

    def _scale(self, m: Module, key: data.View):
        to, emin = self.config.to, self.config.emin
        exponent = key.exp + (key.bump if hasattr(key, "bump") else 0)
        code, grid = Signal(range(-to.emax, SCALE_NAN + 2)), Signal(range(emin - to.emax, SCALE_NAN + 2 + emin))
        m.d.comb += [code.eq(exponent - to.emax), grid.eq(exponent - (to.emax - emin))]
        nan, below, above = key.exp.all(), code < 0, (code == SCALE_NAN) if to.emax == 0 else Const(0, 1)
        with m.If(nan):
            m.d.sync += self.scale.eq(SCALE_NAN)
        with m.Elif(below):
            m.d.sync += self.scale.eq(0)
        with m.Elif(above):
            m.d.sync += self.scale.eq(SCALE_NAN - 1)
        with m.Else():
            m.d.sync += self.scale.eq(code)
        m.d.sync += self.grid.eq(Mux(below, emin, Mux(above, SCALE_NAN - 1 + emin, grid)))


class Quantizer(wiring.Component):
    """Streaming conversion of floats to MX blocks: one beat a clock.

    A block is config.beats beats, in and out, and has one scale, which every beat of it carries. A beat is only taken while
    there is room for it further on, so nothing behind the input ever has to wait.

    Parameters
    ----------
    config : QuantizerConfig

    Members
    -------
    i : In(stream.Signature(floats_layout(config)))
    o : Out(stream.Signature(mx_layout(config)))
        The first beat of a block ``quantizer_latency(config)`` clocks after its last one came in.
    """

    def __init__(self, config: QuantizerConfig):
        self.config = config
        super().__init__(
            {"i": In(stream.Signature(floats_layout(config))), "o": Out(stream.Signature(mx_layout(config)))}
        )

    def elaborate(self, platform):
        """Build the quantizer."""
        m = Module()
        config, beat = self.config, self.i.payload
        taken, first, last = Signal(), Const(1, 1), Const(1, 1)
        m.d.comb += taken.eq(self.i.valid & self.i.ready)
        if config.beats > 1:
            index = Signal(range(config.beats), name="beat_index")
            first, last = Signal(), Signal()
            m.d.comb += [first.eq(index == 0), last.eq(index == config.beats - 1)]
            with m.If(taken):
                m.d.sync += index.eq(Mux(last, 0, index + 1))

        m.submodules.block_scale = block_scale = BlockScale(config)
        prepared = []
        for lane in range(config.lanes):
            preparer = ElementPreparer(config)
            m.submodules[f"preparer{lane}"] = preparer
            m.d.comb += [preparer.code.eq(beat.data[lane]), block_scale.keys[lane].eq(preparer.key)]
            if len(config.rules) > 1:
                m.d.comb += preparer.rule.eq(self._of_block(m, first, taken, "rule"))
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
            m.d.comb += block.overflow.eq(delay(m, self._of_block(m, first, taken, "overflow"), align, name="overflow"))
        if config.beats == 1:
            valid = delay_valid(m, taken, align, name="valid")
            late = align - config.prepare_clocks
            prepared = [delay(m, value, late, name=f"prepared{lane}") for lane, value in enumerate(prepared)]
            issue = taken
        else:
            m.d.comb += block_scale.first.eq(self._held_until_taken(m, first, taken))
            issue, valid, prepared, block = self._store(m, taken, last, prepared, block)
        self._encode(m, issue, valid, prepared, block)
        return m

    def _of_block(self, m: Module, first: Value, taken: Value, name: str) -> Value:
        """Value of a member of the beat on the first beat of the block."""
        now = self.i.payload[name]
        if self.config.beats == 1:
            return now
        held = Signal(now.shape(), name=f"{name}_held", reset_less=True)
        with m.If(taken & first):
            m.d.sync += held.eq(now)
        return Mux(first, now, held)
