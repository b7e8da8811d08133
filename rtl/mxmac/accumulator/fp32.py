"""Accumulator in binary32, rounded once per block."""

from functools import partial

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..config import MacConfig
from ..primitives.bits import add_with_carry, delay, delay_valid, register
from ..primitives.credit_queue import QUEUE_CLOCKS, CreditQueue
from ..stages.layouts import SPECIALS, STATUS, result_layout, scaled_block_layout
from ..stages.rounder import Rounder
from ..stages.scale_sum import specials_of_block
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
#: Clocks of the addition before its rounding: compare, align, add.
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
    """Clocks from the last block of a dot product to its sum."""
    return QUEUE_CLOCKS + 1 + -(-_normalise_levels(config) // NORMALISE_LEVELS_PER_CLOCK) + fp32_add_clocks(config)


class Fp32Accumulator(wiring.Component):
    """Adds blocks up, starting from +0: ``acc = round(acc + block)``, each time with the exact value of the block.

    An addition takes ``fp32_add_clocks(config)`` clocks and starts from the result of the last; blocks that come closer
    together wait in a queue.

    Parameters
    ----------
    config : MacConfig
        Of it: the formats of the operands, and ``block``.
    queue : int
        Blocks that may wait.

    Members
    -------
    i : In(stream.Signature(scaled_block_layout(config), always_ready=True))
        No more than ``queue`` blocks may be on their way for which ``taken`` has not been seen.
    taken : Out(1)
        A block has left the queue.
    o : Out(stream.Signature(result_layout(FP32), always_ready=True))
        The sum of the dot product and the flags of all its additions, ``fp32_latency(config)`` clocks after its last block.
        If it is NaN, or infinite because an element was, only the flag NV counts.
    """

    def __init__(self, config: MacConfig, *, queue: int):
        self.config, self.queue = config, queue
        super().__init__(
            {
                "i": In(stream.Signature(scaled_block_layout(config), always_ready=True)),
                "taken": Out(1),
                "o": Out(stream.Signature(result_layout(FP32), always_ready=True)),
            }
        )

    def elaborate(self, platform):
        """Build the accumulator."""
        m = Module()
        config = self.config
        front = fp32_latency(config) - fp32_add_clocks(config) - QUEUE_CLOCKS
        scaled = self._next_block(m)
        valid = delay_valid(m, self.taken, front, name="valid")
        last = delay(m, scaled.block.dot_last, front, name="last")
        specials = delay(m, specials_of_block(scaled.block.specials, scaled.scale.nan).as_value(), front, name="specials")
        specials = data.View(SPECIALS, specials)
        value, exp = self._normalise(m, scaled)
        self._accumulate(m, valid, last, specials, value, exp)
        return m

    def _next_block(self, m: Module) -> data.View:
        """The block that comes next, taken as soon as the addition before it has had its clocks."""
        layout = scaled_block_layout(self.config)
        m.submodules.queue = queue = CreditQueue(width=layout.size, depth=self.queue)
        pause = Signal(range(fp32_add_clocks(self.config)))
        m.d.comb += [
            queue.i.valid.eq(self.i.valid),
            queue.i.payload.eq(self.i.payload.as_value()),
            queue.o.ready.eq(pause == 0),
            self.taken.eq(queue.o.valid & queue.o.ready),
        ]
        with m.If(self.taken):
            m.d.sync += pause.eq(fp32_add_clocks(self.config) - 1)
        with m.Elif(pause.any()):
            m.d.sync += pause.eq(pause - 1)
        return data.View(layout, queue.o.payload)

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

    def _accumulate(self, m: Module, valid, last, specials, block_value, block_exp):
        config = self.config
        # The larger exponent's operand stands at the top of the field; three bits below both keep what rounding has to know.
        field = max(config.block_sum_bits - 1, FP32.sig_bits) + 3
        rounder = Rounder(
            FP32,
            width=field + 3,
            exp_bits=len(block_exp),
            exp_min=_exp_base(config) - field,
            clocks=fp32_round_clocks(config),
        )
        m.submodules.rounder = rounder

        # What has been added up so far
        acc = Signal(FP32.width)
        flags = Signal(STATUS)
        seen = Signal(SPECIALS)
        acc_exp_field, acc_neg = acc[FP32.man_bits : -1], acc[-1]
        normal = acc_exp_field.any()
        acc_sig = Cat(acc[: FP32.man_bits], normal)
        acc_exp = Signal(len(block_exp))
        m.d.comb += acc_exp.eq(acc_exp_field - normal + (FP32.emin - _exp_base(config)))
        overflowed = flags.of & ~seen.as_value().any()

        # Clock 1: compare. An Inf that the sum has overflowed to is an Inf to what follows.
        total_specials = Signal(SPECIALS)
        opposite = Mux(acc_neg, specials.pos_inf, specials.neg_inf)
        m.d.comb += [
            total_specials.as_value().eq(
                seen.as_value() | specials.as_value() | Cat(Const(0, 1), overflowed & opposite & ~specials.nan, Const(0, 2))
            ),
        ]
        with m.If(valid):
            m.d.sync += seen.eq(total_specials)
        distance = Signal(signed(len(block_exp) + 1))
        acc_larger = Signal()
        m.d.comb += [distance.eq(acc_exp - block_exp), acc_larger.eq(~distance[-1])]
        acc_field = Cat(Const(0, field - FP32.sig_bits), acc_sig, Const(0, 1))
        block_field = Cat(Const(0, field + 1 - len(block_value)), block_value)
        levels = field.bit_length()
        apart = Mux(acc_larger, distance, -distance)
        shamt = Signal(levels, reset_less=True)
        m.d.sync += shamt.eq(Mux(apart[levels:].any(), (1 << levels) - 1, apart))
        larger = register(m, Mux(acc_larger, acc_field, block_field), name="larger")
        smaller = register(m, Mux(acc_larger, block_field, acc_field), name="smaller")
        neg_large = Signal(reset_less=True)
        neg_small = Signal(reset_less=True)
        m.d.sync += [neg_large.eq(acc_neg & acc_larger), neg_small.eq(acc_neg & ~acc_larger)]
        exp = register(m, Mux(acc_larger, acc_exp, block_exp), name="large_exp")

        # Clock 2: align, and complement what is negative in the accumulator: of the two, only it is a magnitude.
        sticky, sign, smaller = Const(0, 1), smaller[-1], smaller[:-1]
        for level in range(levels):
            amount = min(1 << level, field)
            moved = Signal(field, name=f"aligned{level}")
            lost = Signal(name=f"sticky{level}")
            m.d.comb += [
                moved.eq(Mux(shamt[level], Cat(smaller[amount:], sign.replicate(amount)), smaller)),
                lost.eq(sticky | (shamt[level] & smaller[:amount].any())),
            ]
            smaller, sticky = moved, lost
        x = register(m, larger ^ neg_large.replicate(field + 1), name="addend_large")
        y = register(m, Cat(sticky, smaller, sign) ^ neg_small.replicate(field + 2), name="addend_small")
        exp = register(m, exp, name="exp_q")
        carry_large = register(m, neg_large, name="carry_large")
        carry_small = register(m, neg_small, name="carry_small")

        # Clock 3: add
        total = Signal(signed(field + 3), reset_less=True)
        x = Cat(carry_large, x).as_signed()
        m.d.sync += total.eq(add_with_carry(x, y, carry_large | carry_small, field + 3))
        round_in = rounder.i.payload
        infinite = Signal()
        was_over = delay(m, overflowed & valid, ADD_CLOCKS, name="overflowed")
        m.d.comb += [
            infinite.eq(was_over & ~seen.as_value().any()),
            rounder.i.valid.eq(delay_valid(m, valid, ADD_CLOCKS, name="valid_add")),
            round_in.value.eq(total),
            round_in.exp.eq(register(m, exp, name="exp_qq")),
            round_in.specials.nan.eq(seen.nan),
            round_in.specials.invalid.eq(seen.invalid),
            round_in.specials.pos_inf.eq(seen.pos_inf | (infinite & ~acc_neg)),
            round_in.specials.neg_inf.eq(seen.neg_inf | (infinite & acc_neg)),
        ]

        # Round, and start anew after the last block
        block_done = rounder.o.valid
        dot_done = delay_valid(m, valid & last, ADD_CLOCKS + fp32_round_clocks(config), name="dot_done")
        status = Signal(STATUS)
        m.d.comb += status.as_value().eq(rounder.o.payload.status.as_value() | Mux(seen.as_value().any(), 0, flags.as_value()))
        with m.If(block_done):
            m.d.sync += [acc.eq(rounder.o.payload.data), flags.eq(status)]
        with m.If(dot_done):
            m.d.sync += [acc.eq(0), flags.eq(Const(0, STATUS.size)), seen.eq(Const(0, SPECIALS.size))]
        m.d.sync += [
            self.o.valid.eq(dot_done),
            self.o.payload.data.eq(rounder.o.payload.data),
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
        f"One beat a clock, sustained, if blocks have {add} beats or more. A block that ends with fewer takes",
        f"{add} clocks in the long run, for one addition.",
    )
    if block_interval > config.beats:
        rate = (f"A block takes {add} clocks in the long run, for one addition; up to a few blocks, one beat a clock.",)

    stages: dict[str, partial[wiring.Component]] = {"accumulator": partial(Fp32Accumulator, config, queue=places)}
    if narrows:
        stages["narrower"] = partial(Fp32Narrower, config.output, clocks=NARROW_CLOCKS)
    return Plan(
        kind=Kind.FP32,
        stages=stages,
        latency=(least, least + ahead * add),
        block_interval=block_interval,
        dot_interval=add,
        result_interval=add,
        queue=places,
        rate=rate,
    )
