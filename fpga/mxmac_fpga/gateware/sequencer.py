"""Requests to replies."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory, ReadPort
from amaranth.lib.wiring import In, Out

from mxmac.config import MacConfig
from mxmac.mac import unit_plan
from mxmac.stages.layouts import beat_in_layout, result_layout

from ..protocol import CONTINUES, MORE, REPLY, ErrorCode, Kind
from .beats import BeatAssembler, ResultSender
from .framing import TOKEN

__all__ = ["Sequencer"]


class _Parts:
    """Submodules and registers that the states of a :class:`Sequencer` share."""

    def __init__(self, assembler: BeatAssembler, sender: ResultSender, read_fact: ReadPort, facts: int):
        self.assembler, self.sender, self.read_fact = assembler, sender, read_fact
        #: Index of the byte of the facts to be sent, and whether it has been read.
        self.fact = Signal(range(facts), name="fact")
        self.fact_read = Signal(name="fact_read")
        self.kind = Signal(8, name="kind")
        self.compute = Signal(name="compute")
        #: Number that a request which continues a dot product must have; then that of the request.
        self.sequence = Signal(16, name="sequence")
        self.in_order = Signal(name="in_order")
        self.unfinished = Signal(name="unfinished")
        #: Blocks of each dot product, less one; and whether anything follows them.
        self.blocks = Signal(8, name="blocks")
        self.filled = Signal(name="filled")
        self.error = Signal(max(code for code in ErrorCode).bit_length(), name="error")
        #: Whether beats go to the MAC unit.
        self.feeding = Signal(name="feeding")

    @property
    def continues(self) -> Value:
        """Whether the first dot product of the request goes on from the request before."""
        return self.kind[CONTINUES.bit_length() - 1]

    @property
    def more(self) -> Value:
        """Whether the last dot product of the request goes on in the next one."""
        return self.kind[MORE.bit_length() - 1]


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
        m = Module()
        parts = self._parts(m)
        owed = self._owed(m)
        self._connect(m, parts)
        with m.FSM(name="state"):
            self._read_head(m, parts)
            self._check(m, parts)
            self._reply_head(m, parts)
            self._answer_query(m, parts)
            self._compute(m, parts, owed)
            self._finish(m, parts)
        return m

    def _parts(self, m: Module) -> "_Parts":
        m.submodules.assembler = assembler = BeatAssembler(self.config)
        m.submodules.sender = sender = ResultSender(self.config)
        wiring.connect(m, wiring.flipped(self.results), sender.i)
        facts = Memory(shape=8, depth=len(self._facts), init=list(self._facts), attrs={"ram_style": "block"})
        m.submodules.facts = facts
        read_fact = facts.read_port()
        return _Parts(assembler, sender, read_fact, len(self._facts))

    def _connect(self, m: Module, parts: "_Parts"):
        assembler = parts.assembler
        m.d.comb += [
            parts.read_fact.addr.eq(parts.fact),
            assembler.blocks.eq(parts.blocks),
            assembler.more.eq(parts.more),
            assembler.i.payload.eq(self.i.payload.byte),
            # Beats of the first reading go nowhere.
            self.beats.valid.eq(assembler.o.valid & parts.feeding),
            self.beats.payload.eq(assembler.o.payload),
            assembler.o.ready.eq(self.beats.ready | ~parts.feeding),
            parts.compute.eq(parts.kind[2:] == Kind.COMPUTE >> 2),
            self.busy.eq(1),
        ]

    def _send(self, m: Module, value, following: str):
        """Offer a byte of the reply, and go on to a state once it is accepted."""
        m.d.comb += [self.o.payload.byte.eq(value), self.o.valid.eq(1)]
        with m.If(self.o.ready):
            m.next = following

    def _fail(self, m: Module, parts: "_Parts", code):
        """Answer the request with an error."""
        m.d.comb += self.free.eq(1)
        m.d.sync += parts.error.eq(code)
        m.next = "REPLY_KIND"

    def _send_results(self, m: Module, parts: "_Parts"):
        sender = parts.sender.o
        m.d.comb += [
            self.o.payload.byte.eq(sender.payload),
            self.o.valid.eq(sender.valid),
            sender.ready.eq(self.o.ready),
        ]

    def _read_head(self, m: Module, parts: "_Parts"):
        """Read the kind and the sequence number, and of a compute request the blocks of each dot product."""
        token = self.i.payload
        with m.State("KIND"):
            # Instead of a frame there may be nothing but an end, which says what was wrong with it.
            m.d.comb += [self.busy.eq(self.i.valid), self.i.ready.eq(1), parts.assembler.clear.eq(1)]
            m.d.sync += [
                parts.kind.eq(token.byte),
                parts.error.eq(0),
                parts.in_order.eq(1),
                parts.filled.eq(0),
                parts.fact.eq(0),
                parts.fact_read.eq(0),
            ]
            with m.If(self.i.valid):
                m.next = "SEQUENCE_LOW"
                with m.If(token.end):
                    self._fail(m, parts, token.byte)
        for state, half in (("SEQUENCE_LOW", parts.sequence[:8]), ("SEQUENCE_HIGH", parts.sequence[8:])):
            with m.State(state):
                m.d.comb += [self.i.ready.eq(1), self.free.eq(1)]
                with m.If(self.i.valid):
                    m.d.sync += [half.eq(token.byte), parts.in_order.eq(parts.in_order & (half == token.byte))]
                    if state == "SEQUENCE_LOW":
                        m.next = "SEQUENCE_HIGH"
                    else:
                        m.next = "CHECK"
                        with m.If(parts.compute):
                            m.next = "BLOCKS"
        with m.State("BLOCKS"):
            m.d.comb += [self.i.ready.eq(1), self.free.eq(1)]
            with m.If(self.i.valid):
                m.d.sync += parts.blocks.eq(token.byte)
                m.next = "CHECK"
                with m.If(token.end):
                    self._fail(m, parts, ErrorCode.LENGTH)

    def _check(self, m: Module, parts: "_Parts"):
        """Read the payload for the first time, to see whether its form is right."""
        assembler, token, compute = parts.assembler, self.i.payload, parts.compute
        with m.State("CHECK"):
            m.d.comb += [self.i.ready.eq(1), assembler.i.valid.eq(self.i.valid & ~token.end)]
            with m.If(self.i.valid):
                m.d.sync += parts.filled.eq(1)
            with m.If(self.i.valid & token.end):
                with m.If(~compute & (parts.kind != Kind.QUERY)):
                    self._fail(m, parts, ErrorCode.KIND)
                with m.Elif(compute & ~(parts.filled & assembler.boundary)):
                    self._fail(m, parts, ErrorCode.LENGTH)
                with m.Elif(compute & parts.continues & ~(parts.unfinished & parts.in_order)):
                    self._fail(m, parts, ErrorCode.ORDER)
                with m.Else():
                    m.d.comb += [self.rewind.eq(1), self.mac_reset.eq(~(compute & parts.continues))]
                    m.next = "REPLY_KIND"

    def _reply_head(self, m: Module, parts: "_Parts"):
        """Send kind and sequence number, and the error if there is one."""
        error, sequence = parts.error, parts.sequence
        with m.State("REPLY_KIND"):
            m.d.comb += [self.failed.eq(error != 0), parts.assembler.clear.eq(1)]
            self._send(m, Mux(error != 0, Kind.ERROR, parts.kind | REPLY), "REPLY_LOW")
        with m.State("REPLY_LOW"):
            self._send(m, sequence[:8], "REPLY_HIGH")
        with m.State("REPLY_HIGH"):
            self._send(m, sequence[8:], "ECHO")
            with m.If(self.o.ready & parts.compute):
                m.next = "FEED"
            with m.If(self.o.ready & (error != 0)):
                m.next = "ERROR"
        with m.State("ERROR"):
            self._send(m, error, "FINISH")

    def _answer_query(self, m: Module, parts: "_Parts"):
        """Send the payload of the query back, and the facts behind it."""
        token, out = self.i.payload, self.o.payload
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
            m.d.comb += [out.byte.eq(parts.read_fact.data), self.o.valid.eq(parts.fact_read)]
            m.d.sync += parts.fact_read.eq(~(parts.fact_read & self.o.ready))
            with m.If(parts.fact_read & self.o.ready):
                m.d.sync += parts.fact.eq(parts.fact + 1)
                with m.If(parts.fact == len(self._facts) - 1):
                    m.next = "FINISH"

    def _compute(self, m: Module, parts: "_Parts", owed: Signal):
        """Read the payload for the second time, into the MAC unit, and send its results."""
        assembler, token = parts.assembler, self.i.payload
        with m.State("FEED"):
            self._send_results(m, parts)
            m.d.comb += [
                parts.feeding.eq(1),
                assembler.i.valid.eq(self.i.valid & ~token.end),
                self.i.ready.eq(Mux(token.end, ~assembler.o.valid, assembler.i.ready)),
                self.free.eq(self.i.valid & token.end),
            ]
            with m.If(self.i.valid & token.end & ~assembler.o.valid):
                m.next = "DRAIN"
        with m.State("DRAIN"):
            self._send_results(m, parts)
            with m.If(owed == 0):
                m.next = "FINISH"

    def _finish(self, m: Module, parts: "_Parts"):
        """End the reply, and note which request may continue this one."""
        with m.State("FINISH"):
            m.d.comb += [self.o.payload.end.eq(1), self.o.valid.eq(1)]
            with m.If(self.o.ready):
                unfinished = parts.compute & parts.more & (parts.error == 0)
                m.d.sync += [parts.unfinished.eq(unfinished), parts.sequence.eq(parts.sequence + 1)]
                m.next = "KIND"

    def _owed(self, m: Module) -> Signal:
        """Results that are still to come: never more than the MAC unit keeps room for."""
        owed = Signal(range(unit_plan(self.config).results_queued + 1))
        last_given = self.beats.valid & self.beats.ready & self.beats.payload.last
        m.d.comb += self.delivered.eq(self.results.valid & self.results.ready)
        with m.If(last_given ^ self.delivered):
            m.d.sync += owed.eq(owed + Mux(last_given, 1, -1))
        return owed
