"""Bytes of blocks to beats of a MAC unit, and its results to bytes."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from mxmac.config import MacConfig
from mxmac.mac.unit import beat_in_layout
from mxmac.stages.layouts import result_layout

from ..protocol import has_format_byte, operand_bytes, result_bytes

__all__ = ["BeatAssembler", "ResultSender"]


class BeatAssembler(wiring.Component):
    """Makes beats of the bytes of blocks.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    clear : In(1)
        The next byte is the first of a dot product.
    blocks : In(8)
        Blocks of each dot product, less one.
    more : In(1)
        The last block is not the end of the dot product.
    i : In(stream.Signature(8))
    o : Out(stream.Signature(beat_in_layout(config)))
    boundary : Out(1)
        As many bytes as make whole dot products were taken since the clear.
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__(
            {
                "clear": In(1),
                "blocks": In(8),
                "more": In(1),
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(beat_in_layout(config))),
                "boundary": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, beat = self.config, self.o.payload
        sizes = [operand_bytes(config, side) for side in ("a", "b")]
        fields = 2 + has_format_byte(config)
        # Which byte before the elements; then these.
        field = Signal(range(fields + 1))
        element_byte = Signal(range(sum(sizes)))
        beats = Signal(range(config.beats))
        block = Signal(8)
        taken = Signal()
        block_last = Signal()
        elements = Signal(8 * sum(sizes), reset_less=True)
        scale_a = Signal(8, reset_less=True)
        scale_b = Signal(8, reset_less=True)
        formats = Signal(8, reset_less=True)
        m.d.comb += [
            self.i.ready.eq(~self.o.valid | self.o.ready),
            taken.eq(self.i.valid & self.i.ready),
            block_last.eq(block == self.blocks),
            self.boundary.eq((field == 0) & (block == 0)),
            beat.a.eq(elements[: len(beat.a.as_value())]),
            beat.b.eq(elements[8 * sizes[0] :]),
            beat.scale_a.eq(scale_a),
            beat.scale_b.eq(scale_b),
        ]
        for side, place in (("a", 0), ("b", 4)):
            if len(getattr(config, side)) > 1:
                m.d.comb += beat[f"format_{side}"].eq(formats[place : place + 4])
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(taken & (field != fields)):
            with m.Switch(field):
                for index, register in enumerate((scale_a, scale_b, formats)[:fields]):
                    with m.Case(index):
                        m.d.sync += register.eq(self.i.payload)
            m.d.sync += field.eq(field + 1)
        with m.Elif(taken):
            m.d.sync += [elements.eq(Cat(elements[8:], self.i.payload)), element_byte.eq(element_byte + 1)]
            with m.If(element_byte == sum(sizes) - 1):
                m.d.sync += [element_byte.eq(0), beats.eq(beats + 1), self.o.valid.eq(1), beat.last.eq(0)]
                with m.If(beats == config.beats - 1):
                    m.d.sync += [beats.eq(0), field.eq(0), block.eq(block + 1), beat.last.eq(block_last & ~self.more)]
                    with m.If(block_last):
                        m.d.sync += block.eq(0)
        with m.If(self.clear):
            m.d.sync += [field.eq(0), element_byte.eq(0), beats.eq(0), block.eq(0), self.o.valid.eq(0)]
        return m


class ResultSender(wiring.Component):
    """Takes results apart into bytes: the number, then its flags.

    Parameters
    ----------
    config : MacConfig

    Members
    -------
    i : In(stream.Signature(result_layout(config.output)))
    o : Out(stream.Signature(8))
    """

    def __init__(self, config: MacConfig):
        self.config = config
        super().__init__({"i": In(stream.Signature(result_layout(config.output))), "o": Out(stream.Signature(8))})

    def elaborate(self, platform):
        m = Module()
        size = result_bytes(self.config)
        index = Signal(range(size))
        number, status = self.i.payload.data, self.i.payload.status.as_value()
        parts = [*(number[start : start + 8] for start in range(0, len(number), 8)), status]
        with m.Switch(index):
            for place, part in enumerate(parts):
                with m.Case(place):
                    m.d.comb += self.o.payload.eq(part)
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready & (index == size - 1)),
        ]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += index.eq(Mux(index == size - 1, 0, index + 1))
        return m
