"""Accumulator over the full range of scales, without rounding until the end (after Kulisch).

The sum is kept in words that take no carry from each other: each is wide enough for what 2^16 blocks add to it. A block
falls into two neighbouring words, so the even and the odd ones lie in two small memories, and every cycle reads one word of
each, adds to what was read the clock before, and writes it. Only when a dot product ends are carries passed on, word by word,
while the next dot product already adds up in another part of the memories.
"""

from functools import partial
from typing import Any, NamedTuple

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import Out

from ...config import MacConfig, Storage
from ...primitives.bits import delay, delay_valid, register, sign_extend
from ...primitives.carry_chain import add_to_choice
from ...primitives.credit_queue import QUEUE_CLOCKS, CreditQueue, count_nonzero
from ...primitives.description import Description
from ...stages.layouts import SPECIALS, scaled_block_layout
from ...stages.rounder import rounder_of
from ..addend import block_ports, next_term, renamed_ports
from ..plan import Kind, Plan, block_queue_depth
from .carry_out import CARRY_OUT_CLOCKS, CarryOut
from .word_memory import WordMemory
from .word_split import split_clocks, split_into_words
from .words import GROWTH, exact_limits, exact_range, parallel_words

__all__ = ["ExactAccumulator", "exact_latency", "parallel_exact_plan"]

#: Fewest cycles in which a dot product is carried out: those of one whose blocks all fall into the same two words.
_LEAST_DOT_CLOCKS = 3

#: Cycles from when a block knows its words until they can be read as part of a finished sum.
_WRITE_CLOCKS = 2
#: Most bits that are added at once.
_PART_BITS = 28


def _slots(config: MacConfig) -> int:
    """Return the number of dot products that the memories hold: one accumulates while the others drain, or wait for it."""
    return 3 if config.storage is Storage.LUTRAM else 2


