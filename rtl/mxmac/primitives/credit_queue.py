"""Queue with credits: a writer takes a credit before it writes, so the queue never stalls it."""

from amaranth.hdl import Cat, Const, Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..config import Storage, Target
from .bits import delay_valid, exceeds
from .description import Description

__all__ = ["QUEUE_CLOCKS", "CreditQueue", "count_nonzero", "credit", "queue_clocks", "queue_depth"]

#: Latency of an empty queue with few places, in cycles.
QUEUE_CLOCKS = 2
#: Places that one level of LUTs reads from: two LUTRAMs of ECP5, of 16 places each.
_READ_AT_ONCE = 32


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
        # 1, or -1: by the one of the two that comes from a register of this counter.
        m.d.sync += count.eq(count + Cat(Const(1, 1), downs.replicate(len(count) - 1)))
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


def queue_depth(depth: int, storage: Storage = Storage.LUTRAM, clocks: int = QUEUE_CLOCKS) -> int:
    """Entries that a queue has room for if it is asked for ``depth``: those in its memory, and those in registers behind it."""
    return _places(depth, storage) + clocks - 1


def queue_clocks(depth: int, storage: Storage, target: Target) -> int:
    """Latency that a queue of at least ``depth`` entries needs so that no step reads from more than two LUTRAMs of ECP5."""
    deep = _places(depth, storage) > _READ_AT_ONCE
    return QUEUE_CLOCKS + (deep and storage is Storage.LUTRAM and target is Target.ECP5)


class CreditQueue(wiring.Component):
    """Queue (first in, first out) in a memory. The writer must hold a credit for each entry.

    Latency ``clocks`` cycles at least, throughput one entry per cycle.

    Parameters
    ----------
    shape : ShapeLike
        Shape of an entry.
    depth : int
        Least number of entries to have room for.
    storage : Storage
        Of the memory: in LUTRAM, the number of its places is a power of two; in registers, each place costs area.
    clocks : int
        ``QUEUE_CLOCKS``, or one more: then the memory has two halves, in LUTRAM, and the choice between them takes a cycle.

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

    def __init__(self, *, shape: ShapeLike, depth: int, storage: Storage = Storage.LUTRAM, clocks: int = QUEUE_CLOCKS):
        self.places, self.depth = _places(depth, storage), queue_depth(depth, storage, clocks)
        self._shape, self._clocks = shape, clocks
        super().__init__(
            {"i": In(stream.Signature(shape, always_ready=True)), "o": Out(stream.Signature(shape))},
        )

    @property
    def description(self) -> Description:
        return Description(
            f"Queue of {self.depth} entries, first in, first out. The writer takes a credit before it writes.",
            self._clocks,
            "if it is empty",
            {"write__data": "i__payload"},
        )

    def elaborate(self, platform):
        m = Module()
        # First of all, so that the text calls it by the name of the port.
        offered = Signal(len(Value.cast(self.o.payload)), reset_less=True)
        m.d.comb += Value.cast(self.o.payload).eq(offered)
        written = Signal(range(self.places))
        read_next = Signal(range(self.places))
        fetch = Signal()
        waiting, _ = count_nonzero(m, self.i.valid, fetch, self.places, 0, "waiting")
        with m.If(self.i.valid):
            m.d.sync += written.eq(self._after(written))
        with m.If(fetch):
            m.d.sync += read_next.eq(self._after(read_next))
        room = ~self.o.valid | self.o.ready
        if self._clocks == QUEUE_CLOCKS:
            m.d.comb += [fetch.eq(waiting & room), offered.eq(self._read(m, "entries", written, read_next, fetch))]
            m.d.sync += self.o.valid.eq(waiting | ~room)
            return m
        # An entry that was fetched waits for the choice between the halves.
        fetched = Signal()
        room_to_fetch = ~fetched | room
        low, high = (
            self._read(m, name, written[:-1], read_next[:-1], fetch, writes)
            for name, writes in (("low_entries", ~written[-1]), ("high_entries", written[-1]))
        )
        is_high = Signal(reset_less=True)
        m.d.comb += fetch.eq(waiting & room_to_fetch)
        m.d.sync += [fetched.eq(waiting | ~room_to_fetch), self.o.valid.eq(fetched | ~room)]
        with m.If(fetch):
            m.d.sync += is_high.eq(read_next[-1])
        with m.If(room):
            m.d.sync += offered.eq(Mux(is_high, high, low))
        return m

    def _read(self, m: Module, name: str, written: Value, read_next: Value, fetch: Value, writes: Value | None = None) -> Value:
        """Keep entries in a memory, if ``writes``; return the one that was fetched."""
        memory = Memory(shape=self._shape, depth=self.places >> self._clocks - QUEUE_CLOCKS, init=[])
        m.submodules[name] = memory
        write = memory.write_port()
        read = memory.read_port()
        m.d.comb += [
            write.en.eq(self.i.valid if writes is None else self.i.valid & writes),
            write.addr.eq(written),
            write.data.eq(self.i.payload),
            read.en.eq(fetch),
            read.addr.eq(read_next),
        ]
        return read.data

    def _after(self, place: Signal) -> Value:
        """Return the place after another, the first one after the last."""
        after = place + 1
        return after if self.places == 1 << len(place) else Mux(place == self.places - 1, 0, after)
