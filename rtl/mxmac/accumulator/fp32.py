"""Accumulator in binary32, rounded once per block."""

from functools import partial
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..primitives.bits import add_with_carry, delay, delay_valid, register
from ..primitives.credit_queue import QUEUE_CLOCKS, CreditQueue
from ..primitives.description import Description
from ..stages.layouts import SPECIALS, STATUS, result_layout, scaled_block_layout
from ..stages.rounder import Rounder
from ..stages.scale_sum import specials_of_block
from .addend import addend_port, addend_queue, addend_specials, renamed_ports
from .narrower import FP32, NARROW_CLOCKS, Fp32Narrower
from .plan import Kind, Plan, block_queue_depth

__all__ = [
    "Fp32Accumulator",
    "fp32_add_clocks",
    "fp32_latency",
    "fp32_plan",
    "fp32_round_clocks",
]

#: Levels of the block's normalisation between two registers.
NORMALISE_LEVELS_PER_CLOCK = 2
#: Cycles of the addition before its rounding: compare, align, add.
ADD_CLOCKS = 3


def fp32_add_clocks(config: MacConfig) -> int:
    """Return the cycles of one addition in binary32: compare, align, add, round; more of them if blocks leave the time."""
    return 8 if config.beats >= 8 else 4


def fp32_round_clocks(config: MacConfig) -> int:
    """Return the registers inside the rounding of an addition."""
    return fp32_add_clocks(config) - ADD_CLOCKS - 1


def _normalise_levels(config: MacConfig) -> int:
    return (config.block_sum_bits - 1).bit_length()


def _exp_base(config: MacConfig) -> int:
    """Least exponent of a normalised block: a sum of -1 counts as -2 half as larger."""
    return config.block_exp_min - 1