def _parts(config: MacConfig) -> list[slice]:
    """Return the parts of a word, about equally wide, that are added in one cycle each."""
    width = parallel_words(config).bits + GROWTH
    count = -(-width // _PART_BITS)
    return [slice(width * part // count, width * (part + 1) // count) for part in range(count)]


def _dot_clocks(config: MacConfig) -> int:
    """Return the most cycles that the carry propagation of a dot product takes, for scales from one end to the other."""
    # With two slots, the next but one waits for this one to have been added up, too.
    addend = int(config.addend is not None)
    wait = max(0, split_clocks(config) + _WRITE_CLOCKS + 2 + addend - config.beats) if _slots(config) == 2 else 0
    return parallel_words(config).count + 1 + wait


def exact_latency(config: MacConfig) -> tuple[int, int]:
    """Return the least and the largest latency from the last block of a dot product to its sum, if no block waits.

    It depends on the number of words that the blocks fall into.
    """
    fixed = QUEUE_CLOCKS + split_clocks(config) + _WRITE_CLOCKS + 2 + len(_parts(config)) + CARRY_OUT_CLOCKS
    return fixed + 3, fixed + parallel_words(config).count + 1


def _addend_interval(config: MacConfig) -> int:
    """Return the cycles that a dot product takes for its addend: blocks of several beats leave one free."""
    return int(config.addend is not None and config.beats == 1)


def _addend_rate(config: MacConfig) -> tuple[str, ...]:
    """Return what an addend costs, as a line of the header."""
    if config.addend is None:
        return ()
    if _addend_interval(config):
        return ("With its addend, a dot product takes one cycle more than it has beats.",)
    return ("An addend takes no cycle from the beats.",)


class _SplitBlock(NamedTuple):
    """A block that is split into words.

    Members
    -------
    valid : 1
    about : slot, first, last, specials
        Slot of its dot product, whether it is the first or the last block of that, and its ``SPECIALS``.
    parts : list of signed(parallel_words(config).bits + 1)
        What is added to an even and to an odd word.
    word : range(parallel_words(config).count)
        Index of the lower one of the two words.
    even_row : Value
        Index of the even one among even words.
    """

    valid: Value
    about: data.View
    parts: list[Value]
    word: Value
    even_row: Value


class _Extent(NamedTuple):
    """Words in use, and specials: of one dot product, or in arrays of all slots.

    Members
    -------
    touched : parallel_words(config).count, rounded up to an even number
        Whether a block fell into the word, for each word.
    lowest, highest : range(parallel_words(config).count - 1)
        Index of the lowest word in use, and of the word below the highest; of a finished dot product, of the highest itself.
    specials : SPECIALS.size
    """

    touched: Any
    lowest: Any
    highest: Any
    specials: Any


class _Drain(NamedTuple):
    """Slot and index of the word that is read to be drained."""

    slot: Signal
    word: Signal


def _extent(config: MacConfig, index_bits: int, slot: int | None = None) -> _Extent:
    """Registers for the extent of the dot product that adds up, or of the finished one in a slot."""
    end = "" if slot is None else slot
    return _Extent(
        touched=Signal(2 * -(-parallel_words(config).count // 2), name=f"touched{end}", reset_less=True),
        lowest=Signal(index_bits, name=f"lowest{end}", reset_less=True),
        highest=Signal(index_bits + (slot is not None), name=f"highest{end}", reset_less=True),
        specials=Signal(SPECIALS.size, name=f"specials{end}", reset_less=True),
    )


class ExactAccumulator(wiring.Component):
    """Exact accumulator over the full range of scales. Throughput one block per cycle; for the latency see ``exact_latency``.

    The carry propagation of a dot product whose blocks fell into ``w`` words takes ``w + 1`` cycles. Blocks of shorter dot
    products wait for it in a queue.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``output``.
    queue : int
        Blocks that may wait.

    Members
    -------
    addend : In(stream.Signature(config.addend.width, always_ready=True))
        The addend of a dot product, before its first block; absent if there are none.
    i : In(stream.Signature(scaled_block_layout(config), always_ready=True))
        No more than ``queue`` blocks may be on their way for which ``taken`` has not been seen.
    taken : Out(1)
        A block has left the queue.
    o : Out(stream.Signature(parallel_words(config).total_layout, always_ready=True))
    """

    def __init__(self, config: MacConfig, *, queue: int):
        self.config, self.queue = config, queue
        super().__init__(
            {
                **block_ports(config),
                "o": Out(stream.Signature(parallel_words(config).total_layout, always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            "Exact accumulator over the full range of scales. Each block is added to an even and an odd word of its sum.",
            exact_latency(self.config),
            "from the last block of a dot product if none waits",
            renamed_ports(self.config),
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.queue = queue = CreditQueue(shape=scaled_block_layout(config), depth=self.queue)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        slots = _slots(config)
        slot = Signal(range(slots))
        first = Signal(init=1)
        # Whether there is a slot for the block that comes next, known a cycle ahead.
        room = Signal()
        next_slot = Signal.like(slot, name="slot_after")
        m.d.comb += next_slot.eq(Mux(slot == slots - 1, 0, slot + 1))
        m.d.comb += self.taken.eq(queue.o.valid & queue.o.ready)
        addend = None if config.addend is None else self.addend
        term, waits = next_term(m, config, queue.o, addend, taken=room, places=self.queue)
        adds = waits & room
        ends = self.taken & queue.o.payload.block.dot_last
        with m.If(adds):
            m.d.sync += first.eq(term.last)
        with m.If(ends):
            m.d.sync += slot.eq(next_slot)

        clocks = split_clocks(config)
        add = Signal(
            data.StructLayout({"slot": len(slot), "first": 1, "last": 1, "specials": SPECIALS}),
        )
        fields = Cat(slot, first, term.last, term.specials.as_value())
        m.d.comb += add.as_value().eq(delay(m, fields, clocks, name="add_fields"))
        add_valid = delay_valid(m, adds, clocks, name="add_valid")
        parts, word, even_row = split_into_words(m, config, term.sum, term.exp)
        drained = self._add(m, _SplitBlock(add_valid, add, parts, word, even_row))
        _, free = count_nonzero(m, drained, ends, slots, slots, "free")
        m.d.sync += room.eq(free)
        return m

    def _add(self, m: Module, block: _SplitBlock) -> Value:
        """Add the parts of a block to their words, and drain the words of a finished dot product.

        Returns whether the draining ends.
        """
        config, slots = self.config, _slots(self.config)
        extent = _extent(config, len(block.word))
        finished = _Extent(
            *(Array(each) for each in zip(*(_extent(config, len(block.word), slot) for slot in range(slots)), strict=True))
        )
        drain = _Drain(
            slot=Signal(range(slots), name="drain_slot"), word=Signal(range(parallel_words(config).count + 1), name="read_word")
        )
        read_valid = delay_valid(m, block.valid, 1, name="read_valid")
        write_valid = delay_valid(m, read_valid, 1, name="write_valid")
        write_enable = delay_valid(m, write_valid, 1, name="write_enable")
        slot_read = register(m, block.about.slot, name="slot_read")
        valid = write_valid, write_enable
        even, odd = (self._update_words(m, parity, block, extent.touched, valid, drain) for parity in range(2))
        self._track_extent(m, block, extent)
        ended = read_valid & register(m, block.about.last, name="last_read")
        with m.If(ended):
            known = extent._replace(highest=extent.highest + 1)
            m.d.sync += [places[slot_read].eq(each) for places, each in zip(finished, known, strict=True)]
        last_word, reading, touched, specials = self._read_words(m, ended, finished, drain)
        self._carry_out(m, reading, last_word, drain.word, touched, specials, even=even, odd=odd)
        return last_word

    def _update_words(self, m: Module, parity: int, block: _SplitBlock, touched, valid, drain: _Drain) -> Value:
        """Read the even or odd word that a block falls into, add its part, and write it; return the word that is drained.

        ``valid`` says whether the block before this one, and the one before that, are there.
        """
        write_valid, write_enable = valid
        config, name = self.config, ("even", "odd")[parity]
        parts_of_word, add = _parts(config), block.about
        words = (parallel_words(config).count + 1 - parity) // 2
        memory = WordMemory(parts=parts_of_word, words=words, slots=_slots(config), storage=config.storage)
        m.submodules[name] = memory
        # Clock 1: which word, and whether it is there already.
        index = Signal(len(memory.index), name=f"{name}_index")
        m.d.comb += index.eq(block.even_row if parity == 0 else block.word[1:])
        kept = register(m, ~add.first & touched.bit_select((index << 1) + parity, 1), name=f"{name}_kept")
        place = Cat(index, add.slot)
        before = register(m, place, name=f"{name}_place")
        again = write_valid & register(m, place == before, name=f"{name}_again")
        same = register(m, place == register(m, before, name=f"{name}_place_before"), name=f"{name}_same")
        being_written = write_enable & same
        # Clock 2: read it, or take what is just being written. Clock 3: add to it, or to the sum that follows upon that.
        # Clock 4: write it.
        # Each part of a word does all of this a cycle after the one below it, with what is carried out of that.
        totals: list[Value] = []
        carry = Const(0)
        for number, bits in enumerate(parts_of_word):
            size, label = bits.stop - bits.start, f"{name}_part{number}"
            if number:
                kept = register(m, kept, name=f"{label}_kept")
                again = register(m, again, name=f"{label}_again")
                being_written = register(m, being_written, name=f"{label}_being_written")
            last = Signal(size, name=f"{label}_last", reset_less=True)
            read = Mux(being_written, last, memory.read_data[bits])
            stored = register(m, Mux(kept & ~again, read, 0), name=f"{label}_stored")
            choice = register(m, kept & again, name=f"{label}_follows"), last, stored
            carries = bits is not parts_of_word[-1]
            # A block has its sign in the highest part, and above it nothing but that.
            own = delay(m, block.parts[parity].as_unsigned()[bits], 2 + number, name=f"{label}_addend")
            own = own if len(own) == size else sign_extend(own, size).as_unsigned()
            into = carry if number else None
            total = add_to_choice(m, config.target, choice, own, into, size + carries, name=label)
            m.d.sync += last.eq(total[:size])
            if carries:
                carry = register(m, total[size], name=f"{label}_carry")
            totals.append(last)
        m.d.comb += [
            memory.slot.eq(add.slot),
            memory.index.eq(index),
            memory.write_enable.eq(write_enable),
            memory.write_data.eq(Cat(*totals)),
            memory.drain_slot.eq(drain.slot),
            memory.drain_index.eq(drain.word[1:]),
        ]
        return memory.drain_data

    def _track_extent(self, m: Module, block: _SplitBlock, extent: _Extent):
        """Track the words that the blocks of a dot product fall into, and its specials."""
        first, word = block.about.first, block.word
        floor = max(0, parallel_words(self.config).floor - 2)
        with m.If(block.valid):
            m.d.sync += [
                extent.touched.eq(Mux(first, 0, extent.touched) | (Const(3, 2) << word)),
                extent.specials.eq(Mux(first, 0, extent.specials) | block.about.specials.as_value()),
            ]
            with m.If(first | (word < extent.lowest)):
                m.d.sync += extent.lowest.eq(word)
            # The word above the highest, for the carry out of that, is one that the sum may be rounded from.
            with m.If(first):
                m.d.sync += extent.highest.eq(Mux(word > floor, word, floor))
            with m.Elif(word > extent.highest):
                m.d.sync += extent.highest.eq(word)

    def _read_words(self, m: Module, ended, finished: _Extent, drain: _Drain):
        """Read the words of finished dot products, lowest first, and one more for the carry out of the highest.

        Parameters
        ----------
        m : Module
        ended : 1
            Whether a dot product is finished.
        finished : _Extent
            Of each slot.
        drain : _Drain
            The word to read next.

        Returns
        -------
        last_word, reading : 1
            Whether it is the last of its dot product, and whether a word is read at all.
        touched, specials
            Of the dot product that is read; see :class:`_Extent`.
        """
        slots = _slots(self.config)
        next_slot = Signal(range(slots))
        reading = Signal()
        last_word = Signal()
        begin = Signal(name="drain_begins")
        word_before_last = Signal.like(drain.word, name="word_before_last", reset_less=True)
        drained_touched = Signal(len(finished.touched[0]), reset_less=True)
        drained_specials = Signal(len(finished.specials[0]), reset_less=True)
        waiting, _ = count_nonzero(m, ended, begin, slots, 0, "waiting")
        m.d.comb += begin.eq(waiting & (~reading | last_word))
        m.d.sync += [
            reading.eq(begin | (reading & ~last_word)),
            last_word.eq(reading & ~last_word & (drain.word == word_before_last)),
        ]
        with m.If(begin):
            m.d.sync += [
                drain.slot.eq(next_slot),
                next_slot.eq(Mux(next_slot == slots - 1, 0, next_slot + 1)),
                drain.word.eq(finished.lowest[next_slot]),
                word_before_last.eq(finished.highest[next_slot]),
                drained_touched.eq(finished.touched[next_slot]),
                drained_specials.eq(finished.specials[next_slot]),
            ]
        with m.Elif(reading):
            m.d.sync += drain.word.eq(drain.word + 1)
        return last_word, reading, drained_touched, drained_specials

    def _carry_out(self, m: Module, reading, last_word, read_word, touched, specials, *, even, odd):
        """Hand the words that are read to the carry propagation."""
        parts = _parts(self.config)
        # Clock 1: they are asked for. Then come the words, part for part, and then which of them is meant, if any.
        clocks = 1 + len(parts)
        # The touched word is found among four neighbours, and then among those found.
        fours = [touched[start : start + 4] for start in range(0, len(touched), 4)]
        found = register(m, Cat(four.bit_select(read_word[:2], 1) for four in fours), name="found")
        group = register(m, read_word[2:], name="found_group")
        among = found.bit_select(group, 1) & ~register(m, last_word, name="found_last")
        kept = delay(m, among, clocks - 1, name="drained_kept")
        even, odd = (
            Cat(
                delay(m, word[bits], len(parts) - number, name=f"{name}_part{number}_drained")
                for number, bits in enumerate(parts)
            )
            for name, word in (("even", even), ("odd", odd))
        )
        index = delay(m, read_word, clocks, name="drained_index")
        m.submodules.carry_out = carry_out = CarryOut(parallel_words(self.config))
        m.d.comb += [
            carry_out.valid.eq(delay_valid(m, reading, clocks + 1, name="drained_valid")),
            carry_out.last.eq(delay(m, last_word, clocks + 1, name="drained_last")),
            carry_out.index.eq(register(m, index, name="word_index")),
            carry_out.content.eq(register(m, Mux(kept, Mux(index[0], odd, even), 0), name="drained")),
            carry_out.specials.eq(delay(m, specials, clocks + 1, name="seen")),
        ]
        wiring.connect(m, carry_out.o, wiring.flipped(self.o))


def parallel_exact_plan(config: MacConfig, queue: int | None = None) -> Plan:
    """Return the plan of an exact accumulator that takes a block per cycle. Blocks wait while dot products are carried out."""
    places = queue or block_queue_depth(config, config.beats)
    rounder = rounder_of(config, parallel_words(config).total_layout, parallel_words(config).total_exp_min)
    rounding = rounder.keywords["clocks"]
    least, most = exact_latency(config)
    most_dot = _dot_clocks(config)
    return Plan(
        kind=Kind.PARALLEL_EXACT,
        stages={"accumulator": partial(ExactAccumulator, config, queue=places), "rounder": rounder},
        latency=(least + rounding, most + rounding),
        block_interval=config.beats,
        addend_interval=_addend_interval(config),
        dot_interval=most_dot,
        result_interval=max(_LEAST_DOT_CLOCKS, min(config.beats, most_dot)),
        queue=places,
        rate=(
            f"One beat a cycle, sustained, if dot products have {most_dot} beats or more. A shorter one may take longer than",
            f"its beats to be carried out, but {most_dot} cycles at most; the fewer the closer its scales lie.",
            *_addend_rate(config),
        ),
        range=exact_range(config),
        limits=exact_limits(config),
    )
