"""Requests to replies."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from mxmac.config import MacConfig
from mxmac.mac import unit_plan
from mxmac.stages.layouts import beat_in_layout, result_layout

from ..protocol import CONTINUES, MORE, REPLY, ErrorCode, Kind
from .beats import BeatAssembler, ResultSender
from .framing import TOKEN

__all__ = ["Sequencer"]


class Sequencer(wiring.Component):
    """Answers frames, one after the other.

    A frame is read twice: first to see whether its form is right; then, if it is, into the MAC unit. So a reply either has all
    the results or says what was wrong. What the MAC unit holds of a dot product is forgotten, unless the frame continues that.

    Parameters
    ----------
    config : MacConfig
    facts : bytes
        What is sent behind the payload of a query.

    Members
    -------
    i : In(stream.Signature(TOKEN))
        Frames; with ``free`` and ``rewind`` as in :class:`~mxmac_fpga.gateware.framing.FrameReceiver`.
    free, rewind : Out(1)
    o : Out(stream.Signature(TOKEN))
        Replies.
    beats : Out(stream.Signature(beat_in_layout(config)))
    results : In(stream.Signature(result_layout(config.output)))
    mac_reset : Out(1)
        The MAC unit has to forget everything.
    busy, failed, delivered : Out(1)
        A frame is being answered; its answer is an error; a result has been sent.
    """

    def __init__(self, config: MacConfig, facts: bytes):
        self.config, self._facts = config, facts
        super().__init__(
            {
                "i": In(stream.Signature(TOKEN)),
                "free": Out(1),
                "rewind": Out(1),
                "o": Out(stream.Signature(TOKEN)),
                "beats": Out(stream.Signature(beat_in_layout(config))),
                "results": In(stream.Signature(result_layout(config.output))),
                "mac_reset": Out(1),
                "busy": Out(1),
                "failed": Out(1),
                "delivered": Out(1),
            }
        )

    def elaborate(self, platform):
        """Build the sequencer."""
        m = Module()
        m.submodules.assembler = assembler = BeatAssembler(self.config)
        m.submodules.sender = sender = ResultSender(self.config)
        wiring.connect(m, wiring.flipped(self.results), sender.i)
        facts = Memory(shape=8, depth=len(self._facts), init=list(self._facts), attrs={"ram_style": "block"})
        m.submodules.facts = facts
        read_fact = facts.read_port()
        fact = Signal(range(len(self._facts)))
        fact_read = Signal()

        token, out = self.i.payload, self.o.payload
        kind = Signal(8)
        compute = Signal()
        continues, more = (kind[flag.bit_length() - 1] for flag in (CONTINUES, MORE))
        # The number that a request which continues a dot product has to have; then that of the request.
        sequence = Signal(16)
        in_order = Signal()
        unfinished = Signal()
        blocks = Signal(8)
        filled = Signal()
        error = Signal(max(code for code in ErrorCode).bit_length())
        feeding = Signal()
        owed = self._owed(m)
        m.d.comb += [
            read_fact.addr.eq(fact),
            assembler.blocks.eq(blocks),
            assembler.more.eq(more),
            assembler.i.payload.eq(token.byte),
            # Beats of the first reading go nowhere.
            self.beats.valid.eq(assembler.o.valid & feeding),
            self.beats.payload.eq(assembler.o.payload),
            assembler.o.ready.eq(self.beats.ready | ~feeding),
            compute.eq(kind[2:] == Kind.COMPUTE >> 2),
            self.busy.eq(1),
        ]

        def send(value, following: str):
            m.d.comb += [out.byte.eq(value), self.o.valid.eq(1)]
            with m.If(self.o.ready):
                m.next = following

        def fail(code):
            m.d.comb += self.free.eq(1)
            m.d.sync += error.eq(code)
            m.next = "REPLY_KIND"

        def send_results():
            m.d.comb += [out.byte.eq(sender.o.payload), self.o.valid.eq(sender.o.valid), sender.o.ready.eq(self.o.ready)]

        with m.FSM(name="state"):
            with m.State("KIND"):
                # Instead of a frame there may be nothing but an end, which says what was wrong with it.
                m.d.comb += [self.busy.eq(self.i.valid), self.i.ready.eq(1), assembler.clear.eq(1)]
                m.d.sync += [kind.eq(token.byte), error.eq(0), in_order.eq(1), filled.eq(0), fact.eq(0), fact_read.eq(0)]
                with m.If(self.i.valid):
                    m.next = "SEQUENCE_LOW"
                    with m.If(token.end):
                        fail(token.byte)
            for state, half in (("SEQUENCE_LOW", sequence[:8]), ("SEQUENCE_HIGH", sequence[8:])):
                with m.State(state):
                    m.d.comb += [self.i.ready.eq(1), self.free.eq(1)]
                    with m.If(self.i.valid):
                        m.d.sync += [half.eq(token.byte), in_order.eq(in_order & (half == token.byte))]
                        if state == "SEQUENCE_LOW":
                            m.next = "SEQUENCE_HIGH"
                        else:
                            m.next = "CHECK"
                            with m.If(compute):
                                m.next = "BLOCKS"
            with m.State("BLOCKS"):
                m.d.comb += [self.i.ready.eq(1), self.free.eq(1)]
                with m.If(self.i.valid):
                    m.d.sync += blocks.eq(token.byte)
                    m.next = "CHECK"
                    with m.If(token.end):
                        fail(ErrorCode.LENGTH)
            with m.State("CHECK"):
                m.d.comb += [self.i.ready.eq(1), assembler.i.valid.eq(self.i.valid & ~token.end)]
                with m.If(self.i.valid):
                    m.d.sync += filled.eq(1)
                with m.If(self.i.valid & token.end):
                    with m.If(~compute & (kind != Kind.QUERY)):
                        fail(ErrorCode.KIND)
                    with m.Elif(compute & ~(filled & assembler.boundary)):
                        fail(ErrorCode.LENGTH)
                    with m.Elif(compute & continues & ~(unfinished & in_order)):
                        fail(ErrorCode.ORDER)
                    with m.Else():
                        m.d.comb += [self.rewind.eq(1), self.mac_reset.eq(~(compute & continues))]
                        m.next = "REPLY_KIND"

            with m.State("REPLY_KIND"):
                m.d.comb += [self.failed.eq(error != 0), assembler.clear.eq(1)]
                send(Mux(error != 0, Kind.ERROR, kind | REPLY), "REPLY_LOW")
            with m.State("REPLY_LOW"):
                send(sequence[:8], "REPLY_HIGH")
            with m.State("REPLY_HIGH"):
                send(sequence[8:], "ECHO")
                with m.If(self.o.ready & compute):
                    m.next = "FEED"
                with m.If(self.o.ready & (error != 0)):
                    m.next = "ERROR"
            with m.State("ERROR"):
                send(error, "FINISH")
            with m.State("ECHO"):
                m.d.comb += [
                    out.byte.eq(token.byte),
                    self.o.valid.eq(self.i.valid & ~token.end),
                    self.i.ready.eq(self.o.ready | token.end),
                    self.free.eq(1),
                ]
                with m.If(self.i.valid & token.end):
                    m.next = "FACTS"
            with m.State("FACTS"):
                m.d.comb += [out.byte.eq(read_fact.data), self.o.valid.eq(fact_read)]
                m.d.sync += fact_read.eq(~(fact_read & self.o.ready))
                with m.If(fact_read & self.o.ready):
                    m.d.sync += fact.eq(fact + 1)
                    with m.If(fact == len(self._facts) - 1):
                        m.next = "FINISH"
            with m.State("FEED"):
                send_results()
                m.d.comb += [
                    feeding.eq(1),
                    assembler.i.valid.eq(self.i.valid & ~token.end),
                    self.i.ready.eq(Mux(token.end, ~assembler.o.valid, assembler.i.ready)),
                    self.free.eq(self.i.valid & token.end),
                ]
                with m.If(self.i.valid & token.end & ~assembler.o.valid):
                    m.next = "DRAIN"
            with m.State("DRAIN"):
                send_results()
                with m.If(owed == 0):
                    m.next = "FINISH"
            with m.State("FINISH"):
                m.d.comb += [out.end.eq(1), self.o.valid.eq(1)]
                with m.If(self.o.ready):
                    m.d.sync += [unfinished.eq(compute & more & (error == 0)), sequence.eq(sequence + 1)]
                    m.next = "KIND"
        return m

    def _owed(self, m: Module) -> Signal:
        """Results that are still to come: never more than the MAC unit keeps room for."""
        owed = Signal(range(unit_plan(self.config).results_queued + 1))
        last_given = self.beats.valid & self.beats.ready & self.beats.payload.last
        m.d.comb += self.delivered.eq(self.results.valid & self.results.ready)
        with m.If(last_given ^ self.delivered):
            m.d.sync += owed.eq(owed + Mux(last_given, 1, -1))
        return owed
