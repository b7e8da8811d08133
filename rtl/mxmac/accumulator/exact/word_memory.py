"""Storage of the exact accumulator, in a module of its own."""

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ...config import Storage
from ...primitives.bits import delay_valid, register
from ...primitives.description import Description

__all__ = ["WordMemory"]


class WordMemory(wiring.Component):
    """Memory for the words of several sums, with one port to add to a word and one to drain another, both in every cycle.

    A word is asked for, read in the next cycle, and written two cycles after that, if it is enabled then; it can be read one
    clock later. All of this is so for its lowest part; each of the others, to which a carry may come from the one below,
    follows that a cycle later.

    Parameters
    ----------
    parts : sequence of slice
        The parts of a word, from the lowest bits to the highest.
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
        One clock later, its lowest part.
    write_enable : In(1)
    write_data : In(width)
        Three cycles later, its lowest part, to take its place if enabled then.
    drain_slot : In(range(slots))
    drain_index : In(range(words))
        Another word, to be read.
    drain_data : Out(width)
        One clock later, its lowest part.
    """

    def __init__(self, *, parts: Sequence[slice], words: int, slots: int, storage: Storage):
        self._words, self._slots = words, slots
        self._parts = parts
        width = parts[-1].stop
        self._packed = storage is Storage.LUTRAM
        rows = 1 << (words - 1).bit_length()
        # Whether the last word of a slot has its place apart from the others, which are a power of two.
        self._last_apart = words == rows // 2 + 1 and slots == 3 <= rows // 2
        self._places = slots * (rows // 2 + 1 if self._last_apart else rows) if self._packed else words
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

    @property
    def description(self) -> Description:
        return Description(
            f"Storage of {self._slots} sums, {self._words} words each: one port adds to a word, and one drains another.",
            1,
            "from the index of a word to its lowest part, and one more to each part above",
        )

    def elaborate(self, platform):
        m = Module()
        asked = self._place(m, "asked", self.slot, self.index)
        drained = self._place(m, "drain", self.drain_slot, self.drain_index)
        enable = self.write_enable
        for number, bits in enumerate(self._parts):
            part = f"part{number}"
            asked, drained = self._register(m, asked, f"{part}_asked"), self._register(m, drained, f"{part}_drained")
            written = self._register(m, self._register(m, asked, f"{part}_added"), f"{part}_written")
            if number:
                enable = delay_valid(m, enable, 1, name=f"{part}_enable")
            read_data, drain_data = [], []
            for bank in range(1 if self._packed else self._slots):
                memory = Memory(shape=bits.stop - bits.start, depth=self._places, init=[])
                m.submodules[part if self._packed else f"{part}_{bank}"] = memory
                write = memory.write_port()
                read = memory.read_port(domain="comb")
                drain = memory.read_port(domain="comb")
                m.d.comb += [
                    write.addr.eq(written[0]),
                    write.en.eq(enable & (Const(1) if self._packed else written[1] == bank)),
                    write.data.eq(self.write_data[bits]),
                    read.addr.eq(asked[0]),
                    drain.addr.eq(drained[0]),
                ]
                read_data.append(read.data)
                drain_data.append(drain.data)
            m.d.comb += [
                self.read_data[bits].eq(read_data[0] if self._packed else Array(read_data)[asked[1]]),
                self.drain_data[bits].eq(drain_data[0] if self._packed else Array(drain_data)[drained[1]]),
            ]
        return m

    def _place(self, m: Module, name: str, slot, index) -> list:
        """Address of a word, and of which memory if there are several.

        In one for all, each slot has a power of two of places. If they are one too few, the last words of all slots lie where
        the slot after the last one would be: five words of three slots take 16 places, as many as one LUTRAM has.
        """
        if not self._packed:
            return [index, slot]
        if not self._last_apart:
            return [Cat(index, slot)]
        apart = Cat(slot, Const(0, len(index) - 1 - len(slot)), Const(self._slots, len(slot)))
        address = Signal(len(apart), name=f"{name}_address")
        m.d.comb += address.eq(Mux(index[-1], apart, Cat(index[:-1], slot)))
        return [address]

    @staticmethod
    def _register(m: Module, place: list, name: str) -> list:
        return [register(m, value, name=f"{name}_{what}") for value, what in zip(place, ("address", "slot"), strict=False)]