def fp32_latency(config: MacConfig) -> int:
    """Cycles from the last block of a dot product to its sum."""
    return QUEUE_CLOCKS + 1 + -(-_normalise_levels(config) // NORMALISE_LEVELS_PER_CLOCK) + fp32_add_clocks(config)


class _NormalBlock(NamedTuple):
    """A block whose sum is normalised: ``value * 2^(exp + _exp_base(config))``, the sign being its highest bit.

    Members
    -------
    valid, last : 1
        Whether there is one, and whether it is the last of its dot product.
    specials : SPECIALS
    value : signed(config.block_sum_bits)
    exp : range(config.scale_sum_max + config.block_sum_bits)
        Exponent of the bit below the sign; the lowest, if the sum is zero.
    """

    valid: Value
    last: Value
    specials: data.View
    value: Value
    exp: Value


class _Pair(NamedTuple):
    """The two operands of an addition, ordered by their exponents.

    Members
    -------
    larger, smaller : Value
        The sum is a magnitude, the block is in two's complement.
    neg_large, neg_small : 1
        Whether it is the sum, and negative.
    exp : Value
        Exponent of the larger one.
    """

    larger: Value
    smaller: Value
    neg_large: Value
    neg_small: Value
    exp: Value


class _Sum:
    """Registers of the sum.

    Attributes
    ----------
    code : Signal
        In binary32.
    flags : STATUS
        Of all additions.
    seen : SPECIALS
        Of all blocks.
    overflowed : Value
        Whether it is an Inf that no block was.
    """

    def __init__(self):
        self.code = Signal(FP32.width, name="acc")
        self.flags = Signal(STATUS, name="flags")
        self.seen = Signal(SPECIALS, name="seen")
        self.overflowed = self.flags.of & ~self.seen.as_value().any()


class Fp32Accumulator(wiring.Component):
    """Accumulator in binary32: ``acc = round(acc + block)`` with the exact value of each block, starting from +0.

    Latency ``fp32_latency(config)`` cycles, throughput one block per ``fp32_add_clocks(config)`` cycles, because an addition
    starts from the result of the last. Blocks that come closer together wait in a queue.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, and ``block``.
    queue : int
        Blocks that may wait.

    Members
    -------
    addend : In(stream.Signature(config.addend.width, always_ready=True))
        What the sum of a dot product starts from, before its first block; absent if that is always +0.
    i : In(stream.Signature(scaled_block_layout(config), always_ready=True))
        No more than ``queue`` blocks may be on their way for which ``taken`` has not been seen.
    taken : Out(1)
        A block has left the queue.
    o : Out(stream.Signature(result_layout(FP32), always_ready=True))
        The sum of the dot product and the flags of all its additions, ``fp32_latency(config)`` cycles after its last block.
        If it is NaN, or infinite because an element was, only the flag NV counts.
    """

    def __init__(self, config: MacConfig, *, queue: int):
        self.config, self.queue = config, queue
        self._field = max(config.block_sum_bits - 1, FP32.sig_bits) + 3
        super().__init__(
            {
                **addend_port(config),
                "i": In(stream.Signature(scaled_block_layout(config), always_ready=True)),
                "taken": Out(1),
                "o": Out(stream.Signature(result_layout(FP32), always_ready=True)),
            }
        )

    @property
    def description(self) -> Description:
        return Description(
            "Accumulator in binary32: rounds once per block. "
            f"An addition takes {fp32_add_clocks(self.config)} cycles; blocks that come faster wait in a queue.",
            fp32_latency(self.config),
            "from the last block of a dot product if none waits",
            renamed_ports(self.config),
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        front = fp32_latency(config) - fp32_add_clocks(config) - QUEUE_CLOCKS
        scaled = self._next_block(m)
        valid = delay_valid(m, self.taken, front, name="valid")
        self._last_taken = scaled.block.dot_last
        last = delay(m, scaled.block.dot_last, front, name="last")
        specials = delay(m, specials_of_block(scaled.block.specials, scaled.scale.nan).as_value(), front, name="specials")
        specials = data.View(SPECIALS, specials)
        value, exp = self._normalise(m, scaled)
        self._accumulate(m, _NormalBlock(valid=valid, last=last, specials=specials, value=value, exp=exp))
        return m

    def _next_block(self, m: Module) -> data.View:
        """The block that comes next, taken as soon as the addition before it has had its cycles."""
        m.submodules.queue = queue = CreditQueue(shape=scaled_block_layout(self.config), depth=self.queue)
        wiring.connect(m, wiring.flipped(self.i), queue.i)
        pause = Signal(range(fp32_add_clocks(self.config)))
        m.d.comb += [
            queue.o.ready.eq(pause == 0),
            self.taken.eq(queue.o.valid & queue.o.ready),
        ]
        with m.If(self.taken):
            m.d.sync += pause.eq(fp32_add_clocks(self.config) - 1)
        with m.Elif(pause.any()):
            m.d.sync += pause.eq(pause - 1)
        return queue.o.payload

    def _normalise(self, m: Module, scaled: data.View):
        """Move the block's sum up until sign and first bit differ, and lower its exponent accordingly.

        The exponent returned is that of the bit below the sign, counted from _exp_base().
        """
        config = self.config
        width = config.block_sum_bits
        value, exp = scaled.block.sum.as_unsigned(), scaled.scale.exp
        levels = _normalise_levels(config)
        taken: list[Signal] = []
        for index, level in enumerate(reversed(range(levels))):
            amount = 1 << level
            top = value[-min(width, amount + 1) :]
            take = Signal(name=f"take{level}")
            moved = Signal(width, name=f"moved{level}")
            m.d.comb += [take.eq(top.all() | ~top.any()), moved.eq(Mux(take, value << amount, value))]
            value, taken = moved, [take, *taken]
            if index % NORMALISE_LEVELS_PER_CLOCK == NORMALISE_LEVELS_PER_CLOCK - 1 or level == 0:
                value = register(m, value, name=f"moved{level}_q")
                exp = register(m, exp, name=f"exp{level}_q")
                taken = list(register(m, Cat(taken), name=f"taken{level}_q"))
        # A sum of zero has no exponent; the lowest keeps it out of the way.
        block_exp = Signal(range(config.scale_sum_max + width), reset_less=True)
        m.d.sync += block_exp.eq(Mux(value[-2:].any(), exp + (width - 1) - Cat(taken), 0))
        return register(m, value.as_signed(), name="block_value"), block_exp

    def _accumulate(self, m: Module, block: _NormalBlock):
        """Add a normalised block to the sum, and round: ``fp32_add_clocks(config)`` in all."""
        config, field = self.config, self._field
        m.submodules.rounder = rounder = Rounder(
            FP32,
            width=field + 3,
            exp_bits=len(block.exp),
            exp_min=_exp_base(config) - field,
            clocks=fp32_round_clocks(config),
        )
        acc = _Sum()
        pair, shamt = self._compare(m, block, acc)
        total, exp = self._add(m, self._align(m, pair, shamt))
        round_in, seen, neg = rounder.i.payload, acc.seen, acc.code[-1]
        infinite = Signal()
        was_over = delay(m, acc.overflowed & block.valid, ADD_CLOCKS, name="overflowed")
        m.d.comb += [
            infinite.eq(was_over & ~seen.as_value().any()),
            rounder.i.valid.eq(delay_valid(m, block.valid, ADD_CLOCKS, name="valid_add")),
            round_in.value.eq(total),
            round_in.exp.eq(register(m, exp, name="exp_qq")),
            round_in.specials.nan.eq(seen.nan),
            round_in.specials.invalid.eq(seen.invalid),
            round_in.specials.pos_inf.eq(seen.pos_inf | (infinite & ~neg)),
            round_in.specials.neg_inf.eq(seen.neg_inf | (infinite & neg)),
        ]
        self._write_back(m, block, rounder, acc)
        if config.addend is not None:
            self._load(m, acc)

    def _load(self, m: Module, acc: _Sum):
        """Start from the addend, in the cycle before the first block of a dot product is compared with the sum.

        That is the cycle in which the last result is written back, or a later one.
        """
        wait = fp32_latency(self.config) - fp32_add_clocks(self.config) - QUEUE_CLOCKS - 1
        addends = addend_queue(m, self.addend, blocks=self.queue, delayed=1 + wait // fp32_add_clocks(self.config))
        first = Signal(init=1, name="first")
        with m.If(self.taken):
            m.d.sync += first.eq(self._last_taken)
        m.d.comb += addends.ready.eq(delay_valid(m, self.taken & first, wait, name="load"))
        with m.If(addends.valid & addends.ready):
            m.d.sync += [
                acc.code.eq(addends.payload),
                acc.flags.eq(Const(0, STATUS.size)),
                acc.seen.eq(addend_specials(addends.payload).as_value()),
            ]

    def _compare(self, m: Module, block: _NormalBlock, acc: _Sum) -> tuple[_Pair, Signal]:
        """Order the sum and the block by their exponents, and return the distance between these, too: clock 1.

        The larger one stands at the top of the field; three bits below both keep enough for the rounding.
        """
        field, specials = self._field, block.specials
        exp_field, neg = acc.code[FP32.man_bits : -1], acc.code[-1]
        normal = exp_field.any()
        sig = Cat(acc.code[: FP32.man_bits], normal)
        acc_exp = Signal(len(block.exp))
        m.d.comb += acc_exp.eq(exp_field - normal + (FP32.emin - _exp_base(self.config)))
        # An Inf that the sum has overflowed to is an Inf to the blocks that follow.
        total_specials = Signal(SPECIALS)
        opposite = Mux(neg, specials.pos_inf, specials.neg_inf)
        m.d.comb += total_specials.as_value().eq(
            acc.seen.as_value() | specials.as_value() | Cat(Const(0, 1), acc.overflowed & opposite & ~specials.nan, Const(0, 2))
        )
        with m.If(block.valid):
            m.d.sync += acc.seen.eq(total_specials)
        distance = Signal(signed(len(block.exp) + 1))
        acc_larger = Signal()
        m.d.comb += [distance.eq(acc_exp - block.exp), acc_larger.eq(~distance[-1])]
        acc_field = Cat(Const(0, field - FP32.sig_bits), sig, Const(0, 1))
        block_field = Cat(Const(0, field + 1 - len(block.value)), block.value)
        levels = field.bit_length()
        apart = Mux(acc_larger, distance, -distance)
        shamt = Signal(levels, reset_less=True)
        m.d.sync += shamt.eq(Mux(apart[levels:].any(), (1 << levels) - 1, apart))
        larger = register(m, Mux(acc_larger, acc_field, block_field), name="larger")
        smaller = register(m, Mux(acc_larger, block_field, acc_field), name="smaller")
        neg_large = Signal(reset_less=True)
        neg_small = Signal(reset_less=True)
        m.d.sync += [neg_large.eq(neg & acc_larger), neg_small.eq(neg & ~acc_larger)]
        exp = register(m, Mux(acc_larger, acc_exp, block.exp), name="large_exp")
        return _Pair(larger=larger, smaller=smaller, neg_large=neg_large, neg_small=neg_small, exp=exp), shamt

    def _align(self, m: Module, pair: _Pair, shamt: Signal) -> _Pair:
        """Shift the smaller one down to the larger, and complement a negative sum, the only magnitude of the two: clock 2."""
        field = self._field
        sticky, sign, smaller = Const(0, 1), pair.smaller[-1], pair.smaller[:-1]
        for level in range(len(shamt)):
            amount = min(1 << level, field)
            moved = Signal(field, name=f"aligned{level}")
            lost = Signal(name=f"sticky{level}")
            m.d.comb += [
                moved.eq(Mux(shamt[level], Cat(smaller[amount:], sign.replicate(amount)), smaller)),
                lost.eq(sticky | (shamt[level] & smaller[:amount].any())),
            ]
            smaller, sticky = moved, lost
        return _Pair(
            larger=register(m, pair.larger ^ pair.neg_large.replicate(field + 1), name="addend_large"),
            smaller=register(m, Cat(sticky, smaller, sign) ^ pair.neg_small.replicate(field + 2), name="addend_small"),
            exp=register(m, pair.exp, name="exp_q"),
            neg_large=register(m, pair.neg_large, name="carry_large"),
            neg_small=register(m, pair.neg_small, name="carry_small"),
        )

    def _add(self, m: Module, pair: _Pair) -> tuple[Signal, Value]:
        """Add, with the +1 that completes the two's complement as a carry: clock 3. Returns sum and exponent."""
        total = Signal(signed(self._field + 3), reset_less=True)
        larger = Cat(pair.neg_large, pair.larger).as_signed()
        m.d.sync += total.eq(add_with_carry(larger, pair.smaller, pair.neg_large | pair.neg_small, self._field + 3))
        return total, pair.exp

    def _write_back(self, m: Module, block: _NormalBlock, rounder: Rounder, acc: _Sum):
        """Take the rounded sum for the next block, or start anew after the last."""
        result, flags, seen = rounder.o.payload, acc.flags, acc.seen
        block_done = rounder.o.valid
        dot_done = delay_valid(m, block.valid & block.last, ADD_CLOCKS + fp32_round_clocks(self.config), name="dot_done")
        status = Signal(STATUS)
        m.d.comb += status.as_value().eq(result.status.as_value() | Mux(seen.as_value().any(), 0, flags.as_value()))
        with m.If(block_done):
            m.d.sync += [acc.code.eq(result.data), flags.eq(status)]
        with m.If(dot_done):
            m.d.sync += [acc.code.eq(0), flags.eq(Const(0, STATUS.size)), seen.eq(Const(0, SPECIALS.size))]
        m.d.sync += [
            self.o.valid.eq(dot_done),
            self.o.payload.data.eq(result.data),
            self.o.payload.status.eq(status),
        ]


def fp32_plan(config: MacConfig, queue: int | None = None) -> Plan:
    """Return the plan of an accumulator in binary32. Blocks wait for the addition before their own."""
    add, narrows = fp32_add_clocks(config), config.output != FP32
    block_interval = max(config.beats, add)
    places = queue or block_queue_depth(config, block_interval)
    least = fp32_latency(config) + NARROW_CLOCKS * narrows
    # Blocks that come faster than they are added queue up; of longer ones, only a last that is cut short waits.
    ahead = places - 1 if config.beats < add else 1
    rate: tuple[str, ...] = (
        f"One beat a cycle, sustained, if blocks have {add} beats or more. A block that ends with fewer takes",
        f"{add} cycles in the long run, for one addition.",
    )
    if block_interval > config.beats:
        rate = (f"A block takes {add} cycles in the long run, for one addition; up to a few blocks, one beat a cycle.",)

    stages: dict[str, partial[wiring.Component]] = {"accumulator": partial(Fp32Accumulator, config, queue=places)}
    if narrows:
        stages["narrower"] = partial(Fp32Narrower, config.output, clocks=NARROW_CLOCKS)
    return Plan(
        kind=Kind.FP32,
        stages=stages,
        latency=(least, least + ahead * add),
        latency_reached=False,
        block_interval=block_interval,
        dot_interval=add,
        result_interval=add,
        queue=places,
        rate=rate if config.addend is None else (*rate, "An addend is loaded and takes no cycle."),
    )
