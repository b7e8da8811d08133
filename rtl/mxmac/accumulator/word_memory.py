"""Where the words of exact sums are kept: the storage of the exact accumulator, in a module of its own."""

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..config import Storage

__all__ = ["WordMemory"]


class WordMemory(wiring.Component):
    """Words of several sums, of which one is added to and another is read, both at every clock.

    Both ways of reading are asynchronous. What is written can be read one clock later.

    Parameters
    ----------
    width : int
        Bits of a word.
    words : int
        Words of a sum.
    slots : int
        Sums.
    storage : Storage
        One memory for all slots; or one for each slot, with as many places as there are words.

    Members
    -------
    read_slot : In(range(slots))
    read_index : In(range(words))
        The word that is to be added to.
    read_data : Out(width)
    write_enable : In(1)
    write_slot : In(range(slots))
    write_index : In(range(words))
    write_data : In(width)
        Takes the place of that word, if enabled.
    drain_slot : In(range(slots))
    drain_index : In(range(words))
        Another word, to be read.
    drain_data : Out(width)
    """

    def __init__(self, *, width: int, words: int, slots: int, storage: Storage):
        self._shape = width, words, slots
        self._storage = storage
        super().__init__(
            {
                "read_slot": In(range(slots)),
                "read_index": In(range(words)),
                "read_data": Out(width),
                "write_enable": In(1),
                "write_slot": In(range(slots)),
                "write_index": In(range(words)),
                "write_data": In(width),
                "drain_slot": In(range(slots)),
                "drain_index": In(range(words)),
                "drain_data": Out(width),
            }
        )

    def elaborate(self, platform):
        """Build the memory."""
        m = Module()
        _, words, slots = self._shape
        if self._storage is Storage.LUTRAM:
            write, read, drain = self._memory(m, "words", slots * words)
            m.d.comb += [
                write.addr.eq(self._address(m, "write", self.write_slot, self.write_index)),
                write.en.eq(self.write_enable),
                read.addr.eq(self._address(m, "read", self.read_slot, self.read_index)),
                drain.addr.eq(self._address(m, "drain", self.drain_slot, self.drain_index)),
                self.read_data.eq(read.data),
                self.drain_data.eq(drain.data),
            ]
            return m
        kept, drained = [], []
        for slot in range(slots):
            write, read, drain = self._memory(m, f"words{slot}", words)
            m.d.comb += [
                write.addr.eq(self.write_index),
                write.en.eq(self.write_enable & (self.write_slot == slot)),
                read.addr.eq(self.read_index),
                drain.addr.eq(self.drain_index),
            ]
            kept.append(read.data)
            drained.append(drain.data)
        m.d.comb += [self.read_data.eq(Array(kept)[self.read_slot]), self.drain_data.eq(Array(drained)[self.drain_slot])]
        return m

    def _address(self, m: Module, name: str, slot, index):
        """Place of a word, slot after slot without a gap: 16 places are as many as one LUTRAM has."""
        _, words, slots = self._shape
        address = Signal(range(slots * words), name=f"{name}_address")
        with m.Switch(Cat(index, slot)):
            for place in range(slots * words):
                with m.Case(place // words << len(index) | place % words):
                    m.d.comb += address.eq(place)
        return address

    def _memory(self, m: Module, name: str, depth: int):
        """Add a memory, and return its ports: one to write, and two ways of reading."""
        m.submodules[name] = memory = Memory(shape=self._shape[0], depth=depth, init=[])
        write = memory.write_port()
        m.d.comb += write.data.eq(self.write_data)
        return write, memory.read_port(domain="comb"), memory.read_port(domain="comb")
