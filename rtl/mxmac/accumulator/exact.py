"""Accumulator over the full range of scales, without rounding until the end (after Kulisch).

The sum is kept in words that take no carry from each other: each is wide enough for what 2^16 blocks add to it. A block
falls into two neighbouring words, so the even and the odd ones lie in two small memories, and every clock reads one word of
each, adds to what was read the clock before, and writes it. Only when a dot product ends are carries passed on, word by word,
while the next dot product already adds up in another part of the memories.
"""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..bits import delay, delay_valid, register, shift_left_stage, sign_extend
from ..config import MacConfig, Storage
from ..credit_queue import QUEUE_CLOCKS, CreditQueue
from ..multiplier import SPECIALS
from ..rounder import total_layout
from ..scale_applier import scaled_block_layout, specials_of_block
from .word_memory import WordMemory

__all__ = [
    "ExactAccumulator",
    "exact_dot_clocks",
    "exact_latency",
    "exact_total_exp_min",
    "exact_total_layout",
    "exact_words",
    "word_bits",
]

#: Bits of a word for what is added to it: 2^16 blocks, and a sign.
_GROWTH = 17
#: Clocks from when a block knows its words until they can be read as part of a finished sum.
_WRITE_CLOCKS = 2
#: Clocks from reading a word for the last time to the sum it becomes part of.
_DRAIN_CLOCKS = 6


def word_bits(config: MacConfig) -> int:
    """Bits of a word, without those for growth: the least power of two for which a block falls into two words.

    No less than what is carried out of the highest one, which one more has to hold.
    """
    return 1 << max(config.block_sum_bits - 2, _GROWTH - 2).bit_length()


def exact_words(config: MacConfig) -> int:
    """Words of a sum: the even ones lie in one memory, and the odd ones in another."""
    return config.scale_sum_max // word_bits(config) + 2


def _spaced(config: MacConfig) -> bool:
    """Whether blocks leave the queue at most every other clock: they have beats enough to catch up after a wait even so."""
    return config.beats > 2


def _slots(config: MacConfig) -> int:
    """Dot products that the memories hold: one adds up while others wait for, or are in, their carrying out."""
    return 3 if config.beats <= 8 and config.storage is Storage.LUTRAM else 2


def _fine_levels(config: MacConfig) -> int:
    """Levels of shifting, up to half a word."""
    return word_bits(config).bit_length() - 2


