"""Queue with credits: a writer takes a credit before it writes, so the queue never stalls it."""

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..config import Storage
from .bits import delay_valid, exceeds
from .description import Description

__all__ = ["QUEUE_CLOCKS", "CreditQueue", "count_nonzero", "credit", "queue_depth"]

#: Latency of an empty queue, in cycles.
QUEUE_CLOCKS = 2


def count_nonzero(m: Module, up: Value, down: Value, most: int, init: int, name: str) -> tuple[Signal, Value]:
    """Count up and down; whether the count is not zero, and whether it will not be in the next cycle.

    The former is a register. ``down`` may come late: the counter itself counts it a cycle later.
    """
    count = Signal(range(most + 1), init=init, name=f"{name}_count")
    nonzero = Signal(init=init > 0, name=f"{name}_left")
    next_nonzero = Signal(name=f"{name}_left_next")
    many = Signal(name=f"{name}_many")
    downs = delay_valid(m, down, 1, name=f"{name}_down")
    m.d.comb += [
        many.eq(Mux(downs, exceeds(count, 2), exceeds(count, 1))),
        next_nonzero.eq(up | many | (nonzero & ~down)),
    ]
    m.d.sync += nonzero.eq(next_nonzero)
    with m.If(up ^ downs):
        m.d.sync += count.eq(count + Mux(up, 1, -1))
    return nonzero, next_nonzero


def credit(m: Module, ready: Value, depth: int, *, taken: Value, returned: Value, name: str):
    """Drive ``ready`` from a register: high while fewer than ``depth`` places are taken, low during reset."""
    _, left = count_nonzero(m, returned, taken, depth, depth, name)
    held = Signal(name=f"{name}_ready")
    m.d.sync += held.eq(left)
    m.d.comb += ready.eq(held)


def _places(depth: int, storage: Storage) -> int:
    least = max(2, depth - 1)
    return 1 << (least - 1).bit_length() if storage is Storage.LUTRAM else least


def queue_depth(depth: int, storage: Storage = Storage.LUTRAM) -> int:
    """Entries that a queue has room for if it is asked for ``depth``: those in its memory, and the one that is offered."""
    return _places(depth, storage) + 1


class CreditQueue(wiring.Component):
    """Queue (first in, first out) in a memory. The writer must hold a credit for each entry.

    Latency ``QUEUE_CLOCKS`` cycles at least, throughput one entry per cycle.

    Parameters
    ----------
    shape : ShapeLike
        Shape of an entry.
    depth : int
        Least number of entries to have room for.
    storage : Storage
        Of the memory: in LUTRAM, the number of its places is a power of two; in registers, each place costs area.

    Attributes
    ----------
    depth : int
        Number of entries that the queue has room for.

    Members
    -------
    i : In(stream.Signature(shape, always_ready=True))
    o : Out(stream.Signature(shape))
        From registers.
    """

    def __init__(self, *, shape: ShapeLike, depth: int, storage: Storage = Storage.LUTRAM):
        self.places, self.depth = _places(depth, storage), queue_depth(depth, storage)
        self._shape = shape
        super().__init__(
            {"i": In(stream.Signature(shape, always_ready=True)), "o": Out(stream.Signature(shape))},
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Queue of {self.depth} entries, first in, first out. The writer takes a credit before it writes.",
            QUEUE_CLOCKS,
            "if it is empty",
            {"write__data": "i__payload"},
        )

    def elaborate(self, platform):
        m = Module()
        entries = Memory(shape=self._shape, depth=self.places, init=[])
        m.submodules.entries = entries
        write = entries.write_port()
        read = entries.read_port()
        written = Signal(range(self.places))
        read_next = Signal(range(self.places))
        fetch = Signal()
        waiting, _ = count_nonzero(m, self.i.valid, fetch, self.places, 0, "waiting")
        m.d.comb += [
            fetch.eq(waiting & (~self.o.valid | self.o.ready)),
            write.en.eq(self.i.valid),
            write.addr.eq(written),
            write.data.eq(self.i.payload),
            read.en.eq(fetch),
            read.addr.eq(read_next),
            self.o.payload.eq(read.data),
        ]
        with m.If(self.i.valid):
            m.d.sync += written.eq(self._after(written))
        m.d.sync += self.o.valid.eq(waiting | (self.o.valid & ~self.o.ready))
        with m.If(fetch):
            m.d.sync += read_next.eq(self._after(read_next))
        return m

    def _after(self, place: Signal) -> Value:
        """Return the place after another, the first one after the last."""
        after = place + 1
        return after if self.places == 1 << len(place) else Mux(place == self.places - 1, 0, after)
