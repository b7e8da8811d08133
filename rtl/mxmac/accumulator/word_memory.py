"""Where the words of exact sums are kept: the storage of the exact accumulator, in a module of its own."""

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..bits import register
from ..config import Storage

__all__ = ["WordMemory"]


class WordMemory(wiring.Component):
    """Words of several sums, of which one is added to and another is read, both at every clock.

    A word is asked for, read in the next clock, and written in the one after that, if it is enabled then; it can be read one
    clock later.

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
    slot : In(range(slots))
    index : In(range(words))
        The word that is to be added to.
    read_data : Out(width)
        One clock later.
    write_enable : In(1)
    write_data : In(width)
        Two clocks later, to take its place, if enabled.
    drain_slot : In(range(slots))
    drain_index : In(range(words))
        Another word, to be read.
    drain_data : Out(width)
        One clock later.
    """

    def __init__(self, *, width: int, words: int, slots: int, storage: Storage):
        self._shape = width, words, slots
        self._storage = storage
        super().__init__(
            {
                "slot": In(range(slots)),
                "index": In(range(words)),
                "read_data": Out(width),
                "write_enable": In(1),
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
            address = register(m, self._address(m, "asked", self.slot, self.index), name="address")
            m.d.comb += [
                read.addr.eq(address),
                write.addr.eq(register(m, address, name="written_address")),
                write.en.eq(self.write_enable),
                drain.addr.eq(register(m, self._address(m, "drain", self.drain_slot, self.drain_index), name="drain_read")),
                self.read_data.eq(read.data),
                self.drain_data.eq(drain.data),
            ]
            return m
        slot, index = register(m, self.slot, name="read_slot"), register(m, self.index, name="read_index")
        written_slot, written_index = register(m, slot, name="written_slot"), register(m, index, name="written_index")
        drain_slot = register(m, self.drain_slot, name="drain_read_slot")
        drain_index = register(m, self.drain_index, name="drain_read_index")
        kept, drained = [], []
        for number in range(slots):
            write, read, drain = self._memory(m, f"words{number}", words)
            m.d.comb += [
                write.addr.eq(written_index),
                write.en.eq(self.write_enable & (written_slot == number)),
                read.addr.eq(index),
                drain.addr.eq(drain_index),
            ]
            kept.append(read.data)
            drained.append(drain.data)
        m.d.comb += [self.read_data.eq(Array(kept)[slot]), self.drain_data.eq(Array(drained)[drain_slot])]
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