def _shift_clocks(config: MacConfig) -> int:
    return 1 + -(-_fine_levels(config) // config.shift_levels)


def exact_dot_clocks(config: MacConfig) -> int:
    """Most clocks that carrying out a dot product takes: those whose scales lie apart, from one end to the other."""
    # With two slots, the next but one waits for this one to have been added up, too.
    wait = max(0, _shift_clocks(config) + _WRITE_CLOCKS + 2 - config.beats) if _slots(config) == 2 else 0
    return exact_words(config) + 1 + wait


def exact_latency(config: MacConfig) -> tuple[int, int]:
    """Least and largest number of clocks from the last block of a dot product to its sum, if nothing waits before it.

    It depends on how many words the blocks fell into.
    """
    fixed = QUEUE_CLOCKS + _shift_clocks(config) + _WRITE_CLOCKS + _DRAIN_CLOCKS
    # A block that is cut short may follow too soon upon the one before.
    return fixed + 3, fixed + exact_words(config) + 1 + _spaced(config)


def _below_bits(config: MacConfig) -> int:
    """Bits of the next lower word that rounding may need."""
    return config.output.man_bits + 3


def exact_total_layout(config: MacConfig) -> data.StructLayout:
    """Layout of the sum: its highest word that matters with a sign above, bits of the next lower word, and a sticky bit."""
    return total_layout(1 + word_bits(config) + _below_bits(config) + 1, (word_bits(config) * exact_words(config)).bit_length())


def exact_total_exp_min(config: MacConfig) -> int:
    """Exponent of the least significant bit of a sum whose ``exp`` is 0."""
    return config.block_exp_min - _below_bits(config) - 1


class ExactAccumulator(wiring.Component):
    """Adds blocks up exactly, whatever their scales and order. One block a clock.

    A dot product whose blocks fell into ``w`` words takes ``w + 1`` clocks to be carried out; shorter ones that follow each
    other have to wait for it, in a queue before the addition.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, ``block`` and ``output``.
    queue : int
        Blocks that may wait.

    Members
    -------
    i : In(stream.Signature(scaled_block_layout(config), always_ready=True))
        No more than ``queue`` blocks may be on their way for which ``taken`` has not been seen.
    taken : Out(1)
        A block has left the queue.
    o : Out(stream.Signature(exact_total_layout(config), always_ready=True))
    """

    def __init__(self, config: MacConfig, *, queue: int):
        self.config, self.queue = config, queue
        super().__init__(
            {
                "i": In(stream.Signature(scaled_block_layout(config), always_ready=True)),
                "taken": Out(1),
                "o": Out(stream.Signature(exact_total_layout(config), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        """Build the accumulator."""
        m = Module()
        config, layout = self.config, scaled_block_layout(self.config)
        m.submodules.queue = queue = CreditQueue(width=layout.size, depth=self.queue)
        slots = _slots(config)
        slot = Signal(range(slots))
        busy = Signal(slots)
        first = Signal(init=1)
        # Whether there is a slot for the block that comes next, known a clock ahead.
        room = Signal()
        next_slot = Signal.like(slot, name="slot_after")
        m.d.comb += next_slot.eq(Mux(slot == slots - 1, 0, slot + 1))
        m.d.comb += [
            queue.i.valid.eq(self.i.valid),
            queue.i.payload.eq(self.i.payload.as_value()),
            queue.o.ready.eq(room),
            self.taken.eq(queue.o.valid & queue.o.ready),
        ]
        scaled = data.View(layout, queue.o.payload)
        ends = self.taken & scaled.block.dot_last
        free = ~busy.bit_select(Mux(ends, next_slot, slot), 1)
        # None is added then to a word that is still being written.
        m.d.sync += room.eq(free & ~self.taken if _spaced(config) else free)
        with m.If(self.taken):
            m.d.sync += first.eq(scaled.block.dot_last)
            with m.If(scaled.block.dot_last):
                m.d.sync += [slot.eq(next_slot), busy.bit_select(slot, 1).eq(1)]

        clocks = _shift_clocks(config)
        add = Signal(
            data.StructLayout({"slot": len(slot), "first": 1, "last": 1, "specials": SPECIALS}),
        )
        fields = Cat(slot, first, scaled.block.dot_last, specials_of_block(scaled.block.specials, scaled.scale.nan).as_value())
        m.d.comb += add.as_value().eq(delay(m, fields, clocks, name="add_fields"))
        add_valid = delay_valid(m, self.taken, clocks, name="add_valid")
        parts, word = self._shift(m, scaled)
        drained = self._add(m, add_valid, add, parts, word)
        with m.If(drained.valid):
            m.d.sync += busy.bit_select(drained.slot, 1).eq(0)
        return m

    def _shift(self, m: Module, scaled):
        """Move a block up within its words: what is added to the even and to the odd one, and the number of the lower word.

        The last level, by half a word, and the choice which of the two is the lower word put the block at one of four places
        in a ring. No bit has more than three candidates, and few have a third; where none comes there are zeros below the
        block, and its sign above.
        """
        config, bits = self.config, word_bits(self.config)
        half, fine = bits // 2, _fine_levels(config)
        exp = scaled.scale.exp
        word = delay(m, exp[fine + 1 :], _shift_clocks(config), name="word")
        value, sign = (
            register(m, scaled.block.sum[:-1].as_unsigned(), name="sum"),
            register(m, scaled.block.sum[-1], name="neg"),
        )
        shamt = register(m, exp[: fine + 2], name="shamt")
        for level in range(fine):
            value = shift_left_stage(value, 1 << level, shamt[0], len(value) + (1 << level), fill=sign)
            shamt = shamt[1:]
            if level == fine - 1:
                break
            if level % config.shift_levels == config.shift_levels - 1:
                value, sign = register(m, value, name=f"moved{level}"), register(m, sign, name=f"neg{level}")
                shamt = register(m, shamt, name=f"shamt{level}")
        value = register(m, value, name="moved")
        sign_q = register(m, sign, name="moved_neg")
        up, odd = shamt
        halves = Cat(value, sign_q.replicate(max(0, 3 * half - len(value))))
        thirds = len(value) - 2 * half
        placed = []
        for place in range(4):
            at = [shamt == (place - offset) % 4 for offset in range(3)]
            comes = register(m, at[0] | at[1], name=f"place{place}_comes")
            which = register(m, Mux(at[0] | at[1], at[0], sign & (at[2] | ~up)), name=f"place{place}_which")
            third = register(m, at[2], name=f"place{place}_third")
            for index in range(half):
                bit = Mux(comes, Mux(which, halves[index], halves[half + index]), which)
                placed.append(Mux(third, halves[2 * half + index], bit) if index < thirds else bit)
        parts = []
        for parity in range(2):
            grows = register(m, sign & (odd != parity), name=f"grows{parity}")
            parts.append(Cat(placed[parity * bits : parity * bits + bits], grows).as_signed())
        return parts, word

    def _add(self, m: Module, valid, add, parts, word):
        """Add the parts of a block to their words, and drain the words of a finished dot product."""
        config, width = self.config, word_bits(self.config) + _GROWTH
        words, slots = exact_words(config), _slots(config)
        rows = -(-words // 2)
        odd, row = word[0], word[1:]
        # Words that nothing has been added to hold what the last dot product left there.
        touched = Array(Signal(2 * rows, name=f"touched{slot}") for slot in range(slots))
        lowest = Array(Signal(len(word), name=f"lowest{slot}", reset_less=True) for slot in range(slots))
        highest = Array(Signal(len(word), name=f"highest{slot}", reset_less=True) for slot in range(slots))
        specials = Array(Signal(SPECIALS.size, name=f"specials{slot}", reset_less=True) for slot in range(slots))
        waiting = Signal(slots)

        read_word = Signal(range(words + 1))
        drain_slot = Signal(range(slots))
        drained_words = []
        read_valid = delay_valid(m, valid, 1, name="read_valid")
        write_valid = delay_valid(m, read_valid, 1, name="write_valid")
        slot_read = register(m, add.slot, name="slot_read")
        for parity, name in enumerate(("even", "odd")):
            memory = WordMemory(width=width, words=(words + 1 - parity) // 2, slots=slots, storage=config.storage)
            m.submodules[name] = memory
            # Clock 1: which word, and whether it is there already. An odd word's upper neighbour is the next even one.
            index = Signal(len(memory.index), name=f"{name}_index")
            m.d.comb += index.eq(row + odd if parity == 0 else row)
            kept = register(m, touched[add.slot].bit_select((index << 1) + parity, 1), name=f"{name}_kept")
            addend = register(m, parts[parity], name=f"{name}_part")
            # Clock 2: read it. If another block may follow at once, it may need what is just being written.
            old = Signal(width, name=f"{name}_old", reset_less=True)
            total = Signal(width, name=f"{name}_total")
            content = memory.read_data
            if not _spaced(config):
                place = Cat(index, add.slot)
                again = write_valid & register(m, place == register(m, place, name=f"{name}_place"), name=f"{name}_again")
                content = Mux(again, total, content)
            m.d.sync += old.eq(Mux(kept, content, 0))
            # Clock 3: add to it.
            m.d.comb += [
                memory.slot.eq(add.slot),
                memory.index.eq(index),
                total.eq(old + sign_extend(register(m, addend, name=f"{name}_addend"), width)),
                memory.write_enable.eq(write_valid),
                memory.write_data.eq(total),
                memory.drain_slot.eq(drain_slot),
                memory.drain_index.eq(read_word[1:]),
            ]
            drained_words.append(memory.drain_data)
        bits_set = Const(3, 2) << word
        with m.If(valid):
            m.d.sync += [
                touched[add.slot].eq(touched[add.slot] | bits_set),
                lowest[add.slot].eq(Mux(~add.first & (lowest[add.slot] < word), lowest[add.slot], word)),
                highest[add.slot].eq(Mux(~add.first & (highest[add.slot] > word), highest[add.slot], word)),
                specials[add.slot].eq(Mux(add.first, 0, specials[add.slot]) | add.specials.as_value()),
            ]
        with m.If(read_valid & register(m, add.last, name="last_read")):
            m.d.sync += waiting.bit_select(slot_read, 1).eq(1)

        # Read the words of a finished dot product, lowest first, and one more for the carry out of the highest.
        reading = Signal()
        next_slot = Signal(range(slots))
        last_word = Signal()
        end_word = Signal.like(read_word, name="end_word", reset_less=True)
        m.d.comb += last_word.eq(read_word == end_word)
        with m.If(~reading | last_word):
            m.d.sync += reading.eq(waiting.bit_select(next_slot, 1))
            with m.If(waiting.bit_select(next_slot, 1)):
                m.d.sync += [
                    read_word.eq(lowest[next_slot]),
                    end_word.eq(highest[next_slot] + 2),
                    drain_slot.eq(next_slot),
                    next_slot.eq(Mux(next_slot == slots - 1, 0, next_slot + 1)),
                    waiting.bit_select(next_slot, 1).eq(0),
                ]
        with m.Else():
            m.d.sync += read_word.eq(read_word + 1)
        done = Signal(data.StructLayout({"valid": 1, "slot": len(drain_slot)}))
        m.d.comb += [done.valid.eq(reading & last_word), done.slot.eq(drain_slot)]
        with m.If(done.valid):
            m.d.sync += touched[drain_slot].eq(0)

        # Clock 1: they are asked for. Clock 2: the words, and which of them is meant, if any.
        kept = delay(m, touched[drain_slot].bit_select(read_word, 1) & ~last_word, 2, name="drained_kept")
        even, odd = (
            register(m, word, name=f"{name}_drained") for name, word in zip(("even", "odd"), drained_words, strict=True)
        )
        index, last = delay(m, read_word, 2, name="drained_index"), delay(m, last_word, 2, name="drained_last")
        content = Mux(kept, Mux(index[0], odd, even), 0)
        valid = delay_valid(m, reading, 2, name="drained_valid")
        self._carry(m, valid, last, index, content, delay(m, specials[drain_slot], 2, name="seen"))
        return done

    def _carry(self, m: Module, valid, last, index, content, specials):
        """Pass carries on from word to word, and keep the highest one that is not all sign, for either sign."""
        config, bits = self.config, word_bits(self.config)
        below_bits = _below_bits(config)
        # Clock 1: the word. Clock 2: with its carry.
        valid = delay_valid(m, valid, 1, name="word_valid")
        last = register(m, last, name="word_last")
        content, index = register(m, content.as_signed(), name="content"), register(m, index, name="content_index")
        carry, carried = Signal(signed(_GROWTH + 1)), Signal(signed(bits + _GROWTH + 1))
        out = Signal(bits, reset_less=True)
        m.d.comb += carried.eq(content + carry)
        with m.If(valid):
            m.d.sync += [out.eq(carried[:bits]), carry.eq(Mux(last, 0, carried[bits:].as_signed()))]
        neg = register(m, carried[-1], name="out_neg")
        last, index = register(m, last, name="out_last"), register(m, index, name="out_index")
        valid = delay_valid(m, valid, 1, name="out_valid")
        # Clock 3: what is there if all higher words are sign, one candidate for each sign.
        fresh = Signal(init=1)
        below, sticky = Signal(below_bits), Signal()
        candidates = []
        for name, fill in (("positive", 0), ("negative", (1 << bits) - 1)):
            candidate = Signal(
                data.StructLayout({"sticky": 1, "below": below_bits, "word": bits, "index": len(index)}), name=name
            )
            with m.If(valid & (fresh | (out != Const(fill, bits)))):
                m.d.sync += candidate.eq(Cat(sticky, below, out, index))
            candidates.append(candidate)
        with m.If(valid):
            m.d.sync += [
                fresh.eq(last),
                below.eq(Mux(last, 0, out[bits - below_bits :] if bits >= below_bits else Cat(below, out)[bits:])),
                sticky.eq(~last & (sticky | self._lost(below, out))),
            ]
        neg, done = register(m, neg, name="sum_neg"), delay_valid(m, valid & last, 1, name="sum_valid")
        # Clock 4: choose.
        chosen = Signal.like(candidates[0], name="chosen")
        m.d.comb += chosen.eq(Mux(neg, candidates[1].as_value(), candidates[0].as_value()))
        total = self.o.payload
        specials = delay(m, specials, 3, name="specials")
        m.d.sync += [
            self.o.valid.eq(done),
            total.value.eq(Cat(chosen.sticky, chosen.below, chosen.word, neg).as_signed()),
            total.exp.eq(Cat(Const(0, bits.bit_length() - 1), chosen.index)),
            total.specials.as_value().eq(specials),
        ]

    def _lost(self, below, out):
        """Whether bits that fall out at the bottom are set, now that ``out`` moves into the place of ``below``."""
        bits, below_bits = word_bits(self.config), _below_bits(self.config)
        if bits >= below_bits:
            return below.any() | out[: bits - below_bits].any()
        return below[:bits].any()
